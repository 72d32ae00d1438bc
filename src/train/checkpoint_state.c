#include "train/checkpoint_state.h"
#include "formats/json_file.h"
#include "models/tensor_file.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1 };
static const int64_t MAX_STEP = 1ll << 40;

const char *const checkpoint_files[CHECKPOINT_FILES] = { "model.gguf", "optimizer.gguf", "best.gguf" };
const char *const checkpoint_origins[ORIGINS] = { "device", "kernels" };

// ---- state.json ----------------------------------------------------------------------------------------------------

// 64-bit values as text: JSON's numbers are not wide enough.
static json_t *hex(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%016" PRIx64, value);
    return json_string(text);
}

json_t *checkpoint_state_json(const CheckpointState *state)
{
    json_t *hashes = json_object();
    for (int i = 0; i < CHECKPOINT_FILES; i++)
        if (i != CHECKPOINT_BEST || state->has_best)
            json_object_set_new(hashes, checkpoint_files[i], hex(state->hashes[i]));
    json_t *origin = json_object();
    for (int i = 0; i < ORIGINS; i++)
        if (state->has_origin[i]) json_object_set_new(origin, checkpoint_origins[i], hex(state->origin[i]));
    const Random *r = &state->batches;
    return json_pack("{s:i, s:I, s:o, s:[o,o,o], s:o, s:o, s:o}", "version", VERSION, "step", (json_int_t)state->step,
                     "data_hash", hex(state->data_hash), "batches", hex(r->key), hex(r->counter), hex(r->subsequence),
                     "best_loss", isfinite(state->best_loss) ? json_real(state->best_loss) : json_null(), "hashes",
                     hashes, "origin", origin);
}

static bool read_version(const json_t *value, void *to)
{
    (void)to;
    return json_is_integer(value) && json_integer_value(value) == VERSION;
}

static bool read_step(const json_t *value, void *to)
{
    int64_t step = json_is_integer(value) ? json_integer_value(value) : -1;
    *(int64_t *)to = step;
    return step >= 0 && step <= MAX_STEP;
}

static bool read_hex(const json_t *value, void *to)
{
    const char *text = json_string_value(value);
    if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16) return false;
    *(uint64_t *)to = strtoull(text, NULL, 16);
    return true;
}

static bool read_random(const json_t *value, void *to)
{
    Random *r = to;
    return json_array_size(value) == 3 && read_hex(json_array_get(value, 0), &r->key) &&
           read_hex(json_array_get(value, 1), &r->counter) && read_hex(json_array_get(value, 2), &r->subsequence);
}

static bool read_loss(const json_t *value, void *to)
{
    *(double *)to = json_is_null(value) ? (double)INFINITY : json_number_value(value);
    return json_is_null(value) || (json_is_number(value) && *(double *)to >= 0);
}

bool checkpoint_state_parse(const void *text, size_t size, const char *name, CheckpointState *state, Error *err)
{
    static const char HEX[] = "a string of 16 hexadecimal digits";
    const struct {
        const char *group, *name; // group: the object that it is in; "" for the outermost
        bool (*read)(const json_t *value, void *to);
        void *to;
        const char *wanted;
        bool *there; // of what may be missing
    } fields[] = {
        { "", "version", read_version, NULL, "1 (another lectern wrote it)" },
        { "", "step", read_step, &state->step, "a whole number from 0 to 2^40" },
        { "", "data_hash", read_hex, &state->data_hash, HEX },
        { "", "batches", read_random, &state->batches, "three strings of 16 hexadecimal digits" },
        { "", "best_loss", read_loss, &state->best_loss, "null or a number of at least 0" },
        { "hashes", checkpoint_files[0], read_hex, &state->hashes[0], HEX },
        { "hashes", checkpoint_files[1], read_hex, &state->hashes[1], HEX },
        { "hashes", checkpoint_files[CHECKPOINT_BEST], read_hex, &state->hashes[CHECKPOINT_BEST], HEX,
          &state->has_best },
        { "origin", checkpoint_origins[0], read_hex, &state->origin[0], HEX, &state->has_origin[0] },
        { "origin", checkpoint_origins[1], read_hex, &state->origin[1], HEX, &state->has_origin[1] },
    };
    *state = (CheckpointState){ 0 };
    json_t *root = json_file_parse(text, size, name, err);
    bool ok = root != NULL;
    for (size_t i = 0; ok && i < COUNT_OF(fields); i++) {
        const char *group = fields[i].group, *dot = *group ? "." : "";
        const json_t *object = *group ? json_object_get(root, group) : root;
        const json_t *value = json_object_get(object, fields[i].name);
        if (fields[i].there) *fields[i].there = value != NULL;
        if (!value)
            ok = fields[i].there || error_set(err, "%s: %s%s%s is missing", name, group, dot, fields[i].name);
        else if (!fields[i].read(value, fields[i].to))
            ok = error_set(err, "%s: %s%s%s is %s; it must be %s", name, group, dot, fields[i].name,
                           json_quote(value).text, fields[i].wanted);
    }
    json_decref(root);
    return ok;
}

bool checkpoint_state_read(const char *path, CheckpointState *state, Error *err)
{
    FileMap map;
    if (!file_map(path, &map, err)) return false;
    bool ok = checkpoint_state_parse(map.data, map.size, path, state, err);
    file_unmap(&map);
    return ok;
}

// ---- optimizer.gguf ------------------------------------------------------------------------------------------------

MomentName moment_name(const Parameter *parameter, char moment)
{
    MomentName name;
    snprintf(name.text, sizeof name.text, "%c.%s", moment, parameter->name);
    return name;
}

bool moments_check(const Gguf *file, const Parameters *ps, Error *err)
{
    for (int i = 0; i < ps->count; i++)
        for (const char *moment = "mv"; *moment; moment++) {
            MomentName name = moment_name(ps->list[i], *moment);
            const GgufTensor *tensor = tensor_file_find(file, name.text, ps->list[i]->tensor.shape, err);
            if (!tensor) return false;
            if (tensor->type != GGML_F32)
                return error_set(err, "%s: the tensor %s is %s; it must be F32", file->path, name.text,
                                 ggml_type_info(tensor->type)->name);
        }
    return true;
}
