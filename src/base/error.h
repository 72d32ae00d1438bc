// Two kinds of failure. The world's (files, memory, devices) return false or NULL and fill an Error that
// carries its message up to the user. A caller's mistake stops at once, with the call site.
#pragma once
#include <stdbool.h>

typedef struct Error {
    char message[1024]; // one line: what, where, what to do; "" when nothing failed
} Error;

// Writes the message (printf's rules) unless `err` is NULL or already holds one, so that the first cause wins.
// Control characters and bytes that are not UTF-8, which may come from a hostile file, are replaced. Always returns false.
bool error_set(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Puts "prefix: " in front of a message that is there. Always returns false.
bool error_prefix(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline bool error_is_set(const Error *err) { return err->message[0] != '\0'; }

// A caller's mistake: prints "file:line: message" and aborts.
#define FATAL(...) fatal(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition, ...) ((condition) ? (void)0 : FATAL(__VA_ARGS__))
_Noreturn void fatal(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
