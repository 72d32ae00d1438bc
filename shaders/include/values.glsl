// What a kernel takes at a time: one float, or with -DFOURS four of them, where widths are multiples of 4. The formula
// is written once, in VALUEs; the read-only tables of -DFOURS become texel buffers with -DTEXEL.
#include "lectern.glsl"

#ifdef FOURS
#define VALUE vec4
#define VALUES IN4
#define VALUES_OUT OUT4
#define VALUES_INOUT INOUT4
#define LOADV LOAD4
#define LOADV_INOUT LOAD4_INOUT
#define STOREV STORE4
const uint WIDTH = 4;
#else
#define VALUE float
#define VALUES IN
#define VALUES_OUT OUT
#define VALUES_INOUT INOUT
#define LOADV LOAD
#define LOADV_INOUT LOAD
#define STOREV STORE
const uint WIDTH = 1;
#endif

// Stores a gradient's first contribution and adds the later ones.
#define GIVEV(name, i, value) STOREV(name, i, args.accumulate != 0 ? LOADV_INOUT(name, i) + (value) : (value))

float total(float v) { return v; }
float total(vec4 v) { return v.x + v.y + v.z + v.w; }
float largest(float v) { return v; }
float largest(vec4 v) { return max(max(v.x, v.y), max(v.z, v.w)); }

// The elements that value i of a row holds.
#ifdef FOURS
uvec4 elements(uint i) { return 4 * i + uvec4(0, 1, 2, 3); }
#else
uint elements(uint i) { return i; }
#endif
