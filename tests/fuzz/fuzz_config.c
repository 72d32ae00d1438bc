// Any bytes as a config.json: refused with an error, or a configuration whose model can be declared and written down again.
#include "models/hub.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error err = { "" };
    const Family *family, *again;
    Config config, other;
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json) return 0;
    bool ok = hub_read_config(json, "fuzz", &family, &config, &err);
    if (ok == error_is_set(&err)) abort();
    json_decref(json);
    if (!ok) return 0;
    if (config.n_layers <= 8) model_free(model_new(NULL, family, &config));
    json = hub_config(family, &config, "float32");
    if (!hub_read_config(json, "written", &again, &other, &err) || again != family || other.d_ff != config.d_ff ||
        other.n_kv_heads != config.n_kv_heads || other.tied != config.tied)
        abort();
    json_decref(json);
    return 0;
}
