// SPDX-License-Identifier: MIT
// The end of main of every test of this folder.
#ifndef CLIENT_TEST_SUITE_H
#define CLIENT_TEST_SUITE_H

#include <CUnit/Basic.h>

// `tests` ends with CU_TEST_INFO_NULL. Returns what main returns.
static inline int suite_run(const char *name, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {{name, NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int status = CU_get_number_of_failures() > 0 || CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return status;
}

#endif
