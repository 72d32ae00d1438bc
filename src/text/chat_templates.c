// The templates, as the tokenizer_config.json of their models have them: SmolLM2-Instruct, Qwen2-Instruct and
// Qwen2.5-Instruct, Llama-2-chat, Meta-Llama-3-Instruct, Llama-3.1-Instruct, zephyr-7b-beta, gemma-2-it.
#include "base/memory.h"
#include "text/chat.h"

#define CHATML                                                                                                      \
    .tokens = { "<|im_start|>", "<|im_end|>" }, .begin = "", .ask = "<|im_start|>assistant\n", .end = "<|im_end|>", \
    .turns = {                                                                                                      \
        [CHAT_SYSTEM] = { "<|im_start|>system\n", "<|im_end|>\n" },                                                 \
        [CHAT_USER] = { "<|im_start|>user\n", "<|im_end|>\n" },                                                     \
        [CHAT_ASSISTANT] = { "<|im_start|>assistant\n", "<|im_end|>\n" },                                           \
    }
#define LLAMA3(begin_system)                                                                                   \
    .tokens = { "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>" }, .begin = "\1",                     \
    .ask = "<|start_header_id|>assistant<|end_header_id|>\n\n", .end = "<|eot_id|>",                           \
    .turns = {                                                                                                 \
        [CHAT_SYSTEM] = { "<|start_header_id|>system<|end_header_id|>\n\n" begin_system, "<|eot_id|>", true }, \
        [CHAT_USER] = { "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>", true },                  \
        [CHAT_ASSISTANT] = { "<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>", true },        \
    }

// The first whose marks fit is taken. What it lacks tells programs apart that do more with a message than write it.
static const ChatTemplate TEMPLATES[] = {
    {
        "smollm2",
        .marks = { "<|im_start|>", "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>" },
        .lacks = { "think", "trim", "strip" },
        .system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
        CHATML,
    },
    {
        "qwen2.5",
        .marks = { "<|im_start|>", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>" },
        .lacks = { "think", "trim", "strip" },
        .system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
        CHATML,
    },
    {
        "qwen2",
        .marks = { "<|im_start|>", "You are a helpful assistant.<|im_end|>" },
        .lacks = { "think", "trim", "strip", "You are Qwen" },
        .system = "You are a helpful assistant.",
        CHATML,
    },
    {
        "chatml",
        .marks = { "<|im_start|>", "<|im_end|>" },
        .lacks = { "<|im_start|>system", "think", "trim", "strip", "bos_token", "im_sep" },
        CHATML,
    },
    {
        "llama-2",
        .marks = { "[INST] ", "<<SYS>>", "content.strip() + ' ' + eos_token" },
        .lacks = { "You are" },
        .tokens = { "\1", "\2" },
        .begin = "",
        .turns = { [CHAT_SYSTEM] = { "<<SYS>>\n", "\n<</SYS>>\n\n" },
                   [CHAT_USER] = { "\1[INST] ", " [/INST]", true },
                   [CHAT_ASSISTANT] = { " ", " \2", true } },
        .system_in_user = true,
        .ask = "",
        .end = "\2",
    },
    {
        "llama-3",
        .marks = { "<|start_header_id|>", "<|eot_id|>", "trim" },
        .lacks = { "Cutting Knowledge Date", "tools" },
        LLAMA3(""),
    },
    {
        "llama-3.1", // 3.2 and 3.3 too; 3.2's writes the day's date where its host tells it one, else this one
        .marks = { "<|start_header_id|>", "<|eot_id|>", "Cutting Knowledge Date: December 2023", "26 Jul 2024" },
        .lacks = { "think" },
        .system = "",
        LLAMA3("Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"),
    },
    {
        "zephyr",
        .marks = { "<|system|>", "<|user|>", "<|assistant|>", "message['content'] + eos_token" },
        .lacks = { "bos_token", "message['content'] }}", "message['content'] + '", "{{ eos_token }}", "trim", "strip" },
        .tokens = { "\2" },
        .begin = "",
        .turns = { [CHAT_SYSTEM] = { "<|system|>\n", "\2\n" },
                   [CHAT_USER] = { "<|user|>\n", "\2\n" },
                   [CHAT_ASSISTANT] = { "<|assistant|>\n", "\2\n" } },
        .ask = "<|assistant|>\n",
        .end = "\2",
    },
    {
        "gemma",
        .marks = { "<start_of_turn>", "<end_of_turn>", "System role not supported", "trim" },
        .tokens = { "\1", "<start_of_turn>", "<end_of_turn>" },
        .begin = "\1",
        .turns = { [CHAT_USER] = { "<start_of_turn>user\n", "<end_of_turn>\n", true },
                   [CHAT_ASSISTANT] = { "<start_of_turn>model\n", "<end_of_turn>\n", true } },
        .ask = "<start_of_turn>model\n",
        .end = "<end_of_turn>",
    },
};

const ChatTemplate *chat_template_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(TEMPLATES); i++)
        if (!strcmp(TEMPLATES[i].name, name)) return &TEMPLATES[i];
    return NULL;
}

const char *chat_template_names(void)
{
    return "smollm2, qwen2, qwen2.5, chatml, llama-2, llama-3, llama-3.1, zephyr, gemma";
}

static bool has(StringView program, const char *text)
{
    return memmem(program.data, program.size, text, strlen(text)) != NULL;
}

static bool fits(const ChatTemplate *t, StringView program)
{
    for (size_t i = 0; i < COUNT_OF(t->marks) && t->marks[i]; i++)
        if (!has(program, t->marks[i])) return false;
    for (size_t i = 0; i < COUNT_OF(t->lacks) && t->lacks[i]; i++)
        if (has(program, t->lacks[i])) return false;
    return true;
}

const ChatTemplate *chat_template_recognise(StringView program)
{
    for (size_t i = 0; i < COUNT_OF(TEMPLATES); i++)
        if (fits(&TEMPLATES[i], program)) return &TEMPLATES[i];
    return NULL;
}
