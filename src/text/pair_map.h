// A hash map from pairs of token ids to integers ≥ 0: merges when encoding, counts when training.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct PairMap {
    struct PairSlot {
        uint64_t pair;
        int32_t value; // −1 in an empty slot
    } * slots;
    size_t count, capacity; // capacity: 0 or a power of two
} PairMap;                  // {0} is empty

int32_t pair_map_find(const PairMap *map, int32_t left, int32_t right);         // −1 when it isn't there
int32_t pair_map_add(PairMap *map, int32_t left, int32_t right, int32_t value); // the value there already, or −1
void pair_map_free(PairMap *map);
