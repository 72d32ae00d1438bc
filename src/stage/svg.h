// Heat maps and curves as SVG files of their own, for texts that show them: title, picture, scale and finding. Colours
// are plain ones, light where the viewer knows no others: many that are not browsers know no variables.
#pragma once
#include "stage/run.h"

// Writes every heat map of the lecture into the folder as STEP-PLACE.svg ("09-1.svg": the first exhibit of step 9).
bool svg_write_figures(Show *show, const char *folder, Error *err);

// Writes one exhibit, a heat map or a curve.
bool svg_write(const Exhibit *exhibit, const char *path, Error *err);
