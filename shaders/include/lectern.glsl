// What every kernel shares: how it declares its buffers and arguments, and how it finds its place in a dispatch.
//
// A buffer is bound at an aligned base; its first element lies args.offset[binding] words behind. The LOAD and STORE
// macros add that, so that views of a tensor need no copy. Bindings are numbered from 0 without gaps.
#extension GL_EXT_control_flow_attributes : enable

// ARGS(3, uint n; float eps;);   the offsets of 3 bindings come first; gpu_dispatch fills them
#define ARGS(bindings, fields) layout(push_constant) uniform Args { uint offset[bindings]; fields } args

#define BUFFER_(access, b, name, type)                                     \
    layout(std430, binding = b) access buffer name##_buffer { type data[]; } name; \
    const uint name##_binding = b

// One element at a time: IN(0, x); float v = LOAD(x, i); STORE(y, i, v).
#define IN(b, name) BUFFER_(readonly, b, name, float)
#define OUT(b, name) BUFFER_(writeonly, b, name, float)
#define INOUT(b, name) BUFFER_(, b, name, float)
#define IN_UINT(b, name) BUFFER_(readonly, b, name, uint)
#define OUT_UINT(b, name) BUFFER_(writeonly, b, name, uint)
#define INOUT_UINT(b, name) BUFFER_(, b, name, uint)
#define LOAD(name, i) name.data[args.offset[name##_binding] + (i)]
#define STORE(name, i, value) name.data[args.offset[name##_binding] + (i)] = (value)

// Four elements at a time, counted in fours. IN4 becomes a texel buffer in shaders' .texel variants: on some drivers a
// fetch is far faster than a load.
#ifdef TEXEL
#define IN4(b, name)                                 \
    layout(binding = b) uniform samplerBuffer name;  \
    const uint name##_binding = b
#define LOAD4(name, i) texelFetch(name, int((args.offset[name##_binding] >> 2) + (i)))
#else
#define IN4(b, name) BUFFER_(readonly, b, name, vec4)
#define LOAD4(name, i) name.data[(args.offset[name##_binding] >> 2) + (i)]
#endif
// The same in loops that count every instruction: START4 once, AT4 from there on.
#define START4(name) (args.offset[name##_binding] >> 2)
#ifdef TEXEL
#define AT4(name, i) texelFetch(name, int(i))
#else
#define AT4(name, i) name.data[i]
#endif
#define OUT4(b, name) BUFFER_(writeonly, b, name, vec4)
#define INOUT4(b, name) BUFFER_(, b, name, vec4)
#define LOAD4_INOUT(name, i) name.data[(args.offset[name##_binding] >> 2) + (i)]
#define STORE4(name, i, value) name.data[(args.offset[name##_binding] >> 2) + (i)] = (value)

#define MINUS_INFINITY uintBitsToFloat(0xff800000u)
#define NOT_A_NUMBER uintBitsToFloat(0x7fc00000u)
#define INFINITY uintBitsToFloat(0x7f800000u)

// The place in a dispatch of ITEMS(n), which may be folded over y. The last group reaches past n.
uint group_index() { return gl_WorkGroupID.x + gl_WorkGroupID.y * gl_NumWorkGroups.x; }
uint item_index() { return group_index() * gl_WorkGroupSize.x + gl_LocalInvocationIndex; }
