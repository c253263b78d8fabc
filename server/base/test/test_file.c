// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server/base/test/test_base.h"

static char path[] = "/tmp/hbmqtt-test-file-XXXXXX";
static char line[256];
static void *bytes;
static size_t length;

static int load(const char *name, size_t bytes_max)
{
    bytes = NULL;
    line[0] = '\0';
    return file_load(name, bytes_max, &bytes, &length, line, sizeof line);
}

static void loads_up_to_the_ceiling(void)
{
    CU_ASSERT_EQUAL_FATAL(load(path, 5), 0);
    CU_ASSERT_EQUAL_FATAL(length, 5);
    CU_ASSERT_EQUAL(memcmp(bytes, "a\0b\nc", 5), 0);
    free(bytes);
    CU_ASSERT_EQUAL_FATAL(load("/dev/null", 5), 0);
    CU_ASSERT_EQUAL(length, 0);
    free(bytes);
}

static void names_file_and_cause(void)
{
    CU_ASSERT_EQUAL(load(path, 4), -EFBIG);
    CU_ASSERT_PTR_NULL(bytes);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, path));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "cannot read"));
    CU_ASSERT_EQUAL(load("/nowhere/at/all", 4), -ENOENT);
    CU_ASSERT_STRING_EQUAL(line, "cannot open /nowhere/at/all: No such file or directory");
    CU_ASSERT_EQUAL(load("/", 4), -EISDIR);
}

// A pipe gives what it has piece by piece.
static void reads_piece_by_piece(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    char got[8] = {0};
    CU_ASSERT_EQUAL(write(ends[1], "123456", 6), 6);
    CU_ASSERT_EQUAL(file_read_all(ends[0], got, 4), 4);
    CU_ASSERT_STRING_EQUAL(got, "1234");
    (void)close(ends[1]);
    CU_ASSERT_EQUAL(file_read_all(ends[0], got, sizeof got), 2);
    CU_ASSERT_EQUAL(file_read_all(ends[0], got, sizeof got), 0);
    (void)close(ends[0]);
    CU_ASSERT_EQUAL(file_read_all(ends[0], got, sizeof got), -EBADF);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"loads up to the ceiling", loads_up_to_the_ceiling},
        {"names file and cause", names_file_and_cause},
        {"reads piece by piece", reads_piece_by_piece},
    };
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, "a\0b\nc", 5) != 5 || close(fd) < 0)
        return EXIT_FAILURE;
    int status = RUN_TESTS("file", tests);
    (void)unlink(path); // nothing to be done if it is gone
    return status;
}
