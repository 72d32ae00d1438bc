// What a device's compiler makes of the kernels that it would be given.
#pragma once
#include "cli/command.h"

// Compiles the kernels of every case of every op, or of `op` alone, and prints the compiler's statistics. Nothing runs on
// the device, so that a driver without its hardware does. Returns the exit code: EXIT_FAILED if a kernel does not
// compile, or if one that this device takes by itself keeps in memory what belongs in registers.
int compile_kernels(const Invocation *in, const char *op);
