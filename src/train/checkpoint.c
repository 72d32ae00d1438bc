#include "train/checkpoint.h"
#include "base/file.h"
#include "models/tensor_file.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VERSION = 1 };

static const char *const files[] = { "model.gguf", "optimizer.gguf" }; // what state.json holds hashes of

// FNV-1a over words of 8 bytes, and the rest by byte: finds what was cut or edited, not what was forged.
static bool hash_file(const char *path, uint64_t *hash, Error *err)
{
    FileMap map;
    if (!file_map(path, &map, err)) return false;
    uint64_t h = 0xcbf29ce484222325u ^ map.size, word;
    size_t i = 0;
    for (; i + 8 <= map.size; i += 8) {
        memcpy(&word, map.data + i, 8);
        h = (h ^ word) * 0x100000001b3u;
        h ^= h >> 32;
    }
    for (; i < map.size; i++) h = (h ^ map.data[i]) * 0x100000001b3u;
    file_unmap(&map);
    *hash = h;
    return true;
}

// ---- Saving --------------------------------------------------------------------------------------------------------

static bool save_moments(Trainer *tr, const char *path, Error *err)
{
    const Parameters *ps = &tr->model->parameters;
    GgufWriter *w = gguf_writer_new();
    gguf_put_string(w, "general.architecture", string_view("lectern-adamw"));
    TensorSource *sources = NEW_ARRAY(TensorSource, 2 * ps->count);
    for (int i = 0; i < ps->count; i++)
        for (int k = 0; k < 2; k++) {
            TensorSource *source = &sources[2 * i + k];
            *source = (TensorSource){ tr->stream, k ? &tr->v[i] : &tr->m[i] };
            char name[72];
            snprintf(name, sizeof name, "%c.%s", k ? 'v' : 'm', ps->list[i]->name);
            tensor_file_put(w, name, source);
        }
    bool ok = gguf_writer_save(w, path, err);
    gguf_writer_free(w);
    free(sources);
    return ok;
}

// 64-bit values as text: JSON's numbers are not wide enough.
static json_t *hex(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

static bool save_state(const Trainer *tr, const RunState *state, const char *folder, Error *err)
{
    json_t *hashes = json_object();
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(files) && ok; i++) {
        char *path = path_join(folder, files[i]);
        uint64_t hash = 0;
        ok = hash_file(path, &hash, err);
        json_object_set_new(hashes, files[i], hex(hash));
        free(path);
    }
    const Random *r = &tr->batches.random;
    const GpuTraits *traits = gpu_traits(tr->model->gpu);
    json_t *root = json_pack("{s:i, s:I, s:o, s:o, s:[o,o,o], s:o, s:{s:s, s:s}, s:O}", "version", VERSION, "step",
                             (json_int_t)tr->step, "hashes", hashes, "data_hash", hex(state->data_hash), "batches",
                             hex(r->key), hex(r->counter), hex(r->subsequence), "best_loss",
                             isfinite(state->best_loss) ? json_real(state->best_loss) : json_null(), "device", "name",
                             traits->name, "driver", traits->driver, "settings", state->settings);
    CHECK(root, "save_state: a name is not UTF-8");
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)), *path = path_join(folder, "state.json");
    ok = ok && file_write(path, text, strlen(text), err);
    free(text);
    free(path);
    json_decref(root);
    return ok;
}

static bool write_folder(Trainer *tr, const Tokenizer *tokenizer, const RunState *state, const char *part, Error *err)
{
    char *model = path_join(part, "model.gguf"), *moments = path_join(part, "optimizer.gguf");
    bool ok = dir_create(part, err) && model_save(tr->model, tokenizer, tr->stream, model, err) &&
              save_moments(tr, moments, err) && save_state(tr, state, part, err) && dir_sync(part, err);
    free(model);
    free(moments);
    return ok;
}

// Makes `to` the same file as `from`, by a link where the file system has them, at one moment.
static bool link_over(const char *from, const char *to, Error *err)
{
    char *part = mem_format("%s.part", to);
    unlink(part);
    bool ok = true;
    if (link(from, part) != 0) {
        FileMap map;
        ok = file_map(from, &map, err) && file_write(part, map.data, map.size, err);
        if (ok) file_unmap(&map);
    }
    if (ok && rename(part, to) != 0) ok = error_set(err, "%s: cannot rename onto it: %s", to, strerror(errno));
    free(part);
    return ok;
}

// "step-1200" → 1200; −1 for other names.
static int64_t step_of(const char *name)
{
    if (strncmp(name, "step-", 5) != 0 || !name[5] || strspn(name + 5, "0123456789") != strlen(name + 5)) return -1;
    return strtoll(name + 5, NULL, 10);
}

// Removes checkpoints before `keep`, and what a killed run left half-written.
static void remove_others(const char *out, int64_t keep)
{
    DIR *dir = opendir(out);
    if (!dir) return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        int64_t step = step_of(entry->d_name);
        size_t length = strlen(entry->d_name);
        bool part = !strncmp(entry->d_name, "step-", 5) && length > 5 && !strcmp(entry->d_name + length - 5, ".part");
        if (!part && (step < 0 || step >= keep)) continue;
        char *path = path_join(out, entry->d_name);
        dir_remove(path, NULL);
        free(path);
    }
    closedir(dir);
}

