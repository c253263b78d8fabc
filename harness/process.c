// SPDX-License-Identifier: MIT
#include "harness/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/bytes.h"

// In the child. Comes back only by exec.
static void become(char *const *words, const char *output, int input)
{
    int written = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // cannot fail with a signal that exists
    if (written < 0 || dup2(written, STDOUT_FILENO) < 0 || dup2(written, STDERR_FILENO) < 0 ||
        dup2(input, STDIN_FILENO) < 0)
        _exit(126);
    execv(words[0], words);
    dprintf(STDERR_FILENO, "%s: %s\n", words[0], strerror(errno));
    _exit(127);
}

bool process_start(struct process *process, char *const *words, const char *output, bool has_input)
{
    int ends[2] = {-1, -1};
    if (has_input ? pipe2(ends, O_CLOEXEC) != 0 : (ends[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        return false;
    pid_t pid = fork();
    if (pid == 0)
        become(words, output, ends[0]);
    close(ends[0]);
    if (pid < 0 && ends[1] >= 0)
        close(ends[1]);
    *process = (struct process){.pid = pid < 0 ? 0 : pid, .output = output, .input = pid < 0 ? -1 : ends[1]};
    return pid > 0;
}

static void process_ended(struct process *process, int status)
{
    process->status = status;
    process->pid = 0;
    if (process->input >= 0)
        close(process->input);
    process->input = -1;
}

bool process_alive(struct process *process)
{
    int status = 0;
    if (process->pid > 0 && waitpid(process->pid, &status, WNOHANG) == process->pid)
        process_ended(process, status);
    return process->pid > 0;
}

bool process_wait(struct process *process, struct deadline deadline)
{
    while (process_alive(process)) {
        int descriptor = (int)syscall(SYS_pidfd_open, process->pid, 0);
        bool ended = descriptor >= 0 && deadline_wait(deadline, descriptor, POLLIN);
        if (descriptor >= 0)
            close(descriptor);
        if (!ended && !process_alive(process))
            return true;
        if (!ended)
            return false;
    }
    return true;
}

void process_kill(struct process *process)
{
    if (!process_alive(process))
        return;
    (void)kill(process->pid, SIGKILL); // it is our child and not waited for yet: it exists
    int status = 0;
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    process_ended(process, status);
}

void process_stop(struct process *process, struct deadline deadline)
{
    if (process_alive(process))
        (void)kill(process->pid, SIGTERM); // as above
    if (!process_wait(process, deadline))
        process_kill(process);
}

const char *process_state_text(const struct process *process)
{
    if (process->pid > 0)
        return "runs";
    if (WIFSIGNALED(process->status))
        return arena_print("died of signal %d (%s)", WTERMSIG(process->status),
                           strsignal(WTERMSIG(process->status)));
    return arena_print("ended with status %d", WEXITSTATUS(process->status));
}

const char *process_output(const struct process *process)
{
    enum { OUTPUT_MAX = 1 << 20 };
    FILE *file = fopen(process->output, "r");
    if (file == NULL)
        return "";
    char *text = arena_take(OUTPUT_MAX + 1);
    size_t length = fread(text, 1, OUTPUT_MAX, file);
    (void)fclose(file); // it was only read
    text[length] = '\0';
    return text;
}

bool process_wait_output(struct process *process, const char *text, struct deadline deadline)
{
    for (;;) {
        bool alive = process_alive(process);
        if (strstr(process_output(process), text) != NULL)
            return true;
        if (!alive || deadline_passed(deadline))
            return false;
        deadline_await(deadline_earlier(deadline, deadline_in_exact_ms(5)));
    }
}
