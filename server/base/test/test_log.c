// SPDX-License-Identifier: MIT
// The log goes to standard error: each test points it at a file and reads that back.
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/base/test/test_base.h"

#define TEXT_BYTES 262144

static char text[TEXT_BYTES];
static int saved_stderr;

static void capture_begin(void)
{
    int file = memfd_create("log", MFD_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(file >= 0 && fcntl(file, F_SETFL, O_APPEND) == 0);
    saved_stderr = dup(STDERR_FILENO);
    CU_ASSERT_TRUE_FATAL(saved_stderr >= 0 && dup2(file, STDERR_FILENO) >= 0);
    (void)close(file); // standard error holds it now
}

// Ends the capture and returns how many lines there were; `text` is what was written.
static int capture_end(void)
{
    ssize_t length = pread(STDERR_FILENO, text, TEXT_BYTES - 1, 0);
    CU_ASSERT_TRUE_FATAL(dup2(saved_stderr, STDERR_FILENO) >= 0);
    (void)close(saved_stderr); // its copy goes on
    CU_ASSERT_TRUE_FATAL(length >= 0);
    text[length] = '\0';
    int lines = 0;
    for (ssize_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

static void test_line_has_time_level_and_text(void)
{
    capture_begin();
    log_warning("listener %s is %d", "tcp", 7);
    CU_ASSERT_EQUAL(capture_end(), 1);
    int year;
    int at = 0;
    CU_ASSERT_EQUAL(sscanf(text, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3dZ warning: %n", &year, &at), 1);
    CU_ASSERT_TRUE(year >= 2020);
    CU_ASSERT_STRING_EQUAL(text + at, "listener tcp is 7\n");
}

static void test_levels(void)
{
    capture_begin();
    log_debug("hidden");
    log_set_level(LOG_DEBUG);
    log_debug("seen");
    log_set_level(LOG_ERROR);
    log_info("hidden");
    log_warning("hidden");
    log_peer("hidden");
    log_error("seen");
    log_set_level(LOG_INFO);
    CU_ASSERT_EQUAL(capture_end(), 2);
    CU_ASSERT_PTR_NULL(strstr(text, "hidden"));
}

static void test_control_characters_do_not_pass(void)
{
    capture_begin();
    log_info("%s", "a\nb\rc\x1b[31md\x7f\te");
    CU_ASSERT_EQUAL(capture_end(), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "info: a?b?c?[31md??e\n"));
}

static void test_utf8_passes(void)
{
    capture_begin();
    log_info("%s", "Größe");
    CU_ASSERT_EQUAL(capture_end(), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "info: Größe\n"));
}

static void test_long_line_is_cut(void)
{
    static char name[65536];
    memset(name, 'x', sizeof name - 1);
    capture_begin();
    log_info("client %s connected", name);
    CU_ASSERT_EQUAL(capture_end(), 1);
    CU_ASSERT_TRUE(strlen(text) <= 8192);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "xxx\n"));
}

// Each length around the cut: one line, ended, whatever fits.
static void test_lengths_around_the_limit(void)
{
    static char name[8300];
    for (int length = 8128; length < 8192; length++) {
        memset(name, 'x', (size_t)length);
        name[length] = '\0';
        capture_begin();
        log_info("%s", name);
        CU_ASSERT_EQUAL(capture_end(), 1);
        CU_ASSERT_EQUAL(text[strlen(text) - 1], '\n');
    }
}

// Runs before anything else has logged about peers, so the budget is whole; a second may pass, which gives a
// few lines more.
static void test_peers_cannot_fill_the_log(void)
{
    capture_begin();
    for (int i = 0; i < 1000; i++)
        log_peer("client %d", i);
    int lines = capture_end();
    CU_ASSERT_TRUE(lines >= (int)LOG_PEER_BURST && lines <= (int)(LOG_PEER_BURST + 2 * LOG_PEER_PER_SECOND));
    capture_begin();
    log_error("what is ours passes");
    log_set_level(LOG_DEBUG);
    for (int i = 0; i < 100; i++)
        log_peer("client %d", i);
    log_set_level(LOG_INFO);
    CU_ASSERT_EQUAL(capture_end(), 102);
    int kept_back = 0;
    const char *told = strstr(text, "lines about clients were kept back");
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    while (told > text && told[-1] != ':')
        told--;
    CU_ASSERT_EQUAL(sscanf(told, "%d", &kept_back), 1);
    CU_ASSERT_TRUE(kept_back > 0 && kept_back <= 1000 - (int)LOG_PEER_BURST);
}

static void *write_lines(void *argument)
{
    const char *word = argument;
    for (int i = 0; i < 200; i++)
        log_info("%s %s %s", word, word, word);
    return NULL;
}

static bool line_is_whole(const char *line, size_t length)
{
    static const char *const endings[] = {" info: alpha alpha alpha", " info: beta beta beta"};
    for (int i = 0; i < 2; i++) {
        size_t ending = strlen(endings[i]);
        if (length == strlen("2000-01-01T00:00:00.000Z") + ending &&
            memcmp(line + length - ending, endings[i], ending) == 0)
            return true;
    }
    return false;
}

static void test_lines_of_threads_stay_whole(void)
{
    static char words[2][8] = {"alpha", "beta"};
    pthread_t threads[2];
    capture_begin();
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, write_lines, words[i]), 0);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL); // it was just created
    CU_ASSERT_EQUAL(capture_end(), 400);
    for (const char *line = text, *end = strchr(line, '\n'); end != NULL;
         line = end + 1, end = strchr(line, '\n'))
        CU_ASSERT_TRUE(line_is_whole(line, (size_t)(end - line)));
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"peers cannot fill the log", test_peers_cannot_fill_the_log},
        {"a line has the time, the level and the text", test_line_has_time_level_and_text},
        {"levels hide and show", test_levels},
        {"control characters do not pass", test_control_characters_do_not_pass},
        {"UTF-8 passes", test_utf8_passes},
        {"a long line is cut", test_long_line_is_cut},
        {"lengths around the limit", test_lengths_around_the_limit},
        {"lines of several threads stay whole", test_lines_of_threads_stay_whole},
        CU_TEST_INFO_NULL,
    };
    return test_run("log", tests);
}
