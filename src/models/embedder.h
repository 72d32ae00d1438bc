// Texts as vectors: an encoder's token vectors, made one vector for each text.          Reimers & Gurevych 2019, §3
#pragma once
#include "models/model.h"

typedef enum Pooling {
    POOLING_MEAN,
    POOLING_CLS
} Pooling; // the mean over a text's tokens, or the first token's vector

typedef struct EmbedderSettings {
    Pooling pooling;
    bool normalize; // to length 1, so that a dot product is a cosine
    int max_tokens; // of a text, those around it counted: what is longer is cut
    bool lower;     // the text, in front of a tokenizer that keeps capitals
} EmbedderSettings;

// What a model says of its use. A folder: as sentence-transformers reads it, from modules.json (the order Transformer,
// Pooling, and at most Normalize), the Pooling's config.json, do_lower_case of sentence_bert_config.json, and its
// max_seq_length or else model_max_length of tokenizer_config.json, at most the model's positions. Without a modules.json: the mean, not
// normalised. A GGUF file: pooling_type (1 is the mean, 2 the first token), the mean where there is none, normalised, as
// llama.cpp does. Errors name the file and the field; other poolings and modules are such.
bool embedder_settings(const char *path, const Family *family, const Config *config, EmbedderSettings *settings,
                       Error *err);

// Puts pooling_type. A GGUF file holds neither max_seq_length nor whether vectors are normalised: what is done otherwise
// with this one goes to `lost`, a sentence, empty where nothing is.
void embedder_settings_to_gguf(const EmbedderSettings *settings, const Family *family, const Config *config,
                               GgufWriter *w, Error *lost);

// Writes modules.json, 1_Pooling/config.json and sentence_bert_config.json into a folder that is there.
bool embedder_settings_to_folder(const EmbedderSettings *settings, const Config *config, const char *folder,
                                 Error *err);

typedef struct Embedder {
    const Model *model;
    const Tokenizer *tokenizer;
    Stream *stream;
    Tape *tape;
    EmbedderSettings settings;
    bool (*stopped)(void); // asked before each pass: true gives up; NULL: nobody asks
} Embedder;

// Errors: a model that is no encoder, a tokenizer that puts nothing around a text.
bool embedder_open(Embedder *e, const Model *model, const Tokenizer *tokenizer, Stream *stream,
                   EmbedderSettings settings, Error *err);
void embedder_close(Embedder *e);

// A text's ids, cut to max_tokens: its first ones and the one that ends a text. Returns how many there were before.
size_t embedder_encode(const Embedder *e, const char *text, size_t bytes, TokenList *ids);

// Vectors of n texts that embedder_encode made, out [n, d_model] in their order. Texts of like length go through the model
// together, padded to the longest; padding is seen by nobody and counts in no mean.
bool embedder_run(Embedder *e, const TokenList *texts, int64_t n, float *out, Error *err);
