// A conversation with a model. The cache keeps all of it: a message costs the model its own tokens alone.
#include "text/chat.h"
#include "base/assets.h"
#include "cli/answer.h"
#include "models/model.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *model_path, *system_text, *template_name;
static AnswerOptions answering = { .max_tokens = 1024, ANSWER_DEFAULTS };
static int64_t context = 4096;

static Option options[] = {
    PATH("model", model_path, "MODEL", "GGUF file, folder or run of a model that was trained on conversations"),
    TEXT("system", system_text, "what the model is told first, instead of its template's own"),
    TEXT("chat-template", template_name, "how the conversation is written, where the model's file does not say it"),
    INT("context", context, 1, 1 << 22, "tokens that a conversation may have; at most the model's own context"),
    ANSWER_OPTIONS(answering),
};

typedef struct Talk {
    const Invocation *in;
    Model *model;
    Tokenizer *tokenizer;
    Generator generator;
    Sampler sampler;
    Decoder decoder;
    Chat chat;
    Arena texts; // of the messages
    ChatMessage *messages;
    size_t count, capacity;
    size_t written; // messages that are in the decoder's sequence, the last of them an answer
    bool terminal;  // a person types
} Talk;

// ---- The conversation ----------------------------------------------------------------------------------------------

static void add_message(Talk *t, ChatRole role, StringView text)
{
    GROW(t->messages, t->count, t->capacity);
    char *copy = arena_alloc(&t->texts, text.size + 1);
    if (text.size) memcpy(copy, text.data, text.size);
    t->messages[t->count++] = (ChatMessage){ role, { copy, text.size } };
}

static void begin(Talk *t)
{
    decoder_restart(&t->decoder);
    arena_free(&t->texts);
    t->count = t->written = 0;
    if (system_text) add_message(t, CHAT_SYSTEM, string_view(system_text));
}

// The ids that the last message adds to the sequence.
static void message_ids(const Talk *t, TokenList *ids)
{
    ChatText text = { 0 };
    if (t->written) chat_close(&t->chat, &text);
    chat_render(&t->chat, t->messages, t->written, t->count, true, &text);
    chat_encode(&t->chat, &text, ids);
    chat_text_free(&text);
}

static void report_end(const Talk *t, const Answer *a)
{
    fflush(stdout);
    if (!strcmp(a->reason, "context"))
        fprintf(stderr, "lectern chat: the context of %lld tokens is full: %s\n", (long long)t->generator.capacity,
                t->terminal ? "/reset begins a new conversation" : "a larger --context may help");
    if (!strcmp(a->reason, "length") && t->terminal)
        fprintf(stderr, "lectern chat: cut after %lld tokens (--max-tokens)\n", (long long)answering.max_tokens);
}

static bool write_answer(Talk *t, Error *err)
{
    Answer a;
    answer_begin(&a, t->tokenizer, &answering, chat_end(&t->chat), t->in->common.json);
    bool ok = answer_write(&a, &t->decoder, err);
    if (ok) {
        add_message(t, CHAT_ASSISTANT, (StringView){ a.text, a.text_size });
        t->written = t->count;
        report_end(t, &a);
    }
    if (ok && t->in->common.json) {
        json_t *json = answer_json(&a);
        json_dumpf(json, stdout, JSON_COMPACT), putchar('\n');
        fflush(stdout);
        json_decref(json);
    }
    answer_free(&a);
    return ok;
}

// *fits is false when there is no room for the message: then nothing has changed.
static bool say(Talk *t, StringView text, bool *fits, Error *err)
{
    TokenList ids = { 0 };
    add_message(t, CHAT_USER, text);
    message_ids(t, &ids);
    int64_t room = decoder_room(&t->decoder) < 0 ? 0 : decoder_room(&t->decoder);
    *fits = (int64_t)ids.count <= room;
    bool ok = true;
    if (*fits) {
        decoder_push(&t->decoder, ids.ids, ids.count);
        ok = write_answer(t, err);
    } else {
        t->count--;
        error_set(err, "the message needs %zu tokens of the context's %lld, and %lld are left: %s", ids.count,
                  (long long)t->generator.capacity, (long long)room,
                  t->terminal ? "/reset begins a new conversation" : "give a larger --context, or fewer messages");
    }
    free(ids.ids);
    return ok;
}

// ---- At a terminal -------------------------------------------------------------------------------------------------

static void help(Talk *t, const char *rest)
{
    (void)t, (void)rest;
    puts("/reset         begin a new conversation\n"
         "/system TEXT   begin one in which the model is told this first; without TEXT: show it\n"
         "/help          this\n"
         "Ctrl-C stops an answer (twice at once: everything), Ctrl-D leaves.");
}

static void reset(Talk *t, const char *rest)
{
    (void)rest;
    begin(t);
    puts("(a new conversation)");
}

static void set_system(Talk *t, const char *rest)
{
    static char *kept;
    const ChatTemplate *template = t->chat.template;
    if (!*rest) {
        const char *now = system_text ? system_text : template->system;
        puts(now && *now ? now : "(nothing)");
    } else if (!template->turns[CHAT_SYSTEM].before) {
        printf("(the chat template %s has no place for it)\n", template->name);
    } else {
        free(kept);
        system_text = kept = mem_string(rest);
        reset(t, rest);
    }
}

