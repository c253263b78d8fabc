// SPDX-License-Identifier: MIT
#include "conformance/cases/client.h"

#include <errno.h>
#include <string.h>

enum { START_MS = 5000, RETURN_MS = 5000 };

void client_set(struct trial *trial, struct client *client, const char *name, const char *value)
{
    if (!entries_set(&client->values, name, value))
        trial_inconclusive(trial, "no room for the value of %s", name);
}

struct client *client_make(struct trial *trial)
{
    struct client *client = arena_take(sizeof *client);
    uint16_t port = 0;
    trial->listener = socket_listen(&port);
    if (trial->listener < 0)
        trial_inconclusive(trial, "no listening socket: %s", strerror(-trial->listener));
    static const char *const schemes[TRANSPORT_COUNT] = {"mqtt", "mqtts", "ws", "wss"};
    client_set(trial, client, "scheme", schemes[trial->transport]);
    client_set(trial, client, "port", arena_print("%u", port));
    client_set(trial, client, "ca", arena_print("%s/ca.pem", trial->certificates));
    client_set(trial, client, "id", trial_id(trial, "c"));
    client_set(trial, client, "topic", trial_topic(trial, "t"));
    client_set(trial, client, "filter", trial_topic(trial, "t"));
    client_set(trial, client, "message", "message");
    client_set(trial, client, "qos", "0");
    client_set(trial, client, "keepalive", "60");
    return client;
}

void client_start(struct trial *trial, struct client *client, const char *action)
{
    const char *command = entries_find(&trial->client->actions, action);
    if (command == NULL)
        trial_not_applicable(trial, "the recipe does not know how to %s", action);
    const char *besides = entries_find(&trial->client->transports, transport_name(trial->transport));
    char **words = entries_words(arena_print("%s %s", command, besides == NULL ? "" : besides),
                                 &client->values, &trial->client->values);
    const char *line = "";
    for (char **word = words; *word != NULL; word++)
        line = arena_print("%s %s", line, *word);
    trial_note(trial, "starts%s", line);
    if (!process_start(&client->process, words, trial_file(trial, "output"), true))
        trial_inconclusive(trial, "%s: %s", words[0], strerror(errno));
}

struct client *client_do(struct trial *trial, const char *action, unsigned qos)
{
    struct client *client = client_make(trial);
    client_set(trial, client, "qos", arena_print("%u", qos));
    client_start(trial, client, action);
    return client;
}

struct peer *client_accept(struct trial *trial, struct packet *ret_connect)
{
    struct peer *peer = peer_accept(trial, "server");
    peer->answer_ms = START_MS;
    *ret_connect = peer_expect_type(peer, PACKET_CONNECT);
    peer_send(peer, packet_connack(0, 0));
    return peer;
}

struct peer *client_comes_back(struct peer *peer)
{
    struct trial *trial = peer->trial;
    peer_cut(peer);
    peer = peer_accept_within(trial, "server", RETURN_MS);
    if (peer == NULL)
        trial_not_applicable(trial, "the client does not connect again");
    peer->answer_ms = START_MS;
    struct packet connect = peer_expect_type(peer, PACKET_CONNECT);
    trial_require(trial, (connect.connect_flags & 0x02) == 0, "Clean Session 0 again", "flags %02X",
                  connect.connect_flags);
    return peer;
}

struct packet client_grant(struct peer *peer, unsigned qos)
{
    struct packet subscribe = peer_expect_type(peer, PACKET_SUBSCRIBE);
    struct bytes filter;
    unsigned asked;
    struct buffer codes = {0};
    for (size_t at = 0; packet_next_filter(&subscribe, &at, &filter, &asked);)
        buffer_put_u8(&codes, asked < qos ? asked : qos);
    peer_send(peer, packet_suback_all(subscribe.id, buffer_bytes(&codes)));
    buffer_finish(&codes);
    return subscribe;
}

void client_expect_close(struct peer *peer)
{
    struct packet packet = {0};
    enum peer_event event = peer_next(peer, deadline_in_ms(peer->answer_ms), &packet);
    if (event == PEER_PACKET && packet.type == PACKET_DISCONNECT)
        event = peer_next(peer, deadline_in_ms(peer->answer_ms), &packet);
    trial_require(peer->trial, event == PEER_END, "the client closes the connection", "%s",
                  event == PEER_PACKET ? packet_describe(packet.whole) : "it stays");
}

void client_expect_end(struct trial *trial, struct client *client, struct peer *peer)
{
    peer_expect(peer, packet_empty(PACKET_DISCONNECT));
    peer_expect_close(peer); // nothing behind it, and it does not wait for the server
    peer_hang_up(peer);
    bool ended = process_wait(&client->process, deadline_in_ms(ANSWER_MS));
    trial_require(trial, ended && client->process.status == 0, "the client ends with status 0",
                  "it %s: %.300s", process_state_text(&client->process), process_output(&client->process));
}
