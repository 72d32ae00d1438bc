// Random numbers by Philox4x32-10 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", §4): a block is
// a pure function of (key, counter), so the CPU, every GPU and a resumed run draw the same ones, and a stream's whole
// state is two integers. shaders/include/philox.glsl is the same function.
#pragma once
#include <stdint.h>

// Four words of block `counter` of the stream `key`.
void philox(uint64_t key, uint64_t counter, uint64_t subsequence, uint32_t out[4]);

// One stream of draws. {.key = seed} starts it; copy the struct to save it.
typedef struct Random {
    uint64_t key, counter, subsequence; // subsequence: which of the streams of one seed this is
} Random;

uint32_t random_u32(Random *random);
uint64_t random_below(Random *random, uint64_t n); // uniform over 0 … n−1, without modulo bias; n > 0
double random_uniform(Random *random);             // [0, 1), 53 bits
double random_normal(Random *random);              // N(0, 1) by Box–Muller in double

// A stream's key from a seed and a name ("init", "batches", "dropout"), so that uses don't share numbers.
uint64_t random_key(uint64_t seed, const char *name);
