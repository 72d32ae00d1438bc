#include "train/checkpoint.h"
#include "base/file.h"
#include "models/tensor_file.h"
#include "train/checkpoint_state.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
            tensor_file_put(w, moment_name(ps->list[i], k ? 'v' : 'm').text, source);
        }
    bool ok = gguf_writer_save(w, path, err);
    gguf_writer_free(w);
    free(sources);
    return ok;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    do hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    while (*text++);
    return hash;
}

// What computes this run, in words and in hashes.
static json_t *origin(const Trainer *tr, uint64_t hashes[ORIGINS])
{
    const GpuTraits *traits = gpu_traits(tr->model->gpu);
    json_t *kernels = json_array();
    uint64_t start = 0xcbf29ce484222325u;
    hashes[ORIGIN_DEVICE] = hash_text(hash_text(start, traits->name), traits->driver);
    hashes[ORIGIN_KERNELS] = start;
    for (int i = 0; i < tr->kernels.count; i++) {
        const char *name = kernel_name(tr->kernels.list[i]);
        json_array_append_new(kernels, json_string(name));
        hashes[ORIGIN_KERNELS] = hash_text(hashes[ORIGIN_KERNELS], name);
    }
    json_t *words =
        json_pack("{s:{s:s, s:s}, s:o}", "device", "name", traits->name, "driver", traits->driver, "kernels", kernels);
    CHECK(words, "a device's name is not UTF-8");
    return words;
}

static bool save_state(const Trainer *tr, const RunState *run, const char *folder, Error *err)
{
    CheckpointState state = {
        .step = tr->step, .data_hash = run->data_hash, .batches = tr->batches.random, .best_loss = run->best_loss
    };
    for (int i = 0; i < CHECKPOINT_FILES; i++) {
        char *path = path_join(folder, checkpoint_files[i]);
        bool there = i != CHECKPOINT_BEST || (state.has_best = file_exists(path));
        bool ok = !there || hash_file(path, &state.hashes[i], err);
        free(path);
        if (!ok) return false;
    }
    json_t *words = origin(tr, state.origin);
    for (int i = 0; i < ORIGINS; i++) state.has_origin[i] = true;
    json_t *root = checkpoint_state_json(&state);
    json_object_update(root, words);
    json_decref(words);
    json_object_set(root, "settings", run->settings);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(17)), *path = path_join(folder, "state.json");
    bool ok = file_write(path, text, strlen(text), err);
    free(text);
    free(path);
    json_decref(root);
    return ok;
}

// Makes `to` the same file as `from`, by a link where the file system has them, at one moment.
static bool link_over(const char *from, const char *to, Error *err)
{
    char *part = file_part(to);
    unlink(part);
    bool ok = true;
    if (link(from, part) != 0) {
        FileMap map = { 0 };
        ok = file_map(from, &map, err) && file_write(part, map.data, map.size, err);
        file_unmap(&map);
    }
    if (ok && rename(part, to) != 0) ok = error_set(err, "%s: cannot rename onto it: %s", to, strerror(errno));
    unlink(part); // a rename of one link of a file onto another leaves both
    free(part);
    return ok;
}

// Puts best.gguf of one folder into another, if the first has one.
static bool link_best(const char *from, const char *to, Error *err)
{
    char *old = path_join(from, "best.gguf"), *new = path_join(to, "best.gguf");
    bool ok = !file_exists(old) || link_over(old, new, err);
    free(old);
    free(new);
    return ok;
}

static bool write_folder(Trainer *tr, const Tokenizer *tokenizer, const char *out, const RunState *state,
                         const char *part, Error *err)
{
    char *model = path_join(part, "model.gguf"), *moments = path_join(part, "optimizer.gguf");
    bool ok = dir_create(part, err) && model_save(tr->model, tokenizer, tr->stream, model, err) &&
              save_moments(tr, moments, err) && link_best(out, part, err) && save_state(tr, state, part, err) &&
              dir_sync(part, err);
    free(model);
    free(moments);
    return ok;
}

// "step-1200" and "step-1200.part" → 1200; −1 for names that no checkpoint is given.
static int64_t step_of(const char *name, bool *part)
{
    char *end, own[40];
    *part = false;
    if (strncmp(name, "step-", 5) != 0) return -1;
    long long step = strtoll(name + 5, &end, 10);
    *part = !strcmp(end, ".part");
    snprintf(own, sizeof own, "step-%lld%s", step, *part ? ".part" : "");
    return step >= 0 && !strcmp(name, own) ? step : -1;
}

bool checkpoint_remove(const char *out, int64_t keep, Error *err)
{
    DIR *dir = opendir(out);
    bool ok = true;
    for (struct dirent *entry; dir && ok && (entry = readdir(dir));) {
        bool part;
        int64_t step = step_of(entry->d_name, &part);
        if (step < 0 || (!part && step >= keep)) continue;
        char *path = path_join(out, entry->d_name);
        ok = dir_remove(path, err);
        free(path);
    }
    if (dir) closedir(dir);
    return ok;
}

