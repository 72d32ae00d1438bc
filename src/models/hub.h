// Models as Hugging Face's transformers keeps them: config.json and tensors of other names, against GGUF's. The names are
// those of its modeling_gpt2.py, modeling_llama.py, modeling_qwen2.py and modeling_bert.py, and of llama.cpp's convert_hf_to_gguf.py.
#pragma once
#include "models/model.h"
#include <jansson.h>

typedef enum HubChange {
    HUB_SAME,
    HUB_TRANSPOSED, // GPT-2's Conv1D keeps its weights as [in, out]
    HUB_QUERIES,    // rotary pairs in halves there, in neighbours here (formats/convert.h)
    HUB_KEYS,
} HubChange;

typedef struct HubName {
    const char *gguf, *hub; // "blk.%d.attn_q.weight", "model.layers.%d.self_attn.q_proj.weight"
    HubChange change;
    bool optional; // the head of a model whose head is its embedding
} HubName;

typedef struct HubFamily {
    const char *arch;        // as GGUF's and as config.json's "model_type"
    const char *class;       // "GPT2LMHeadModel"
    const char *prefix;      // of tensors that some files lack: "transformer."
    const HubName *names;    //
    size_t n_names;          //
    const char *const *idle; // patterns (fnmatch) of tensors that change nothing here: masks, frequencies, other heads
    size_t n_idle;
} HubFamily;

const HubFamily *hub_family(const char *arch); // NULL if there is none

// A name for a layer. "%d" stands in it at most once.
void hub_name(const char *pattern, int layer, char out[128]);

// Whether a path means such a model: a folder, a file of safetensors, or the index of several. Else it is a GGUF file.
bool hub_is(const char *path);

// The folder that a path to weights means, of config.json and the tokenizer: itself, or the file's. The caller frees it.
char *hub_folder(const char *path);

// config.json as a Config. Errors name `path` and the field: an unknown model_type, what is missing or out of range, and
// whatever would make the model compute something else than lectern's.
bool hub_read_config(const json_t *json, const char *path, const Family **family, Config *config, Error *err);

bool hub_open_config(const char *folder, const Family **family, Config *config, Error *err); // its config.json

// The reverse; `dtype` is "float32", "float16" or "bfloat16".
json_t *hub_config(const Family *family, const Config *config, const char *dtype);

// tokenizer.json and tokenizer_config.json of a byte-level BPE vocabulary of a GGUF file, NULL and an error when it is of
// another kind or its pre-tokenizer isn't known.
json_t *hub_tokenizer(const Gguf *file, Error *err);
json_t *hub_tokenizer_config(const Gguf *file);
