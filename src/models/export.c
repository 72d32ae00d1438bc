// A plan first: every tensor of the result, and where it comes from. Then the writer asks for their bytes.
#include "models/export.h"
#include "base/file.h"
#include "formats/convert.h"
#include "formats/json_file.h"
#include "formats/safetensors.h"
#include "models/hub.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Plan Plan;

typedef struct Item {
    char name[128];
    Conversion conversion;
    int n_dims;
    int64_t shape[GGUF_MAX_DIMS];
    Plan *plan;
} Item;

struct Plan {
    const ExportOptions *options;
    ExportReport *report;
    Item *items;
    size_t count, capacity;
    Progress progress;
    uint64_t done;
};

static bool ends_in(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && !strcmp(text + n - m, tail);
}

// ---- Types ---------------------------------------------------------------------------------------------------------

static bool is_blocks(GgmlType type) { return ggml_type_info(type)->elements > 1; }

static bool is_quantised_weight(const char *gguf_name, int n_dims)
{
    return n_dims >= 2 && ends_in(gguf_name, ".weight") && !strstr(gguf_name, "norm") &&
           strcmp(gguf_name, "position_embd.weight") != 0 && strcmp(gguf_name, "token_types.weight") != 0;
}

static GgmlType choose_type(const GgmlTypeInfo *wanted, const char *gguf_name, const Item *item, bool is_head)
{
    if (!wanted) return item->conversion.from;
    if (!is_quantised_weight(gguf_name, item->n_dims)) return GGML_F32;
    if (is_head && is_blocks(wanted->type)) wanted = ggml_type_info(GGML_Q8_0);
    return item->conversion.columns % wanted->elements ? GGML_F16 : wanted->type;
}

// general.file_type: the values are llama.cpp's llama_ftype.
static uint32_t file_type(const GgmlTypeInfo *type)
{
    static const struct {
        GgmlType type;
        uint32_t value;
    } values[] = { { GGML_F32, 0 }, { GGML_F16, 1 }, { GGML_Q4_0, 2 }, { GGML_Q4_1, 3 }, { GGML_Q8_0, 7 } };
    for (size_t i = 0; i < COUNT_OF(values); i++)
        if (values[i].type == type->type) return values[i].value;
    FATAL("export: %s has no file type", type->name);
}

// ---- The plan ------------------------------------------------------------------------------------------------------

static Item *add_item(Plan *plan, const char *name, GgmlType from, const uint8_t *data, int n_dims,
                      const int64_t *shape)
{
    GROW(plan->items, plan->count, plan->capacity);
    Item *item = &plan->items[plan->count++];
    *item = (Item){ .n_dims = n_dims, .plan = plan };
    snprintf(item->name, sizeof item->name, "%s", name);
    int64_t rows = 1;
    for (int i = 0; i < n_dims; i++) item->shape[i] = shape[i];
    for (int i = 0; i + 1 < n_dims; i++) rows *= shape[i];
    item->conversion =
        (Conversion){ .data = data, .from = from, .to = from, .rows = rows, .columns = shape[n_dims - 1] };
    return item;
}

static void transpose(Item *item)
{
    int64_t rows = item->shape[0];
    item->conversion.transposed = true;
    item->conversion.rows = item->shape[0] = item->shape[1];
    item->conversion.columns = item->shape[1] = rows;
}

static bool apply_change(Item *item, HubChange change, RowOrder order, const Config *c, const char *path, Error *err)
{
    if (change == HUB_SAME) return true;
    if (item->n_dims != 2)
        return error_set(err, "%s: tensor %s has %d dimensions, not 2", path, item->name, item->n_dims);
    if (change == HUB_TRANSPOSED) return transpose(item), true;
    int64_t head_dim = c->d_model / c->n_heads, heads = change == HUB_QUERIES ? c->n_heads : c->n_kv_heads;
    if (item->shape[0] != heads * head_dim)
        return error_set(err, "%s: tensor %s has %lld rows; %lld heads of %lld channels are %lld", path, item->name,
                         (long long)item->shape[0], (long long)heads, (long long)head_dim,
                         (long long)(heads * head_dim));
    item->conversion.order = order;
    item->conversion.head_dim = head_dim;
    return true;
}

// ---- Writing -------------------------------------------------------------------------------------------------------

static bool read_item(void *user, size_t offset, void *out, size_t size, Error *err)
{
    Item *item = user;
    Plan *plan = item->plan;
    if (plan->options->stopped()) return error_set(err, "stopped; nothing was kept");
    item->conversion.name = item->name;
    bool ok = conversion_read(&item->conversion, offset, out, size, err);
    progress_update(&plan->progress, plan->done += size, NULL);
    if (offset + size == conversion_bytes(&item->conversion)) conversion_free(&item->conversion);
    return ok;
}

