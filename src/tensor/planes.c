#include "tensor/planes.h"
#include "base/half.h"
#include <string.h>

static const PlaneFormat formats[] = {
    [Q8_0] = { .low_bits = 8, .group = 32, .scale = SCALE_F16 },
    [Q4_0] = { .low_bits = 4, .offset = 8, .group = 32, .scale = SCALE_F16 },
    [Q4_1] = { .low_bits = 4, .group = 32, .scale = SCALE_MINIMUM },
    [Q5_0] = { .low_bits = 4, .high_bits = 1, .offset = 16, .group = 32, .scale = SCALE_F16 },
    [Q5_1] = { .low_bits = 4, .high_bits = 1, .group = 32, .scale = SCALE_MINIMUM },
    [Q4_K] = { .low_bits = 4, .group = 32, .scale = SCALE_K },
    [Q5_K] = { .low_bits = 4, .high_bits = 1, .group = 32, .scale = SCALE_K },
    [Q6_K] = { .low_bits = 4, .high_bits = 2, .offset = 32, .group = 16, .scale = SCALE_K16 },
};

// Bytes of a band: for a group of k, and for a super-block.
static const struct {
    int group, super;
} scale_bytes[] = {
    [SCALE_F16] = { 8, 0 }, [SCALE_MINIMUM] = { 16, 0 }, [SCALE_K] = { 8, 16 }, [SCALE_K16] = { 4, 8 }
};

bool dtype_is_quantized(DType dtype) { return dtype >= Q8_0; }

const PlaneFormat *plane_format(DType dtype)
{
    CHECK(dtype_is_quantized(dtype), "plane_format: %s is not quantised", dtype_name(dtype));
    return &formats[dtype];
}

int64_t plane_block(DType dtype) { return plane_format(dtype)->scale >= SCALE_K ? SUPER_BLOCK : QUANT_GROUP; }

// ---- Where the planes lie ------------------------------------------------------------------------------------------

typedef struct Layout {
    uint64_t quants, high, scales, supers; // bytes of a band
    uint64_t high_at, scales_at, supers_at, all;
} Layout;

static uint64_t in_words(uint64_t bytes) { return (bytes + 15) / 16 * 16; }

static Layout layout(DType dtype, int64_t N, int64_t K)
{
    const PlaneFormat *f = plane_format(dtype);
    CHECK(K % plane_block(dtype) == 0, "planes: rows of %lld in %s, whose blocks are of %lld", (long long)K,
          dtype_name(dtype), (long long)plane_block(dtype));
    uint64_t bands = (uint64_t)(N + BAND - 1) / BAND, k = (uint64_t)K;
    Layout l = { .quants = k / CELL * 4 * (uint64_t)f->low_bits,
                 .high = k / CELL * 4 * (uint64_t)f->high_bits,
                 .scales = k / (uint64_t)f->group * (uint64_t)scale_bytes[f->scale].group,
                 .supers = k / SUPER_BLOCK * (uint64_t)scale_bytes[f->scale].super };
    l.high_at = in_words(bands * l.quants);
    l.scales_at = l.high_at + in_words(bands * l.high);
    l.supers_at = l.scales_at + in_words(bands * l.scales);
    l.all = l.supers_at + in_words(bands * l.supers);
    return l;
}

uint64_t planes_bytes(DType dtype, int64_t N, int64_t K) { return layout(dtype, N, K).all; }

Planes planes_of(const Tensor *x)
{
    CHECK(x->shape.rank == 2, "planes_of: %s is no matrix", tensor_text(x));
    int64_t N = x->plane_rows ? x->plane_rows : dim(x, 0), K = dim(x, 1);
    Layout l = layout(x->dtype, N, K);
    Planes p = { .dtype = x->dtype, .N = N, .K = K };
    p.quants = span_part(x->span, 0, l.high_at);
    p.high = l.high ? span_part(x->span, l.high_at, l.scales_at - l.high_at) : p.quants;
    p.scales = span_part(x->span, l.scales_at, l.supers_at - l.scales_at);
    p.supers = l.supers ? span_part(x->span, l.supers_at, l.all - l.supers_at) : p.quants;
    return x->plane_rows ? planes_rows(&p, x->plane_row, dim(x, 0)) : p;
}

static Span bands_of(Span plane, uint64_t bytes, uint64_t first, uint64_t n)
{
    uint64_t from = first * bytes, to = in_words((first + n) * bytes);
    return span_part(plane, from, (to < plane.bytes ? to : plane.bytes) - from);
}

Planes planes_rows(const Planes *whole, int64_t first, int64_t n)
{
    CHECK(first % (BAND * BANDS_OF_A_PART) == 0 && n > 0 && first + n <= whole->N,
          "planes_rows: rows %lld … %lld of %lld", (long long)first, (long long)(first + n), (long long)whole->N);
    Layout l = layout(whole->dtype, whole->N, whole->K);
    uint64_t band = (uint64_t)first / BAND, bands = (uint64_t)(n + BAND - 1) / BAND;
    Planes p = *whole;
    p.N = n;
    p.quants = bands_of(whole->quants, l.quants, band, bands);
    p.high = l.high ? bands_of(whole->high, l.high, band, bands) : p.quants;
    p.scales = bands_of(whole->scales, l.scales, band, bands);
    p.supers = l.supers ? bands_of(whole->supers, l.supers, band, bands) : p.quants;
    return p;
}

// ---- One group of a row ------------------------------------------------------------------------------------------------

