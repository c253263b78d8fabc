// SPDX-License-Identifier: MIT
#include "client/tools/lines.h"
#include "test/run.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

// A descriptor that gives `text` and ends. What is written fits a pipe.
static int source_of(const void *text, size_t length)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    CU_ASSERT_EQUAL_FATAL(write(ends[1], text, length), (ssize_t)length);
    close(ends[1]);
    return ends[0];
}

static bool next(struct lines *lines, struct bytes *ret_line)
{
    while (!lines_next(lines, ret_line)) {
        if (lines->ended)
            return false;
        CU_ASSERT_EQUAL_FATAL(lines_fill(lines), 0);
    }
    return true;
}

static void expect_lines(const char *text, size_t length, const char *const *expected)
{
    struct lines lines;
    struct bytes line;
    int fd = source_of(text, length);
    lines_init(&lines, fd, 1000000);
    for (; *expected != NULL; expected++) {
        CU_ASSERT_TRUE_FATAL(next(&lines, &line));
        CU_ASSERT_TRUE(bytes_equal(line, bytes_of(*expected)));
    }
    CU_ASSERT_FALSE(next(&lines, &line));
    lines_finish(&lines);
    close(fd);
}

static void lines_end_at_lf_or_at_the_end(void)
{
    expect_lines("", 0, (const char *const[]){NULL});
    expect_lines("a\nb\n", 4, (const char *const[]){"a", "b", NULL});
    expect_lines("a\nb", 3, (const char *const[]){"a", "b", NULL});
    expect_lines("\n\na\n", 4, (const char *const[]){"", "", "a", NULL});
    expect_lines("a\r\n", 3, (const char *const[]){"a\r", NULL});
}

static void a_long_line_comes_in_one_piece(void)
{
    enum { LENGTH = 60000 };
    static char text[LENGTH + 2];
    struct lines lines;
    struct bytes line;
    memset(text, 'x', LENGTH);
    text[LENGTH] = '\n';
    int fd = source_of(text, LENGTH + 1);
    lines_init(&lines, fd, LENGTH);
    CU_ASSERT_TRUE_FATAL(next(&lines, &line));
    CU_ASSERT_EQUAL(line.length, LENGTH);
    lines_finish(&lines);
    close(fd);
}

static void a_line_over_the_ceiling_is_refused(void)
{
    struct lines lines;
    struct bytes line;
    int fd = source_of("abcdefgh", 8);
    lines_init(&lines, fd, 4);
    CU_ASSERT_EQUAL(lines_fill(&lines), 0);
    CU_ASSERT_FALSE(lines_next(&lines, &line));
    CU_ASSERT_EQUAL(lines_fill(&lines), -EMSGSIZE);
    lines_finish(&lines);
    close(fd);
}

static void all_can_be_read_in_one_piece(void)
{
    struct lines lines;
    struct bytes all;
    int fd = source_of("a\n\0b", 4);
    lines_init(&lines, fd, 1000);
    CU_ASSERT_EQUAL(lines_read_all(&lines, &all), 0);
    CU_ASSERT_EQUAL(all.length, 4);
    CU_ASSERT(memcmp(all.data, "a\n\0b", 4) == 0);
    lines_finish(&lines);
    close(fd);
}

static void a_descriptor_that_cannot_be_read_is_an_error(void)
{
    struct lines lines;
    lines_init(&lines, -1, 1000);
    CU_ASSERT_EQUAL(lines_fill(&lines), -EBADF);
    lines_finish(&lines);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"lines end at LF or at the end", lines_end_at_lf_or_at_the_end},
        {"a long line comes in one piece", a_long_line_comes_in_one_piece},
        {"a line over the ceiling is refused", a_line_over_the_ceiling_is_refused},
        {"all can be read in one piece", all_can_be_read_in_one_piece},
        {"a descriptor that cannot be read is an error", a_descriptor_that_cannot_be_read_is_an_error},
    };
    return RUN_TESTS("lines", tests);
}
