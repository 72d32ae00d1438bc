#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "formats/json_file.h"
#include "formats/safetensors.h"
#include "models/embedder.h"
#include "models/export.h"
#include "models/hub.h"
#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LAYERS = 2, HEADS = 4, KV_HEADS = 2, HEAD_DIM = 16, WIDTH = HEADS * HEAD_DIM, FF = 96, VOCAB = 40 };

static Arena arena; // of the paths below
static char folder[] = "/tmp/lectern-export-XXXXXX";
static const Config SMALL = { .n_layers = LAYERS,
                              .n_heads = HEADS,
                              .n_kv_heads = KV_HEADS,
                              .d_model = WIDTH,
                              .d_ff = FF,
                              .vocab_size = VOCAB,
                              .seq_len = 32,
                              .eps = 1e-5f,
                              .rope_base = 10000 };

static void set_up(void) { ck_assert_ptr_nonnull(mkdtemp(folder)); }

static void tear_down(void)
{
    Error err = { "" };
    ck_assert_msg(dir_remove_tree(folder, &err), "%s", err.message);
    arena_free(&arena);
}

static bool never(void) { return false; }

static const char *at(const char *name) { return arena_format(&arena, "%s/%s", folder, name); }

static bool export_to(const char *model, const char *out, const char *type, ExportReport *report, Error *err)
{
    ExportReport unused;
    ExportOptions o = { model, out, type ? ggml_type_by_name(type) : NULL, false, never };
    return model_export(&o, report ? report : &unused, err);
}

static void exported(const char *model, const char *out, const char *type)
{
    Error err = { "" };
    ck_assert_msg(export_to(model, out, type, NULL, &err), "%s", err.message);
}

static void refused(const char *model, const char *out, const char *type, const char *message)
{
    Error err = { "" };
    ck_assert(!export_to(model, out, type, NULL, &err));
    ck_assert_msg(strstr(err.message, message) != NULL, "\"%s\" does not say \"%s\"", err.message, message);
}

// A Llama of random numbers; `change` may spoil a tensor's name or shape, or add one.
typedef struct Weight {
    char name[64];
    int n_dims;
    int64_t shape[2];
    float *data;
} Weight;

static int llama_weights(Weight *list)
{
    const HubFamily *hub = hub_family("llama");
    Random random = { .key = 7 };
    int n = 0;
    for (size_t i = 0; i < hub->n_names; i++)
        for (int layer = 0; layer < (strstr(hub->names[i].gguf, "%d") ? LAYERS : 1); layer++) {
            char name[128];
            Weight *w = &list[n++];
            hub_name(hub->names[i].gguf, layer, name);
            snprintf(w->name, sizeof w->name, "%.63s", name);
            w->n_dims = strstr(name, "norm") ? 1 : 2;
            w->shape[0] = strstr(name, "embd") || strstr(name, "output.w") == name ? VOCAB
                          : strstr(name, "ffn_up") || strstr(name, "ffn_gate")     ? FF
                          : strstr(name, "attn_k") || strstr(name, "attn_v")       ? KV_HEADS * HEAD_DIM
                                                                                   : WIDTH;
            w->shape[1] = w->n_dims == 1 ? 1 : strstr(name, "ffn_down") ? FF : WIDTH;
            w->data = NEW_ARRAY(float, w->shape[0] * w->shape[1]);
            for (int64_t k = 0; k < w->shape[0] * w->shape[1]; k++) w->data[k] = (float)random_normal(&random);
        }
    return n;
}

// With one tensor more, where it has a name.
static void save_llama_with(const char *path, const char *more)
{
    Error err = { "" };
    Weight list[64];
    int n = llama_weights(list);
    GgufWriter *w = gguf_writer_new();
    model_put_config(w, family_find("llama"), &SMALL);
    gguf_put_string(w, "general.name", string_view("small"));
    for (int i = 0; i < n; i++)
        gguf_put_tensor_data(w, list[i].name, GGML_F32, list[i].n_dims, list[i].shape, list[i].data);
    if (more) gguf_put_tensor_data(w, more, GGML_F32, 1, (int64_t[]){ HEAD_DIM / 2 }, list[0].data);
    ck_assert_msg(gguf_writer_save(w, path, &err), "%s", err.message);
    gguf_writer_free(w);
    for (int i = 0; i < n; i++) free(list[i].data);
}

static void save_llama(const char *path) { save_llama_with(path, NULL); }

