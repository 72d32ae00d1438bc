// The model that --model names, by the one rule for names (base/assets.h): a file, a run's folder, a folder of the hub's, or
// one of assets/. NULL and one line on failure.
#pragma once
#include "models/model.h"

Model *named_model_load(Gpu *gpu, Stream *stream, const char *name, Tokenizer **tokenizer, Error *err);
