// SPDX-License-Identifier: MIT
// The frame around the unit tests of this folder: a suite is a table of named cases, and the exit code says
// how it went.
#ifndef PROTO_TEST_SUITE_H
#define PROTO_TEST_SUITE_H

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdio.h>

struct suite_case {
    const char *name;
    void (*run)(void);
};

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

static inline int suite_run(const char *name, const struct suite_case *cases, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; suite != NULL && i < count; i++)
        if (CU_add_test(suite, cases[i].name, cases[i].run) == NULL)
            suite = NULL;
    int failed = 1;
    if (suite != NULL) {
        CU_basic_set_mode(CU_BRM_VERBOSE);
        CU_basic_run_tests();
        failed = CU_get_number_of_failures() != 0 || CU_get_number_of_tests_run() != count;
    }
    CU_cleanup_registry();
    return failed;
}

#endif
