// What the attention kernels share: their arguments, and who sees whom. A kernel declares its own bindings 0 … n−1,
// then MASK_BINDINGS(n), then ATTENTION_ARGS(n + 7), and includes attention_mask.glsl behind.
layout(constant_id = 0) const uint D = 64;       // head dimension
layout(constant_id = 1) const uint FEATURES = 0; // what is given; a constant, so that what is not costs nothing
const bool HAS_BIAS = (FEATURES & 1) != 0, HAS_Q_POS = (FEATURES & 2) != 0, HAS_K_POS = (FEATURES & 4) != 0,
           HAS_Q_SEQ = (FEATURES & 8) != 0, HAS_K_SEQ = (FEATURES & 16) != 0, HAS_PAGES = (FEATURES & 32) != 0,
           HAS_LENGTHS = (FEATURES & 64) != 0;

#define MASK_BINDINGS(n)   \
    IN(n, bias);           \
    IN_UINT(n + 1, q_pos); \
    IN_UINT(n + 2, k_pos); \
    IN_UINT(n + 3, q_seq); \
    IN_UINT(n + 4, k_seq); \
    IN_UINT(n + 5, pages); \
    IN_UINT(n + 6, lengths)

// items: rows of this dispatch, from row `first` on; what a row is, the kernel says.
#define ATTENTION_ARGS(bindings)                                                                                     \
    ARGS(bindings, uint B; uint T; uint S; uint H; uint G; uint bias_heads; float scale; uint causal; uint window;   \
         uint page_size; uint page_columns; uint first; uint items; uint accumulate; uint accumulate_v;)

// Below every score, and exp(LOWEST − anything above it) is 0: the maximum of a row that sees nobody.
const float LOWEST = -3.4e38;
