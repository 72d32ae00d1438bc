#include "ops/elements.h"
#include <string.h>

bool elements_in_fours(const GpuTraits *traits, const void *elements)
{
    (void)traits;
    return ((const Elements *)elements)->fours;
}

bool elements_in_texels(const GpuTraits *traits, const void *elements)
{
    const Elements *e = elements;
    return e->fours && texels_hold(traits, 4 * (uint64_t)e->n);
}

void each_element(Tape *t, const Ladder *ladder, uint32_t constant, int64_t n, int64_t period, double flops,
                  Spans spans, const void *args, size_t args_bytes)
{
    enum { MAX_SPANS = 8, PART_MULTIPLE = 64 };
    Gpu *gpu = stream_gpu(t->stream);
    const GpuTraits *traits = gpu_traits(gpu);
    uint64_t bytes = 4 * (uint64_t)n;
    Elements problem = { n, n % 4 == 0 && period % 4 == 0 };
    for (int i = 0; i < spans.count; i++) problem.fours &= spans.span[i].offset % 16 == 0;
    const Rung *rung = ladder_pick(t, ladder, &problem);
    KernelSpec spec = rung->kernel;
    spec.constants[0] = constant;
    const Kernel *kernel = gpu_kernel(gpu, &spec);

    // A binding begins up to `alignment` bytes before its span.
    int64_t most = (int64_t)(traits->max_binding_bytes - traits->alignment) / 4 / PART_MULTIPLE * PART_MULTIPLE;
    for (int64_t first = 0; first < n; first += most) {
        int64_t part = n - first < most ? n - first : most;
        Span cut[MAX_SPANS];
        double moved = 0;
        for (int i = 0; i < spans.count; i++) {
            cut[i] = spans.span[i];
            if (cut[i].bytes == bytes) cut[i] = span_part(cut[i], 4 * (uint64_t)first, 4 * (uint64_t)part);
            moved += (double)cut[i].bytes;
        }
        uint32_t words[16] = { 0 };
        CHECK(spans.count <= MAX_SPANS && args_bytes <= sizeof words, "%s: too many spans or args", ladder->name);
        memcpy(words, args, args_bytes);
        words[0] = (uint32_t)part;
        words[1] = (uint32_t)first;
        gpu_dispatch(t->stream, kernel,
                     ITEMS((part + rung->tile[0] - 1) / rung->tile[0], .flops = flops * (double)part, .bytes = moved),
                     (Spans){ cut, spans.count }, words, args_bytes);
    }
}
