#include "generate/decoder.h"
#include "base/memory.h"
#include <stdlib.h>

void decoder_open(Decoder *d, Generator *generator, Sampler *sampler)
{
    *d = (Decoder){ .generator = generator, .sampler = sampler };
}

void decoder_set_draft(Decoder *d, Generator *draft, int tokens)
{
    d->draft = draft;
    speculation_open(&d->speculation, tokens, d->sampler->vocab_size);
}

void decoder_close(Decoder *d)
{
    free(d->sequence.ids);
    if (d->draft) speculation_close(&d->speculation);
    *d = (Decoder){ 0 };
}

static void rewind_to(Generator *g, int64_t past)
{
    if (g && g->past > past) generator_rewind(g, past);
}

static void forget_ready(Decoder *d)
{
    d->ready = d->ready_count = 0;
    rewind_to(d->generator, (int64_t)d->sequence.count);
    rewind_to(d->draft, (int64_t)d->sequence.count);
}

// What was drawn in advance holds as long as it is what is pushed.
static void pass_ready(Decoder *d, int32_t id)
{
    if (d->ready == d->ready_count) return;
    if (d->speculation.ids[d->ready] == id) {
        d->ready++;
        return;
    }
    forget_ready(d);
}

void decoder_push(Decoder *d, const int32_t *ids, size_t n)
{
    TokenList *s = &d->sequence;
    for (size_t i = 0; i < n; i++) {
        pass_ready(d, ids[i]);
        GROW(s->ids, s->count, s->capacity);
        s->ids[s->count++] = ids[i];
        sampler_see(d->sampler, ids[i]);
    }
}

void decoder_pop(Decoder *d, size_t n)
{
    TokenList *s = &d->sequence;
    CHECK(n <= s->count, "decoder_pop: %zu tokens of %zu", n, s->count);
    for (; n > 0; n--) sampler_unsee(d->sampler, s->ids[--s->count]);
    forget_ready(d);
}

// Feeds what the cache lacks of the sequence and `n` ids that stand behind it in memory.
static bool catch_up(Decoder *d, Generator *g, int n, int64_t rows, Error *err)
{
    int64_t count = (int64_t)d->sequence.count;
    if (count) rewind_to(g, count - 1); // nothing was pushed since: the same again
    return generator_feed_rows(g, d->sequence.ids + g->past, count + n - g->past, rows, err);
}

// How many tokens may be drafted now: both caches have to hold them.
static int draft_size(const Decoder *d)
{
    if (!d->draft || !d->sequence.count) return 0;
    int64_t room = decoder_room(d),
            draft_room = d->draft->capacity - (int64_t)d->sequence.count + 1; // all but the last
    if (draft_room < room) room = draft_room;
    return room < 0 ? 0 : room < d->speculation.most ? (int)room : d->speculation.most;
}

// One round: n tokens of the draft behind the sequence, one pass of the model.
static bool speculate(Decoder *d, int n, Error *err)
{
    TokenList *s = &d->sequence;
    int64_t count = (int64_t)s->count;
    while (s->capacity < s->count + (size_t)n) GROW(s->ids, s->capacity, s->capacity);
    if (!catch_up(d, d->draft, 0, 1, err)) return false;
    for (int i = 0; i < n; i++) {
        s->ids[count + i] = speculation_draft(&d->speculation, d->sampler, d->draft->logits);
        if (i + 1 < n && !generator_feed(d->draft, &s->ids[count + i], 1, err)) return false;
    }
    if (!catch_up(d, d->generator, n, n + 1, err)) return false;
    int kept =
        speculation_keep(&d->speculation, d->sampler, d->generator->logits, d->generator->model->config.vocab_size);
    rewind_to(d->generator, count + kept);
    rewind_to(d->draft, count + kept);
    d->ready = 0, d->ready_count = kept + 1;
    d->drafted += n, d->accepted += kept;
    return true;
}

bool decoder_next(Decoder *d, int32_t *id, double *log_probability, Error *err)
{
    if (d->ready == d->ready_count) {
        int n = draft_size(d);
        d->passes++;
        if (n == 0) {
            if (!catch_up(d, d->generator, 0, 1, err)) return false;
            *id = sampler_draw(d->sampler, d->generator->logits, log_probability);
            return true;
        }
        if (!speculate(d, n, err)) return false;
    }
    *id = d->speculation.ids[d->ready];
    *log_probability = d->speculation.log_probability[d->ready];
    return true;
}

int64_t decoder_room(const Decoder *d) { return d->generator->capacity - (int64_t)d->sequence.count; }

void decoder_restart(Decoder *d)
{
    sampler_forget(d->sampler);
    d->sequence.count = 0;
    forget_ready(d);
}
