// Quantised weights [N, K] on the device. Files keep blocks of 18, 20 or 34 bytes, which no load fits; here the same bits
// lie in planes of whole 16-byte words, in the order in which kernels take them:
//
//   band   four rows                cell   eight k of a band: the unit of a load
//   quants   by cell: 4 bits, a word for each row; or 8 bits, two loads of a word for each row (k 0…3, then 4…7)
//   high     by cell: the 1 or 2 bits above those, a byte or half a word for each row
//   scales   by band and group of k: an f16 for each row; with minima four more; or whole numbers of 8 bits
//   supers   by band and 256 k: the f16s that multiply those
//
//   weight = scale · (q − offset) + minimum          shaders/include/planes.glsl reads them
//
// N is filled up to whole bands with zeros. A device's copy is as large as the file's but for that and for the K types'
// 6-bit scales, which take 8 (1.03×).
#pragma once
#include "base/quant_group.h"
#include "tensor/tensor.h"

enum { BAND = 4, CELL = 8, SUPER_BLOCK = 256, BANDS_OF_A_PART = 2 };

typedef enum ScaleKind { SCALE_F16, SCALE_MINIMUM, SCALE_K, SCALE_K16 } ScaleKind;

typedef struct PlaneFormat {
    int low_bits, high_bits, offset;
    int group;       // weights of a row that share a scale
    ScaleKind scale; // SCALE_K: scale and minimum of 8 bits; SCALE_K16: a signed scale
} PlaneFormat;

bool dtype_is_quantized(DType dtype);
const PlaneFormat *plane_format(DType dtype); // of a quantised type
int64_t plane_block(DType dtype);             // K is a multiple of it: 32 or 256

uint64_t planes_bytes(DType dtype, int64_t N, int64_t K);

// Where the planes lie. Absent ones are the quants again, which kernels then do not read.
typedef struct Planes {
    DType dtype;
    int64_t N, K;
    Span quants, high, scales, supers;
} Planes;

Planes planes_of(const Tensor *x);                                 // [N, K] of a quantised type
Planes planes_rows(const Planes *whole, int64_t first, int64_t n); // first: a multiple of BAND · BANDS_OF_A_PART

// On the host, in `data` of planes_bytes: groups go in and out by their number within the row. Data begins as zeros.
void planes_put(uint8_t *data, DType dtype, int64_t N, int64_t K, int64_t row, int64_t group, const QuantGroup *from);
void planes_get(const uint8_t *data, DType dtype, int64_t N, int64_t K, int64_t row, int64_t group, QuantGroup *to);

// Weight i of a group: the twin of what kernels make of it.
double quant_value(DType dtype, const QuantGroup *group, int i);
