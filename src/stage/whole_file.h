// Files that are there whole or not at all, also when a signal ends the program while one is written: a lecture's page
// takes as long as the lecture.
#pragma once
#include "base/file.h"

bool whole_file_begin(FileWriter *writer, const char *path, Error *err); // one at a time

// Commits what was written, or abandons it where `good` is false, which is then returned.
bool whole_file_end(FileWriter *writer, bool good, Error *err);
