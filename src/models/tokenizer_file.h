// Inside the room: a tokenizer as GGUF's keys tokenizer.ggml.*.
#pragma once
#include "formats/gguf.h"
#include "text/tokenizer.h"

// Errors name the file and the key; more tokens than `vocab_size` is one.
Tokenizer *tokenizer_from_gguf(const Gguf *file, int vocab_size, Error *err);

// Whether those keys can say how it cuts texts; false and an error where they would be read as another tokenizer's.
bool tokenizer_fits_gguf(const Tokenizer *tokenizer, Error *err);
