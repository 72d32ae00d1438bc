// Dispatches for ops that treat each element alike: four at a time where the tensors allow it, and in parts where they
// are larger than the device binds.
#pragma once
#include "ops/op.h"

// What the ladder's rungs look at.
typedef struct Elements {
    int64_t n;
    bool fours; // n, every row and every tensor's first element are multiples of 4
} Elements;

bool elements_in_fours(const GpuTraits *traits, const void *elements);
bool elements_in_texels(const GpuTraits *traits, const void *elements);

// The rungs of a shader that is written over V (shaders/include/elements.glsl). tile[0]: elements of an invocation.
#define ELEMENT_RUNGS(shader_)                                                                       \
    {                                                                                                \
        { .kernel = { .shader = shader_ ".x4_texel" },                                               \
          .can = elements_in_texels,                                                                 \
          .chosen = rung_likes_texels,                                                               \
          .idea = "four elements an invocation, read by texel fetches",                              \
          .tile = { 4 } },                                                                           \
            { .kernel = { .shader = shader_ ".x4" },                                                 \
              .can = elements_in_fours,                                                              \
              .idea = "four elements an invocation: a quarter of the loads and stores",              \
              .tile = { 4 } },                                                                       \
            { .kernel = { .shader = shader_ }, .idea = "one element an invocation", .tile = { 1 } }, \
    }

// Runs a rung of the ladder over n elements; `flops` is what one of them costs. Spans of n f32 are cut where they are
// too large to bind, others (a bias, of `period` elements; 0 if there is none) are bound whole. `args` begins with
// { uint32_t n, first }, which are filled here. `constant` goes to the shader's constant 0.
void each_element(Tape *t, const Ladder *ladder, uint32_t constant, int64_t n, int64_t period, double flops,
                  Spans spans, const void *args, size_t args_bytes);
