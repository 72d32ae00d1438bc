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
#define GIVEV(name, i, value)                               \
    {                                                       \
        VALUE given_ = (value);                             \
        if (args.accumulate != 0) given_ += LOADV_INOUT(name, i); \
        STOREV(name, i, given_);                            \
    }

float total(float v) { return v; }
float total(vec4 v) { return v.x + v.y + v.z + v.w; }
float largest(float v) { return v; }
float largest(vec4 v) { return max(max(v.x, v.y), max(v.z, v.w)); }

float element(float v, uint e) { return v; }
float element(vec4 v, uint e) { return v[e % 4]; }

// The elements that value i of a row holds; equal(elements(i), ELEMENTS(e)) says which of them is e.
#ifdef FOURS
#define ELEMENTS uvec4
uvec4 elements(uint i) { return 4 * i + uvec4(0, 1, 2, 3); }
#else
#define ELEMENTS uint
uint elements(uint i) { return i; }
bool equal(uint a, uint b) { return a == b; }
bool notEqual(float a, float b) { return a != b; }
#endif

// For comparing: a NaN is larger than all numbers, so that it is found and not passed over.
float rank(float v) { return isnan(v) ? INFINITY : v; }
vec4 rank(vec4 v) { return mix(v, vec4(INFINITY), isnan(v)); }
