#include "base/utf8.h"
#include "text/tokenizer_kind.h"
#include <stdlib.h>

static StringView give(TokenStream *stream, size_t bytes)
{
    stream->given = bytes;
    return (StringView){ stream->buffer ? stream->buffer : "", bytes };
}

static void drop_given(TokenStream *stream)
{
    stream->size -= stream->given;
    if (stream->size) memmove(stream->buffer, stream->buffer + stream->given, stream->size);
    stream->given = 0;
}

StringView token_stream_push(TokenStream *stream, int32_t id)
{
    const Tokenizer *t = stream->tokenizer;
    StringView text = tokenizer_decode(t, id);
    if (text.size && !stream->started && !token_is_special((int32_t)tokenizer_type(t, id))) {
        stream->started = true;
        if (t->leading_space && text.data[0] == ' ') text.data++, text.size--;
    }
    drop_given(stream);
    if (stream->size + text.size > stream->capacity) {
        stream->capacity = 2 * (stream->size + text.size);
        stream->buffer = mem_resize(stream->buffer, stream->capacity, 1);
    }
    if (text.size) memcpy(stream->buffer + stream->size, text.data, text.size);
    stream->size += text.size;
    size_t at = 0;
    for (int length; at < stream->size; at += length ? (size_t)length : 1)
        if ((length = utf8_length(stream->buffer + at, stream->size - at)) < 0) break;
    return give(stream, at);
}

StringView token_stream_end(TokenStream *stream)
{
    drop_given(stream);
    return give(stream, stream->size);
}

void token_stream_free(TokenStream *stream)
{
    free(stream->buffer);
    *stream = (TokenStream){ 0 };
}
