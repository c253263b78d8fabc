// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/base/log_sink.h"
#include "server/base/test/test_base.h"

static char folder[] = "/tmp/test_log_sink.XXXXXX";
static char path[64];
static struct log_sink sink;
static char text[1u << 20];

static bool put(const char *line)
{
    return log_sink_write(&sink, line, strlen(line));
}

static const char *read_from(int fd)
{
    size_t length = 0;
    for (ssize_t some;
         length < sizeof text - 1 && (some = read(fd, text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)some;
    text[length] = '\0';
    return text;
}

// Standard error is a pipe whose reader does not read: its end, and the number of bytes that it has taken.
static int clog_standard_error(int *ret_saved)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    CU_ASSERT_TRUE_FATAL(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(ends[1], F_SETPIPE_SZ, 8192) > 0);
    *ret_saved = dup(STDERR_FILENO);
    CU_ASSERT_TRUE_FATAL(*ret_saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]); // standard error holds it
    return ends[0];
}

static void restore_standard_error(int saved)
{
    CU_ASSERT_TRUE_FATAL(dup2(saved, STDERR_FILENO) >= 0);
    (void)close(saved); // its copy goes on
}

static void test_a_pipe_that_is_full_does_not_hold_up(void)
{
    int saved;
    int reader = clog_standard_error(&saved);
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_STDERR, NULL), 0);
    char line[1001];
    memset(line, 'x', 999);
    memcpy(line + 999, "\n", 2);
    int written = 0;
    while (put(line))
        written++;
    CU_ASSERT_TRUE(written >= 4 && written <= 9);
    CU_ASSERT_FALSE(put(line));
    CU_ASSERT_EQUAL(sink.lost, 2);
    CU_ASSERT_EQUAL(sink.error, EAGAIN);
    (void)read_from(reader);
    CU_ASSERT_TRUE(put("again\n"));
    (void)read_from(reader);
    CU_ASSERT_TRUE(strlen(text) >= 6 && strcmp(text + strlen(text) - 6, "again\n") == 0);
    restore_standard_error(saved);
    (void)close(reader); // it was only read
}

// What a pipe takes of a line in part is completed before anything else is written.
static void test_lines_stay_whole_over_a_pause_of_the_reader(void)
{
    int saved;
    int reader = clog_standard_error(&saved);
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_STDERR, NULL), 0);
    static char line[LOG_LINE_BYTES];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    CU_ASSERT_TRUE(log_sink_write(&sink, line, sizeof line)); // twice what the pipe holds
    CU_ASSERT_FALSE(put("lost\n"));
    CU_ASSERT_EQUAL(strlen(read_from(reader)), 8192);
    CU_ASSERT_PTR_NULL(strchr(text, '\n'));
    CU_ASSERT_FALSE(put("lost\n")); // what was left of the first line fills the pipe again
    CU_ASSERT_EQUAL(strlen(read_from(reader)), 8192);
    CU_ASSERT_PTR_EQUAL(strchr(text, '\n'), text + 8191);
    CU_ASSERT_TRUE(put("next\n"));
    CU_ASSERT_STRING_EQUAL(read_from(reader), "next\n");
    CU_ASSERT_EQUAL(sink.lost, 2);
    restore_standard_error(saved);
    (void)close(reader); // it was only read
}

static void test_a_reader_that_has_gone_ends_nothing(void)
{
    int saved;
    (void)signal(SIGPIPE, SIG_IGN);           // as the broker has it
    (void)close(clog_standard_error(&saved)); // nobody reads
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_STDERR, NULL), 0);
    CU_ASSERT_FALSE(put("lost\n"));
    CU_ASSERT_EQUAL(sink.error, EPIPE);
    restore_standard_error(saved);
}

static void test_a_stream_of_the_journal_that_is_full_does_not_hold_up(void)
{
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    int saved = dup(STDERR_FILENO);
    CU_ASSERT_TRUE_FATAL(saved >= 0 && dup2(ends[0], STDERR_FILENO) >= 0);
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_STDERR, NULL), 0);
    char line[1001];
    memset(line, 'x', 1000);
    line[1000] = '\0';
    int written = 0;
    while (put(line))
        written++;
    CU_ASSERT_TRUE(written > 10);
    struct stat status;
    char stream[64];
    CU_ASSERT_EQUAL(log_sink_envelope(&sink), LOG_ENVELOPE_PLAIN);
    CU_ASSERT_EQUAL(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)status.st_dev,
                   (unsigned long long)status.st_ino);
    (void)setenv("JOURNAL_STREAM", stream, 1);
    CU_ASSERT_EQUAL(log_sink_envelope(&sink), LOG_ENVELOPE_PRIORITY);
    restore_standard_error(saved);
    CU_ASSERT_EQUAL(log_sink_envelope(&sink), LOG_ENVELOPE_PLAIN); // it was redirected
    (void)unsetenv("JOURNAL_STREAM");
    (void)close(ends[0]); // nothing waits in them
    (void)close(ends[1]);
}

// A file.

