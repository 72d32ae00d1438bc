// Inside the room: reading a vocabulary from Hugging Face's tokenizer.json, whose every field is hostile.
#pragma once
#include "base/memory.h"
#include "text/tokenizer.h"
#include "text/words.h"
#include <jansson.h>

typedef struct JsonReader {
    Arena arena;
    json_t *root; // the vocabulary's strings point into it
    size_t bytes; // of the file: no honest id is larger
    Vocabulary v;
    StringView *tokens;
    int32_t *types;
    uint32_t *flags;
    StringView patterns[MAX_PATTERNS];
    bool byte_level, bert_words; // what the pre-tokenizer ends in
} JsonReader;

// A member's value where it has the type, NULL and an error otherwise. `where` says what the object is.
json_t *json_member(json_t *object, const char *where, const char *name, json_type type, Error *err);
bool json_flag(json_t *object, const char *name, bool otherwise); // otherwise: when it is missing or no boolean
StringView json_view(json_t *string);                             // empty for anything else

// Token → id, an id for each. Allocates tokens, types and flags with room for `added` tokens too.
bool read_json_vocab(JsonReader *r, json_t *vocab, json_t *added, Error *err);
bool read_json_merges(JsonReader *r, json_t *merges, Error *err);

// normalizer and pre_tokenizer; a kind that isn't supported is an error with its name.
bool read_json_normalizer(JsonReader *r, json_t *normalizer, Error *err);
bool read_json_pre_tokenizer(JsonReader *r, json_t *pre_tokenizer, Error *err);
bool read_json_post_processor(JsonReader *r, json_t *post_processor, Error *err);

// Spells WordPiece's normal tokens as Vocabulary has them: "##dy" is "dy", "ted" is "▁ted".
void respell_wordpiece(JsonReader *r);

// Gives the pre-tokenizer its name where it has one, and loads.
Tokenizer *finish_json(JsonReader *r, Error *err);
void free_json(JsonReader *r);
