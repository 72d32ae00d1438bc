// The HTML writer: one page that needs nothing else (no script, no request: its own policy forbids both), light or
// dark as the reader's system asks, with pictures in SVG and every exhibit's finding and text form beside its
// picture.
#pragma once
#include "stage/run.h"

// Runs every step and writes the page whole or not at all.
bool html_write(Show *show, const char *path, Error *err);
