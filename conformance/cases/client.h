// SPDX-License-Identifier: MIT
// Cases that play the server for a client: the client is started by its recipe to do one thing, and the case
// takes its connection.
#ifndef CONFORMANCE_CLIENT_H
#define CONFORMANCE_CLIENT_H

#include "conformance/cases/cases.h"

struct client {
    struct process process;
    struct entries values; // what is put into the recipe; a case may set others before client_start
};

// A client that has not been started: {id}, {topic}, {filter}, {message}, {qos} 0, {keepalive} 60, the {port}
// of a listening socket, the {scheme} of URLs for the transport of the case (mqtt, mqtts, ws, wss), and {ca}.
struct client *client_make(struct trial *trial);
void client_set(struct trial *trial, struct client *client, const char *name, const char *value);

// Starts it. Not applicable when the recipe does not know how to do this.
void client_start(struct trial *trial, struct client *client, const char *action);

// Makes, sets {qos} and starts.
struct client *client_do(struct trial *trial, const char *action, unsigned qos);

// Takes its connection and its CONNECT, and accepts it.
struct peer *client_accept(struct trial *trial, struct packet *ret_connect);

// Cuts off a client that keeps its session and takes its next CONNECT, without an answer. Not applicable when
// it does not come back.
struct peer *client_comes_back(struct peer *peer);

// Takes its SUBSCRIBE and grants it.
struct packet client_grant(struct peer *peer, unsigned qos);

// The client sends DISCONNECT, closes, and ends with status 0.
void client_expect_end(struct trial *trial, struct client *client, struct peer *peer);

// The client closes the connection, with or without DISCONNECT. Other packets fail the case.
void client_expect_close(struct peer *peer);

static inline const char *client_value(const struct client *client, const char *name)
{
    return entries_find(&client->values, name);
}

#endif
