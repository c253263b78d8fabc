// SPDX-License-Identifier: MIT
// What a process may do is changed in children only. A child says in its exit status how many of its
// expectations did not hold, and prints which.
#ifndef SERVICE_TEST_CHILD_H
#define SERVICE_TEST_CHILD_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/suite.h"

#define CHILD_LINE_BYTES 256u

static unsigned child_broken;

#define CHILD_EXPECT(condition)                                                                              \
    ((condition) ? (void)0                                                                                   \
                 : (void)(child_broken++, fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition)))

// The status of the child as waitpid gives it.
static inline int child_status(void (*run)(void))
{
    fflush(NULL);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        child_broken = 0;
        run();
        fflush(NULL);
        _exit(child_broken > 255 ? 255 : (int)child_broken);
    }
    int status = -1;
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    return status;
}

// That everything the child expects holds.
static inline void child_run(void (*run)(void))
{
    CU_ASSERT_EQUAL(child_status(run), 0);
}

#endif
