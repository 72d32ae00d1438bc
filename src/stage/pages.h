// Text shown a screen at a time, so that nothing scrolls away unread: a block that does not fit below what is on the
// screen waits for a key, and one that is taller than the screen is shown in parts.
#pragma once
#include "base/term.h"

typedef struct Pages {
    char **blocks; // what one step shows, in order
    int n, capacity;
    int block, at; // the first that has not been shown whole, and how many of its bytes have been
    int used;      // the screen's lines that were filled since the last pages_turn
} Pages;

void pages_clear(Pages *pages);
void pages_add(Pages *pages, char *block); // whole lines; takes the text, which free() gives back
void pages_turn(Pages *pages);             // what is on the screen was read

// Writes as many blocks as fit above the last line, which is left for a prompt. False: some are left.
bool pages_show(Pages *pages, const Term *term);
bool pages_left(const Pages *pages);
