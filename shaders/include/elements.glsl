// Kernels that treat each element alike are written once over V: a float, or four in the variants x4 and x4_texel (where
// loads are texel fetches). Their args begin with uint n; uint first: this dispatch does n elements of a tensor, of which
// the first has that number. each_element() of src/ops/elements.c fills both.
#ifdef X4
#define V vec4
#define WIDTH 4
#define IN_V IN4
#define OUT_V OUT4
#define INOUT_V INOUT4
#define LOAD_V LOAD4
#define LOAD_INOUT_V LOAD4_INOUT
#define STORE_V STORE4
#else
#define V float
#define WIDTH 1
#define IN_V IN
#define OUT_V OUT
#define INOUT_V INOUT
#define LOAD_V LOAD
#define LOAD_INOUT_V LOAD
#define STORE_V STORE
#endif

// A contribution to a gradient: stored if it is the first, else added.
#define GIVE_V(name, i, value) STORE_V(name, i, args.accumulate != 0 ? LOAD_INOUT_V(name, i) + (value) : (value))
