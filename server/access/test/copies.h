// SPDX-License-Identifier: MIT
// Looks for a secret in all memory of the test program, where it should lie no longer.
#ifndef ACCESS_TEST_COPIES_H
#define ACCESS_TEST_COPIES_H

#include <stdio.h>
#include <string.h>

#include "test/sanitizer.h"
#include "test/suite.h"

#if !SANITIZED // which would see a read of what is no variable

#define SECRET_BYTES 48u

// Bytes that are nowhere else, none of them 0.
static inline void secret_make(uint8_t ret_secret[SECRET_BYTES])
{
    struct random random;
    suite_seed(&random);
    for (size_t i = 0; i < SECRET_BYTES; i++)
        ret_secret[i] = (uint8_t)(random_next(&random) % 255 + 1);
}

// How often `secret` lies in the memory of this process that can be written.
static inline unsigned copies_count(const uint8_t secret[SECRET_BYTES])
{
    FILE *maps = fopen("/proc/self/maps", "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(maps);
    unsigned copies = 0;
    uintptr_t from;
    uintptr_t to;
    char mode[5];
    while (fscanf(maps, "%" SCNxPTR "-%" SCNxPTR " %4s%*[^\n]", &from, &to, mode) == 3) {
        const uint8_t *at = (const uint8_t *)from;
        const uint8_t *end = (const uint8_t *)to;
        while (mode[0] == 'r' && mode[1] == 'w' &&
               (at = memmem(at, (size_t)(end - at), secret, SECRET_BYTES)) != NULL) {
            copies++;
            at += SECRET_BYTES;
        }
    }
    CU_ASSERT_EQUAL(fclose(maps), 0);
    return copies;
}

#endif
#endif
