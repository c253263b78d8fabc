// SPDX-License-Identifier: MIT
// The sockets of the broken broker.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/test/broken.h"

struct client *clients[CLIENTS_MAX];

static const char *fault = "";

static const char *const fault_names[] = {
#define FAULT(name) #name,
#include "harness/test/broken_faults.def"
#undef FAULT
};

static bool fault_exists(const char *name)
{
    for (size_t i = 0; i < sizeof fault_names / sizeof *fault_names; i++)
        if (strcmp(fault_names[i], name) == 0)
            return true;
    return false;
}

bool is_faulty(const char *name)
{
    if (!fault_exists(name)) {
        fprintf(stderr, "broken_broker: the code names a fault that is none: %s\n", name);
        abort();
    }
    return strcmp(fault, name) == 0;
}

void client_send(struct client *client, struct bytes bytes)
{
    if (client->descriptor >= 0)
        buffer_append(&client->out, bytes);
}

static void client_free(struct client *client)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] == client)
            clients[i] = NULL;
    close(client->descriptor);
    buffer_finish(&client->in);
    buffer_finish(&client->out);
    free(client);
}

static void client_publish_will(struct client *client)
{
    bool has_will = client->has_will && !is_faulty("no-will");
    client->has_will = false;
    if (!has_will)
        return;
    bool retain =
        (client->will_retain && !is_faulty("will-never-retained")) || is_faulty("will-always-retained");
    message_publish(client->session, client->will_topic, client->will,
                    is_faulty("will-at-qos-0") ? 0 : client->will_qos, retain, false);
}

void client_end(struct client *client)
{
    struct session *session = client->session;
    if (client->is_closing)
        return;
    client->is_closing = true;
    client_publish_will(client);
    if (session == NULL || session->client != client)
        return;
    session->client = NULL;
    if (is_faulty("retained-dies-with-session"))
        retained_forget(session);
    if ((session->is_clean && !is_faulty("clean-session-kept")) || is_faulty("session-not-kept"))
        session_wipe(session);
}

static void client_accept(int listener)
{
    int descriptor = socket_accept(listener, deadline_in_exact_ms(0));
    if (descriptor < 0)
        return;
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] == NULL && !is_faulty("closes-everything")) {
            clients[i] = calloc(1, sizeof **clients);
            if (clients[i] == NULL)
                abort();
            clients[i]->descriptor = descriptor;
            clients[i]->heard_ns = clock_now_ns();
            return;
        }
    close(descriptor);
}

static void client_packets(struct client *client)
{
    size_t length = 0;
    int found = 0;
    bool refused_goes_on = is_faulty("acts-after-refusal"), left_goes_on = is_faulty("acts-after-disconnect");
    while ((!client->is_closing || (client->is_refused && refused_goes_on) ||
            (client->has_left && left_goes_on)) &&
           (found = packet_find(buffer_bytes(&client->in), &length)) == 1) {
        struct bytes whole = bytes_join(bytes_slice(buffer_bytes(&client->in), 0, length), (struct bytes){0});
        buffer_consume(&client->in, length);
        client_packet(client, whole);
    }
    if (found < 0 && is_faulty("crashes-on-noise"))
        abort();
    if (found < 0 && !is_faulty("lengths-unchecked"))
        client_end(client);
}

static void client_read(struct client *client)
{
    ssize_t count = recv(client->descriptor, buffer_reserve(&client->in, 65536), 65536, MSG_DONTWAIT);
    if (count <= 0) {
        if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            client_end(client);
            client->out.length = 0;
        }
        return;
    }
    client->in.length += (size_t)count;
    client->heard_ns = clock_now_ns();
    if (is_faulty("echoes"))
        client_send(client, buffer_bytes(&client->in));
    if (is_faulty("echoes") || is_faulty("accepts-and-is-mute"))
        client->in.length = 0;
    else
        client_packets(client);
}

static void client_write(struct client *client)
{
    if (client->out.length > 0) {
        ssize_t sent =
            send(client->descriptor, client->out.data, client->out.length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0)
            buffer_consume(&client->out, (size_t)sent);
        else if (errno != EAGAIN && errno != EINTR) {
            client_end(client);
            client->out.length = 0;
        }
    }
    if (client->is_closing && client->out.length == 0 &&
        !(client->is_refused && is_faulty("refusal-stays-open")))
        client_free(client);
}

static void client_check_silence(struct client *client)
{
    double allowed = is_faulty("keep-alive-too-short") ? 0.3 : 1.5;
    double silence = (double)(clock_now_ns() - client->heard_ns) / 1e9;
    if (client->keepalive_s > 0 && silence > allowed * client->keepalive_s &&
        !is_faulty("keep-alive-ignored"))
        client_end(client);
}

static void serve(int listener)
{
    struct pollfd wanted[1 + CLIENTS_MAX] = {{.fd = listener, .events = POLLIN}};
    for (int i = 0; i < CLIENTS_MAX; i++) {
        wanted[1 + i] = (struct pollfd){.fd = -1};
        if (clients[i] != NULL && !clients[i]->is_closing)
            wanted[1 + i] = (struct pollfd){.fd = clients[i]->descriptor, .events = POLLIN};
        if (clients[i] != NULL && clients[i]->out.length > 0)
            wanted[1 + i] = (struct pollfd){.fd = clients[i]->descriptor,
                                            .events = (short)(wanted[1 + i].events | POLLOUT)};
    }
    (void)poll(wanted, 1 + CLIENTS_MAX, 50); // what failed shows below
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] != NULL && !clients[i]->is_closing && (wanted[1 + i].revents & ~POLLOUT) != 0)
            client_read(clients[i]);
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] != NULL && !clients[i]->is_closing)
            client_check_silence(clients[i]);
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] != NULL)
            client_write(clients[i]);
    if (wanted[0].revents != 0)
        client_accept(listener);
}

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    stopped = 1;
}

static int list(void)
{
    for (size_t i = 0; i < sizeof fault_names / sizeof *fault_names; i++)
        printf("%s\n", fault_names[i]);
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "--list") == 0)
        return list();
    fault = count > 2 ? arguments[2] : "";
    if (count < 2 || count > 3 || (*fault != '\0' && strcmp(fault, "none") != 0 && !fault_exists(fault))) {
        fprintf(stderr, "usage: broken_broker PORT [FAULT], with a fault of --list\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons((uint16_t)strtoul(arguments[1], NULL, 10));
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int reuse = 1;
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 64) != 0) {
        perror("broken_broker");
        return 1;
    }
    (void)signal(SIGTERM, stop); // these cannot fail
    (void)signal(SIGPIPE, SIG_IGN);
    while (!stopped)
        serve(listener);
    return 0;
}
