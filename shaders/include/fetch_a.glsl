// Four neighbours of a from element i on. Where rows are no multiple of 4 long they are the parts of two texels.
#ifdef UNALIGNED
vec4 fetch_a(uint i)
{
    uint at = i / 4, shift = i % 4;
    vec4 low = AT4(a, at), high = AT4(a, min(at + 1, uint(textureSize(a)) - 1));
    if (shift == 0) return low;
    return shift == 1 ? vec4(low.yzw, high.x) : shift == 2 ? vec4(low.zw, high.xy) : vec4(low.w, high.xyz);
}
#else
#define fetch_a(i) AT4(a, (i) / 4)
#endif
