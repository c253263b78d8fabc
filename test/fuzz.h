// SPDX-License-Identifier: MIT
// The entry of a fuzz target: libFuzzer calls it, or proto/fuzz/replay.c with the files of a corpus.
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Ends the process, which is how a fuzz target reports.
static inline void fuzz_fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

// What always holds.
static inline void expect(bool holds)
{
    if (!holds)
        abort();
}

#endif