static void same_tensors(const char *a, const char *b)
{
    Error err = { "" };
    Gguf *x = gguf_open(a, &err), *y = gguf_open(b, &err);
    ck_assert_msg(x && y, "%s", err.message);
    ck_assert_uint_eq(x->n_tensors, y->n_tensors);
    for (size_t i = 0; i < x->n_tensors; i++) {
        const GgufTensor *t = &x->tensors[i], *u = gguf_tensor(y, arena_format(&arena, "%.*s", VIEW_ARGS(t->name)));
        ck_assert_msg(u && t->type == u->type && t->bytes == u->bytes && !memcmp(t->shape, u->shape, sizeof t->shape) &&
                          !memcmp(t->data, u->data, t->bytes),
                      "tensor %.*s differs", VIEW_ARGS(t->name));
    }
    gguf_close(x);
    gguf_close(y);
}

START_TEST(llama_there_and_back)
{
    Error err = { "" };
    save_llama(at("a.gguf"));
    exported(at("a.gguf"), at("hub"), NULL);
    exported(at("hub"), at("b.gguf"), NULL);
    same_tensors(at("a.gguf"), at("b.gguf"));

    // Channels 2i and 2i+1 of a head are rows i and i+8 of it over there.
    Gguf *g = gguf_open(at("a.gguf"), &err);
    Safetensors *s = safetensors_open(at("hub"), &err);
    ck_assert_msg(g && s, "%s", err.message);
    const char *names[][2] = { { "blk.1.attn_q.weight", "model.layers.1.self_attn.q_proj.weight" },
                               { "blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight" } };
    for (int n = 0; n < 2; n++) {
        const GgufTensor *here = gguf_tensor(g, names[n][0]);
        const SafetensorsTensor *there = safetensors_tensor(s, names[n][1]);
        ck_assert(here && there && there->shape[0] == (n ? KV_HEADS : HEADS) * HEAD_DIM);
        size_t row = WIDTH * sizeof(float);
        for (int64_t head = 0; head < there->shape[0] / HEAD_DIM; head++)
            for (int64_t i = 0; i < HEAD_DIM / 2; i++)
                for (int64_t k = 0; k < 2; k++)
                    ck_assert_mem_eq(here->data + (size_t)(head * HEAD_DIM + 2 * i + k) * row,
                                     there->data + (size_t)(head * HEAD_DIM + i + k * HEAD_DIM / 2) * row, row);
    }
    gguf_close(g);
    safetensors_close(s);

    json_t *json = json_file_read(at("hub/config.json"), &err);
    const Family *family;
    Config c;
    ck_assert_msg(hub_read_config(json, "config.json", &family, &c, &err), "%s", err.message);
    ck_assert(family == family_find("llama") && c.n_layers == LAYERS && c.n_heads == HEADS && c.n_kv_heads == KV_HEADS);
    ck_assert(c.d_model == WIDTH && c.d_ff == FF && c.vocab_size == VOCAB && c.seq_len == SMALL.seq_len && !c.tied);
    ck_assert(c.eps == SMALL.eps && c.rope_base == SMALL.rope_base);
    json_decref(json);
}
END_TEST

START_TEST(gpt2_there_and_back)
{
    Error err = { "" };
    exported("assets/tales.gguf", at("hub"), NULL);
    exported(at("hub"), at("b.gguf"), NULL);
    same_tensors("assets/tales.gguf", at("b.gguf"));
    Gguf *g = gguf_open("assets/tales.gguf", &err);
    Safetensors *s = safetensors_open(at("hub"), &err);
    const GgufTensor *here = gguf_tensor(g, "blk.0.ffn_up.weight");
    const SafetensorsTensor *there = safetensors_tensor(s, "transformer.h.0.mlp.c_fc.weight");
    ck_assert(here && there && there->shape[0] == here->shape[1] && there->shape[1] == here->shape[0]);
    float x, y;
    memcpy(&x, here->data + 4 * (3 * here->shape[1] + 5), 4);
    memcpy(&y, there->data + 4 * (5 * there->shape[1] + 3), 4);
    ck_assert(x == y);
    json_t *tokenizer = json_file_read(at("hub/tokenizer.json"), &err);
    ck_assert_msg(tokenizer != NULL, "%s", err.message);
    ck_assert_uint_eq(json_object_size(json_object_get(json_object_get(tokenizer, "model"), "vocab")), 1024);
    json_decref(tokenizer);
    gguf_close(g);
    safetensors_close(s);
}
END_TEST

