// A model that reads texts for a lecture, and everything that its probes say meanwhile.
#pragma once
#include "models/model.h"
#include "stage/stage.h"

typedef struct Reader {
    Model *model;
    Tokenizer *tokenizer;
    Tape *tape; // where what was heard lies, and where a lecture's steps compute: nothing on it goes before the reader
    Arena arena;
} Reader;

// One text as the model read it.
typedef struct Reading {
    int n; // tokens
    const int32_t *ids;
    const char *const *words; // [n] the text of each token, for labels; perhaps a part of a character
    const struct Heard *heard;
    int n_heard;
} Reading;

// Opens the stage's stream and loads a model, named by its path or as an asset (base/assets.h).
bool reader_open(Reader *reader, Stage *stage, const char *model, Error *err);
void reader_close(Reader *reader);

// Runs the model over a text and keeps every activation. Errors, which begin with `name` (the parameter that the text
// comes from): an empty text, one longer than the model's context, one with characters that the vocabulary cannot spell.
bool reader_read(Reader *reader, const char *name, const char *text, Reading *reading, Error *err);

// An activation by its probe's name, "blocks.%d.attn.hook_q" and the like. Stops if the model has none of that name.
Tensor *reading_tensor(const Reading *reading, const char *name, ...) __attribute__((format(printf, 2, 3)));
