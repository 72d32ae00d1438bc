// SHA-256 (FIPS 180-4, section 6.2).
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t bytes; // added so far
    uint8_t block[64];
} Sha256;

void sha256_begin(Sha256 *sha);
void sha256_add(Sha256 *sha, const void *data, size_t size);
void sha256_end(Sha256 *sha, char hex[65]); // the digest as 64 hexadecimal digits