START_TEST(which_tensors_are_quantised)
{
    Error err = { "" };
    ExportReport report;
    save_llama(at("a.gguf"));
    ck_assert(export_to(at("a.gguf"), at("q.gguf"), "q4_1", &report, &err));
    ck_assert(!report.requantised && report.counts[GGML_Q4_1] == 7 * LAYERS + 1 && report.counts[GGML_Q8_0] == 1);
    ck_assert(report.counts[GGML_F32] == 2 * LAYERS + 1);
    Gguf *a = gguf_open(at("a.gguf"), &err), *q = gguf_open(at("q.gguf"), &err);
    uint32_t file_type;
    StringView name;
    ck_assert(gguf_get_u32(q, "general.file_type", &file_type, &err) && file_type == 3);
    ck_assert(gguf_get_string(q, "general.name", &name, &err) && string_view_equal(name, string_view("small")));
    ck_assert(gguf_tensor(q, "output.weight")->type == GGML_Q8_0 &&
              gguf_tensor(q, "token_embd.weight")->type == GGML_Q4_1);
    const GgufTensor *from = gguf_tensor(a, "blk.0.ffn_down.weight"), *to = gguf_tensor(q, "blk.0.ffn_down.weight");
    uint8_t *wanted = mem_alloc(to->bytes);
    ck_assert(ggml_quantize(GGML_Q4_1, (const float *)(const void *)from->data, wanted, WIDTH * FF));
    ck_assert_mem_eq(to->data, wanted, to->bytes);
    free(wanted);
    gguf_close(a);
    gguf_close(q);
    ck_assert(export_to(at("q.gguf"), at("q8.gguf"), "q8_0", &report, &err) && report.requantised);
    exported(at("q.gguf"), at("same.gguf"), NULL); // without a type nothing changes
    same_tensors(at("q.gguf"), at("same.gguf"));
    exported(at("q.gguf"), at("again.gguf"), "q4_1"); // nor does what has the type
    same_tensors(at("q.gguf"), at("again.gguf"));
    exported("assets/tales.gguf", at("tales.gguf"), "q4_0"); // the head is the embedding
    q = gguf_open(at("tales.gguf"), &err);
    ck_assert(gguf_tensor(q, "token_embd.weight")->type == GGML_Q8_0 &&
              gguf_tensor(q, "position_embd.weight")->type == 0);
    gguf_close(q);
    exported(at("q.gguf"), at("hub"), NULL); // safetensors have no blocks
    Safetensors *s = safetensors_open(at("hub"), &err);
    for (size_t i = 0; i < s->n_tensors; i++) ck_assert(s->tensors[i].type->ggml == GGML_F32);
    safetensors_close(s);
}
END_TEST

START_TEST(what_is_refused)
{
    save_llama(at("a.gguf"));
    refused(at("nothing.gguf"), at("b.gguf"), NULL, "nothing.gguf: cannot open");
    refused(at("a.gguf"), at("a.gguf"), NULL, "it is there already; --force replaces it");
    refused(at("a.gguf"), folder, NULL, "it is there already; --force replaces it");
    refused(at("a.gguf"), at("hub"), "q8_0", "safetensors hold f32 and f16, not Q8_0");
    refused(at("a.gguf"), at("none/b.gguf"), NULL, "cannot write");
    exported(at("a.gguf"), at("hub"), "f16");
    refused(at("hub"), at("hub2"), NULL, "give --out a name that ends in .gguf");
    ck_assert(!dir_exists(at("hub2")) && !file_exists(at("b.gguf")));
    save_llama_with(at("scaled.gguf"), "rope_freqs.weight");
    refused(at("scaled.gguf"), at("hub2"), NULL, "the tensor rope_freqs.weight is no part of the llama");
    ck_assert(!dir_exists(at("hub2")) && !dir_exists(at("hub2.part")));
    exported(at("scaled.gguf"), at("same.gguf"), NULL); // there it keeps its name
    same_tensors(at("scaled.gguf"), at("same.gguf"));
}
END_TEST

// config.json with one member changed; "" takes it away.
static const struct {
    const char *name, *value, *message;
} BAD_CONFIGS[] = {
    { "model_type", "", "model_type is missing" },
    { "model_type", "\"mamba\"", "model_type is \"mamba\"; lectern knows gpt2, llama" },
    { "hidden_size", "", "hidden_size is missing" },
    { "hidden_size", "64.5", "hidden_size is no whole number" },
    { "hidden_size", "-1", "d_model is -1" },
    { "hidden_size", "99999999999", "d_model is 2147483647" },
    { "num_hidden_layers", "3", "the tensor model.layers.2.input_layernorm.weight is missing" },
    { "num_hidden_layers", "1", "is no part of the llama that lectern runs" },
    { "num_attention_heads", "8", "head_dim" },
    { "num_key_value_heads", "1", "tensor blk.0.attn_k.weight has 32 rows; 1 heads of 16 channels are 16" },
    { "vocab_size", "41", "has 40 rows, but vocab_size is 41" },
    { "rms_norm_eps", "\"x\"", "rms_norm_eps is no number" },
    { "hidden_act", "\"gelu\"", "hidden_act is \"gelu\"; lectern runs such models only with \"silu\"" },
    { "rope_scaling", "{\"type\": \"linear\", \"factor\": 0}", "rope_scaling: its factor is no number over 0" },
    { "rope_scaling", "{\"factor\": 2}", "rope_scaling: its type is missing" },
    { "rope_parameters", "{\"rope_type\": \"yarn\"}", "rope_parameters: its type is \"yarn\"" },
    { "head_dim", "8", "head_dim is 8" },
};

