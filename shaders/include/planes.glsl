// Quantised weights in planes (src/tensor/planes.h): four rows, a band, at a time; of each row eight k, a cell.
//   weight = scale · (q − OFFSET) + minimum
// FORMAT is the tensor's DType. A kernel's planes take four bindings from `first` on.
layout(constant_id = 0) const uint FORMAT = 6;
const uint Q8_0 = 4, Q4_0 = 5, Q4_1 = 6, Q5_0 = 7, Q5_1 = 8, Q4_K = 9, Q5_K = 10, Q6_K = 11;
const bool BYTES = FORMAT == Q8_0, FIFTH = FORMAT == Q5_0 || FORMAT == Q5_1 || FORMAT == Q5_K, SIXTH = FORMAT == Q6_K;
const bool MINIMUM = FORMAT == Q4_1 || FORMAT == Q5_1, SUPER = FORMAT == Q4_K || FORMAT == Q5_K;
const uint GROUP_CELLS = SIXTH ? 2 : 4, SUPER_CELLS = 32;
const uint CENTRE = FORMAT == Q4_0 ? 8 : FORMAT == Q5_0 ? 16 : SIXTH ? 32 : 0;
#define OFFSET float(CENTRE)

#ifdef TEXEL
#define IN4U(b, name)                                \
    layout(binding = b) uniform usamplerBuffer name; \
    const uint name##_binding = b
#else
#define IN4U(b, name) BUFFER_(readonly, b, name, uvec4)
#endif
#define PLANES(first) IN4U(first, quants); IN4U(first + 1, high); IN4U(first + 2, scales); IN4U(first + 3, supers)

// Parts of a 16-byte word: the i-th pair of words, the i-th word.
uvec2 pair_of(uvec4 four, uint i) { return (i & 1) == 0 ? four.xy : four.zw; }
#define PAIR(name, i) pair_of(AT4(name, START4(name) + ((i) >> 1)), i)
#define WORD(name, i) AT4(name, START4(name) + ((i) >> 2))[(i) & 3]
vec4 halves(uvec2 pair) { return vec4(unpackHalf2x16(pair.x), unpackHalf2x16(pair.y)); }
vec4 bytes(uint word) { return vec4(word & 255, word >> 8 & 255, word >> 16 & 255, word >> 24); }
vec4 signed_bytes(uint word) { return vec4(ivec4(word << 24, word << 16, word << 8, word) >> 24); }

// Of the four rows, what the weights of a cell share.
#define LOAD_SCALES(band, cell, cells, scale, minimum)                                                    \
    do {                                                                                                  \
        uint group_ = ((band) * (cells) + (cell)) / GROUP_CELLS;                                          \
        minimum = vec4(0);                                                                                \
        if (MINIMUM) {                                                                                    \
            uvec4 both_ = AT4(scales, START4(scales) + group_);                                           \
            scale = halves(both_.xy);                                                                     \
            minimum = halves(both_.zw);                                                                   \
        } else if (SUPER) {                                                                               \
            uvec2 both_ = PAIR(scales, group_);                                                           \
            uvec4 super_ = AT4(supers, START4(supers) + ((band) * (cells) + (cell)) / SUPER_CELLS);       \
            scale = halves(super_.xy) * bytes(both_.x);                                                   \
            minimum = -halves(super_.zw) * bytes(both_.y);                                                \
        } else if (SIXTH) {                                                                               \
            scale = halves(PAIR(supers, ((band) * (cells) + (cell)) / SUPER_CELLS)) *                     \
                    signed_bytes(WORD(scales, group_));                                                   \
        } else {                                                                                          \
            scale = halves(PAIR(scales, group_));                                                         \
        }                                                                                                 \
    } while (false)

// A cell's bits: quants of 4 bits in x, of 8 bits in x (k 0 … 3) and y; what is above them in z.
struct Cell {
    uvec4 low, second;
    uvec2 above;
};

#define LOAD_CELL(index, to)                                                         \
    do {                                                                             \
        if (BYTES) {                                                                 \
            to.low = AT4(quants, START4(quants) + 2 * (index));                      \
            to.second = AT4(quants, START4(quants) + 2 * (index) + 1);               \
        } else {                                                                     \
            to.low = AT4(quants, START4(quants) + (index));                          \
        }                                                                            \
        if (FIFTH) to.above.x = WORD(high, index);                                   \
        if (SIXTH) to.above = PAIR(high, index);                                     \
    } while (false)

// q of k i, a constant, of the four rows. It comes as q · cell_unit(i): what is not shifted down costs nothing, and who
// multiplies by it divides the other factor once for many rows.
float cell_unit(uint i)
{
    if (BYTES) return i % 4 == 0 || i % 4 == 3 ? 16777216 : 1;
    return FIFTH || SIXTH || i == 7 ? 1 : float(1 << 4 * i);
}

vec4 cell_quants(Cell cell, uint i)
{
    if (BYTES) {
        ivec4 word = ivec4(i < 4 ? cell.low : cell.second);
        uint k = i % 4;
        return vec4(k == 0 ? word << 24 : k == 3 ? word & 0xff000000 : word << 24 - 8 * k >> 24);
    }
    if (FIFTH) {
        uvec4 fifth = uvec4(cell.above.x, cell.above.x >> 8, cell.above.x >> 16, cell.above.x >> 24);
        return vec4(ivec4((cell.low >> 4 * i & 15) | (fifth >> i & 1) << 4));
    }
    if (SIXTH) {
        uvec4 sixth = uvec4(cell.above.x, cell.above.x >> 16, cell.above.y, cell.above.y >> 16);
        return vec4(ivec4((cell.low >> 4 * i & 15) | (sixth >> 2 * i & 3) << 4));
    }
    return vec4(ivec4(i == 7 ? cell.low >> 28 : cell.low & 15u << 4 * i));
}
