/* SHA-256 (FIPS 180-4). */
#pragma once

#include <stddef.h>

/* The digest of n bytes as 64 hex digits and a zero. */
void loom_sha256(const void *data, size_t n, char hex[65]);
