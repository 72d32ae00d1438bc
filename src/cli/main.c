#include "cli/command.h"
#include "commands_table.inc"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ---- Help ----------------------------------------------------------------------------------------------------------

static void print_commands(FILE *out)
{
    fprintf(out, "lectern: a Transformers & LLMs course that runs\n\nusage: lectern COMMAND [OPTION …]\n"
                 "       lectern --version\n\n");
    for (int i = 0; i < commands_count; i++) fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n`lectern COMMAND --help` says more.\n");
}

static void print_default(FILE *out, const Option *o)
{
    if (o->type == OPTION_INT) fprintf(out, " (%lld)", (long long)*(int64_t *)o->value);
    if (o->type == OPTION_FLOAT) fprintf(out, " (%g)", *(double *)o->value);
    if (o->type == OPTION_TEXT && *(const char **)o->value) fprintf(out, " (%s)", *(const char **)o->value);
}

static void print_option(FILE *out, const Option *o)
{
    static const char *const values[] = { "", " N", " X", " TEXT" };
    char left[48];
    snprintf(left, sizeof left, "--%s%s%s", o->name, o->path ? " " : "", o->path ? o->path : values[o->type]);
    fprintf(out, "  %-26s %s", left, o->help);
    print_default(out, o);
    fputc('\n', out);
}

static int common_options(const Command *command, Common *common, Option list[5])
{
    int n = 0;
    if (command->on_device) {
        list[n++] = (Option)TEXT("device", common->device, "index or part of the name (see `lectern devices`)");
        list[n++] = (Option)FLAG("validate", common->validate, "run under Vulkan's validation layer");
        list[n++] = (Option)FLAG("profile", common->profile, "print time, FLOP/s and GB/s by kernel at the end");
    }
    if (command->seeded) list[n++] = (Option)INT("seed", common->seed, 0, MAX_SEED, "of all random numbers");
    if (!command->no_json) list[n++] = (Option)FLAG("json", common->json, "print JSON for machines");
    return n;
}

static void print_help(const Command *command, const Invocation *in)
{
    Common common = { 0 };
    Option list[5];
    int n = common_options(command, &common, list);
    printf("lectern %s: %s\n\n%s\n\n", command->name, command->summary, command->usage);
    for (int i = 0; i < command->option_count; i++) print_option(stdout, &command->options[i]);
    for (int i = 0; i < n; i++) print_option(stdout, &list[i]);
    if (command->more_help) command->more_help(in, stdout);
}

// ---- Parsing -------------------------------------------------------------------------------------------------------

int fail(const Invocation *in, const Error *err)
{
    fprintf(stderr, "lectern %s: %s\n", in->command, err->message);
    return EXIT_FAILED;
}

int usage_error(const Invocation *in, const char *format, ...)
{
    Error err = { "" };
    char message[sizeof err.message];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    error_set(&err, "%s", message); // what it quotes may hold anything
    fprintf(stderr, "lectern %s: %s (see `lectern %s --help`)\n", in->command, err.message, in->command);
    return EXIT_USAGE;
}

char *shell_word(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+,:@%";
    if (*word && !word[strspn(word, plain)]) return mem_string(word);
    char *out = mem_alloc(4 * strlen(word) + 3), *end = out;
    *end++ = '\'';
    for (; *word; word++) end += sprintf(end, *word == '\'' ? "'\\''" : "%c", *word);
    strcpy(end, "'");
    return out;
}

static Option *find_option(Option *list, int n, const char *name, size_t length)
{
    for (int i = 0; i < n; i++)
        if (strlen(list[i].name) == length && !memcmp(list[i].name, name, length)) return &list[i];
    return NULL;
}

static bool out_of_range(const Option *o, double value)
{
    return !isfinite(value) || ((o->low != 0 || o->high != 0) && (value < o->low || value > o->high));
}

