// Colours of values: perceptually even maps that colour-blind readers can follow, and what text on them must be.
#pragma once
#include "stage/exhibit.h"

typedef struct Rgb {
    unsigned char r, g, b;
} Rgb;

// The colour of `value` within a range from range_for_color. Sequential: viridis (S. van der Walt and N. Smith, 2015;
// its control points are in the public domain, CC0). Diverging: RdBu with 9 classes turned round, blue below 0 and red
// above (C. Brewer, ColorBrewer 2.0).
Rgb color_of_value(float value, Range range, bool diverging);

// The colours of up to 8 series: M. Okabe and K. Ito, "Color Universal Design" (2008).
Rgb color_of_series(int i);

// The same for pages and figures, which are read on a light ground: nothing is light there, and the sequential map grows
// darker. It is YlGnBu with 9 classes (C. Brewer, ColorBrewer 2.0).
Rgb color_on_paper(float value, Range range, bool diverging);

double color_luminance(Rgb color);      // relative luminance, WCAG 2.1: 0 black to 1 white
bool color_wants_white_text(Rgb color); // the one of black and white with the higher contrast on it
int color_to_256(Rgb color);            // the nearest entry of xterm's 6 × 6 × 6 cube or grey ramp
