// The fixtures made by tests/peers/make_tokenizer_fixtures.py: {"tokenizer": …, "cases": [{"text", "ids"}]}.
#pragma once
#include "base/memory.h"
#include "text/tokenizer.h"
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

// Of tests/text/fixtures/, without .json.
static inline json_t *fixture_open(const char *name)
{
    char *path = mem_format("tests/text/fixtures/%s.json", name);
    json_error_t error;
    json_t *fixture = json_load_file(path, JSON_ALLOW_NUL, &error);
    ck_assert_msg(fixture != NULL, "%s: %s", path, error.text);
    free(path);
    return fixture;
}

static inline void assert_ids(const Tokenizer *t, const char *text, size_t size, const json_t *expected)
{
    TokenList ids = { 0 };
    tokenizer_encode_whole(t, text, size, true, &ids);
    size_t same = 0;
    while (same < ids.count && same < json_array_size(expected) &&
           ids.ids[same] == json_integer_value(json_array_get(expected, same)))
        same++;
    ck_assert_msg(same == ids.count && same == json_array_size(expected), "\"%s\": id %zu of %zu is %d, of %zu %d",
                  text, same, ids.count, same < ids.count ? ids.ids[same] : -1, json_array_size(expected),
                  (int)json_integer_value(json_array_get(expected, same)));
    free(ids.ids);
}

// Every case must encode to its ids, special tokens parsed, as a whole.
static inline void fixture_check(const json_t *fixture, const Tokenizer *t, size_t least_cases)
{
    json_t *cases = json_object_get(fixture, "cases"), *item;
    size_t i;
    ck_assert_uint_ge(json_array_size(cases), least_cases);
    json_array_foreach(cases, i, item)
    {
        json_t *text = json_object_get(item, "text");
        assert_ids(t, json_string_value(text), json_string_length(text), json_object_get(item, "ids"));
    }
}

// The text of ids, decoded one by one; the caller frees it.
static inline char *decode_all(const Tokenizer *t, const TokenList *ids)
{
    TokenStream stream = { .tokenizer = t };
    char *text = NULL;
    size_t size = 0;
    for (size_t i = 0; i <= ids->count; i++) {
        StringView part = i < ids->count ? token_stream_push(&stream, ids->ids[i]) : token_stream_end(&stream);
        text = mem_resize(text, size + part.size + 1, 1);
        if (part.size) memcpy(text + size, part.data, part.size);
        size += part.size;
        text[size] = '\0';
    }
    token_stream_free(&stream);
    return text;
}
