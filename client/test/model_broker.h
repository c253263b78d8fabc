// SPDX-License-Identifier: MIT
// A broker in memory for one client with one session, with packet code of its own: it takes what the client
// publishes, and has messages for it. Bytes are given and taken in any pieces, and the connection may end
// after any of them.
#ifndef CLIENT_TEST_MODEL_BROKER_H
#define CLIENT_TEST_MODEL_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_MESSAGES 64
#define MODEL_BYTES    65536

struct model_log {
    uint8_t number[8192]; // of messages, in the order of their coming
    size_t count;
};

// A message for the client.
struct model_outgoing {
    uint8_t qos;
    uint16_t id;   // 0: it has not been sent yet
    bool released; // PUBREC came
    bool done;
};

struct model_broker {
    // The session.
    bool exists;
    bool known[65536];   // identifiers of QoS 2 that came and whose PUBREL has not
    uint8_t held[65536]; // which message, when it is passed on at PUBREL
    bool subscribed;
    struct model_outgoing outgoing[MODEL_MESSAGES];
    size_t outgoing_count;
    size_t outgoing_next; // the first that has not been sent
    uint16_t next_id;
    // How it is.
    bool late;    // passes messages of QoS 2 on at PUBREL
    bool forgets; // a clean session is asked for: it ends with the connection
    // The connection.
    bool connected;
    uint8_t input[MODEL_BYTES];
    size_t input_size;
    uint8_t output[MODEL_BYTES];
    size_t output_size;
    // What became known.
    struct model_log came[3]; // by quality of service
    unsigned faults;          // of the client
    const char *fault;        // the first one
    unsigned subscribes;
};

// Has `number` messages for the client, of QoS 1 and 2 in turn: payload is 'A' and their number.
void model_broker_init(struct model_broker *broker, size_t number);
void model_broker_receive(struct model_broker *broker, const uint8_t *bytes, size_t size);
// Takes up to `size` bytes off the output.
size_t model_broker_send(struct model_broker *broker, uint8_t *bytes, size_t size);
void model_broker_cut(struct model_broker *broker);
// Forgets the session, as a broker that was killed does.
void model_broker_forget(struct model_broker *broker);
bool model_broker_is_done(const struct model_broker *broker);

#endif