START_TEST(bad_configs_are_named)
{
    Error err = { "" };
    save_llama(at("a.gguf"));
    exported(at("a.gguf"), at("hub"), NULL);
    json_t *json = json_file_read(at("hub/config.json"), &err);
    json_object_set_new(json, "head_dim", json_integer(HEAD_DIM));
    if (*BAD_CONFIGS[_i].value)
        json_object_set_new(json, BAD_CONFIGS[_i].name, json_loads(BAD_CONFIGS[_i].value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(json, BAD_CONFIGS[_i].name);
    ck_assert_int_eq(json_dump_file(json, at("hub/config.json"), 0), 0);
    json_decref(json);
    refused(at("hub"), at("b.gguf"), NULL, BAD_CONFIGS[_i].message);
    ck_assert(!file_exists(at("b.gguf")));
}
END_TEST

static void *read_whole(const char *path, size_t *size)
{
    Error err = { "" };
    char *data = file_read(path, size, &err);
    ck_assert_msg(data != NULL, "%s", err.message);
    return data;
}

static int calls;
static bool soon(void) { return ++calls > 3; }

START_TEST(nothing_is_half_written)
{
    Error err = { "" };
    ExportReport report;
    size_t size;
    save_llama(at("a.gguf"));
    ck_assert(file_write(at("old.gguf"), "old", 3, &err));
    ExportOptions stopped = { at("a.gguf"), at("old.gguf"), NULL, true, soon };
    ck_assert(!model_export(&stopped, &report, &err));
    ck_assert_str_eq(err.message, "stopped; nothing was kept");
    calls = 0, err = (Error){ "" }, stopped.out = at("hub");
    ck_assert(!model_export(&stopped, &report, &err));
    ck_assert(!dir_exists(at("hub")) && !dir_exists(at("hub.part")));

    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100000, 100000 }), 0);
    err = (Error){ "" };
    ExportOptions full = { at("a.gguf"), at("old.gguf"), NULL, true, never };
    ck_assert(!model_export(&full, &report, &err));
    ck_assert_msg(strstr(err.message, "old.gguf: cannot write: File too large") != NULL, "%s", err.message);
    char *old = read_whole(at("old.gguf"), &size);
    ck_assert_str_eq(old, "old");
    free(old);
    refused(at("a.gguf"), at("hub"), NULL, "File too large");
    char *part = file_part(at("old.gguf"));
    ck_assert(!dir_exists(at("hub")) && !dir_exists(at("hub.part")) && !file_exists(part));
    free(part);
}
END_TEST

// A folder of an encoder whose files say how its vectors are made.
static void save_encoder(const EmbedderSettings *use, const Config *c, const char *out)
{
    Error err = { "" };
    ck_assert(dir_create(out, &err) && embedder_settings_to_folder(use, c, out, &err));
    static const char *const names[] = { "config.json", "model.safetensors", "vocab.txt" };
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t size;
        char *data = read_whole(arena_format(&arena, "tests/models/fixtures/bert/%s", names[i]), &size);
        ck_assert(file_write(arena_format(&arena, "%s/%s", out, names[i]), data, size, &err));
        free(data);
    }
}

