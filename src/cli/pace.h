// How fast a run is, over the steps since its last line: without validations, checkpoints and the very first step, whose
// kernels have to be compiled.
#pragma once
#include <stdint.h>

typedef struct Pace {
    int64_t steps; // since the last line
    double seconds;
    int seen; // 0, 1 or more steps in all
} Pace;

static inline void pace_add(Pace *p, double seconds)
{
    if (p->seen == 1) p->steps = 0, p->seconds = 0;
    if (p->seen < 2) p->seen++;
    p->steps++;
    p->seconds += seconds;
}

static inline void pace_begin_line(Pace *p) { p->steps = 0, p->seconds = 0; }
static inline double pace_steps_a_second(const Pace *p) { return (double)p->steps / p->seconds; }
