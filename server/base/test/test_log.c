// SPDX-License-Identifier: MIT
// The log goes to standard error at first: tests point that at a file and read it back. What is told of
// settings is at the end.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

static void configure(struct log_settings settings)
{
    char error[256] = "";
    CU_ASSERT_EQUAL_FATAL(log_configure(&settings, error, sizeof error), 0);
    CU_ASSERT_STRING_EQUAL(error, "");
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
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "info: a\\x0ab\\x0dc\\x1b[31md\\x7f\\x09e\n"));
}

static void test_long_line_is_cut(void)
{
    static char name[65536];
    memset(name, 'x', sizeof name - 1);
    capture_begin();
    log_info("client %s connected", name);
    CU_ASSERT_EQUAL(capture_end(), 1);
    CU_ASSERT_TRUE(strlen(text) > 8000 && strlen(text) <= 8300);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "xxx...\n"));
}

static void test_a_line_about_a_client_begins_with_it(void)
{
    const struct log_subject subject = {"meter", 5, "127.0.0.1:1"};
    configure(LOG_SETTINGS_DEFAULT); // peers have their whole budget
    capture_begin();
    log_peer_about(LOG_INFO, &subject, "connection closed: %s", "for a reason");
    log_peer_about(LOG_DEBUG, &subject, "hidden");
    CU_ASSERT_EQUAL(capture_end(), 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text, " info: client 'meter' at 127.0.0.1:1: connection closed: for a reason\n"));
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

// Settings.

static char folder[] = "/tmp/test_log.XXXXXX";
static char path[64];

static void configure_file(enum log_format format)
{
    struct log_settings settings = LOG_SETTINGS_DEFAULT;
    settings.to = LOG_TO_FILE;
    settings.path = path;
    settings.format = format;
    configure(settings);
}

static void read_file(const char *name)
{
    int file = open(name, O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, text, TEXT_BYTES - 1);
    CU_ASSERT_TRUE_FATAL(file >= 0 && length >= 0);
    text[length] = '\0';
    (void)close(file);  // it was only read
    (void)unlink(name); // the next test begins anew
}

static void test_lines_go_to_a_file_that_is_appended_to(void)
{
    for (int i = 0; i < 2; i++) {
        configure_file(LOG_TEXT);
        capture_begin();
        log_info("line %d", i);
        CU_ASSERT_EQUAL(capture_end(), 0);
    }
    struct stat status;
    CU_ASSERT_TRUE(stat(path, &status) == 0 && (status.st_mode & 07) == 0);
    configure(LOG_SETTINGS_DEFAULT);
    read_file(path);
    const char *first = strstr(text, "Z info: line 0\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NOT_NULL(strstr(first, "Z info: line 1\n"));
}

static void test_errors_go_to_standard_error_as_well(void)
{
    configure_file(LOG_JSON);
    capture_begin();
    log_error("cannot go on");
    CU_ASSERT_EQUAL(capture_end(), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "Z error: cannot go on\n"));
    configure(LOG_SETTINGS_DEFAULT);
    read_file(path);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"level\":\"error\",\"message\":\"cannot go on\"}\n"));
}

static void test_a_file_that_was_moved_away_is_opened_again(void)
{
    char moved[80];
    (void)snprintf(moved, sizeof moved, "%s.1", path); // fits
    configure_file(LOG_TEXT);
    log_info("before");
    CU_ASSERT_EQUAL(rename(path, moved), 0);
    log_info("between");
    log_reopen();
    log_info("after");
    configure(LOG_SETTINGS_DEFAULT);
    read_file(moved);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "between"));
    CU_ASSERT_PTR_NULL(strstr(text, "after"));
    read_file(path);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "after"));
}

static void test_what_cannot_be_opened_again_stays(void)
{
    char moved[80];
    (void)snprintf(moved, sizeof moved, "%s.1", path); // fits
    configure_file(LOG_TEXT);
    CU_ASSERT_TRUE(rename(path, moved) == 0 && mkdir(path, 0700) == 0);
    capture_begin();
    log_reopen();
    log_info("after");
    CU_ASSERT_EQUAL(capture_end(), 1); // the error
    configure(LOG_SETTINGS_DEFAULT);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    read_file(moved);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "error: the log cannot be opened again: Is a directory"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "info: after\n"));
}

