// Base64 (RFC 4648, section 4, with padding), for bytes embedded in HTML, JSON and notebooks.
#pragma once
#include <stddef.h>

char *base64_encode(const void *data, size_t size); // ends in a 0; the caller frees it
