// A plan first: every tensor of the result, and where it comes from. Then the writer asks for their bytes.
#include "models/export.h"
#include "base/file.h"
#include "formats/json_file.h"
#include "models/embedder.h"
#include "models/tokenizer_file.h"
#include "models/weights.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Plan Plan;

typedef struct Item {
    char *name; // in the result
    Weight weight;
    Plan *plan;
} Item;

struct Plan {
    const ExportOptions *options;
    ExportReport *report;
    Item *items;
    size_t count, capacity;
    Arena names;
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
    const Weight *w = &item->weight;
    if (!wanted) return w->conversion.from;
    if (!is_quantised_weight(gguf_name, w->n_dims)) return GGML_F32;
    if (is_head && is_blocks(wanted->type)) wanted = ggml_type_info(GGML_Q8_0);
    return w->conversion.columns % wanted->elements ? GGML_F16 : wanted->type;
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

static Item *add_item(Plan *plan, const char *name, Weight weight)
{
    GROW(plan->items, plan->count, plan->capacity);
    Item *item = &plan->items[plan->count++];
    *item = (Item){ .name = arena_format(&plan->names, "%s", name), .weight = weight, .plan = plan };
    item->weight.conversion.name = item->name;
    return item;
}

// ---- Writing -------------------------------------------------------------------------------------------------------

static bool read_item(void *user, size_t offset, void *out, size_t size, Error *err)
{
    Item *item = user;
    Plan *plan = item->plan;
    Conversion *c = &item->weight.conversion;
    if (plan->options->stopped()) return error_set(err, "stopped; nothing was kept");
    bool ok = conversion_read(c, offset, out, size, err);
    progress_update(&plan->progress, plan->done += size, NULL);
    if (offset + size == conversion_bytes(c)) conversion_free(c);
    return ok;
}

// What the plan will have written; the bar begins.
static void begin_writing(Plan *plan)
{
    ExportReport *report = plan->report;
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const Conversion *c = &plan->items[i].weight.conversion;
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
        const Weight *t = &item->weight;
        gguf_put_tensor(w, item->name, t->conversion.to, t->n_dims, t->shape, read_item, item);
    }
    bool ok = gguf_writer_save(w, plan->options->out, err);
    progress_end(&plan->progress);
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
        const Weight *t = &item->weight;
        safetensors_put_tensor(w, item->name, t->conversion.to, t->n_dims, t->shape, read_item, item);
    }
    bool ok = safetensors_writer_save(w, path, err);
    progress_end(&plan->progress);
    free(path);
    safetensors_writer_free(w);
    return ok;
}

static GgmlType type_of(const Plan *plan, size_t i) { return plan->items[i].weight.conversion.to; }

static json_t *config_of(const Plan *plan, const Gguf *file, const Family *family, const Config *c)
{
    int half = 0, brain = 0;
    for (size_t i = 0; i < plan->count; i++)
        half += type_of(plan, i) == GGML_F16, brain += type_of(plan, i) == GGML_BF16;
    json_t *config = hub_config(family, c, brain ? "bfloat16" : half ? "float16" : "float32");
    uint32_t id;
    if (gguf_get_u32(file, "tokenizer.ggml.bos_token_id", &id, NULL))
        json_object_set_new(config, "bos_token_id", json_integer(id));
    if (gguf_get_u32(file, "tokenizer.ggml.eos_token_id", &id, NULL))
        json_object_set_new(config, "eos_token_id", json_integer(id));
    return config;
}

static bool save_folder(Plan *plan, const Gguf *file, const Family *family, const Config *c, Error *err)
{
    const char *out = plan->options->out;
    EmbedderSettings use;
    if (family->encoder && !embedder_settings(file->path, family, c, &use, err)) return false;
    bool fresh = !dir_exists(out);
    char *folder = fresh ? mem_format("%s.part", out) : mem_string(out);
    json_t *config = config_of(plan, file, family, c), *settings = hub_tokenizer_config(file);
    json_t *tokenizer = hub_tokenizer(file, &plan->report->no_tokenizer);
    bool ok = dir_create(folder, err) && json_file_write(folder, "config.json", config, err);
    if (tokenizer)
        ok = ok && json_file_write(folder, "tokenizer.json", tokenizer, err) &&
             json_file_write(folder, "tokenizer_config.json", settings, err);
    if (family->encoder) ok = ok && embedder_settings_to_folder(&use, c, folder, err);
    ok = ok && save_weights(plan, folder, err);
    if (ok && fresh && rename(folder, out) != 0) ok = error_set(err, "%s: cannot rename onto it", out);
    if (!ok && fresh && dir_exists(folder)) dir_remove_tree(folder, NULL);
    json_decref(config);
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
        Item *item = add_item(plan, name, weight_of_gguf(t));
        item->weight.conversion.to = choose_type(type, name, item, !strcmp(name, head));
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
    Item *item = add_item(plan, to, weight_of_gguf(t));
    const GgmlTypeInfo *type = plan->options->type;
    if (!type && is_blocks(t->type)) type = ggml_type_info(GGML_F32);
    item->weight.conversion.to = choose_type(type, from, item, false);
    return weight_change(&item->weight, names->change, ROWS_TO_HALVES, c, file->path, err);
}

