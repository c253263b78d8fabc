// SPDX-License-Identifier: MIT
#include "harness/broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/arena.h"

enum { READY_MS = 15000, STOP_MS = 10000, ATTEMPTS = 5 };

static bool port_is_free(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    if (descriptor >= 0)
        close(descriptor);
    return bound;
}

// A port below those that the kernel gives to outgoing connections, so that none of these takes it before the
// broker does. Two processes begin at different places; should they meet, the broker that came second ends,
// and is started again on others.
static uint16_t port_take(void)
{
    enum { PORTS_FIRST = 20000, PORTS_COUNT = 12000 };
    static unsigned taken;
    static pid_t taker;
    if (taker != getpid()) {
        taker = getpid();
        taken = (unsigned)taker * 37 + (unsigned)(clock_now_ns() / 1000 % PORTS_COUNT);
    }
    for (unsigned i = 0; i < PORTS_COUNT; i++) {
        uint16_t port = (uint16_t)(PORTS_FIRST + taken++ % PORTS_COUNT);
        if (port_is_free(port))
            return port;
    }
    return 0;
}

static bool file_write(struct broker *broker, const char *name, const char *text, const char **ret_why)
{
    const char *path = arena_print("%s/%s", broker->directory, name);
    FILE *file = fopen(path, "w");
    const char *expanded = entries_expand(text, &broker->values, &broker->recipe->values);
    bool written = file != NULL && fputs(expanded, file) >= 0;
    written = file != NULL && fclose(file) == 0 && written;
    if (!written)
        *ret_why = arena_print("%s: %s", path, strerror(errno));
    return written;
}

static bool files_write(struct broker *broker, const char **ret_why)
{
    const struct entries *files = &broker->recipe->files;
    for (size_t i = 0; i < files->count; i++)
        if (!file_write(broker, files->list[i].name, files->list[i].text, ret_why))
            return false;
    const char *config = entries_find(&broker->recipe->configs, broker->config);
    return config == NULL || file_write(broker, "config", config, ret_why); // some need none
}

static bool ports_accept(struct broker *broker, struct deadline deadline)
{
    for (int i = 0; i < TRANSPORT_COUNT; i++) {
        const struct address *address = &broker->addresses[i];
        int descriptor = -1;
        while (address->port != 0 &&
               (descriptor = socket_connect(address->host, address->port, deadline)) < 0) {
            if (!process_alive(&broker->process) || deadline_passed(deadline))
                return false;
            deadline_await(deadline_earlier(deadline, deadline_in_exact_ms(5)));
        }
        if (descriptor >= 0)
            close(descriptor);
    }
    return process_alive(&broker->process);
}

bool broker_restart(struct broker *broker, const char **ret_why)
{
    struct deadline deadline = deadline_in_ms(READY_MS);
    const struct recipe *recipe = broker->recipe;
    const char *output = arena_print("%s/output", broker->directory);
    (void)unlink(output); // what an earlier one wrote, if there was one
    char **words = entries_words(recipe->command, &broker->values, &recipe->values);
    if (!process_start(&broker->process, words, output, false)) {
        *ret_why = arena_print("%s: %s", words[0], strerror(errno));
        return false;
    }
    bool ready = recipe->ready == NULL || process_wait_output(&broker->process, recipe->ready, deadline);
    if (ready && ports_accept(broker, deadline))
        return true;
    const char *output_text = process_output(&broker->process);
    *ret_why = arena_print("%s %s before it was ready; its output: %.600s", recipe->name,
                           process_state_text(&broker->process), output_text);
    broker_kill(broker);
    return false;
}

static void ports_choose(struct broker *broker)
{
    const char *text = entries_find(&broker->recipe->configs, "");
    const char *command = broker->recipe->command;
    for (int i = 0; i < TRANSPORT_COUNT; i++) {
        const char *name = transport_name((enum transport)i);
        const char *wanted = arena_print("{%s}", name);
        if (strstr(command, wanted) == NULL && (text == NULL || strstr(text, wanted) == NULL))
            continue;
        broker->addresses[i] = (struct address){.host = "127.0.0.1", .port = port_take()};
        (void)entries_set(&broker->values, name,
                          arena_print("%u", broker->addresses[i].port)); // there is room for these few
    }
}

bool broker_start(struct broker *broker, const struct recipe *recipe, const char *config,
                  const char *directory, const char *certificates, const char **ret_why)
{
    *broker = (struct broker){.recipe = recipe, .config = config, .directory = directory};
    if (*config != '\0' && entries_find(&recipe->configs, config) == NULL) {
        *ret_why = arena_print("%s has no configuration '%s'", recipe->name, config);
        return false;
    }
    // There is room for these few.
    (void)entries_set(&broker->values, "directory", directory);
    (void)entries_set(&broker->values, "ca", arena_print("%s/ca.pem", certificates));
    (void)entries_set(&broker->values, "certificate", arena_print("%s/server.pem", certificates));
    (void)entries_set(&broker->values, "key", arena_print("%s/server.key", certificates));
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        ports_choose(broker);
        if (!files_write(broker, ret_why))
            return false;
        if (broker_restart(broker, ret_why))
            return true;
    }
    return false;
}

void broker_at(struct broker *broker, enum transport transport, const struct address *address)
{
    *broker = (struct broker){.config = ""};
    broker->addresses[transport] = *address;
}

void broker_stop(struct broker *broker)
{
    process_stop(&broker->process, deadline_in_ms(STOP_MS));
}

void broker_kill(struct broker *broker)
{
    process_kill(&broker->process);
}

static void broker_signal(struct broker *broker, int number)
{
    if (process_alive(&broker->process))
        (void)kill(broker->process.pid, number); // it has not been waited for, so it exists
}

void broker_freeze(struct broker *broker)
{
    siginfo_t info;
    broker_signal(broker, SIGSTOP);
    // All its threads have stopped when the kernel says so to its parent; whoever is none goes on at once.
    if (process_alive(&broker->process))
        (void)waitid(P_PID, (id_t)broker->process.pid, &info, WSTOPPED | WEXITED | WNOWAIT);
}

void broker_thaw(struct broker *broker)
{
    broker_signal(broker, SIGCONT);
}
