#include "stage/color.h"
#include <math.h>
#include <stdlib.h>

static const Rgb VIRIDIS[] = {
    { 68, 1, 84 },    { 71, 45, 123 }, { 59, 82, 139 },  { 44, 114, 142 }, { 33, 145, 140 },
    { 40, 174, 128 }, { 94, 201, 98 }, { 173, 220, 48 }, { 253, 231, 37 },
};
static const Rgb BLUE_RED[] = {
    { 33, 102, 172 },  { 67, 147, 195 },  { 146, 197, 222 }, { 209, 229, 240 }, { 247, 247, 247 },
    { 253, 219, 199 }, { 244, 165, 130 }, { 214, 96, 77 },   { 178, 24, 43 },
};
static const Rgb YELLOW_BLUE[] = {
    { 255, 255, 217 }, { 237, 248, 177 }, { 199, 233, 180 }, { 127, 205, 187 }, { 65, 182, 196 },
    { 29, 145, 192 },  { 34, 94, 168 },   { 37, 52, 148 },   { 8, 29, 88 },
};
static const Rgb SERIES[] = {
    { 0, 114, 178 }, { 213, 94, 0 },   { 0, 158, 115 },  { 204, 121, 167 },
    { 230, 159, 0 }, { 86, 180, 233 }, { 160, 130, 20 }, { 130, 130, 130 },
};

static unsigned char mix(unsigned char a, unsigned char b, float t)
{
    return (unsigned char)lrintf((float)a + t * (float)(b - a));
}

// `t` in 0 … 1 along evenly spaced control points.
static Rgb along(const Rgb *points, int n, float t)
{
    float at = fminf(fmaxf(t, 0), 1) * (float)(n - 1);
    int i = (int)at < n - 2 ? (int)at : n - 2;
    Rgb a = points[i], b = points[i + 1];
    t = at - (float)i;
    return (Rgb){ mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t) };
}

static float place_in(Range range, float value)
{
    return isnan(value) ? 0.5F : (float)(((double)value - range.low) / ((double)range.high - range.low));
}

Rgb color_of_value(float value, Range range, bool diverging)
{
    float t = place_in(range, value);
    return diverging ? along(BLUE_RED, COUNT_OF(BLUE_RED), t) : along(VIRIDIS, COUNT_OF(VIRIDIS), t);
}

Rgb color_on_paper(float value, Range range, bool diverging)
{
    float t = place_in(range, value);
    return diverging ? along(BLUE_RED, COUNT_OF(BLUE_RED), t) : along(YELLOW_BLUE, COUNT_OF(YELLOW_BLUE), t);
}

Rgb color_of_series(int i) { return SERIES[(unsigned)i % COUNT_OF(SERIES)]; }

static double linear(unsigned char c)
{
    double x = c / 255.0;
    return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4);
}

double color_luminance(Rgb c) { return 0.2126 * linear(c.r) + 0.7152 * linear(c.g) + 0.0722 * linear(c.b); }

// Contrast (L + 0.05) / 0.05 against black and 1.05 / (L + 0.05) against white cross at L = √(0.05·1.05) − 0.05.
bool color_wants_white_text(Rgb color) { return color_luminance(color) < 0.1791; }

// OKLab (B. Ottosson, "A perceptual color space for image processing", 2020): distances in it are close to seen ones.
static void to_oklab(Rgb color, double lab[3])
{
    double r = linear(color.r), g = linear(color.g), b = linear(color.b);
    double l = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
    double m = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
    double s = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
    lab[0] = 0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s;
    lab[1] = 1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s;
    lab[2] = 0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s;
}

static Rgb xterm_color(int i)
{
    static const unsigned char levels[] = { 0, 95, 135, 175, 215, 255 };
    if (i >= 232) {
        unsigned char grey = (unsigned char)(8 + 10 * (i - 232));
        return (Rgb){ grey, grey, grey };
    }
    i -= 16;
    return (Rgb){ levels[i / 36], levels[i / 6 % 6], levels[i % 6] };
}

int color_to_256(Rgb color)
{
    static double table[256][3]; // made at the first use
    if (table[255][0] == 0)
        for (int i = 16; i < 256; i++) to_oklab(xterm_color(i), table[i]);
    double lab[3], least = INFINITY;
    int nearest = 16;
    to_oklab(color, lab);
    for (int i = 16; i < 256; i++) {
        double distance = 0;
        for (int c = 0; c < 3; c++) distance += (lab[c] - table[i][c]) * (lab[c] - table[i][c]);
        if (distance < least) least = distance, nearest = i;
    }
    return nearest;
}