static void test_wrong_settings_are_refused_and_change_nothing(void)
{
    static const struct {
        enum log_destination to;
        const char *path;
        int failed;
        const char *error;
    } cases[] = {
        {LOG_TO_FILE, "/nonexistent/log", -ENOENT,
         "cannot log to the log file '/nonexistent/log': No such file or directory"},
        {LOG_TO_FILE, "/tmp", -EISDIR, "cannot log to the log file '/tmp': Is a directory"},
        {LOG_TO_SYSLOG, "/nonexistent/log", -ENOENT,
         "cannot log to syslog '/nonexistent/log': No such file or directory"},
        {LOG_TO_JOURNAL, "/tmp", -ECONNREFUSED, "cannot log to the journal '/tmp': Connection refused"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_settings settings = {.level = LOG_ERROR, .to = cases[i].to, .path = cases[i].path};
        char error[256];
        capture_begin();
        CU_ASSERT_EQUAL(log_configure(&settings, error, sizeof error), cases[i].failed);
        log_info("still");
        log_peer("there");
        CU_ASSERT_EQUAL(capture_end(), 2);
        CU_ASSERT_STRING_EQUAL(error, cases[i].error);
    }
}

static void test_the_budget_of_peers_is_set(void)
{
    struct log_settings settings = LOG_SETTINGS_DEFAULT;
    settings.peer_burst = 5;
    settings.peer_per_second = 1;
    configure(settings);
    capture_begin();
    for (int i = 0; i < 1000; i++)
        log_peer("client %d", i);
    int lines = capture_end();
    CU_ASSERT_TRUE(lines >= 5 && lines <= 8); // seconds may pass
    settings.peer_burst = 200;
    configure(settings); // which is there at once
    capture_begin();
    for (int i = 0; i < 1000; i++)
        log_peer("client %d", i);
    lines = capture_end();
    CU_ASSERT_TRUE(lines >= 201 && lines <= 204); // and how many were kept back before
    configure(LOG_SETTINGS_DEFAULT);
}

static void test_what_was_lost_is_told_once_it_works_again(void)
{
    struct log_settings settings = LOG_SETTINGS_DEFAULT;
    settings.to = LOG_TO_FILE;
    settings.path = "/dev/full";
    configure(settings);
    for (int i = 0; i < 3; i++)
        log_info("lost");
    configure_file(LOG_TEXT);
    log_info("written");
    log_info("written");
    configure(LOG_SETTINGS_DEFAULT);
    read_file(path);
    const char *told =
        strstr(text, "warning: 3 lines of the log could not be written: No space left on device\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_PTR_NULL(strstr(told + strlen("warning: "), "warning: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "written"));
    CU_ASSERT_PTR_NULL(strstr(text, "info: lost"));
}

#define LINES_BESIDE 2000

static _Atomic bool beside_ended;

static void *write_beside(void *argument)
{
    for (int i = 0; i < LINES_BESIDE; i++)
        log_info("line %d", i);
    beside_ended = true;
    return NULL;
}

static int count_rising_lines(void)
{
    int count = 0;
    int last = -1;
    for (const char *line = text; (line = strstr(line, "info: line ")) != NULL; count++) {
        line += strlen("info: line ");
        int number = (int)strtol(line, NULL, 10);
        CU_ASSERT_TRUE(number > last);
        last = number;
    }
    return count;
}

// Each line is in one of the two files, whole and in order.
static void test_settings_may_change_while_others_write(void)
{
    char other[80];
    (void)snprintf(other, sizeof other, "%s.other", path); // fits
    struct log_settings settings = LOG_SETTINGS_DEFAULT;
    settings.to = LOG_TO_FILE;
    settings.path = path;
    configure(settings);
    pthread_t thread;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, write_beside, NULL), 0);
    while (!beside_ended) {
        settings.path = settings.path == path ? other : path;
        configure(settings);
        log_reopen();
    }
    (void)pthread_join(thread, NULL); // it was just created
    configure(LOG_SETTINGS_DEFAULT);
    read_file(path);
    int lines = count_rising_lines();
    read_file(other);
    lines += count_rising_lines();
    CU_ASSERT_EQUAL(lines, LINES_BESIDE);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 2;
    (void)snprintf(path, sizeof path, "%s/log", folder); // fits
    static const CU_TestInfo tests[] = {
        {"peers cannot fill the log", test_peers_cannot_fill_the_log},
        {"a line has the time, the level and the text", test_line_has_time_level_and_text},
        {"levels hide and show", test_levels},
        {"control characters do not pass", test_control_characters_do_not_pass},
        {"a long line is cut", test_long_line_is_cut},
        {"a line about a client begins with it", test_a_line_about_a_client_begins_with_it},
        {"lines of several threads stay whole", test_lines_of_threads_stay_whole},
        {"lines go to a file that is appended to", test_lines_go_to_a_file_that_is_appended_to},
        {"errors go to standard error as well", test_errors_go_to_standard_error_as_well},
        {"a file that was moved away is opened again", test_a_file_that_was_moved_away_is_opened_again},
        {"what cannot be opened again stays", test_what_cannot_be_opened_again_stays},
        {"wrong settings are refused and change nothing", test_wrong_settings_are_refused_and_change_nothing},
        {"the budget of peers is set", test_the_budget_of_peers_is_set},
        {"what was lost is told once it works again", test_what_was_lost_is_told_once_it_works_again},
        {"settings may change while others write", test_settings_may_change_while_others_write},
    };
    int status = RUN_TESTS("log", tests);
    (void)rmdir(folder); // every test has removed its files
    return status;
}
