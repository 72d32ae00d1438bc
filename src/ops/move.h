// The one ladder that permute, slice and concat share.
#pragma once
#include "ops/op.h"

enum { MOVE_LADDERS = 1 };
extern const Ladder move_ladders[MOVE_LADDERS];
