#include "cli/answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SamplerOptions answer_sampler(const AnswerOptions *o)
{
    return (SamplerOptions){ o->temperature, (int)o->top_k, o->top_p, o->min_p, o->repeat_penalty };
}

void answer_begin(Answer *a, const Tokenizer *tokenizer, const AnswerOptions *options, int32_t end, bool json)
{
    *a = (Answer){ .tokenizer = tokenizer,
                   .options = options,
                   .ends = { tokenizer_eos(tokenizer), end },
                   .stream = { .tokenizer = tokenizer },
                   .reason = "length",
                   .tokens = json ? json_array() : NULL };
}

void answer_free(Answer *a)
{
    json_decref(a->tokens);
    token_stream_free(&a->stream);
    free(a->held);
    free(a->text);
    free(a->starts);
    *a = (Answer){ 0 };
}

void answer_put(Answer *a, const char *data, size_t size)
{
    if (!a->tokens) {
        fwrite(data, 1, size, stdout);
        fflush(stdout);
    }
    a->text = mem_resize(a->text, a->text_size + size + 1, 1);
    if (size) memcpy(a->text + a->text_size, data, size);
    a->text_size += size;
}

// Holds back the longest end that could begin the stop text.
static void write_text(Answer *a, StringView piece)
{
    const char *stop = a->options->stop;
    a->held = mem_resize(a->held, a->held_size + piece.size + 1, 1);
    memcpy(a->held + a->held_size, piece.data, piece.size);
    a->held_size += piece.size;
    size_t length = stop ? strlen(stop) : 0, out = a->held_size;
    if (length) {
        char *found = memmem(a->held, a->held_size, stop, length);
        a->stopped = found != NULL;
        if (found)
            out = a->held_size = (size_t)(found - a->held);
        else
            for (size_t keep = length - 1 < a->held_size ? length - 1 : a->held_size; keep > 0; keep--)
                if (!memcmp(a->held + a->held_size - keep, stop, keep)) {
                    out = a->held_size - keep;
                    break;
                }
    }
    answer_put(a, a->held, out);
    memmove(a->held, a->held + out, a->held_size - out);
    a->held_size -= out;
}

static void write_token(Answer *a, int32_t id, double log_probability)
{
    if (a->tokens) {
        StringView text = tokenizer_decode(a->tokenizer, id);
        json_t *entry = json_pack("{s:i, s:f}", "id", id, "logprob", log_probability);
        json_t *string = json_stringn(text.data, text.size); // NULL where the token is a part of a character
        json_object_set_new(entry, "text", string ? string : json_null());
        json_array_append_new(a->tokens, entry);
    }
    if (a->options->stop) {
        GROW(a->starts, a->token_count, a->token_capacity);
        a->starts[a->token_count++] = a->text_size + a->held_size;
    }
    write_text(a, token_stream_push(&a->stream, id));
}

// The tokens behind the last of which something is shown.
static size_t hidden_tokens(const Answer *a)
{
    size_t n = 0;
    while (n < a->token_count && a->starts[a->token_count - 1 - n] >= a->text_size) n++;
    return n;
}

bool answer_write(Answer *a, Decoder *decoder, Error *err)
{
    for (int64_t i = 0; i < a->options->max_tokens && !a->stopped && !interrupted(); i++) {
        double log_probability;
        int32_t id;
        if (decoder_room(decoder) < 0) {
            a->reason = "context";
            break;
        }
        if (!decoder_next(decoder, &id, &log_probability, err)) return false;
        if (id == a->ends[0] || id == a->ends[1]) {
            a->reason = "end";
            break;
        }
        write_token(a, id, log_probability);
        decoder_push(decoder, &id, 1);
    }
    if (interrupted()) a->reason = "interrupt";
    if (a->stopped) {
        a->reason = "stop";
        decoder_pop(decoder, hidden_tokens(a));
    } else {
        write_text(a, token_stream_end(&a->stream));
        answer_put(a, a->held, a->held_size);
    }
    if (!a->tokens) putchar('\n');
    return true;
}

json_t *answer_json(const Answer *a)
{
    json_t *text = json_stringn(a->text ? a->text : "", a->text_size);
    return json_pack("{s:o, s:O, s:s}", "text", text ? text : json_null(), "tokens", a->tokens, "ended_by", a->reason);
}
