// SPDX-License-Identifier: MIT
// Who a client says it is, as plugins are told, and what they have decided for it. It is made when its
// CONNECT is judged, goes with the connection from shard to shard, and belongs to the session then, also
// while the client is away.
//
// Clients without a user name have one only while there are plugins.
#ifndef IDENTITY_H
#define IDENTITY_H

#include "server/plugin/plugin.h"
#include "server/shard.h"

struct client;

struct identity {
    struct hbmqtt_plugin_session session; // its texts lie behind
    struct verdicts *verdicts;
    char texts[];
};

// Of a client whose CONNECT is being judged. NULL if there is no memory, whose size is the peer's choice.
WARN_UNUSED struct identity *identity_of_connect(const struct shard *shard, const struct client *client,
                                                 const struct packet_connect *connect);

// That of a session, made now if its client came before there were plugins.
struct identity *identity_of_session(const struct shard *shard, struct session *session);

// Gives it another user name: *identity is another one then. Returns false, and leaves it, without memory.
WARN_UNUSED bool identity_rename(struct identity **identity, struct bytes user_name);

// The session takes it in place of the one that it had; NULL: none.
void identity_give(struct session *session, struct identity *identity);

void identity_destroy(struct identity *identity); // NULL accepted

#endif
