// SPDX-License-Identifier: MIT
// What the tests of this folder share.
#ifndef PROTO_TEST_SUITE_H
#define PROTO_TEST_SUITE_H

#include <stdio.h>

#include "test/run.h"

// Asserts, and names what was tried when it does not hold.
#define CHECK(holds, ...)                                                                                    \
    do {                                                                                                     \
        bool check_holds = (holds);                                                                          \
        if (!check_holds) {                                                                                  \
            fprintf(stderr, "\n%s:%d: %s: ", __FILE__, __LINE__, #holds);                                    \
            fprintf(stderr, __VA_ARGS__);                                                                    \
            fputc('\n', stderr);                                                                             \
        }                                                                                                    \
        CU_ASSERT(check_holds);                                                                              \
    } while (0)

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#endif