// A tensor that no name takes would change what the model computes: scaled rotary frequencies.
static bool all_taken(const Plan *plan, const Gguf *file, const char *arch, Error *err)
{
    for (size_t i = 0; i < file->n_tensors; i++) {
        size_t at = 0;
        while (at < plan->count && !string_view_equal(plan->items[at].weight.name, file->tensors[i].name)) at++;
        if (at == plan->count)
            return error_set(err, "%s: the tensor %.*s is no part of the %s that lectern runs", file->path,
                             VIEW_ARGS(file->tensors[i].name), arch);
    }
    return true;
}

static bool gguf_to_folder(Plan *plan, const Gguf *file, Error *err)
{
    const Family *family;
    Config c;
    if (!model_read_config(file, &family, &c, err)) return false;
    const HubFamily *hub = hub_family(family->arch);
    if (!hub) return error_set(err, "%s: models of %s have no folder of safetensors here", file->path, family->arch);
    for (size_t n = 0; n < hub->n_names; n++)
        for (int layer = 0; layer < (strstr(hub->names[n].gguf, "%d") ? c.n_layers : 1); layer++)
            if (!add_hub_tensor(plan, file, &hub->names[n], layer, &c, err)) return false;
    return all_taken(plan, file, family->arch, err) && save_folder(plan, file, family, &c, err);
}

// ---- From safetensors ----------------------------------------------------------------------------------------------

// The head (or what stands for it) is kept better than other weights; a vector is f32, as llama.cpp's loader asks.
static void plan_gguf(Plan *plan, const Weights *weights, const Config *c)
{
    const char *head = c->tied ? "token_embd.weight" : "output.weight";
    for (size_t i = 0; i < weights->count; i++) {
        Weight w = weights->list[i];
        Item *item = add_item(plan, w.name.data, w);
        GgmlType type = choose_type(plan->options->type, w.name.data, item, !strcmp(w.name.data, head));
        item->weight.conversion.to = w.n_dims == 1 ? GGML_F32 : type;
    }
}

// The most frequent of the types that weights have: what general.file_type tells where nobody chose.
static const GgmlTypeInfo *common_type(const Plan *plan)
{
    int counts[32] = { 0 };
    GgmlType most = GGML_F32;
    for (size_t i = 0; i < plan->count; i++) {
        GgmlType type = type_of(plan, i);
        if (plan->items[i].weight.n_dims > 1 && ++counts[type] > counts[most]) most = type;
    }
    return ggml_type_info(most);
}

static bool folder_to_gguf(Plan *plan, const Safetensors *s, Error *err)
{
    char *folder = hub_folder(plan->options->model);
    const Family *family;
    Config c;
    Weights weights = { 0 };
    EmbedderSettings settings;
    bool ok = hub_open_config(folder, &family, &c, err) && weights_of_hub(&weights, s, family, &c, err) &&
              (!family->encoder || embedder_settings(folder, family, &c, &settings, err));
    if (ok) plan_gguf(plan, &weights, &c);
    if (ok) {
        GgufWriter *w = gguf_writer_new();
        Tokenizer *tokenizer = model_tokenizer(folder, &plan->report->no_tokenizer);
        const GgmlTypeInfo *type = plan->options->type ? plan->options->type : common_type(plan);
        model_put_config(w, family, &c);
        if (family->encoder) embedder_settings_to_gguf(&settings, family, &c, w, &plan->report->lost);
        if (type->type != GGML_BF16) gguf_put_u32(w, "general.file_type", file_type(type));
        if (is_blocks(type->type)) gguf_put_u32(w, "general.quantization_version", 2);
        if (tokenizer && tokenizer_fits_gguf(tokenizer, &plan->report->no_tokenizer)) tokenizer_to_gguf(tokenizer, w);
        ok = save_gguf(plan, w, err);
        tokenizer_free(tokenizer);
        gguf_writer_free(w);
    }
    weights_free(&weights);
    free(folder);
    return ok;
}

// ---- All of it -----------------------------------------------------------------------------------------------------

static bool convert(Plan *plan, bool to_gguf, Error *err)
{
    const ExportOptions *o = plan->options;
    bool ok;
    if (gguf_is(o->model)) {
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
        Conversion *c = &plan.items[i].weight.conversion;
        report->bytes += ok ? conversion_bytes(c) : 0;
        conversion_free(c);
    }
    arena_free(&plan.names);
    free(plan.items);
    return ok;
}
