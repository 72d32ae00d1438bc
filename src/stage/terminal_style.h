// Escape sequences of the terminal writer; all of them write nothing on a terminal without colours.
#pragma once
#include "base/term.h"
#include "stage/color.h"

void style_bold(const Term *term);
void style_dim(const Term *term);
void style_reset(const Term *term);
void style_foreground(const Term *term, Rgb color);
void style_background(const Term *term, Rgb color); // with black or white text, whichever is legible on it
