// The command line: a table of commands, each with a table of options. The build collects every src/cli/<name>.c's
// `const Command command_<name>`; adding a command edits no other file.
#pragma once
#include "base/error.h"
#include "base/memory.h"
#include "gpu/gpu.h"
#include <stdint.h>
#include <stdio.h>

typedef enum OptionType { OPTION_FLAG, OPTION_INT, OPTION_FLOAT, OPTION_TEXT } OptionType;

// One option: where its value goes and what it may be. Defaults are what the variable holds before.
typedef struct Option {
    const char *name; // "seq-len": given as --seq-len N or --seq-len=N
    OptionType type;
    void *value;      // bool, int64_t, double, const char *
    double low, high; // of numbers; both 0: any
    const char *help; // "tokens in a row of a batch"
    bool given;       // set by the parser
    const char *path; // of a text that names something on the disk, and so is not empty: "FILE" or "FOLDER"
} Option;
#define FLAG(name, variable, help)                        \
    {                                                     \
        name, OPTION_FLAG, &(variable), 0, 0, help, false \
    }
#define INT(name, variable, low, high, help)                  \
    {                                                         \
        name, OPTION_INT, &(variable), low, high, help, false \
    }
#define FLOAT(name, variable, low, high, help)                  \
    {                                                           \
        name, OPTION_FLOAT, &(variable), low, high, help, false \
    }
#define TEXT(name, variable, help)                        \
    {                                                     \
        name, OPTION_TEXT, &(variable), 0, 0, help, false \
    }

#define PATH(name, variable, path, help)                        \
    {                                                           \
        name, OPTION_TEXT, &(variable), 0, 0, help, false, path \
    }

#define MAX_SEED 1e15 // a double holds every whole number up to it

// What every command understands.
typedef struct Common {
    const char *device;
    int64_t seed;
    bool seed_given, json, validate, profile;
} Common;

typedef struct Invocation {
    const char *command;
    Common common;
    Option *options; // the command's own
    int option_count;
    const char *words[16]; // arguments that are no options
    int word_count;
    struct {
        const char *name, *value; // --name value that the table does not know, where the command takes such; NULL: the
                                  // next option or the end came before the value
    } extra[32];
    int extra_count;
} Invocation;

typedef struct Command {
    const char *name, *summary; // "train", "train a model on text"
    const char *usage;          // "lectern train [--data FILE] …": with an example
    Option *options;
    int option_count;
    int max_words;
    bool seeded, on_device; // understands --seed; --device, --validate and --profile
    bool takes_extra;       // options that it does not list have one value each and go to `extra`
    bool no_json;           // what it prints is for people alone
    void (*more_help)(const Invocation *in, FILE *out); // behind the options, or NULL
    int (*run)(Invocation *in);                         // the exit code
} Command;
#define OPTIONS(list) .options = list, .option_count = (int)COUNT_OF(list)

extern const Command *const commands[];
extern const int commands_count;

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

// Prints "lectern train: message" on standard error and returns EXIT_FAILED, or EXIT_USAGE.
int fail(const Invocation *in, const Error *err);
int usage_error(const Invocation *in, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A word as a shell reads it back, quoted where it has to be; the caller frees it.
char *shell_word(const char *word);

bool option_given(const Invocation *in, const char *name);

// The device and a stream on it, as the common options say. Prints the error and returns false when there is none.
bool open_device(const Invocation *in, Gpu **gpu, Stream **stream);

// Closes both. With --profile it prints time, FLOP/s and GB/s by kernel first. Returns `code`, or EXIT_FAILED when the
// validation layer had something to say.
int close_device(const Invocation *in, Gpu *gpu, Stream *stream, int code);

// How the user called this program, for commands that are printed to be run: "./lectern" behind the launcher.
const char *program_word(void);

// True once Ctrl-C, SIGTERM or SIGHUP has come; the first call starts listening. A second Ctrl-C ends the process at once.
bool interrupted(void);

// Forgets a Ctrl-C that has been dealt with, so that the next one is a first again. SIGTERM stays.
void interrupt_forget(void);
