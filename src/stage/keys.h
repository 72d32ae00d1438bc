// Keys from the terminal one at a time, lines, and a pager for sources. The terminal is in raw mode only while it
// waits for a key, and comes back to what it was whatever ends the wait, so that Ctrl-C leaves it sane at any moment.
#pragma once
#include "stage/exhibit.h"

// Shows `prompt` on the last line and waits. Arrow keys come as 'R' (right, down) and 'L' (left, up), Ctrl-C as 3,
// the end of the input as 4; other escape sequences are skipped.
int keys_read(const char *prompt);

// A line typed after `prompt`, without its newline; false when it is empty or given up by Esc, and at the input's end.
bool keys_line(const char *prompt, char *line, int size);

// Shows code exhibits on the alternate screen, or one page below the other on a terminal without escape sequences:
// space, b and arrows scroll, n and p change the source, q leaves.
void keys_page_code(const Exhibit *const *codes, int n);
