// SPDX-License-Identifier: MIT
#include "server/handshake.h"

#include "server/acceptor.h"

static bool handshake_step_left(const struct shard *shard, const struct client *client)
{
    return shard->handshake_steps < client->terms->handshakes_max;
}

bool handshake_take(struct shard *shard, struct client *client, struct bytes received)
{
    if (client->state != CLIENT_SERVING || !layers_shaking_hands(client->connection.layers))
        return true;
    if (!handshake_waiting(shard) && handshake_step_left(shard, client)) {
        shard->handshake_steps++;
        return true;
    }
    if (!segment_lengthen(&client->shaking_with, received)) {
        client->why = "out of memory";
        client_close(shard, client, REASON_UNSPECIFIED_ERROR);
        return false;
    }
    if (list_empty(&client->shaking))
        list_append(&shard->shaking, &client->shaking);
    return false;
}

void handshake_go_on(struct shard *shard)
{
    while (handshake_waiting(shard)) {
        struct client *client = container_of(list_first(&shard->shaking), struct client, shaking);
        if (!handshake_step_left(shard, client))
            break;
        shard->handshake_steps++;
        list_remove(&client->shaking);
        struct segment *received = client->shaking_with;
        client->shaking_with = NULL;
        client_take_received(shard, client, (struct iovec){received->data, received->used});
        segment_unref(received);
        client_listen_again(shard, client);
    }
    shard->handshake_steps = 0;
    if (!handshake_waiting(shard))
        acceptors_go_on(shard); // it may have stopped for their sake
}

void handshake_drop(struct client *client)
{
    list_remove(&client->shaking);
    if (client->shaking_with != NULL)
        segment_unref(client->shaking_with);
    client->shaking_with = NULL;
}
