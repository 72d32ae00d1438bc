// The terminal writer: exhibits as text, fitted to the terminal's width, with as much colour as it has. On Term with
// TERM_MONO it is also every exhibit's text form: no escape sequences, pictures in ASCII with their values.
#pragma once
#include "base/term.h"
#include "stage/exhibit.h"

// `folded`: a kernel's source is named only, as the key k shows it.
void terminal_exhibit(const Term *term, const Exhibit *exhibit, bool folded);

// The lecture's title over everything.
void terminal_lecture_head(const Term *term, const char *title, const char *id);

// "3/9  Title", a rule, and the step's text.
void terminal_step_head(const Term *term, int index, int n_steps, const char *title, const char *text);

// A source with line numbers and colours for the words of GLSL and C. Long lines go on below without a number. Writes
// the screen's lines `from` … `to` − 1 of it (from 0) and returns how many it takes.
int terminal_code(const Term *term, const char *source, int from, int to);

// The exhibit's text form at `columns`, in the arena.
const char *exhibit_as_text(Arena *arena, const Exhibit *exhibit, int columns);
