// A hash map from strings to integers. The hash is SipHash-1-3 (Aumasson & Bernstein 2012, "SipHash: a fast short-input
// PRF") under a key drawn per process, so that a hostile file cannot choose names that all collide.
#pragma once
#include "base/string_view.h"
#include <stdint.h>

typedef struct StringMapSlot {
    StringView key; // data is NULL in an empty slot
    uint64_t hash;
    int64_t value;
} StringMapSlot;

// {0} is an empty map. The keys' bytes belong to the caller and outlive the map.
typedef struct StringMap {
    StringMapSlot *slots;
    size_t count, capacity; // capacity: 0 or a power of two
} StringMap;

// Adds key → value and returns true, or returns false and changes nothing when the key is there.
bool string_map_add(StringMap *map, StringView key, int64_t value);

// The value of a key, NULL when it isn't there; valid until the next add.
int64_t *string_map_find(const StringMap *map, StringView key);

void string_map_free(StringMap *map);

uint64_t string_hash(StringView text);
uint64_t integer_hash(uint64_t value); // as hard to steer: for tables keyed by integers from a file