static const char *read_path(const char *name)
{
    int file = open(name, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    (void)read_from(file);
    (void)close(file); // it was only read
    return text;
}

// The limit on the size of files stands for a disk that is full: a part of the line fits.
static void test_a_line_that_was_cut_by_a_full_disk_is_completed(void)
{
    (void)signal(SIGXFSZ, SIG_IGN); // as the broker has it
    struct rlimit saved;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &saved), 0);
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_FILE, path), 0);
    struct rlimit limit = {10, saved.rlim_max};
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CU_ASSERT_TRUE(put("first\n"));
    CU_ASSERT_TRUE(put("second\n"));
    CU_ASSERT_FALSE(put("lost\n"));
    CU_ASSERT_EQUAL(sink.error, EFBIG);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &saved), 0);
    CU_ASSERT_STRING_EQUAL(read_path(path), "first\nseco");
    CU_ASSERT_TRUE(put("third\n"));
    CU_ASSERT_STRING_EQUAL(read_path(path), "first\nsecond\nthird\n");
    log_sink_close(&sink);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void test_a_named_pipe_that_nobody_reads_is_refused(void)
{
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(log_sink_open(&sink, LOG_TO_FILE, path), -ENXIO);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_FILE, path), 0);
    CU_ASSERT_TRUE(put("a line\n"));
    CU_ASSERT_STRING_EQUAL(read_from(reader), "a line\n");
    log_sink_close(&sink);
    (void)close(reader); // it was only read
    CU_ASSERT_EQUAL(unlink(path), 0);
}

// A service.

static int listen_at_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static const char *receive(int fd)
{
    ssize_t length = recv(fd, text, sizeof text - 1, 0);
    text[length < 0 ? 0 : length] = '\0';
    return text;
}

static void test_each_line_is_a_datagram(void)
{
    int service = listen_at_path();
    for (int to = LOG_TO_SYSLOG; to <= LOG_TO_JOURNAL; to++) {
        CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, (enum log_destination)to, path), 0);
        CU_ASSERT_EQUAL(log_sink_envelope(&sink),
                        to == LOG_TO_SYSLOG ? LOG_ENVELOPE_SYSLOG : LOG_ENVELOPE_JOURNAL);
        CU_ASSERT_TRUE(put("one") && put("two"));
        CU_ASSERT_STRING_EQUAL(receive(service), "one");
        CU_ASSERT_STRING_EQUAL(receive(service), "two");
        log_sink_close(&sink);
    }
    (void)close(service); // nothing waits in it
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void test_a_service_that_was_started_again_is_found(void)
{
    int service = listen_at_path();
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_SYSLOG, path), 0);
    CU_ASSERT_TRUE(put("one"));
    (void)close(service); // with what waits in it
    CU_ASSERT_FALSE(put("lost"));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_FALSE(put("lost"));
    CU_ASSERT_EQUAL(sink.lost, 2);
    service = listen_at_path();
    CU_ASSERT_TRUE(put("two"));
    CU_ASSERT_STRING_EQUAL(receive(service), "two");
    log_sink_close(&sink);
    (void)close(service); // nothing waits in it
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void test_a_service_that_does_not_read_does_not_hold_up(void)
{
    int service = listen_at_path();
    CU_ASSERT_EQUAL_FATAL(log_sink_open(&sink, LOG_TO_JOURNAL, path), 0);
    int written = 0;
    while (written < 100000 && put("line"))
        written++;
    CU_ASSERT_TRUE(written > 0 && written < 100000);
    CU_ASSERT_EQUAL(sink.error, EAGAIN);
    (void)receive(service);
    CU_ASSERT_TRUE(put("line"));
    log_sink_close(&sink);
    (void)close(service); // with what waits in it
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static void test_a_path_that_no_socket_can_have_is_refused(void)
{
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CU_ASSERT_EQUAL(log_sink_open(&sink, LOG_TO_SYSLOG, name), -ENAMETOOLONG);
}

int main(void)
{
    if (mkdtemp(folder) == NULL)
        return 2;
    (void)snprintf(path, sizeof path, "%s/log", folder); // fits
    static const CU_TestInfo tests[] = {
        {"a pipe that is full does not hold up", test_a_pipe_that_is_full_does_not_hold_up},
        {"lines stay whole over a pause of the reader", test_lines_stay_whole_over_a_pause_of_the_reader},
        {"a reader that has gone ends nothing", test_a_reader_that_has_gone_ends_nothing},
        {"a stream of the journal that is full does not hold up",
         test_a_stream_of_the_journal_that_is_full_does_not_hold_up},
        {"a line that was cut by a full disk is completed",
         test_a_line_that_was_cut_by_a_full_disk_is_completed},
        {"a named pipe that nobody reads is refused", test_a_named_pipe_that_nobody_reads_is_refused},
        {"each line is a datagram", test_each_line_is_a_datagram},
        {"a service that was started again is found", test_a_service_that_was_started_again_is_found},
        {"a service that does not read does not hold up", test_a_service_that_does_not_read_does_not_hold_up},
        {"a path that no socket can have is refused", test_a_path_that_no_socket_can_have_is_refused},
    };
    int status = RUN_TESTS("log sink", tests);
    (void)rmdir(folder); // every test has removed its files
    return status;
}
