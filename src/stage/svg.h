// Heat maps as SVG files of their own, for texts that show them: title, maps side by side, scale and finding.
#pragma once
#include "stage/run.h"

// Writes every heat map of the lecture into the folder as STEP-PLACE.svg ("09-1.svg": the first exhibit of step 9).
bool svg_write_figures(Show *show, const char *folder, Error *err);
