#include "text/pair_map.h"
#include "base/memory.h"
#include "base/string_map.h"
#include <stdlib.h>

typedef struct PairSlot PairSlot;

static PairSlot *slot_of(const PairMap *map, uint64_t pair)
{
    size_t mask = map->capacity - 1;
    for (size_t i = (size_t)integer_hash(pair) & mask;; i = (i + 1) & mask)
        if (map->slots[i].value < 0 || map->slots[i].pair == pair) return &map->slots[i];
}

static uint64_t pair_of(int32_t left, int32_t right) { return (uint64_t)(uint32_t)left << 32 | (uint32_t)right; }

int32_t pair_map_find(const PairMap *map, int32_t left, int32_t right)
{
    return map->count ? slot_of(map, pair_of(left, right))->value : -1;
}

static void grow(PairMap *map)
{
    PairMap larger = { .count = map->count, .capacity = map->capacity ? 2 * map->capacity : 64 };
    larger.slots = NEW_ARRAY(PairSlot, larger.capacity);
    for (size_t i = 0; i < larger.capacity; i++) larger.slots[i].value = -1;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].value >= 0) *slot_of(&larger, map->slots[i].pair) = map->slots[i];
    free(map->slots);
    *map = larger;
}

int32_t pair_map_add(PairMap *map, int32_t left, int32_t right, int32_t value)
{
    if (map->count >= map->capacity / 2) grow(map);
    PairSlot *slot = slot_of(map, pair_of(left, right));
    if (slot->value >= 0) return slot->value;
    *slot = (PairSlot){ pair_of(left, right), value };
    map->count++;
    return -1;
}

void pair_map_free(PairMap *map)
{
    free(map->slots);
    *map = (PairMap){ 0 };
}
