// SPDX-License-Identifier: MIT
// A peer in a thread that plays a broker from a script of bytes over loopback, and clients for it.
#ifndef CLIENT_TEST_SCRIPTED_PEER_H
#define CLIENT_TEST_SCRIPTED_PEER_H

#include "client/hbmqtt.h"
#include "test/run.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 20 // before a peer gives up waiting for bytes

// The peer.

struct peer {
    int listener;
    char url[64];
    void (*script)(int fd);
    pthread_t thread;
    int faults; // what the script found wrong; read after the thread has ended
};

static struct peer peer;

static void peer_send(int fd, const void *data, size_t length)
{
    if (send(fd, data, length, MSG_NOSIGNAL) != (ssize_t)length)
        peer.faults++;
}

static void peer_expect(int fd, const void *data, size_t length)
{
    char bytes[512];
    if (recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length && memcmp(bytes, data, length) == 0)
        return;
    peer.faults++;
}

static void peer_expect_end(int fd)
{
    char byte;
    if (recv(fd, &byte, 1, 0) != 0)
        peer.faults++;
}

#define SEND(text)   peer_send(fd, text, sizeof(text) - 1)
#define EXPECT(text) peer_expect(fd, text, sizeof(text) - 1)

#define CONNECT       "\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
#define CONNACK       "\x20\x02\x00\x00"
#define ACCEPT_CLIENT EXPECT(CONNECT), SEND(CONNACK)
#define DISCONNECT    "\xe0\x00"

static void *peer_run(void *unused)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = accept(peer.listener, NULL, NULL);
    if (fd < 0) {
        peer.faults++;
        return NULL;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer.script(fd);
    close(fd);
    return NULL;
}

static int listen_somewhere(char *url, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, size, "mqtt://127.0.0.1:%u", ntohs(address.sin_port));
    return fd;
}

static void peer_begin(void (*script)(int fd))
{
    peer = (struct peer){.script = script};
    peer.listener = listen_somewhere(peer.url, sizeof peer.url);
    CU_ASSERT_EQUAL_FATAL(listen(peer.listener, 1), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&peer.thread, NULL, peer_run, NULL), 0);
}

static void peer_end(void)
{
    pthread_join(peer.thread, NULL);
    close(peer.listener);
    CU_ASSERT_EQUAL(peer.faults, 0);
}

// The client.

static struct hbmqtt_options options_usual(void)
{
    struct hbmqtt_options options;
    hbmqtt_options_init(&options, sizeof options);
    options.reconnect = false;
    return options;
}

static struct hbmqtt_client *client_make(const struct hbmqtt_options *options)
{
    struct hbmqtt_options usual = options_usual();
    struct hbmqtt_client *client = hbmqtt_create(options == NULL ? &usual : options);
    CU_ASSERT_FATAL(client != NULL);
    return client;
}

static struct hbmqtt_client *client_connected(const struct hbmqtt_options *options)
{
    struct hbmqtt_client *client = client_make(options);
    CU_ASSERT_EQUAL(hbmqtt_connect(client, peer.url, NULL), 0);
    CU_ASSERT_TRUE(hbmqtt_is_connected(client));
    return client;
}

static struct hbmqtt_message message_of(const char *topic, const char *payload, uint8_t qos)
{
    struct hbmqtt_message message = {.size = sizeof message, .topic = topic, .payload = payload, .qos = qos};
    message.payload_length = strlen(payload);
    return message;
}

static void expect_text(const struct hbmqtt_client *client, const char *part)
{
    if (strstr(hbmqtt_error_text(client), part) == NULL)
        fprintf(stderr, "\n'%s' does not hold '%s'\n", hbmqtt_error_text(client), part);
    CU_ASSERT_PTR_NOT_NULL(strstr(hbmqtt_error_text(client), part));
}

#endif
