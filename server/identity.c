// SPDX-License-Identifier: MIT
#include "server/identity.h"

#include <stdlib.h>

#include "server/client.h"

static struct hbmqtt_plugin_bytes put_bytes(char **at, struct hbmqtt_plugin_bytes bytes)
{
    struct hbmqtt_plugin_bytes copied = {*at, bytes.length};
    if (bytes.length > 0)
        memcpy(*at, bytes.data, bytes.length);
    *at += bytes.length;
    return copied;
}

static const char *put_text(char **at, const char *text)
{
    return put_bytes(at, (struct hbmqtt_plugin_bytes){text, strlen(text) + 1}).data;
}

// A copy with texts of its own.
static struct identity *identity_create(const struct hbmqtt_plugin_session *session)
{
    size_t length = session->client_id.length + session->user_name.length + strlen(session->peer) +
                    strlen(session->listener) + 2;
    struct identity *identity = malloc(sizeof *identity + length);
    if (identity == NULL)
        return NULL;
    char *at = identity->texts;
    identity->verdicts = NULL;
    identity->session = *session;
    identity->session.size = sizeof identity->session;
    identity->session.client_id = put_bytes(&at, session->client_id);
    identity->session.user_name = put_bytes(&at, session->user_name);
    identity->session.peer = put_text(&at, session->peer);
    identity->session.listener = put_text(&at, session->listener);
    return identity;
}

static const char *peer_of(const struct client *client, char text[ADDRESS_TEXT_BYTES])
{
    connection_peer(&client->connection, text);
    return text;
}

struct identity *identity_of_connect(const struct shard *shard, const struct client *client,
                                     const struct packet_connect *connect)
{
    char peer[ADDRESS_TEXT_BYTES];
    struct hbmqtt_plugin_session session = {
        .flags = connect->clean ? HBMQTT_SESSION_CLEAN : 0,
        .client_id = bytes_to_plugin(connect->client_id),
        .peer = peer_of(client, peer),
        .listener = client->terms->name,
        .keepalive_s = connect->keepalive_s,
        .protocol = connect->version,
    };
    const struct layers *layers = client->connection.layers;
    struct bytes certified = layers == NULL ? (struct bytes){0} : bytes_of(layers_user_name(layers));
    if (certified.length > 0) {
        session.flags |= HBMQTT_SESSION_HAS_USER_NAME | HBMQTT_SESSION_VOUCHED;
        session.user_name = bytes_to_plugin(certified);
    } else if (connect->has_user_name) {
        session.flags |= HBMQTT_SESSION_HAS_USER_NAME;
        session.user_name = bytes_to_plugin(connect->user_name);
    }
    return identity_create(&session);
}

struct identity *identity_of_session(const struct shard *shard, struct session *session)
{
    if (session->identity != NULL)
        return session->identity;
    char peer[ADDRESS_TEXT_BYTES];
    struct hbmqtt_plugin_session known = {
        .flags = session->clean ? HBMQTT_SESSION_CLEAN : 0,
        .client_id = bytes_to_plugin(session_client_id(session)),
        .peer = "",
        .listener = "",
    };
    if (session->link != NULL) {
        const struct client *client = container_of(session->link, struct client, link);
        known.flags |= HBMQTT_SESSION_CONNECTED;
        known.peer = peer_of(client, peer);
        known.listener = client->terms->name;
        known.keepalive_s = session->link->keepalive_ms / 1000;
        known.protocol = session->link->version;
    }
    session->identity = identity_create(&known);
    assert(session->identity != NULL); // some hundred bytes: as memory_require
    return session->identity;
}

bool identity_rename(struct identity **identity, struct bytes user_name)
{
    struct hbmqtt_plugin_session session = (*identity)->session;
    session.user_name = bytes_to_plugin(user_name);
    session.flags |= HBMQTT_SESSION_HAS_USER_NAME;
    struct identity *renamed = identity_create(&session);
    if (renamed == NULL)
        return false;
    identity_destroy(*identity);
    *identity = renamed;
    return true;
}

void identity_give(struct session *session, struct identity *identity)
{
    identity_destroy(session->identity);
    session->identity = identity;
    if (identity != NULL)
        identity->session.client_id =
            bytes_to_plugin(session_client_id(session)); // it may be the broker's choice
}

void identity_destroy(struct identity *identity)
{
    if (identity == NULL)
        return;
    verdicts_destroy(identity->verdicts);
    free(identity);
}
