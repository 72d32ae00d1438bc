// The ops that models are made of. Each stands in its own file, with its formula, its twin and its cases.
#pragma once
#include "tensor/tape.h"

// y[r,i] = gain[i] · x[r,i] / sqrt(mean_i x[r,i]² + eps)
//   x [..., C], gain [C] → y [..., C]            Zhang & Sennrich 2019, eq. 4
Tensor *rmsnorm(Tape *t, Tensor *x, Tensor *gain, float eps);