// A group's fields in their planes.
typedef struct Place {
    const PlaneFormat *f;
    int row;               // of the band
    size_t cell;           // the group's first
    size_t quants, high;   // of the first cell
    size_t scales, supers; // of the group, of its super-block
} Place;

static Place place_of(DType dtype, int64_t N, int64_t K, int64_t row, int64_t group)
{
    const PlaneFormat *f = plane_format(dtype);
    Layout l = layout(dtype, N, K);
    uint64_t band = (uint64_t)row / BAND, g = (uint64_t)group, k = g * (uint64_t)f->group;
    return (Place){ .f = f,
                    .row = (int)(row % BAND),
                    .quants = band * l.quants + k / CELL * 4 * (uint64_t)f->low_bits,
                    .high = l.high_at + band * l.high + k / CELL * 4 * (uint64_t)f->high_bits,
                    .scales = l.scales_at + band * l.scales + g * (uint64_t)scale_bytes[f->scale].group,
                    .supers = l.supers_at + band * l.supers + k / SUPER_BLOCK * (uint64_t)scale_bytes[f->scale].super };
}

static void put_half(uint8_t *at, uint16_t half) { memcpy(at, &half, sizeof half); }

static uint16_t get_half(const uint8_t *at)
{
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return half;
}

void planes_put(uint8_t *data, DType dtype, int64_t N, int64_t K, int64_t row, int64_t group, const QuantGroup *from)
{
    Place p = place_of(dtype, N, K, row, group);
    const PlaneFormat *f = p.f;
    for (int c = 0; c < f->group / CELL; c++) {
        const uint8_t *q = from->q + c * CELL;
        uint8_t *low = data + p.quants + 4 * c * f->low_bits, *high = data + p.high + 4 * c * f->high_bits;
        if (f->low_bits == 8) {
            memcpy(low + 4 * p.row, q, 4);
            memcpy(low + 16 + 4 * p.row, q + 4, 4);
            continue;
        }
        uint32_t lows = 0, highs = 0;
        for (int i = 0; i < CELL; i++) {
            lows |= (uint32_t)(q[i] & 15) << 4 * i;
            highs |= (uint32_t)(q[i] >> 4) << f->high_bits * i;
        }
        memcpy(low + 4 * p.row, &lows, 4);
        memcpy(high + f->high_bits * p.row, &highs, (size_t)f->high_bits); // a byte for each bit
    }
    uint8_t *scale = data + p.scales, *super = data + p.supers;
    switch (f->scale) {
    case SCALE_MINIMUM: put_half(scale + 8 + 2 * p.row, from->minimum); // fallthrough
    case SCALE_F16: put_half(scale + 2 * p.row, from->scale); break;
    case SCALE_K:
        scale[p.row] = (uint8_t)from->scale;
        scale[4 + p.row] = (uint8_t)from->minimum;
        put_half(super + 8 + 2 * p.row, from->super_minimum);
        put_half(super + 2 * p.row, from->super_scale);
        break;
    case SCALE_K16:
        scale[p.row] = (uint8_t)from->scale;
        put_half(super + 2 * p.row, from->super_scale);
        break;
    }
}

void planes_get(const uint8_t *data, DType dtype, int64_t N, int64_t K, int64_t row, int64_t group, QuantGroup *to)
{
    Place p = place_of(dtype, N, K, row, group);
    const PlaneFormat *f = p.f;
    *to = (QuantGroup){ 0 };
    for (int i = 0; i < f->group; i++) {
        const uint8_t *low =
            data + p.quants + 4 * (i / CELL) * f->low_bits + (f->low_bits == 8 ? i % CELL / 4 * 16 : 0);
        const uint8_t *high = data + p.high + 4 * (i / CELL) * f->high_bits + f->high_bits * p.row;
        int bit = i % CELL * f->high_bits;
        if (f->low_bits == 8)
            to->q[i] = low[4 * p.row + i % 4];
        else
            to->q[i] = low[4 * p.row + i % CELL / 2] >> i % 2 * 4 & 15;
        if (f->high_bits) to->q[i] |= (uint8_t)((high[bit / 8] >> bit % 8 & ((1 << f->high_bits) - 1)) << 4);
    }
    const uint8_t *scale = data + p.scales, *super = data + p.supers;
    if (f->scale < SCALE_K) {
        to->scale = get_half(scale + 2 * p.row);
        if (f->scale == SCALE_MINIMUM) to->minimum = get_half(scale + 8 + 2 * p.row);
        return;
    }
    to->scale = scale[p.row];
    to->super_scale = get_half(super + 2 * p.row);
    if (f->scale != SCALE_K) return;
    to->minimum = scale[4 + p.row];
    to->super_minimum = get_half(super + 8 + 2 * p.row);
}

double quant_value(DType dtype, const QuantGroup *g, int i)
{
    const PlaneFormat *f = plane_format(dtype);
    double q = f->low_bits == 8 ? (int8_t)g->q[i] : g->q[i] - f->offset;
    double scale = (double)f16_to_f32(f->scale < SCALE_K ? g->scale : g->super_scale);
    switch (f->scale) {
    case SCALE_F16: return scale * q;
    case SCALE_MINIMUM: return scale * q + (double)f16_to_f32(g->minimum);
    case SCALE_K: return scale * g->scale * q - (double)f16_to_f32(g->super_minimum) * g->minimum;
    case SCALE_K16: return scale * (int8_t)g->scale * q;
    }
    return 0;
}
