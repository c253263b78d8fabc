// SPDX-License-Identifier: MIT
#include "server/passwd/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int endings[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

#define ENDINGS (sizeof endings / sizeof endings[0])

// What is to be put back.
struct before {
    struct termios settings;
    sigset_t blocked;
    struct sigaction actions[ENDINGS];
};

static volatile sig_atomic_t ending; // the signal that came, or 0

static void ending_note(int number)
{
    ending = number;
}

// Signals are blocked but while we wait for input, so none can come between a look at `ending` and the wait.
static void signals_hold(struct before *ret_before)
{
    sigset_t held;
    struct sigaction note = {.sa_handler = ending_note};
    (void)sigemptyset(&note.sa_mask); // cannot fail, as all that follows
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGTSTP); // a shell would find the terminal without echo
    for (size_t i = 0; i < ENDINGS; i++)
        (void)sigaddset(&held, endings[i]);
    (void)sigprocmask(SIG_BLOCK, &held, &ret_before->blocked);
    ending = 0;
    for (size_t i = 0; i < ENDINGS; i++) {
        (void)sigaction(endings[i], &note, &ret_before->actions[i]);
        if (ret_before->actions[i].sa_handler == SIG_IGN) // as nohup(1) has it
            (void)sigaction(endings[i], &ret_before->actions[i], NULL);
    }
}

// A signal that came does now what it would have done.
static void signals_release(const struct before *before)
{
    for (size_t i = 0; i < ENDINGS; i++)
        (void)sigaction(endings[i], &before->actions[i], NULL); // cannot fail, as the next one
    (void)sigprocmask(SIG_SETMASK, &before->blocked, NULL);
    if (ending != 0)
        (void)raise(ending);
}

// Reads a byte. Returns 1, 0 at the end, or -errno; -EINTR after a signal.
static ssize_t byte_wait(int fd, const sigset_t *blocked, char *ret_byte)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    sigset_t waiting = *blocked;
    (void)sigaddset(&waiting, SIGTSTP); // cannot fail
    if (ppoll(&input, 1, NULL, &waiting) < 0)
        return -errno;
    ssize_t got = read(fd, ret_byte, 1);
    return got < 0 ? -errno : got;
}

static ssize_t answer_read(int fd, const sigset_t *blocked, char *ret_text, size_t capacity)
{
    size_t length = 0;
    while (true) {
        char byte = 0;
        ssize_t got = byte_wait(fd, blocked, &byte);
        if (got == -EINTR && ending == 0)
            continue; // the terminal has another size, or the like
        if (got < 0)
            return got;
        if (got == 0 && length == 0)
            return -ENODATA;
        if (got == 0 || byte == '\n')
            return length <= capacity ? (ssize_t)length : -EMSGSIZE;
        if (length < capacity)
            ret_text[length] = byte;
        if (length <= capacity)
            length++;
    }
}

static void say(int fd, const char *text)
{
    (void)!write(fd, text, strlen(text)); // a terminal that cannot be written to cannot be told so
}

// The question comes when the echo is off, so that no answer to it is shown.
static ssize_t question_ask(int fd, const struct before *before, const char *question, char *ret_text,
                            size_t capacity)
{
    struct termios silent = before->settings;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
        return -errno;
    say(fd, question);
    ssize_t length = answer_read(fd, &before->blocked, ret_text, capacity);
    say(fd, "\n");
    (void)tcsetattr(fd, TCSANOW, &before->settings); // they were in force before
    return length;
}

static ssize_t terminal_use(int fd, const char *question, char *ret_text, size_t capacity)
{
    struct before before;
    if (tcgetattr(fd, &before.settings) < 0)
        return -errno;
    signals_hold(&before);
    ssize_t length = question_ask(fd, &before, question, ret_text, capacity);
    signals_release(&before);
    return length;
}

ssize_t terminal_ask(const char *question, char *ret_text, size_t capacity)
{
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    ssize_t length = terminal_use(fd < 0 ? STDIN_FILENO : fd, question, ret_text, capacity);
    if (fd >= 0)
        (void)close(fd); // nothing is lost
    return length;
}