// What the plan will have written; the bar begins.
static void begin_writing(Plan *plan)
{
    ExportReport *report = plan->report;
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const Conversion *c = &plan->items[i].conversion;
        bytes += conversion_bytes(c);
        report->counts[c->to]++;
        report->requantised = report->requantised || (is_blocks(c->from) && is_blocks(c->to) && c->from != c->to);
    }
    report->n_tensors = plan->count;
    progress_begin(&plan->progress, "export", bytes, "B");
}

static bool save_gguf(Plan *plan, GgufWriter *w, Error *err)
{
    begin_writing(plan);
    for (size_t i = 0; i < plan->count; i++) {
        Item *item = &plan->items[i];
        gguf_put_tensor(w, item->name, item->conversion.to, item->n_dims, item->shape, read_item, item);
    }
    bool ok = gguf_writer_save(w, plan->options->out, err);
    progress_end(&plan->progress);
    return ok;
}

static bool save_json(const char *folder, const char *name, const json_t *json, Error *err)
{
    char *path = path_join(folder, name), *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    bool ok = text && file_write(path, text, strlen(text), err);
    free(text);
    free(path);
    return ok;
}

static bool save_weights(Plan *plan, const char *folder, Error *err)
{
    SafetensorsWriter *w = safetensors_writer_new();
    char *path = path_join(folder, "model.safetensors");
    safetensors_put_metadata(w, "format", "pt"); // transformers asks for it
    begin_writing(plan);
    for (size_t i = 0; i < plan->count; i++) {
        Item *item = &plan->items[i];
        safetensors_put_tensor(w, item->name, item->conversion.to, item->n_dims, item->shape, read_item, item);
    }
    bool ok = safetensors_writer_save(w, path, err);
    progress_end(&plan->progress);
    free(path);
    safetensors_writer_free(w);
    return ok;
}

static bool save_folder(Plan *plan, const Gguf *file, const json_t *config, Error *err)
{
    const char *out = plan->options->out;
    bool fresh = !dir_exists(out);
    char *folder = fresh ? mem_format("%s.part", out) : mem_string(out);
    json_t *tokenizer = hub_tokenizer(file, &plan->report->no_tokenizer), *settings = hub_tokenizer_config(file);
    bool ok = dir_create(folder, err) && save_json(folder, "config.json", config, err);
    if (tokenizer)
        ok = ok && save_json(folder, "tokenizer.json", tokenizer, err) &&
             save_json(folder, "tokenizer_config.json", settings, err);
    ok = ok && save_weights(plan, folder, err);
    if (ok && fresh && rename(folder, out) != 0) ok = error_set(err, "%s: cannot rename onto it", out);
    if (!ok && fresh && dir_exists(folder)) dir_remove(folder, NULL);
    json_decref(tokenizer);
    json_decref(settings);
    free(folder);
    return ok;
}

// ---- From GGUF -----------------------------------------------------------------------------------------------------

static bool gguf_to_gguf(Plan *plan, const Gguf *file, Error *err)
{
    const GgmlTypeInfo *type = plan->options->type;
    const char *head = gguf_tensor(file, "output.weight") ? "output.weight" : "token_embd.weight";
    for (size_t i = 0; i < file->n_tensors; i++) {
        const GgufTensor *t = &file->tensors[i];
        char *name = mem_string_n(t->name.data, t->name.size);
        Item *item = add_item(plan, name, t->type, t->data, t->n_dims, t->shape);
        item->conversion.to = choose_type(type, name, item, !strcmp(name, head));
        free(name);
    }
    GgufWriter *w = gguf_writer_new();
    for (size_t i = 0; i < file->n_values; i++) {
        const GgufValue *value = &file->values[i];
        bool stays = !string_view_equal(value->key, string_view("general.alignment")) && // the writer's is the default
                     (!type || !string_view_equal(value->key, string_view("general.file_type")));
        if (stays) gguf_put_value(w, value);
    }
    if (type) gguf_put_u32(w, "general.file_type", file_type(type));
    if (type && is_blocks(type->type) && !gguf_value(file, "general.quantization_version"))
        gguf_put_u32(w, "general.quantization_version", 2);
    if (!gguf_value(file, "tokenizer.ggml.model")) error_set(&plan->report->no_tokenizer, "the model has none");
    bool ok = save_gguf(plan, w, err);
    gguf_writer_free(w);
    return ok;
}

