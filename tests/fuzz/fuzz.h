/* A fuzz target is one file: what it does with any bytes, and a few good
 * inputs to start from. Linked with libFuzzer it searches; linked with
 * replay.c it is a test that runs for a second in any build. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Do everything with these bytes; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The i-th good input into a buffer of FUZZ_SEED_ROOM bytes: its length, 0
 * after the last one. */
enum { FUZZ_SEED_ROOM = 1 << 16 };
size_t fuzz_seed(size_t i, uint8_t *to);

/* The path of a file in memory that holds the bytes; one at a time, the next
 * call takes its place. */
const char *fuzz_file(const uint8_t *data, size_t n);