static void run_command(Talk *t, const char *line)
{
    static const struct {
        const char *name;
        void (*run)(Talk *t, const char *rest);
    } commands_[] = { { "/help", help }, { "/reset", reset }, { "/system", set_system } };
    size_t length = strcspn(line, " ");
    for (size_t i = 0; i < COUNT_OF(commands_); i++)
        if (strlen(commands_[i].name) == length && !memcmp(commands_[i].name, line, length)) {
            commands_[i].run(t, line + length + strspn(line + length, " "));
            return;
        }
    printf("(there is no command %.*s: /help lists them)\n", (int)length, line);
}

// ---- Lines ---------------------------------------------------------------------------------------------------------

static bool handle(Talk *t, char *line, size_t size, Error *err)
{
    bool fits = true;
    if (t->terminal && !size) return true;
    if (t->terminal && line[0] == '/') {
        run_command(t, line);
        return true;
    }
    if (!say(t, (StringView){ line, size }, &fits, err)) return false;
    if (fits || !t->terminal) return fits;
    fprintf(stderr, "lectern chat: %s\n", err->message);
    *err = (Error){ "" };
    return true;
}

static bool talk(Talk *t, Error *err)
{
    char *line = NULL;
    size_t capacity = 0, number = 1;
    bool ok = true;
    while (ok) {
        if (t->terminal) interrupt_forget();
        if (interrupted()) break;
        if (t->terminal) printf("> "), fflush(stdout);
        errno = 0;
        ssize_t size = getline(&line, &capacity, stdin);
        if (size < 0 && errno == EINTR && t->terminal) { // Ctrl-C while typing
            clearerr(stdin);
            putchar('\n');
            continue;
        }
        if (size < 0) break;
        if (size && line[size - 1] == '\n') line[--size] = '\0';
        ok = handle(t, line, (size_t)size, err);
        if (!ok && !t->terminal) error_prefix(err, "line %zu", number);
        number++;
    }
    if (ok && ferror(stdin) && !interrupted()) ok = error_set(err, "standard input: %s", strerror(errno));
    if (ok && t->terminal) putchar('\n');
    free(line);
    return ok;
}

// ---- Start ---------------------------------------------------------------------------------------------------------

static const ChatTemplate *choose_template(const char *path, Error *err)
{
    if (template_name) return chat_template_find(template_name);
    char *program;
    if (!model_chat_program(path, &program, err)) return NULL;
    const ChatTemplate *found = program ? chat_template_recognise(string_view(program)) : NULL;
    if (!found)
        error_set(err, "%s: %s; choose one with --chat-template: %s", path,
                  program ? "its chat template is none that lectern knows" : "it has no chat template",
                  chat_template_names());
    free(program);
    return found;
}

static bool open_talk(Talk *t, const char *path, const ChatTemplate *template, Gpu *gpu, Stream *stream, Error *err)
{
    if (system_text && !template->turns[CHAT_SYSTEM].before)
        return error_set(err, "the chat template %s has no place for --system", template->name);
    t->model = model_load(gpu, stream, path, false, &t->tokenizer, err);
    if (!t->model || !chat_open(&t->chat, template, t->tokenizer, err) ||
        !generator_open(&t->generator, t->model, stream, context, err))
        return false;
    sampler_open(&t->sampler, answer_sampler(&answering), tokenizer_vocab_size(t->tokenizer),
                 (uint64_t)t->in->common.seed);
    decoder_open(&t->decoder, &t->generator, &t->sampler);
    begin(t);
    return true;
}

static void close_talk(Talk *t)
{
    decoder_close(&t->decoder);
    sampler_close(&t->sampler);
    generator_close(&t->generator);
    arena_free(&t->texts);
    free(t->messages);
    model_free(t->model);
    tokenizer_free(t->tokenizer);
}

static void more_help(const Invocation *in, FILE *out)
{
    (void)in;
    fprintf(out,
            "\nAt a terminal /help lists the commands. Otherwise each line of standard input is a message, and the\n"
            "answers go to standard output: as text, or with --json one object a line.\n"
            "Chat templates: %s.\n",
            chat_template_names());
}

static int go(const Invocation *in, const char *path)
{
    Error err = { "" };
    Gpu *gpu;
    Stream *stream;
    Talk t = { .in = in, .terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !in->common.json };
    const ChatTemplate *template = choose_template(path, &err);
    if (!template) return fail(in, &err);
    if (!open_device(in, &gpu, &stream)) return EXIT_FAILED;
    interrupted();
    bool ok = open_talk(&t, path, template, gpu, stream, &err);
    if (ok && t.terminal)
        printf("(chat template %s, a context of %lld tokens; /help lists the commands)\n", template->name,
               (long long)t.generator.capacity);
    ok = ok && talk(&t, &err);
    close_talk(&t);
    return close_device(in, gpu, stream, ok ? EXIT_OK : fail(in, &err));
}

static int run(Invocation *in)
{
    Error err = { "" };
    if (!model_path) return usage_error(in, "--model is missing");
    if (template_name && !chat_template_find(template_name))
        return usage_error(in, "there is no chat template \"%s\": %s", template_name, chat_template_names());
    char *path = asset_find(model_path, &err);
    int code = path ? go(in, path) : fail(in, &err);
    free(path);
    return code;
}

const Command command_chat = { .name = "chat",
                               .summary = "talk with a model",
                               .usage = "usage: lectern chat --model FILE [--system TEXT] [OPTION …]\n"
                                        "example: lectern chat --model SmolLM2-135M-Instruct.gguf",
                               .on_device = true,
                               .seeded = true,
                               OPTIONS(options),
                               .more_help = more_help,
                               .run = run };