static int set_value(const Invocation *in, Option *o, const char *text)
{
    char *end;
    errno = 0;
    double number = o->type == OPTION_INT ? (double)strtoll(text, &end, 10) : strtod(text, &end);
    o->given = true;
    if (o->path && !*text) return usage_error(in, "--%s is empty: it takes the name of a %s", o->name, o->path);
    if (o->type == OPTION_TEXT) {
        *(const char **)o->value = text;
        return EXIT_OK;
    }
    if (!*text || *end || errno)
        return usage_error(in, "--%s: \"%s\" is not %s", o->name, text,
                           o->type == OPTION_INT ? "a whole number" : "a number");
    if (out_of_range(o, number))
        return usage_error(in, "--%s: %s is out of range (%.15g to %.15g)", o->name, text, o->low, o->high);
    if (o->type == OPTION_INT)
        *(int64_t *)o->value = (int64_t)number;
    else
        *(double *)o->value = number;
    return EXIT_OK;
}

// The option that "--name" or "--name=value" means; NULL where there is none, and for a word.
static Option *option_of(const Invocation *in, Option *common, int n, const char *arg)
{
    if (strncmp(arg, "--", 2) != 0) return NULL;
    size_t length = strcspn(arg + 2, "=");
    Option *own = find_option(in->options, in->option_count, arg + 2, length);
    return own ? own : find_option(common, n, arg + 2, length);
}

// Whether the argument behind `arg` (NULL at the end) is its value. `o` is the option that it means, or NULL.
static bool takes_next(const Command *command, const Option *o, const char *arg, const char *next)
{
    if (!next || strncmp(arg, "--", 2) != 0 || strchr(arg, '=')) return false;
    return o ? o->type != OPTION_FLAG : command->takes_extra && strncmp(next, "--", 2) != 0;
}

static bool is_help(const char *arg) { return !strcmp(arg, "--help") || !strcmp(arg, "-h"); }

// Before anything is set: the help tells the defaults. What an option takes as its value asks for nothing.
static bool asks_for_help(Invocation *in, const Command *command, char **argv)
{
    Option common[5];
    int n = common_options(command, &in->common, common);
    for (; *argv && strcmp(*argv, "--") != 0; argv++) {
        if (is_help(*argv)) return true;
        if (takes_next(command, option_of(in, common, n, *argv), argv[0], argv[1])) argv++;
    }
    return false;
}

static int parse(Invocation *in, const Command *command, int argc, char **argv)
{
    Option common[5];
    int n = common_options(command, &in->common, common);
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_words && !strcmp(arg, "--")) {
            only_words = true;
            continue;
        }
        if (only_words || strncmp(arg, "--", 2) != 0) {
            if (!*arg) return usage_error(in, "an argument is empty, and names nothing");
            if (!only_words && *arg == '-') return usage_error(in, "there is no option %s", arg);
            if (in->word_count == command->max_words) return usage_error(in, "\"%s\" is one argument too many", arg);
            in->words[in->word_count++] = arg;
            continue;
        }
        const char *equals = strchr(arg, '=');
        Option *o = option_of(in, common, n, arg);
        const char *value = equals ? equals + 1 : takes_next(command, o, arg, argv[i + 1]) ? argv[++i] : NULL;
        if (!o && !command->takes_extra) return usage_error(in, "there is no option %s", arg);
        if (!o) {
            if (in->extra_count == (int)COUNT_OF(in->extra)) return usage_error(in, "%s is one option too many", arg);
            in->extra[in->extra_count].name = mem_string_n(arg + 2, strcspn(arg + 2, "=")); // as long as the process
            in->extra[in->extra_count++].value = value;
            continue;
        }
        if (o->type == OPTION_FLAG) {
            if (value) return usage_error(in, "--%s takes no value", o->name);
            *(bool *)o->value = o->given = true;
            continue;
        }
        if (!value) return usage_error(in, "--%s needs a value", o->name);
        int code = set_value(in, o, value);
        if (code) return code;
        if (o->value == &in->common.seed) in->common.seed_given = true;
    }
    return EXIT_OK;
}

bool option_given(const Invocation *in, const char *name)
{
    const Option *o = find_option(in->options, in->option_count, name, strlen(name));
    CHECK(o, "%s has no option --%s", in->command, name);
    return o->given;
}

