// SPDX-License-Identifier: MIT
// The handle: a link with its settings, and what calls the program back.
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "client/link.h"
#include "client/post.h"

// Bytes published and not sent are worth a system call from here on; a smaller amount waits for company.
#define CLIENT_BATCH_BYTES 32768u

// How a handle in the way of bytes stands.
enum client_bytes {
    CLIENT_BYTES_NONE, // it is not in that way
    CLIENT_BYTES_OPEN,
    CLIENT_BYTES_CLOSING, // the program is to close
    CLIENT_BYTES_WAITING, // for the time of a new connection
    CLIENT_BYTES_ENDED,
};

// What is known of the end of the last call that waited for an answer.
struct client_answer {
    struct hbmqtt_result result;
    uint8_t codes[HBMQTT_FILTERS_MAX];
};

struct hbmqtt_client {
    struct link link;
    struct settings settings;
    struct journal *journal;
    struct error queue_fault; // why there is no journal, though one was asked for
    struct post post;
    struct sending *posted;           // taken out of the post, and waiting for room
    unsigned depth;                   // callbacks of the program that run
    bool wants_room;                  // a publish was refused
    struct hbmqtt_call connecting;    // who waits for the broker's acceptance
    struct hbmqtt_call disconnecting; // and for the end
    struct client_answer answer;
    int timer_fd;      // -1: nobody has asked for the descriptor
    uint64_t timer_ms; // when it fires
    enum client_bytes bytes;
    uint64_t bytes_now_ms;
    uint64_t bytes_open_ms; // when a new connection is due
};

// Makes what is behind hbmqtt_create; NULL with errno set.
struct hbmqtt_client *client_create(const struct hbmqtt_options *options);

// Sets the error of the handle.
int client_fault(struct hbmqtt_client *client, int code, const char *text);

// 0 unless a callback of the program is running.
int client_check_outside(struct hbmqtt_client *client);

// The time of the handle's way.
uint64_t client_now_ms(const struct hbmqtt_client *client);

// Aims at `uris`, and sees that the handle can be used. Returns 0 or a status.
int client_aim(struct hbmqtt_client *client, const char *uris);

// Gives `message` to the core, as hbmqtt_publish_async does; `descriptor` (-1: none) has its `size` bytes of
// payload. CORE_WAIT: there is no room, and queue_policy wants to wait.
int client_publish(struct hbmqtt_client *client, const struct hbmqtt_message *message, int descriptor,
                   uint64_t size, const struct hbmqtt_call *call);

// After anything has been begun or moved: calls the program back, and sees that it will be called again.
void client_stepped(struct hbmqtt_client *client);
void client_begun(struct hbmqtt_client *client);

// Disconnects in the way of bytes.
void client_bytes_close(struct hbmqtt_client *client);

// Tells who waits for a state.
void client_told(struct hbmqtt_client *client, const struct hbmqtt_state_change *change);

#endif
