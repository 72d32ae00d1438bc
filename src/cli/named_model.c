#include "cli/named_model.h"
#include "base/assets.h"
#include <stdlib.h>

Model *named_model_load(Gpu *gpu, Stream *stream, const char *name, Tokenizer **tokenizer, Error *err)
{
    char *path = asset_find(name, err);
    Model *model = path ? model_load(gpu, stream, path, false, tokenizer, err) : NULL;
    free(path);
    return model;
}
