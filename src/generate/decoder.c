#include "generate/decoder.h"
#include "base/memory.h"
#include <stdlib.h>

void decoder_open(Decoder *d, Generator *generator, Sampler *sampler)
{
    *d = (Decoder){ .generator = generator, .sampler = sampler };
}

void decoder_close(Decoder *d)
{
    free(d->sequence.ids);
    *d = (Decoder){ 0 };
}

void decoder_push(Decoder *d, const int32_t *ids, size_t n)
{
    TokenList *s = &d->sequence;
    for (size_t i = 0; i < n; i++) {
        GROW(s->ids, s->count, s->capacity);
        s->ids[s->count++] = ids[i];
        sampler_see(d->sampler, ids[i]);
    }
}

bool decoder_next(Decoder *d, int32_t *id, double *log_probability, Error *err)
{
    Generator *g = d->generator;
    int64_t count = (int64_t)d->sequence.count;
    if (count && g->past == count) generator_rewind(g, count - 1); // nothing was pushed since: the same again
    if (!generator_feed(g, d->sequence.ids + g->past, count - g->past, err)) return false;
    *id = sampler_draw(d->sampler, g->logits, log_probability);
    return true;
}

int64_t decoder_room(const Decoder *d) { return d->generator->capacity - (int64_t)d->sequence.count; }

void decoder_restart(Decoder *d)
{
    generator_rewind(d->generator, 0);
    sampler_forget(d->sampler);
    d->sequence.count = 0;
}