bool checkpoint_save(Trainer *tr, const Tokenizer *tokenizer, const char *out, const RunState *state, Error *err)
{
    char *folder = mem_format("%s/step-%lld", out, (long long)tr->step), *part = mem_format("%s.part", folder);
    char *model = path_join(folder, "model.gguf"), *exported = path_join(out, "model.gguf");
    bool ok = dir_exists(folder); // saved already: this step's checkpoint cannot differ
    if (!ok) {
        if (dir_exists(part)) dir_remove(part, NULL);
        ok = write_folder(tr, tokenizer, state, part, err);
        if (ok && rename(part, folder) != 0) ok = error_set(err, "%s: cannot rename: %s", part, strerror(errno));
        if (!ok) dir_remove(part, NULL);
    }
    ok = ok && dir_sync(out, err) && link_over(model, exported, err);
    if (ok) remove_others(out, tr->step);
    free(folder);
    free(part);
    free(model);
    free(exported);
    return ok;
}

// ---- Loading -------------------------------------------------------------------------------------------------------

int64_t checkpoint_last(const char *out)
{
    int64_t last = -1;
    DIR *dir = opendir(out);
    if (!dir) return last;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (step_of(entry->d_name) > last) last = step_of(entry->d_name);
    closedir(dir);
    return last;
}

static bool get_hex(const json_t *value, uint64_t *number)
{
    const char *text = json_string_value(value);
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) return false;
    *number = strtoull(text, NULL, 16);
    return true;
}

static bool hashes_hold(const json_t *root, const char *folder, Error *err)
{
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        uint64_t want, got;
        if (!get_hex(json_object_get(json_object_get(root, "hashes"), files[i]), &want))
            return error_set(err, "%s/state.json: hashes.%s is missing or no hash", folder, files[i]);
        char *path = path_join(folder, files[i]);
        bool ok = hash_file(path, &got, err);
        free(path);
        if (!ok) return false;
        if (want != got)
            return error_set(err,
                             "%s/%s: it is not the file that the checkpoint was made with (truncated or edited); "
                             "remove %s to go on from an older one",
                             folder, files[i], folder);
    }
    return true;
}

static bool load_moments(Trainer *tr, const char *path, Error *err)
{
    const Parameters *ps = &tr->model->parameters;
    Gguf *file = gguf_open(path, err);
    if (!file) return false;
    bool ok = true;
    for (int i = 0; i < ps->count && ok; i++)
        for (int k = 0; k < 2 && ok; k++) {
            const Tensor *x = k ? &tr->v[i] : &tr->m[i];
            char name[72];
            snprintf(name, sizeof name, "%c.%s", k ? 'v' : 'm', ps->list[i]->name);
            const GgufTensor *tensor = tensor_file_find(file, name, x->shape, err);
            ok = tensor != NULL;
            if (ok && tensor->type != GGML_F32) ok = error_set(err, "%s: the tensor %s is not F32", path, name);
            if (ok) stream_write(tr->stream, x->span, tensor->data, tensor->bytes);
        }
    ok = stream_wait(tr->stream, ok ? err : NULL) && ok;
    gguf_close(file);
    return ok;
}

static bool load_state(Trainer *tr, const json_t *root, const char *path, int64_t step, RunState *state, Error *err)
{
    uint64_t data_hash;
    const json_t *cursor = json_object_get(root, "batches"), *best = json_object_get(root, "best_loss");
    Random *r = &tr->batches.random;
    uint64_t *words[] = { &r->key, &r->counter, &r->subsequence };
    if (json_integer_value(json_object_get(root, "version")) != VERSION)
        return error_set(err, "%s: version is not %d: another lectern wrote it", path, VERSION);
    if (json_integer_value(json_object_get(root, "step")) != step)
        return error_set(err, "%s: step is not %lld, as the folder says", path, (long long)step);
    if (!get_hex(json_object_get(root, "data_hash"), &data_hash))
        return error_set(err, "%s: data_hash is missing or no hash", path);
    if (data_hash != state->data_hash) return error_set(err, "%s: the data is not what the run was trained on", path);
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (!get_hex(json_array_get(cursor, i), words[i]))
            return error_set(err, "%s: batches[%zu] is missing or no number", path, i);
    if (best && !json_is_null(best) && !json_is_number(best)) return error_set(err, "%s: best_loss is no number", path);
    state->best_loss = json_is_number(best) ? json_number_value(best) : INFINITY;
    tr->step = step;
    return true;
}

bool checkpoint_load(Trainer *tr, const char *out, int64_t step, RunState *state, Error *err)
{
    char *folder = mem_format("%s/step-%lld", out, (long long)step);
    char *path = path_join(folder, "state.json"), *model = path_join(folder, "model.gguf");
    char *moments = path_join(folder, "optimizer.gguf");
    json_error_t where;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    bool ok = root != NULL || error_set(err, "%s: line %d: %s", path, where.line, where.text);
    ok = ok && hashes_hold(root, folder, err) && load_state(tr, root, path, step, state, err) &&
         model_restore(tr->model, tr->stream, model, err) && load_moments(tr, moments, err);
    json_decref(root);
    free(folder);
    free(path);
    free(model);
    free(moments);
    return ok;
}
