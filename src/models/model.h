// Models: a configuration, a family that says how parameters and activations are put together, and the file they live in.
#pragma once
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "nn/layers.h"
#include "text/tokenizer.h"

// The names are GGUF's keys' and the field's; shapes follow from them.
typedef struct Config {
    int n_layers, n_heads, n_kv_heads, d_model, d_ff, vocab_size, seq_len;
    float eps;                    // of the norms
    float rope_base, rope_linear; // families with rotary positions: RopeScaling's
    bool tied;                    // the head's weight is the token embedding's
    int n_segments; // parts of a text that have embeddings of their own: two sentences; families without have 0
    float dropout;  // when training
} Config;

typedef struct Model Model;

typedef struct Family {
    const char *arch;                 // general.architecture: "gpt2"
    void (*defaults)(Config *config); // fills what is 0
    void (*build)(Model *model);      // declares the parameters
    // ids [B, T] i32 → the last layer's normalised output [B, T, C]
    Tensor *(*hidden)(Tape *t, const Model *model, Tensor *ids, const Place *place);
    const char *eps_key; // of GGUF, behind the architecture's name
    bool rotary;
    RopePairing pairing; // of its files
    bool qkv_bias;       // where other layers have none
    bool trainable;      // by `lectern train`
    bool encoder;        // every token sees the whole text: there is no head, and nothing is written
} Family;

const Family *family_find(const char *arch); // NULL if there is none
const char *family_names(void);              // "gpt2, llama, bert", for messages

typedef struct Layer {
    Norm attention_norm, ffn_norm;
    MultiHead attention;
    FeedForward ffn;
} Layer;

struct Model {
    Gpu *gpu;
    const Family *family;
    Config config;
    Parameters parameters;
    Tensor *token_embedding, *position_embedding; // the second NULL for rotary families
    Tensor *segment_embedding;                    // NULL for families without
    Norm embedding_norm;                          // of families that have it
    Layer *layers;
    Norm output_norm;
    Linear head;
    Tensor rope_table; // [positions, head_dim/2, 2]; no memory for families without
};

// Checks a configuration that came from a user or a file: sizes in range, heads that divide. One line naming the field.
bool config_check(const Family *family, const Config *config, Error *err);

// Declares a model without memory: enough for plans. The configuration has been checked.
Model *model_new(Gpu *gpu, const Family *family, const Config *config);
bool model_alloc(Model *model, Stream *stream, Error *err); // memory, and the rotary table
void model_free(Model *model);

// Makes the rotary table of a loaded model long enough for so many positions. A file may promise millions, whose table is
// larger than many devices bind: model_load makes the first MODEL_POSITIONS.
enum { MODEL_POSITIONS = 2048 };
bool model_reach(Model *model, Stream *stream, int64_t positions, Error *err);

int model_head_dim(const Model *model);

// ids [B, T] → logits [B, T, V]. Tensors that the caller keeps must be taken before (see tape_mark).
Tensor *model_logits(Tape *t, const Model *model, Tensor *ids, const Place *place);

// One layer's pass, x [B, T, C] → [B, T, C], and all of them: what families share. Pre-norm (Radford et al. 2019, §2.3):
// x + attention(norm(x)), then x + ffn(norm(x)). Post-norm (Vaswani et al. 2017, §3.1): norm(x + attention(x)), then
// norm(x + ffn(x)).
typedef Tensor *LayerFn(Tape *t, const Model *model, const Layer *layer, Tensor *x, const Place *place);
LayerFn pre_norm_layer, post_norm_layer;
Tensor *run_layers(Tape *t, const Model *model, LayerFn *layer, Tensor *x, const Place *place);

// ---- Files (model_file.c) ------------------------------------------------------------------------------------------

// A configuration under the architecture's keys, and back. Errors as model_load's.
void model_put_config(GgufWriter *writer, const Family *family, const Config *config);
bool model_read_config(const Gguf *file, const Family **family, Config *config, Error *err);

void tokenizer_to_gguf(const Tokenizer *tokenizer, GgufWriter *writer); // under tokenizer.ggml.*

// Writes weights (f32), configuration and tokenizer as GGUF v3, which other runtimes load unchanged.
bool model_save(const Model *model, const Tokenizer *tokenizer, Stream *stream, const char *path, Error *err);

// Reads such a file, of lectern or of others, or a folder of the hub's: safetensors (or their file, or the index of several),
// config.json, and the tokenizer's files. Weights are f32, f16 or bf16, in GGUF also q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k
// or q6_k. Every field is checked; errors name the file and the field. `trained` makes all f32, with gradients; else matrices
// of f16 and of the quantised types keep theirs. `tokenizer` may be NULL.
Model *model_load(Gpu *gpu, Stream *stream, const char *path, bool trained, Tokenizer **tokenizer, Error *err);

// What of such a model lectern can run: each message is empty, or says why not.
typedef struct ModelCheck {
    Error config; // the architecture and its keys
    Error weights;
    Error tokenizer;
} ModelCheck;

ModelCheck model_check(const Gguf *file);
ModelCheck model_check_hub(const Safetensors *safetensors); // with what lies in their folder

// The tokenizer alone: of such a file, or of what tokenizer_open reads.
Tokenizer *model_tokenizer(const char *path, Error *err);

// The chat template's program (text/chat.h) of what model_load reads: tokenizer.chat_template of a GGUF file;
// chat_template.jinja of a folder, else chat_template of its tokenizer_config.json (where that holds several, the one named
// "default"). *program, which the caller frees, is NULL where there is none.
bool model_chat_program(const char *path, char **program, Error *err);

// Fills a model that has memory from a file of the same configuration (a checkpoint's).
bool model_restore(Model *model, Stream *stream, const char *path, Error *err);