static bool add_hub_tensor(Plan *plan, const Gguf *file, const HubName *names, int layer, const Config *c, Error *err)
{
    char from[128], to[128];
    hub_name(names->gguf, layer, from);
    hub_name(names->hub, layer, to);
    const GgufTensor *t = gguf_tensor(file, from);
    if (names->optional && c->tied) return true;
    if (!t) return error_set(err, "%s: the tensor %s is missing", file->path, from);
    Item *item = add_item(plan, to, t->type, t->data, t->n_dims, t->shape);
    const GgmlTypeInfo *type = plan->options->type;
    if (!type && is_blocks(t->type)) type = ggml_type_info(GGML_F32);
    item->conversion.to = choose_type(type, from, item, false);
    return apply_change(item, names->change, ROWS_TO_HALVES, c, file->path, err);
}

static bool gguf_to_folder(Plan *plan, const Gguf *file, Error *err)
{
    const Family *family;
    Config c;
    if (!model_read_config(file, &family, &c, err)) return false;
    const HubFamily *hub = hub_family(family->arch);
    if (!hub) return error_set(err, "%s: models of %s have no folder of safetensors here", file->path, family->arch);
    int half = 0, brain = 0;
    for (size_t n = 0; n < hub->n_names; n++)
        for (int layer = 0; layer < (strstr(hub->names[n].gguf, "%d") ? c.n_layers : 1); layer++)
            if (!add_hub_tensor(plan, file, &hub->names[n], layer, &c, err)) return false;
    for (size_t i = 0; i < plan->count; i++)
        half += plan->items[i].conversion.to == GGML_F16, brain += plan->items[i].conversion.to == GGML_BF16;
    json_t *config = hub_config(family, &c, brain ? "bfloat16" : half ? "float16" : "float32");
    uint32_t id;
    if (gguf_get_u32(file, "tokenizer.ggml.bos_token_id", &id, NULL))
        json_object_set_new(config, "bos_token_id", json_integer(id));
    if (gguf_get_u32(file, "tokenizer.ggml.eos_token_id", &id, NULL))
        json_object_set_new(config, "eos_token_id", json_integer(id));
    bool ok = save_folder(plan, file, config, err);
    json_decref(config);
    return ok;
}

// ---- From safetensors ----------------------------------------------------------------------------------------------

// The tensor of a name, with the family's prefix or without.
static const SafetensorsTensor *find(const Safetensors *s, const HubFamily *hub, const char *name)
{
    const SafetensorsTensor *t = safetensors_tensor(s, name);
    size_t prefix = strlen(hub->prefix);
    return t || !prefix || strncmp(name, hub->prefix, prefix) != 0 ? t : safetensors_tensor(s, name + prefix);
}

static bool add_gguf_tensor(Plan *plan, const Safetensors *s, const HubFamily *hub, const HubName *names, int layer,
                            const Config *c, bool *used, Error *err)
{
    char from[128], to[128];
    hub_name(names->hub, layer, from);
    hub_name(names->gguf, layer, to);
    const SafetensorsTensor *t = find(s, hub, from);
    if (t) used[t - s->tensors] = true;
    if (names->optional && c->tied) return true;
    if (!t) return error_set(err, "%s: the tensor %s is missing", s->path, from);
    if (!t->type->readable)
        return error_set(err, "%s: the tensor %s is %s; lectern reads F32, F16 and BF16", s->path, from, t->type->name);
    if (t->n_dims < 1 || t->n_dims > GGUF_MAX_DIMS || t->bytes == 0)
        return error_set(err, "%s: the tensor %s has %d dimensions and %zu bytes", s->path, from, t->n_dims, t->bytes);
    if (!strcmp(to, "token_embd.weight") && t->shape[0] != c->vocab_size)
        return error_set(err, "%s: the tensor %s has %lld rows, but vocab_size is %d", s->path, from,
                         (long long)t->shape[0], c->vocab_size);
    Item *item = add_item(plan, to, t->type->ggml, t->data, t->n_dims, t->shape);
    if (!apply_change(item, names->change, ROWS_TO_NEIGHBOURS, c, s->path, err)) return false;
    const char *head = c->tied ? "token_embd.weight" : "output.weight";
    item->conversion.to = choose_type(plan->options->type, to, item, !strcmp(to, head));
    if (t->n_dims == 1) item->conversion.to = GGML_F32; // llama.cpp's loader asks for it
    return true;
}

// A tensor that nobody asked for may change what the model computes.
static bool check_used(const Safetensors *s, const HubFamily *hub, const bool *used, Error *err)
{
    for (size_t i = 0; i < s->n_tensors; i++) {
        bool idle = used[i];
        for (size_t k = 0; k < hub->n_idle; k++) idle = idle || ends_in(s->tensors[i].name.data, hub->idle[k]);
        if (!idle)
            return error_set(err, "%s: the tensor %.*s has no place in a GGUF file of %s", s->path,
                             VIEW_ARGS(s->tensors[i].name), hub->arch);
    }
    return true;
}

