// Inside the HTML writer: one function per kind of picture, and what they share.
#pragma once
#include "stage/color.h"
#include "stage/exhibit.h"
#include <stdio.h>

typedef struct Html {
    FILE *out;
    Arena *arena; // freed after each exhibit
} Html;

extern const char *const html_style[]; // the style sheet's rules, NULL at the end

void html_escape(FILE *out, const char *text);  // text, or a value in "…"; everything invisible made visible
void html_label(Html *html, const char *label); // the same of a token
void html_label_fit(Html *html, const char *label, int columns); // cut with …

// A picture of `width` × `height` units, `shown` px wide where there is room; it shrinks to `least` px a unit, then
// scrolls.
void svg_begin(Html *html, double width, double height, double shown, double least, const char *description);
void svg_end(Html *html);
void svg_series_sample(Html *html, const Series *series, int s, double x, double y); // 30 wide, centred on y
const char *html_color(Html *html, Rgb color);                                       // "#rrggbb"

void html_heatmap(Html *html, const Exhibit *exhibit);
void html_bars(Html *html, const Exhibit *exhibit);
void html_curve(Html *html, const Exhibit *exhibit);
void html_vectors(Html *html, const Exhibit *exhibit);
void html_graph(Html *html, const Exhibit *exhibit);
void html_image(Html *html, const Exhibit *exhibit);
void html_legend(Html *html, Range range, bool diverging, const char *unit);
