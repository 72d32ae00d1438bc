// A lecture step by step on a terminal, at the reader's pace.
#pragma once
#include "stage/run.h"

// Reads keys until the reader leaves (? lists them). False when not even the first step can be shown.
bool show_walk(Show *show, Error *err);