static bool plan_gguf(Plan *plan, const Safetensors *s, const Family *family, const Config *c, Error *err)
{
    const HubFamily *hub = hub_family(family->arch);
    bool *used = NEW_ARRAY(bool, s->n_tensors), ok = true;
    for (size_t n = 0; ok && n < hub->n_names; n++)
        for (int layer = 0; ok && layer < (strstr(hub->names[n].gguf, "%d") ? c->n_layers : 1); layer++)
            ok = add_gguf_tensor(plan, s, hub, &hub->names[n], layer, c, used, err);
    ok = ok && check_used(s, hub, used, err);
    free(used);
    return ok;
}

// The most frequent of the types that weights have: what general.file_type tells where nobody chose.
static const GgmlTypeInfo *common_type(const Plan *plan)
{
    int counts[32] = { 0 };
    GgmlType most = GGML_F32;
    for (size_t i = 0; i < plan->count; i++) {
        const Item *item = &plan->items[i];
        if (item->n_dims > 1 && ++counts[item->conversion.to] > counts[most]) most = item->conversion.to;
    }
    return ggml_type_info(most);
}

static bool folder_to_gguf(Plan *plan, const Safetensors *s, Error *err)
{
    const char *path = plan->options->model, *slash = strrchr(path, '/');
    char *folder = dir_exists(path) ? mem_string(path)
                   : slash          ? mem_string_n(path, (size_t)(slash - path))
                                    : mem_string(".");
    char *config_path = path_join(folder, "config.json");
    json_t *json = json_file_read(config_path, err);
    const Family *family;
    Config c;
    bool ok = json && hub_read_config(json, config_path, &family, &c, err) && plan_gguf(plan, s, family, &c, err);
    if (ok) {
        GgufWriter *w = gguf_writer_new();
        Tokenizer *tokenizer = model_tokenizer(folder, &plan->report->no_tokenizer);
        const GgmlTypeInfo *type = plan->options->type ? plan->options->type : common_type(plan);
        model_put_config(w, family, &c);
        if (type->type != GGML_BF16) gguf_put_u32(w, "general.file_type", file_type(type));
        if (is_blocks(type->type)) gguf_put_u32(w, "general.quantization_version", 2);
        if (tokenizer) tokenizer_to_gguf(tokenizer, w);
        ok = save_gguf(plan, w, err);
        tokenizer_free(tokenizer);
        gguf_writer_free(w);
    }
    json_decref(json);
    free(config_path);
    free(folder);
    return ok;
}

// ---- All of it -----------------------------------------------------------------------------------------------------

static bool is_gguf(const char *path)
{
    char magic[4] = "";
    FILE *stream = dir_exists(path) ? NULL : fopen(path, "rbe");
    bool is = stream && fread(magic, 1, 4, stream) == 4 && !memcmp(magic, "GGUF", 4);
    if (stream) fclose(stream);
    return is;
}

static bool convert(Plan *plan, bool to_gguf, Error *err)
{
    const ExportOptions *o = plan->options;
    bool ok;
    if (is_gguf(o->model)) {
        Gguf *file = gguf_open(o->model, err);
        ok = file && (to_gguf ? gguf_to_gguf(plan, file, err) : gguf_to_folder(plan, file, err));
        gguf_close(file);
        return ok;
    }
    Safetensors *s = safetensors_open(o->model, err);
    if (s && !to_gguf)
        ok = error_set(err, "%s: safetensors become GGUF here: give --out a name that ends in .gguf", o->model);
    else
        ok = s && folder_to_gguf(plan, s, err);
    safetensors_close(s);
    return ok;
}

bool model_export(const ExportOptions *o, ExportReport *report, Error *err)
{
    bool to_gguf = ends_in(o->out, ".gguf");
    *report = (ExportReport){ 0 };
    if (!o->force && (file_exists(o->out) || dir_exists(o->out)))
        return error_set(err, "%s: it is there already; --force replaces it", o->out);
    if (to_gguf ? dir_exists(o->out) : file_exists(o->out))
        return error_set(err, "%s: it is %s; the result is a %s", o->out, to_gguf ? "a folder" : "a file",
                         to_gguf ? "file" : "folder");
    if (!to_gguf && o->type && is_blocks(o->type->type))
        return error_set(err,
                         "safetensors hold f32 and f16, not %s: choose such a --type, or a name that ends in .gguf",
                         o->type->name);
    Plan plan = { .options = o, .report = report };
    bool ok = convert(&plan, to_gguf, err);
    for (size_t i = 0; i < plan.count; i++) {
        report->bytes += ok ? conversion_bytes(&plan.items[i].conversion) : 0;
        conversion_free(&plan.items[i].conversion);
    }
    free(plan.items);
    return ok;
}
