#include "cli/command.h"
#include "cli/named_model.h"
#include "formats/npy.h"
#include "models/model.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *model_path, *prompt, *name, *npy_path;

static Option options[] = {
    PATH("model", model_path, "MODEL", "GGUF file, or folder of safetensors"),
    TEXT("prompt", prompt, "text that the model reads"),
    TEXT("name", name, "of an activation, or a pattern: blocks.*.attn.hook_pattern; all without it"),
    PATH("npy", npy_path, "FILE", "write the activation of --name to this file, for NumPy"),
};

// ---- Listening -------------------------------------------------------------------------------------------------------

typedef struct Probed {
    char name[96];
    Shape shape;
    float *values; // NULL where they are not printed
} Probed;

typedef struct Heard {
    Probed *list;
    size_t count, capacity;
    bool reads, ok;
    Error *err;
} Heard;

// The memory of an activation is used again later in the pass: it is read now.
static void hear(void *context, Tape *t, const char *full_name, Tensor *x)
{
    Heard *heard = context;
    GROW(heard->list, heard->count, heard->capacity);
    Probed *a = &heard->list[heard->count++];
    *a = (Probed){ .shape = x->shape };
    snprintf(a->name, sizeof a->name, "%s", full_name);
    if (!heard->reads || !heard->ok || interrupted()) return;
    a->values = NEW_ARRAY(float, count(x));
    heard->ok = tensor_read(t->stream, x, a->values, heard->err);
}

static Tensor *put(Tape *t, const int32_t *ids, int64_t n)
{
    Tensor *x = tape_tensor(t, I32, SHAPE(1, n));
    tensor_write_ids(t->stream, x, ids);
    return x;
}

// One pass over the whole prompt, without a cache. With `heard->reads` it keeps the values.
static bool listen(Model *model, Stream *stream, const TokenList *ids, Heard *heard, Error *err)
{
    int64_t n = (int64_t)ids->count;
    if (!model_reach(model, stream, n, err)) return false;
    int32_t *positions = NEW_ARRAY(int32_t, n);
    for (int64_t i = 0; i < n; i++) positions[i] = (int32_t)i;
    Tape *t = tape_open(stream);
    tape_listen(t, name ? name : "*", hear, heard);
    Place place = { .pos = put(t, positions, n) };
    Tensor *x = put(t, ids->ids, n);
    if (model->family->encoder)
        model->family->hidden(t, model, x, &place);
    else
        probe(t, "logits", model_logits(t, model, x, &place));
    bool ok = stream_wait(stream, err) && heard->ok && !interrupted();
    tape_close(t);
    free(positions);
    return ok;
}

// ---- Printing --------------------------------------------------------------------------------------------------------