// Through a GGUF file and back into a folder.
START_TEST(an_encoders_settings_stay_or_are_noted)
{
    static const struct {
        EmbedderSettings use, back;
        const char *lost; // "": nothing
    } cases[] = {
        { { POOLING_MEAN, true, 16 }, { POOLING_MEAN, true, 16 }, "" },
        { { POOLING_CLS, true, 16 }, { POOLING_CLS, true, 16 }, "" },
        { { POOLING_CLS, true, 12 }, { POOLING_CLS, true, 16 }, "texts are cut at 16 tokens instead of 12" },
        { { POOLING_MEAN, false, 16 }, { POOLING_MEAN, true, 16 }, "with this file vectors get length 1" },
        { { POOLING_MEAN, false, 9 }, { POOLING_MEAN, true, 16 }, "instead of 9, and vectors get length 1" },
    };
    const Family *bert = family_find("bert");
    Config c;
    Error err = { "" };
    ck_assert(hub_open_config("tests/models/fixtures/bert", &bert, &c, &err));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ExportReport report;
        EmbedderSettings use;
        const char *from = at(arena_format(&arena, "from%zu", i)), *to = at(arena_format(&arena, "to%zu", i));
        const char *file = arena_format(&arena, "%s.gguf", to);
        save_encoder(&cases[i].use, &c, from);
        ck_assert_msg(embedder_settings(from, bert, &c, &use, &err), "%s", err.message);
        ck_assert(use.pooling == cases[i].use.pooling && use.normalize == cases[i].use.normalize);
        ck_assert_int_eq(use.max_tokens, cases[i].use.max_tokens);
        ck_assert_msg(export_to(from, file, NULL, &report, &err), "%s", err.message);
        ck_assert_msg(*cases[i].lost ? strstr(report.lost.message, cases[i].lost) != NULL : !*report.lost.message,
                      "case %zu: \"%s\"", i, report.lost.message);
        ck_assert_msg(export_to(file, to, NULL, &report, &err), "%s", err.message);
        ck_assert_str_eq(report.lost.message, "");
        ck_assert_msg(embedder_settings(to, bert, &c, &use, &err), "%s", err.message);
        ck_assert(use.pooling == cases[i].back.pooling && use.normalize == cases[i].back.normalize);
        ck_assert_int_eq(use.max_tokens, cases[i].back.max_tokens);
        ck_assert(!use.lower);
    }
}
END_TEST

// With a vocabulary of capitals, and with a normalizer that GPT-2's pre-tokenizer has not.
static void save_odd_tokenizers(const char *words, const char *bytes)
{
    static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nDOG\n";
    Error err = { "" };
    ck_assert(file_write(arena_format(&arena, "%s/vocab.txt", words), vocab, sizeof vocab - 1, &err));
    json_t *json = json_file_read(arena_format(&arena, "%s/tokenizer.json", bytes), &err);
    json_object_set_new(json, "normalizer", json_pack("{s:s}", "type", "NFC"));
    ck_assert_msg(json && json_file_write(bytes, "tokenizer.json", json, &err), "%s", err.message);
    json_decref(json);
}

// One whose rules GGUF's keys cannot say would be read as another.
START_TEST(a_tokenizer_is_the_same_or_left_out)
{
    const Family *bert;
    Config c;
    Error err = { "" };
    ExportReport report;
    ck_assert(hub_open_config("tests/models/fixtures/bert", &bert, &c, &err));
    save_encoder(&(EmbedderSettings){ POOLING_MEAN, true, 16 }, &c, at("words"));
    exported("assets/tales.gguf", at("bytes"), NULL);
    const char *const folders[] = { at("words"), at("bytes") };
    static const char *const why[] = { "capitals or accents", "pre-tokenizer" };
    for (int odd = 0; odd < 2; odd++) {
        if (odd) save_odd_tokenizers(folders[0], folders[1]);
        for (size_t i = 0; i < COUNT_OF(folders); i++) {
            const char *out = arena_format(&arena, "%s%d.gguf", folders[i], odd);
            ck_assert_msg(export_to(folders[i], out, NULL, &report, &err), "%s", err.message);
            ck_assert_msg(odd ? strstr(report.no_tokenizer.message, why[i]) != NULL : !*report.no_tokenizer.message,
                          "\"%s\"", report.no_tokenizer.message);
            Gguf *file = gguf_open(out, &err);
            ck_assert(file && (gguf_value(file, "tokenizer.ggml.tokens") != NULL) == !odd);
            gguf_close(file);
        }
    }
}
END_TEST

Suite *suite_export(void)
{
    Suite *suite = suite_create("export");
    TCase *tests = tcase_create("export");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, llama_there_and_back);
    tcase_add_test(tests, gpt2_there_and_back);
    tcase_add_test(tests, which_tensors_are_quantised);
    tcase_add_test(tests, what_is_refused);
    tcase_add_loop_test(tests, bad_configs_are_named, 0, COUNT_OF(BAD_CONFIGS));
    tcase_add_test(tests, nothing_is_half_written);
    tcase_add_test(tests, an_encoders_settings_stay_or_are_noted);
    tcase_add_test(tests, a_tokenizer_is_the_same_or_left_out);
    suite_add_tcase(suite, tests);
    return suite;
}