// ---- Devices and signals -------------------------------------------------------------------------------------------

bool open_device(const Invocation *in, Gpu **gpu, Stream **stream)
{
    Error err = { "" };
    *stream = NULL;
    *gpu = gpu_open(
        &(GpuOptions){ .device = in->common.device, .validate = in->common.validate, .profile = in->common.profile },
        &err);
    if (*gpu && (*stream = stream_open(*gpu, &err))) return true;
    gpu_close(*gpu);
    fail(in, &err);
    return false;
}

static void print_profile(Stream *stream)
{
    int count;
    double total = 0;
    const KernelTime *times = stream_profile(stream, &count);
    for (int i = 0; i < count; i++) total += times[i].seconds;
    fprintf(stderr, "%-40s %8s %10s %6s %9s %8s\n", "kernel", "calls", "ms", "share", "GFLOP/s", "GB/s");
    for (int i = 0; i < count; i++)
        fprintf(stderr, "%-40s %8llu %10.2f %5.1f%% %9.2f %8.2f\n", kernel_name(times[i].kernel),
                (unsigned long long)times[i].calls, 1e3 * times[i].seconds, 100 * times[i].seconds / fmax(total, 1e-12),
                times[i].flops / fmax(times[i].seconds, 1e-12) / 1e9,
                times[i].bytes / fmax(times[i].seconds, 1e-12) / 1e9);
    fprintf(stderr, "%-40s %8s %10.2f\n", "all, one after another", "", 1e3 * total);
}

int close_device(const Invocation *in, Gpu *gpu, Stream *stream, int code)
{
    if (in->common.profile && stream) print_profile(stream);
    stream_close(stream);
    gpu_close(gpu);
    if (gpu_validation_messages() == 0) return code;
    fprintf(stderr, "lectern %s: the validation layer had %d messages\n", in->command, gpu_validation_messages());
    return EXIT_FAILED;
}

static volatile sig_atomic_t signalled;

static void on_signal(int signal_)
{
    if (signalled) _exit(128 + signal_);
    signalled = signal_;
}

const char *program_word(void)
{
    const char *word = getenv("LECTERN_COMMAND");
    return word && *word ? word : "lectern";
}

bool interrupted(void)
{
    static bool listening;
    if (!listening) {
        struct sigaction action = { .sa_handler = on_signal }, before;
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGHUP, NULL, &before); // nohup's wish is respected
        if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, NULL);
        listening = true;
    }
    return signalled;
}

void interrupt_forget(void)
{
    if (signalled == SIGINT) signalled = 0;
}

// ---- Start ---------------------------------------------------------------------------------------------------------

static int start(int argc, char **argv)
{
    if (argc < 2 || is_help(argv[1]) || !strcmp(argv[1], "help")) {
        print_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_OK;
    }
    if (!strcmp(argv[1], "--version")) return puts("lectern " LECTERN_VERSION), EXIT_OK;
    const Command *command = NULL;
    for (int i = 0; i < commands_count; i++)
        if (!strcmp(commands[i]->name, argv[1])) command = commands[i];
    if (!command) {
        Error err = { "" };
        error_set(&err, "there is no command \"%.100s\"", argv[1]);
        fprintf(stderr, "lectern: %s (see `lectern --help`)\n", err.message);
        return EXIT_USAGE;
    }
    static Invocation in; // what it points to lives as long as the process
    in = (Invocation){ .command = command->name, .options = command->options, .option_count = command->option_count };
    if (asks_for_help(&in, command, argv + 2)) {
        if (*argv[2] != '-') in.words[in.word_count++] = argv[2];
        return print_help(command, &in), EXIT_OK;
    }
    signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error to report, like a full disk
    int code = parse(&in, command, argc - 2, argv + 2);
    return code ? code : command->run(&in);
}

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error to report, like a full disk
    int code = start(argc, argv);
    bool lost = ferror(stdout); // what was written before
    if ((fflush(stdout) == 0 && !lost) || code) return code;
    fprintf(stderr, "lectern: what was to be printed could not be written to standard output (is a disk full?)\n");
    return EXIT_FAILED;
}
