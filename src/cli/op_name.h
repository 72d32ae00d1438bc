// Ops as the command line names them.
#pragma once
#include "cli/command.h"

bool op_exists(const char *name);

// A usage error that lists the ops there are, and what goes besides: "--op: there is no op "foo"; there are: add, …".
int no_such_op(const Invocation *in, const char *where, const char *name, const char *besides);
