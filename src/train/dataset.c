#include "train/dataset.h"
#include "base/file.h"
#include "data/corpus.h"
#include "data/tales.h"
#include "models/model.h"
#include <stdlib.h>
#include <string.h>

typedef struct Text {
    char *bytes;
    size_t size;
    size_t *ends; // of the documents: <|endoftext|> goes behind each; NULL: one text without ends
    size_t n_ends, capacity;
} Text;

static void text_free(Text *text)
{
    free(text->bytes);
    free(text->ends);
}

static void tell(Tales tales, size_t min_bytes, Text *text, double *bits)
{
    size_t room = min_bytes + TALE_MAX;
    *text = (Text){ .bytes = mem_alloc(room) };
    Tale *tale = NEW(Tale);
    while (text->size < min_bytes) {
        tales_next(&tales, tale);
        memcpy(text->bytes + text->size, tale->text, (size_t)tale->length);
        text->size += (size_t)tale->length;
        *bits += tale->bits;
        GROW(text->ends, text->n_ends, text->capacity);
        text->ends[text->n_ends++] = text->size;
    }
    free(tale);
}

static bool load_file(const DatasetOptions *o, Text *train, Text *val, Error *err)
{
    Corpus corpus;
    if (!corpus_load(o->data, &corpus, err)) return false;
    size_t split = corpus_split(&corpus, o->val_fraction);
    *train = (Text){ .bytes = mem_string_n(corpus.text, split), .size = split };
    *val = (Text){ .bytes = mem_string_n(corpus.text + split, corpus.size - split), .size = corpus.size - split };
    corpus_free(&corpus);
    return true;
}

// N of bpe:N; 0 where there is none.
static long bpe_size(const char *tokenizer)
{
    char *end;
    long size = strtol(tokenizer + strlen("bpe:"), &end, 10);
    return *end || size < 0 || size >= 1 << 24 ? 0 : size;
}

bool dataset_tokenizer_check(const char *tokenizer, Error *err)
{
    bool bpe = !strncmp(tokenizer, "bpe:", 4);
    if (bpe && !bpe_size(tokenizer))
        return error_set(err, "--tokenizer %s: after bpe: comes the vocabulary's size, as in bpe:2048", tokenizer);
    if (bpe && bpe_size(tokenizer) < 257)
        return error_set(err, "--tokenizer %s: a vocabulary of %ld is too small: 256 bytes and <|endoftext|> are 257",
                         tokenizer, bpe_size(tokenizer));
    if (bpe || !strcmp(tokenizer, "char") || !strcmp(tokenizer, "byte") || file_exists(tokenizer)) return true;
    return error_set(err, "--tokenizer %s: it is none of char, byte, bpe:N, and no such file is there", tokenizer);
}

// Of a text that dataset_tokenizer_check has let through.
static Tokenizer *make_tokenizer(const DatasetOptions *o, const Text *train, const Text *val,
                                 TokenizerProgress progress, void *user, Error *err)
{
    if (!strcmp(o->tokenizer, "byte")) return tokenizer_byte();
    if (!strcmp(o->tokenizer, "char")) { // of both splits, so that validation has no unknown character
        char *all = mem_alloc(train->size + val->size + 1);
        memcpy(all, train->bytes, train->size);
        memcpy(all + train->size, val->bytes, val->size);
        Tokenizer *tokenizer = tokenizer_char(all, train->size + val->size);
        free(all);
        return tokenizer;
    }
    if (!strncmp(o->tokenizer, "bpe:", 4))
        return tokenizer_bpe_train(train->bytes, train->size, (int32_t)bpe_size(o->tokenizer), progress, user, err);
    return model_tokenizer(o->tokenizer, err);
}

// A text without ends is no documents: its model has seen no token where one begins or ends, and its vocabulary says so.
static Tokenizer *without_documents(Tokenizer *tokenizer, Error *err)
{
    Vocabulary vocabulary = tokenizer_vocabulary(tokenizer);
    vocabulary.bos = -1;
    vocabulary.add_bos = vocabulary.add_eos = false;
    Tokenizer *same = tokenizer_load(&vocabulary, err);
    tokenizer_free(tokenizer);
    return same;
}

static void encode(const Tokenizer *tokenizer, const Text *text, int32_t **ids, size_t *n)
{
    TokenList list = { 0 };
    size_t begin = 0;
    for (size_t i = 0; i < text->n_ends; i++) {
        tokenizer_encode(tokenizer, text->bytes + begin, text->ends[i] - begin, false, &list);
        begin = text->ends[i];
        if (tokenizer_eos(tokenizer) < 0) continue;
        GROW(list.ids, list.count, list.capacity);
        list.ids[list.count++] = tokenizer_eos(tokenizer);
    }
    tokenizer_encode(tokenizer, text->bytes + begin, text->size - begin, false, &list);
    *ids = list.ids;
    *n = list.count;
}

static uint64_t hash_ids(uint64_t hash, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) hash = (hash ^ (uint32_t)ids[i]) * 0x100000001b3u;
    return hash;
}

bool dataset_open(const DatasetOptions *o, Dataset *d, TokenizerProgress progress, void *user, Error *err)
{
    *d = (Dataset){ 0 };
    Text train = { 0 }, val = { 0 };
    if (!dataset_tokenizer_check(o->tokenizer, err)) return false;
    if (!strcmp(o->data, "tales")) {
        double bits = 0, ignored = 0;
        tell(tales_open(o->seed, TALES_TRAIN), o->bytes, &train, &ignored);
        tell(tales_open(o->seed, TALES_VALIDATION), o->bytes / 20, &val, &bits);
        d->val_bits_per_byte = bits / (double)(val.size + val.n_ends);
    } else if (!load_file(o, &train, &val, err)) {
        return false;
    }
    d->tokenizer = make_tokenizer(o, &train, &val, progress, user, err);
    if (d->tokenizer && !train.ends) d->tokenizer = without_documents(d->tokenizer, err);
    if (d->tokenizer) {
        encode(d->tokenizer, &train, &d->train, &d->n_train);
        encode(d->tokenizer, &val, &d->val, &d->n_val);
        d->train_bytes = train.size + train.n_ends;
        d->val_bytes = val.size + val.n_ends;
        d->hash = hash_ids(hash_ids(0xcbf29ce484222325u, d->train, d->n_train), d->val, d->n_val);
    }
    text_free(&train);
    text_free(&val);
    return d->tokenizer != NULL;
}

void dataset_close(Dataset *d)
{
    tokenizer_free(d->tokenizer);
    free(d->train);
    free(d->val);
    *d = (Dataset){ 0 };
}