bool checkpoint_save(Trainer *tr, const Tokenizer *tokenizer, const char *out, const RunState *state, Error *err)
{
    char *folder = mem_format("%s/step-%lld", out, (long long)tr->step), *part = mem_format("%s.part", folder);
    char *model = path_join(folder, "model.gguf"), *exported = path_join(out, "model.gguf");
    bool ok = dir_exists(folder); // saved already: this step's checkpoint cannot differ
    if (!ok) {
        if (dir_exists(part)) dir_remove(part, NULL);
        ok = write_folder(tr, tokenizer, out, state, part, err);
        if (ok && rename(part, folder) != 0) ok = error_set(err, "%s: cannot rename: %s", part, strerror(errno));
        if (!ok) dir_remove(part, NULL);
    }
    ok = ok && dir_sync(out, err) && link_over(model, exported, err);
    if (ok) checkpoint_remove(out, tr->step, NULL); // those that stay are only in the way
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
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        bool part;
        int64_t step = step_of(entry->d_name, &part);
        if (!part && step > last) last = step;
    }
    if (dir) closedir(dir);
    return last;
}

static bool fits_run(const CheckpointState *state, int64_t step, const RunState *run, const char *path, Error *err)
{
    if (state->step != step)
        return error_set(err, "%s: step is %lld, not %lld as the folder says", path, (long long)state->step,
                         (long long)step);
    return state->data_hash == run->data_hash ||
           error_set(err, "%s: the data is not what the run was trained on", path);
}

static bool hashes_hold(const CheckpointState *state, const char *folder, Error *err)
{
    for (int i = 0; i < CHECKPOINT_FILES; i++) {
        uint64_t hash;
        if (i == CHECKPOINT_BEST && !state->has_best) continue;
        char *path = path_join(folder, checkpoint_files[i]);
        bool ok = hash_file(path, &hash, err);
        if (ok && hash != state->hashes[i])
            ok = error_set(err,
                           "%s: it is not the file that the checkpoint was made with (truncated or edited); "
                           "put it back, or start anew with --force",
                           path);
        free(path);
        if (!ok) return false;
    }
    return true;
}

static void compare_origin(const Trainer *tr, const CheckpointState *state, const char *path, Error *other)
{
    uint64_t here[ORIGINS];
    bool differs[ORIGINS];
    json_decref(origin(tr, here));
    for (int i = 0; i < ORIGINS; i++) differs[i] = state->has_origin[i] && state->origin[i] != here[i];
    *other = (Error){ "" };
    if (differs[ORIGIN_DEVICE] || differs[ORIGIN_KERNELS])
        error_set(other,
                  "the checkpoint was computed %s (see %s): the same bits as of a run that was never stopped are not "
                  "promised",
                  differs[ORIGIN_DEVICE] ? "on another device or driver" : "by other kernels", path);
}

static bool load_moments(Trainer *tr, const char *path, Error *err)
{
    const Parameters *ps = &tr->model->parameters;
    Gguf *file = gguf_open(path, err);
    bool ok = file && moments_check(file, ps, err);
    for (int i = 0; i < ps->count && ok; i++)
        for (int k = 0; k < 2; k++) {
            const GgufTensor *tensor = gguf_tensor(file, moment_name(ps->list[i], k ? 'v' : 'm').text);
            stream_write(tr->stream, (k ? tr->v : tr->m)[i].span, tensor->data, tensor->bytes);
        }
    ok = ok && stream_wait(tr->stream, err);
    gguf_close(file);
    return ok;
}

bool checkpoint_load(Trainer *tr, const char *out, int64_t step, RunState *run, Error *err)
{
    char *folder = mem_format("%s/step-%lld", out, (long long)step);
    char *path = path_join(folder, "state.json"), *model = path_join(folder, "model.gguf");
    char *moments = path_join(folder, "optimizer.gguf"), *exported = path_join(out, "model.gguf");
    CheckpointState state;
    bool ok = checkpoint_state_read(path, &state, err) && fits_run(&state, step, run, path, err) &&
              hashes_hold(&state, folder, err) && model_restore(tr->model, tr->stream, model, err) &&
              load_moments(tr, moments, err) && (!state.has_best || link_best(folder, out, err)) &&
              link_over(model, exported, err); // the run may have been killed before it did
    if (ok) {
        tr->step = state.step;
        tr->batches.random = state.batches;
        run->best_loss = state.best_loss;
        compare_origin(tr, &state, path, &run->other_origin);
    }
    free(folder);
    free(path);
    free(model);
    free(moments);
    free(exported);
    return ok;
}
