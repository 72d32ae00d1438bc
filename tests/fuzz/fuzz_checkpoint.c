// Any bytes as a checkpoint's state.json or, where they begin like one, as its optimizer.gguf. What is read can be
// written and read again; moments that pass hold every number that will be uploaded.
#include "train/checkpoint_state.h"
#include <stdlib.h>
#include <string.h>

static bool read_state(const uint8_t *data, size_t size, Error *err)
{
    CheckpointState state, again;
    if (!checkpoint_state_parse(data, size, "state.json", &state, err)) return false;
    if (state.step < 0 || state.step > 1ll << 40 || !(state.best_loss >= 0)) abort();
    json_t *root = checkpoint_state_json(&state);
    char *text = json_dumps(root, JSON_REAL_PRECISION(17));
    if (!checkpoint_state_parse(text, strlen(text), "state.json", &again, err)) abort();
    if (memcmp(&state, &again, sizeof state) != 0) abort();
    free(text);
    json_decref(root);
    return true;
}

// For a model with a weight [2, 3] and a bias [4].
static bool read_moments(const uint8_t *data, size_t size, Error *err)
{
    Gguf *file = gguf_open_memory(data, size, "optimizer.gguf", err);
    if (!file) return false;
    Parameters ps = { 0 };
    parameter_add(&ps, SHAPE(2, 3), 0, 0, "a.weight");
    parameter_add(&ps, SHAPE(4), 0, 0, "b");
    bool ok = moments_check(file, &ps, err);
    for (int i = 0; ok && i < ps.count; i++)
        for (const char *moment = "mv"; *moment; moment++) {
            const GgufTensor *tensor = gguf_tensor(file, moment_name(ps.list[i], *moment).text);
            if (tensor->bytes != ps.list[i]->tensor.span.bytes) abort();
            if (tensor->data < data || tensor->data > data + size - tensor->bytes) abort();
        }
    parameters_free(&ps, NULL);
    gguf_close(file);
    return ok;
}

static bool read_checkpoint_file(const uint8_t *data, size_t size, Error *err)
{
    return (size >= 4 && !memcmp(data, "GGUF", 4) ? read_moments : read_state)(data, size, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = { "" };
    if (read_checkpoint_file(data, size, &err) == error_is_set(&err)) abort();
    return 0;
}
