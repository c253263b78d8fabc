// SPDX-License-Identifier: MIT
#include "server/base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SYSLOG_SOCKET  "/dev/log"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FILE_MODE      0640 // client ids and addresses are not for everybody

static bool is_datagram(enum log_destination to)
{
    return to == LOG_TO_SYSLOG || to == LOG_TO_JOURNAL;
}

// Opening.

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    (void)close(fd); // nothing was written to it
    return -error;
}

// O_NONBLOCK is for a named pipe, which is refused while nobody reads it instead of waiting for a reader.
static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
    return fd < 0 ? -errno : fd;
}

static int open_place(enum log_destination to, const char *path)
{
    if (to == LOG_TO_STDERR)
        return STDERR_FILENO;
    return is_datagram(to) ? open_socket(path) : open_file(path);
}

int log_sink_open(struct log_sink *sink, enum log_destination to, const char *path)
{
    if (path == NULL && is_datagram(to))
        path = to == LOG_TO_SYSLOG ? SYSLOG_SOCKET : JOURNAL_SOCKET;
    int fd = open_place(to, path);
    if (fd < 0)
        return fd;
    *sink = (struct log_sink){.to = to, .fd = fd, .path = path == NULL ? NULL : strdup(path)};
    if (path == NULL || sink->path != NULL)
        return 0;
    (void)close(fd); // nothing was written to it
    return -ENOMEM;
}

// Writing.

static bool reader_takes_more(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    return poll(&ready, 1, 0) == 1 && (ready.revents & (POLLOUT | POLLERR)) != 0;
}

// What is ready takes PIPE_BUF bytes at once. A descriptor that others have, too, as standard error, cannot
// be made not to block: they would not expect it.
static ssize_t write_some(int fd, const char *text, size_t length)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -1;
    if (S_ISSOCK(status.st_mode))
        return send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (S_ISREG(status.st_mode))
        return write(fd, text, length);
    if (!reader_takes_more(fd)) {
        errno = EAGAIN;
        return -1;
    }
    return write(fd, text, length < PIPE_BUF ? length : PIPE_BUF);
}

// Writes as much as goes. Returns how much.
static size_t write_most(struct log_sink *sink, const char *text, size_t length)
{
    size_t written = 0;
    while (written < length) {
        ssize_t some = write_some(sink->fd, text + written, length - written);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0) {
            sink->error = some < 0 ? errno : EIO;
            return written;
        }
        written += (size_t)some;
    }
    return written;
}

static bool write_rest(struct log_sink *sink)
{
    sink->rest_at += write_most(sink, sink->rest + sink->rest_at, sink->rest_end - sink->rest_at);
    return sink->rest_at == sink->rest_end;
}

static bool write_line(struct log_sink *sink, const char *line, size_t length)
{
    if (!write_rest(sink))
        return false;
    size_t written = write_most(sink, line, length);
    if (written == 0)
        return false;
    sink->rest_at = 0;
    sink->rest_end = length - written;
    memcpy(sink->rest, line + written, length - written);
    return true;
}

// A service that was started again listens on another socket at the same place.
static bool send_datagram(struct log_sink *sink, const char *line, size_t length)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (send(sink->fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        sink->error = errno;
        if (errno == EAGAIN || log_sink_reopen(sink) < 0)
            return false;
    }
    return false;
}

bool log_sink_write(struct log_sink *sink, const char *line, size_t length)
{
    bool written = is_datagram(sink->to) ? send_datagram(sink, line, length) : write_line(sink, line, length);
    if (!written)
        sink->lost++;
    return written;
}

void log_sink_close(struct log_sink *sink)
{
    (void)write_rest(sink); // there is no other time for it
    if (sink->to != LOG_TO_STDERR)
        (void)close(sink->fd); // what could be written was written
    free(sink->path);
    sink->path = NULL;
}

int log_sink_reopen(struct log_sink *sink)
{
    if (sink->to == LOG_TO_STDERR)
        return 0;
    int fd = open_place(sink->to, sink->path);
    if (fd < 0)
        return fd;
    (void)write_rest(sink); // there is no other time for it
    sink->rest_at = sink->rest_end = 0;
    (void)close(sink->fd); // what could be written was written
    sink->fd = fd;
    return 0;
}

// The journal names the stream that it reads as standard error in the environment, by device and inode:
// descriptors may have been redirected since.
static bool journal_reads(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    unsigned long long device;
    unsigned long long inode;
    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &status) == 0 &&
           status.st_dev == device && status.st_ino == inode;
}

enum log_envelope log_sink_envelope(const struct log_sink *sink)
{
    switch (sink->to) {
    case LOG_TO_STDERR:
        return journal_reads(sink->fd) ? LOG_ENVELOPE_PRIORITY : LOG_ENVELOPE_PLAIN;
    case LOG_TO_SYSLOG:
        return LOG_ENVELOPE_SYSLOG;
    case LOG_TO_JOURNAL:
        return LOG_ENVELOPE_JOURNAL;
    case LOG_TO_FILE:
        break;
    }
    return LOG_ENVELOPE_PLAIN;
}
