#include "base/string_map.h"
#include "base/memory.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t hash_key[2];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void draw_hash_key(void)
{
    if (getrandom(hash_key, sizeof hash_key, 0) == sizeof hash_key) return;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    hash_key[0] = (uint64_t)now.tv_nsec;
    hash_key[1] = (uint64_t)(uintptr_t)&now;
}

typedef struct SipState {
    uint64_t v0, v1, v2, v3;
} SipState;

static inline uint64_t rotate(uint64_t x, int by) { return x << by | x >> (64 - by); }

static inline void sip_round(SipState *s)
{
    s->v0 += s->v1, s->v1 = rotate(s->v1, 13) ^ s->v0, s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3, s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3, s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1, s->v1 = rotate(s->v1, 17) ^ s->v2, s->v2 = rotate(s->v2, 32);
}

static inline SipState sip_begin(void)
{
    pthread_once(&hash_key_once, draw_hash_key);
    uint64_t k0 = hash_key[0], k1 = hash_key[1];
    return (SipState){ k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                       k1 ^ 0x7465646279746573 };
}

static inline void sip_word(SipState *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_end(SipState *s, size_t size, uint64_t tail)
{
    sip_word(s, tail | (uint64_t)size << 56);
    s->v2 ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t string_hash(StringView text)
{
    SipState s = sip_begin();
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        sip_word(&s, word);
    }
    uint64_t tail = 0;
    for (size_t j = i; j < text.size; j++) tail |= (uint64_t)(unsigned char)text.data[j] << (8 * (j - i));
    return sip_end(&s, text.size, tail);
}

uint64_t integer_hash(uint64_t value)
{
    SipState s = sip_begin();
    sip_word(&s, value);
    return sip_end(&s, sizeof value, 0);
}

static StringMapSlot *slot_of(const StringMap *map, StringView key, uint64_t hash)
{
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        StringMapSlot *slot = &map->slots[i];
        if (!slot->key.data || (slot->hash == hash && string_view_equal(slot->key, key))) return slot;
    }
}

static void grow(StringMap *map)
{
    StringMap larger = { .count = map->count, .capacity = map->capacity ? 2 * map->capacity : 16 };
    larger.slots = NEW_ARRAY(StringMapSlot, larger.capacity);
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key.data) *slot_of(&larger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    free(map->slots);
    *map = larger;
}

bool string_map_add(StringMap *map, StringView key, int64_t value)
{
    if (4 * (map->count + 1) > 3 * map->capacity) grow(map);
    uint64_t hash = string_hash(key);
    StringMapSlot *slot = slot_of(map, key, hash);
    if (slot->key.data) return false;
    *slot = (StringMapSlot){ { key.data ? key.data : "", key.size }, hash, value };
    map->count++;
    return true;
}

int64_t *string_map_find(const StringMap *map, StringView key)
{
    if (!map->count) return NULL;
    StringMapSlot *slot = slot_of(map, key, string_hash(key));
    return slot->key.data ? &slot->value : NULL;
}

void string_map_free(StringMap *map)
{
    free(map->slots);
    *map = (StringMap){ 0 };
}
