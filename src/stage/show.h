// What a lecture's steps call to show what lies on the device: exhibits of tensors, of kernels and of their times.
// Each waits for the stage's stream, reads, and puts a plain exhibit on the stage. A failure of the device is kept by
// the stage.
#pragma once
#include "ops/bench.h"
#include "stage/stage.h"
#include "tensor/tensor.h"

// x [R, C], or [..., R, C] as so many maps side by side:
//   show_heatmap(s, d->scores, .title = "QKᵀ/√d", .rows = words, .columns = words, .diverging = true);
#define show_heatmap(stage, x, ...) show_heatmap_of(stage, x, (Heatmap){ __VA_ARGS__ })
void show_heatmap_of(Stage *stage, const Tensor *x, Heatmap map);

// x [n], or [..., n] with nothing but ones before: show_bars(s, d->probabilities, .title = "p", .labels = words);
#define show_bars(stage, x, ...) show_bars_of(stage, x, (Bars){ __VA_ARGS__ })
void show_bars_of(Stage *stage, const Tensor *x, Bars bars);

// The tokens' values: x [n].
#define show_tokens(stage, x, ...) show_tokens_of(stage, x, (TokenStrip){ __VA_ARGS__ })
void show_tokens_of(Stage *stage, const Tensor *x, TokenStrip strip);

// The source of a shader by its name ("matmul_nt_naive"), folded behind the key k.
void show_kernel(Stage *stage, const char *shader);

// The values of x on the host, as long as the step's exhibits live: for findings. Zeros after a failure.
const float *show_values(Stage *stage, const Tensor *x);

// max |a − b|, of as many elements.
double show_difference(Stage *stage, const Tensor *a, const Tensor *b);

// The sources of the kernels that ran in this step so far, but for those that it has shown: those with the most
// arithmetic first, copies last.
void show_kernels(Stage *stage);

// Time, FLOPs and bytes of every kernel that ran in this step so far, then their sources. The device must have been
// opened with GpuOptions.profile.
void show_cost(Stage *stage);

// What has run on the stage's stream since the last lap of this step: its time by the profiler, and the FLOPs and bytes
// that its dispatches stated.
Lap show_lap(Stage *stage);

// The device's measured roof, on a stream of its own: a second's work.
Roof show_roof(Stage *stage);
