// Models from one file format to the other, and to other types of numbers.
#pragma once
#include "base/progress.h"
#include "formats/quants.h"
#include "models/model.h"

typedef struct ExportOptions {
    const char *model;        // a GGUF file, or a folder or file of safetensors
    const char *out;          // "NAME.gguf", or a folder for safetensors
    const GgmlTypeInfo *type; // of the weights; NULL: as they are, or f32 where the format has no such type
    bool force;               // replace what is there
    bool (*stopped)(void);    // asked now and then: true gives up
} ExportOptions;

typedef struct ExportReport {
    size_t bytes, n_tensors;
    int counts[32];     // tensors by GgmlType
    bool requantised;   // weights that were in blocks became other blocks
    Error no_tokenizer; // why the result has none; empty when it has
    Error lost;         // what of an encoder's settings the result does not hold; empty when it holds all
} ExportReport;

// GGUF → GGUF of any architecture, every key kept; GGUF ↔ safetensors for gpt2, llama, qwen2 and bert (names, transposed
// weights, rotary pairs and config.json as in hub.h; of an encoder the files of embedder.h too). Safetensors hold f32, f16
// and bf16 alone.
//
// Which tensors become `type`: weights of two dimensions or more. Norms, biases and tables of positions or token types are
// f32, as llama.cpp's quantiser leaves them. The head (output.weight, or token_embd.weight where there is none) is at least
// q8_0: there llama.cpp takes q6_k or q8_0. Rows that are no whole blocks become f16.
//
// A file is written whole or not at all. A new folder appears when it is complete; in one that is there (force) each file
// is replaced by itself, the weights last. Errors, besides the reader's and the disk's: `out` is there and not `force`; what
// config.json or the keys say that lectern can't carry over; tensors that are missing, of another shape, or without a
// place in the other format; numbers that `type` can't hold.
bool model_export(const ExportOptions *options, ExportReport *report, Error *err);
