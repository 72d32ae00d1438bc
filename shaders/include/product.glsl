// What the products share.   c[m,n] (+)= Σ_k a·b + bias[n]
// a, b and c may be parts of wider tensors: lda, ldb and ldc are the lengths of their rows in elements. Product i of a
// batch starts batch_a · i, batch_b · i and M · ldc · i elements behind.
const uint ACCUMULATE = 1, BIAS = 2;

#define PRODUCT_ARGS                                                                                               \
    ARGS(4, uint M; uint N; uint K; uint lda; uint ldb; uint ldc; uint batch_a; uint batch_b; uint batches; uint flags;)

// Weights of 16 bits come two to a word.
#ifdef F16
#define IN_B(binding, name) IN_UINT(binding, name)
float load_half(uint word, uint i) { return unpackHalf2x16(word)[i & 1u]; }
#define LOAD_B(name, i) load_half(LOAD(name, (i) >> 1), (i))
#else
#define IN_B(binding, name) IN(binding, name)
#define LOAD_B(name, i) LOAD(name, i)
#endif

// The end of every product: bias, then what the memory holds already.
#define STORE_C(m, n, sum)                                                                       \
    do {                                                                                         \
        uint at_ = c_start + (m) * args.ldc + (n);                                               \
        float sum_ = (sum);                                                                      \
        if ((args.flags & BIAS) != 0) sum_ += LOAD(bias, n);                                     \
        if ((args.flags & ACCUMULATE) != 0) sum_ += LOAD(c, at_);                                \
        STORE(c, at_, sum_);                                                                     \
    } while (false)

// Eight weights of 16 bits at a time, counted in eights; low_half and high_half are their first and last four.
#ifdef TEXEL
#define IN8H(b, name)                                \
    layout(binding = b) uniform usamplerBuffer name; \
    const uint name##_binding = b
#else
#define IN8H(b, name) BUFFER_(readonly, b, name, uvec4)
#endif
vec4 low_half(uvec4 eight) { return vec4(unpackHalf2x16(eight.x), unpackHalf2x16(eight.y)); }
vec4 high_half(uvec4 eight) { return vec4(unpackHalf2x16(eight.z), unpackHalf2x16(eight.w)); }