static void print_json(const Tokenizer *tokenizer, const TokenList *ids, const Heard *heard)
{
    json_t *tokens = json_array(), *list = json_array();
    for (size_t i = 0; i < ids->count; i++) {
        StringView piece = tokenizer_piece(tokenizer, ids->ids[i]);
        json_t *text = json_stringn(piece.data, piece.size); // NULL where the token is a part of a character
        json_array_append_new(tokens, json_pack("{s:i, s:o}", "id", ids->ids[i], "text", text ? text : json_null()));
    }
    for (size_t i = 0; i < heard->count; i++) {
        const Probed *a = &heard->list[i];
        json_t *shape = json_array(), *entry = json_pack("{s:s}", "name", a->name);
        for (int k = 0; k < a->shape.rank; k++) json_array_append_new(shape, json_integer(a->shape.dim[k]));
        json_object_set_new(entry, "shape", shape);
        if (a->values) {
            json_t *values = json_array();
            for (int64_t k = 0; k < shape_count(a->shape); k++) {
                json_t *value = json_real((double)a->values[k]); // NULL where it is not finite
                json_array_append_new(values, value ? value : json_null());
            }
            json_object_set_new(entry, "values", values);
        }
        json_array_append_new(list, entry);
    }
    json_t *root = json_pack("{s:o, s:o}", "tokens", tokens, "activations", list);
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static void print_names(const Heard *heard)
{
    int widest = 0;
    for (size_t i = 0; i < heard->count; i++)
        if ((int)strlen(heard->list[i].name) > widest) widest = (int)strlen(heard->list[i].name);
    for (size_t i = 0; i < heard->count; i++)
        printf("%-*s  %s\n", widest, heard->list[i].name, shape_text(heard->list[i].shape));
}

static bool write_npy(const Heard *heard, Error *err)
{
    const Probed *a = heard->list;
    if (heard->count > 1)
        return error_set(err, "--name %s: that is %zu activations, %s and more; a file holds one", name, heard->count,
                         a->name);
    return npy_write(npy_path, a->values, a->shape.rank, a->shape.dim, err);
}

// ---- All of it -------------------------------------------------------------------------------------------------------

static bool read_prompt(const Tokenizer *tokenizer, const Model *model, TokenList *ids, Error *err)
{
    tokenizer_encode_whole(tokenizer, prompt, strlen(prompt), false, ids);
    int most = model->config.seq_len;
    if (ids->count == 0) return error_set(err, "--prompt: it has no tokens: there is nothing to read");
    return ids->count <= (size_t)most ||
           error_set(err, "--prompt: it has %zu tokens; the model's context is %d", ids->count, most);
}

static bool go(const Invocation *in, Gpu *gpu, Stream *stream, Error *err)
{
    Tokenizer *tokenizer = NULL;
    TokenList ids = { 0 };
    Heard heard = { .reads = name && (npy_path || in->common.json), .ok = true, .err = err };
    Model *model = named_model_load(gpu, stream, model_path, &tokenizer, err);
    bool ok = model && read_prompt(tokenizer, model, &ids, err) && listen(model, stream, &ids, &heard, err);
    if (ok && heard.count == 0)
        ok = error_set(err, "--name %s: the model has no such activation; without --name all are listed", name);
    if (ok && npy_path)
        ok = write_npy(&heard, err);
    else if (ok && in->common.json)
        print_json(tokenizer, &ids, &heard);
    else if (ok)
        print_names(&heard);
    if (!ok && interrupted()) {
        *err = (Error){ "" };
        error_set(err, "stopped");
    }
    for (size_t i = 0; i < heard.count; i++) free(heard.list[i].values);
    free(heard.list);
    free(ids.ids);
    model_free(model);
    tokenizer_free(tokenizer);
    return ok;
}

static void more_help(const Invocation *in, FILE *out)
{
    (void)in;
    fprintf(
        out,
        "\nWithout --npy the names and shapes are printed; with --json the tokens too, and with --name the values,\n"
        "the last dimension innermost, null where one is not finite. The names are TransformerLens': residual streams, "
        "norms, queries, keys and\n"
        "values [batch, token, head, channel], patterns [batch, head, query, key].\n");
}

static int run(Invocation *in)
{
    Error err = { "" };
    Gpu *gpu;
    Stream *stream;
    if (!model_path) return usage_error(in, "--model is missing");
    if (!prompt) return usage_error(in, "--prompt is missing");
    if (npy_path && !name) return usage_error(in, "--npy needs the --name of what it shall hold");
    if (npy_path && in->common.json) return usage_error(in, "--npy and --json exclude each other");
    if (!open_device(in, &gpu, &stream)) return EXIT_FAILED;
    interrupted();
    int code = go(in, gpu, stream, &err) ? EXIT_OK : fail(in, &err);
    return close_device(in, gpu, stream, code);
}

const Command command_probe = {
    .name = "probe",
    .summary = "what a model computes inside: its activations by name",
    .usage = "usage: lectern probe --model MODEL --prompt TEXT [--name NAME [--npy FILE]]\n"
             "example: lectern probe --model assets/tales.gguf --prompt \"Once upon a time\" --name "
             "blocks.3.attn.hook_pattern --npy pattern.npy",
    .on_device = true,
    OPTIONS(options),
    .more_help = more_help,
    .run = run
};
