#include "base/random.h"
#include "base/error.h"
#include <math.h>

void philox(uint64_t key, uint64_t counter, uint64_t subsequence, uint32_t out[4])
{
    uint32_t c[4] = { (uint32_t)counter, (uint32_t)(counter >> 32), (uint32_t)subsequence,
                      (uint32_t)(subsequence >> 32) };
    uint32_t k[2] = { (uint32_t)key, (uint32_t)(key >> 32) };
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
        uint32_t next[4] = { (uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k[1],
                             (uint32_t)p0 };
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

uint32_t random_u32(Random *random)
{
    uint32_t block[4];
    philox(random->key, random->counter >> 2, random->subsequence, block);
    return block[random->counter++ & 3];
}

static uint64_t random_u64(Random *random)
{
    uint64_t high = random_u32(random);
    return high << 32 | random_u32(random);
}

uint64_t random_below(Random *random, uint64_t n)
{
    CHECK(n > 0, "random_below: n is 0");
    uint64_t limit = UINT64_MAX - (UINT64_MAX % n + 1) % n; // the last value of the last whole run of n
    uint64_t x;
    do x = random_u64(random);
    while (x > limit);
    return x % n;
}

double random_uniform(Random *random) { return (double)(random_u64(random) >> 11) * 0x1p-53; }

double random_normal(Random *random)
{
    double radius = sqrt(-2 * log(1 - random_uniform(random)));
    return radius * cos(2 * 3.14159265358979323846 * random_uniform(random));
}

uint64_t random_key(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ seed * 0x9E3779B97F4A7C15u; // FNV-1a over the name
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}
