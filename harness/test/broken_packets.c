// SPDX-License-Identifier: MIT
// What the broken broker makes of packets.
#include <stdlib.h>
#include <string.h>

#include "harness/test/broken.h"

static const char *text_of(struct bytes bytes)
{
    return arena_print("%.*s", (int)bytes.length, bytes.length == 0 ? "" : (const char *)bytes.data);
}

static void client_refuse(struct client *client, unsigned code)
{
    client_send(client, packet_connack(is_faulty("present-on-refusal"), code));
    client->is_refused = true;
    client_end(client);
}

// Faults of a packet that the fault of the broker lets pass: the marks of the harness's complaint and the
// fault.
static bool passes(const char *complaint)
{
    static const struct {
        const char *fault, *mark;
    } passed[] = {
        {"reserved-connect-flag-accepted", "bit 0"},
        {"will-bits-unchecked", "bits of the will"},
        {"will-bits-unchecked", "a will of QoS 3"},
        {"password-alone-accepted", "a password without"},
        {"trailing-bytes-accepted", "bytes behind its end"},
        {"flags-unchecked", "wrong flags"},
        {"identifier-0-accepted", "packet identifier 0"},
        {"qos-3-accepted", "QoS 3 [MQTT-3.3.1-4]"},
        {"wildcard-topic-accepted", "a wildcard in a topic"},
        {"empty-subscribe-accepted", "SUBSCRIBE: no filter"},
        {"empty-unsubscribe-accepted", "UNSUBSCRIBE: no filter"},
        {"options-unchecked", "an options byte"},
        {"empty-topic-accepted", "an empty topic"},
        {"any-protocol-name", "protocol name and level"},
        {"any-level", "protocol name and level"},
        {"empty-id-kept-accepted", "no client id"},
    };
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        if (is_faulty(passed[i].fault) && strstr(complaint, passed[i].mark) != NULL)
            return !(is_faulty("empty-subscribe-accepted") && strstr(complaint, "UNSUBSCRIBE") != NULL);
    return false;
}

// Makes a packet of one that is broken look right, where a fault asks for that. What it stands for is near
// enough.
static struct bytes mended(struct bytes whole)
{
    struct bytes copy = bytes_join(whole, (struct bytes){0});
    uint8_t *data = (uint8_t *)(uintptr_t)copy.data;
    if (is_faulty("flags-unchecked") && data[0] >> 4 != PACKET_PUBLISH)
        data[0] = (uint8_t)((data[0] & 0xF0) |
                            (data[0] >> 4 == 6 || data[0] >> 4 == 8 || data[0] >> 4 == 10 ? 2 : 0));
    if (is_faulty("disconnect-flags-accepted") && data[0] >> 4 == PACKET_DISCONNECT)
        data[0] = 0xE0;
    bool takes_any_text = is_faulty("utf8-unchecked"), takes_nul = is_faulty("nul-accepted");
    for (size_t i = 2; i < copy.length && (takes_any_text || takes_nul); i++) {
        if (takes_any_text && data[i] >= 0x80 && data[0] >> 4 != PACKET_CONNECT && i > 3)
            data[i] = '?';
        if (takes_nul && data[i] == 0 && i > 6 && data[i - 1] == 'a')
            data[i] = '?';
    }
    return copy;
}

static void client_take_over(struct client *client, struct session *session)
{
    struct client *other = session->client;
    if (other == NULL || is_faulty("no-takeover"))
        return;
    if (is_faulty("crashes-on-takeover"))
        abort();
    if (is_faulty("takeover-without-will"))
        other->has_will = false;
    session->client = NULL;
    client_end(other);
}

static void connect_accept(struct client *client, const struct packet *packet)
{
    static unsigned nameless;
    const char *id = text_of(packet->client_id);
    if (*id == '\0')
        id = is_faulty("empty-ids-are-one") ? "nameless" : arena_print("nameless %u", nameless++);
    if (is_faulty("ids-without-case"))
        for (char *at = arena_print("%s", id), *begin = at; *at != '\0' || (id = begin, false); at++)
            *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    struct session *session = session_find(id);
    bool is_clean = (packet->connect_flags & 0x02) != 0;
    if (session != NULL && session->client != NULL && is_faulty("takeover-refused")) {
        client_refuse(client, 2);
        return;
    }
    if (session != NULL)
        client_take_over(client, session);
    session = session_find(id); // a clean one has gone with its client
    if (session != NULL && is_clean && !is_faulty("session-not-wiped")) {
        session_wipe(session);
        session = NULL;
    }
    bool present = session != NULL && !is_clean;
    if (session == NULL)
        session = session_make(id);
    session->is_clean = is_clean;
    session->client = client;
    client->session = session;
    client->is_connected = true;
    client->keepalive_s = packet->keepalive_s;
    client->has_will = (packet->connect_flags & 0x04) != 0;
    client->will_topic = packet->will_topic;
    client->will = packet->will;
    client->will_qos = packet->connect_flags >> 3 & 3;
    client->will_retain = (packet->connect_flags & 0x20) != 0;
    if (client->has_will) {
        session->will_topic = packet->will_topic;
        session->will = packet->will;
    } else if (is_faulty("will-stays") && session->will_topic.length > 0) {
        client->has_will = true;
        client->will_topic = session->will_topic;
        client->will = session->will;
    }
    client_send(client,
                packet_connack((present && !is_faulty("present-never")) || is_faulty("present-always"), 0));
    session_resume(session);
}

static void connect_broken(struct client *client, struct bytes whole, const char *complaint)
{
    bool is_mqtt = whole.length > 9 && memcmp(whole.data + 2, "\0\4MQTT", 6) == 0;
    if (strstr(complaint, "protocol name and level") != NULL && is_mqtt &&
        !is_faulty("level-without-connack"))
        client_refuse(client, 1);
    else if (strstr(complaint, "no client id") != NULL)
        client_refuse(client, 2);
    else if (is_faulty("connack-on-malformed"))
        client_refuse(client, 2);
    else
        client_end(client);
}

// A CONNECT that a fault lets pass although it is broken: with the fields that are always there.
static void connect_pass(struct client *client, struct bytes whole, const char *complaint)
{
    bool is_mqtt = whole.length > 9 && memcmp(whole.data + 2, "\0\4MQTT", 6) == 0;
    if ((is_faulty("any-level") && !is_mqtt) ||
        (is_faulty("any-protocol-name") && is_mqtt && strstr(complaint, "level") != NULL)) {
        connect_broken(client, whole, complaint);
        return;
    }
    connect_accept(
        client, &(struct packet){.type = PACKET_CONNECT, .client_id = bytes_text(""), .connect_flags = 0x02});
}

static void publish(struct client *client, const struct packet *packet)
{
    struct session *session = client->session;
    unsigned id = packet->id;
    if (packet->qos == 1 && !is_faulty("no-puback"))
        client_send(client,
                    packet_answer(PACKET_PUBACK, is_faulty("puback-of-another") ? id % 65535 + 1 : id));
    if (packet->qos == 2)
        client_send(client, packet_answer(is_faulty("puback-for-qos-2") ? PACKET_PUBACK : PACKET_PUBREC, id));
    if (packet->qos == 2 && session->received[id] && !is_faulty("qos-2-delivered-twice"))
        return;
    session->received[id] = session->received[id] || packet->qos == 2;
    if (packet->qos == 1 && is_faulty("qos-1-identifiers-remembered") && session->once[id])
        return;
    session->once[id] = session->once[id] || packet->qos == 1;
    message_publish(session, packet->topic, packet->payload, packet->qos, packet->retain, packet->dup);
}

// A filter that is none: with the faults that let it pass.
static bool filter_passes(struct bytes whole, const char *complaint)
{
    const char *wildcard = is_faulty("hash-anywhere") ? "#" : is_faulty("plus-anywhere") ? "+" : NULL;
    return strstr(complaint, "a filter that is none") != NULL && wildcard != NULL &&
           memchr(whole.data, *wildcard, whole.length) != NULL;
}

static void subscribe(struct client *client, const struct packet *packet)
{
    struct buffer codes = {0};
    struct bytes filter;
    unsigned qos;
    const char *filters[128];
    unsigned granted[128];
    bool replay[128];
    size_t count = 0;
    for (size_t at = 0; count < 128 && packet_next_filter(packet, &at, &filter, &qos); count++) {
        filters[count] = text_of(filter);
        granted[count] = is_faulty("qos-always-0") ? 0 : qos;
        replay[count] = !session_subscribe(client->session, filters[count], granted[count]) ||
                        !is_faulty("subscribed-again-without-retained");
        if (count == 0 || !is_faulty("suback-with-one-code"))
            buffer_put_u8(&codes, is_faulty("suback-with-code-3") ? 3 : granted[count]);
    }
    for (size_t i = 0; i < codes.length / 2 && is_faulty("suback-codes-reversed"); i++) {
        uint8_t code = codes.data[i];
        codes.data[i] = codes.data[codes.length - 1 - i];
        codes.data[codes.length - 1 - i] = code;
    }
    unsigned id = is_faulty("suback-of-another") ? packet->id % 65535 + 1 : packet->id;
    client_send(client, packet_suback_all(id, buffer_bytes(&codes)));
    for (size_t i = 0; i < count; i++)
        if (replay[i])
            session_replay(client->session, filters[i], granted[i]);
    buffer_finish(&codes);
}

static void unsubscribe(struct client *client, const struct packet *packet)
{
    struct bytes filter;
    unsigned none;
    size_t before = client->session->subscription_count, count = 0;
    for (size_t at = 0; packet_next_filter(packet, &at, &filter, &none); count++)
        if (!is_faulty("unsubscribe-ignored") && (count == 0 || !is_faulty("unsubscribe-first-only")))
            session_unsubscribe(client->session, text_of(filter));
    if (is_faulty("unsubscribe-drops-begun"))
        client->session->flight_count = 0;
    if (!is_faulty("unsuback-only-for-known") || client->session->subscription_count < before)
        client_send(client,
                    packet_answer(PACKET_UNSUBACK,
                                  is_faulty("unsuback-of-another") ? packet->id % 65535 + 1 : packet->id));
}

static void pubrec(struct client *client, unsigned id)
{
    static uint64_t order;
    struct flight *flight = session_flight(client->session, id);
    if (flight != NULL) {
        flight->released = true;
        flight->order = order++;
    }
    client_send(client, packet_answer(PACKET_PUBREL, id));
}

// PUBRECs that came together, answered in another order than theirs.
static void pubrecs_sorted(struct client *client, unsigned id)
{
    struct bytes sent = buffer_bytes(&client->out);
    size_t at = sent.length;
    while (at >= 4 && sent.data[at - 4] == 0x62 &&
           ((unsigned)sent.data[at - 2] << 8 | sent.data[at - 1]) > id)
        at -= 4;
    struct bytes tail = bytes_join(bytes_slice(sent, at, sent.length), (struct bytes){0});
    client->out.length = at;
    pubrec(client, id);
    client_send(client, tail);
}

static void pubrel(struct client *client, unsigned id)
{
    bool is_known = client->session->received[id];
    client->session->received[id] = false;
    if (is_known || !is_faulty("no-pubcomp-for-unknown"))
        client_send(client, packet_answer(PACKET_PUBCOMP, id));
}

static void disconnect(struct client *client)
{
    if (!is_faulty("will-on-disconnect"))
        client->has_will = false;
    client->has_left = true;
    client_end(client);
}

static void packet_handle(struct client *client, const struct packet *packet)
{
    switch (packet->type) {
    case PACKET_PUBLISH:
        publish(client, packet);
        break;
    case PACKET_SUBSCRIBE:
        subscribe(client, packet);
        break;
    case PACKET_UNSUBSCRIBE:
        unsubscribe(client, packet);
        break;
    case PACKET_PUBACK:
    case PACKET_PUBCOMP:
        session_drop_flight(client->session, packet->id);
        break;
    case PACKET_PUBREC:
        if (is_faulty("pubrel-in-order-of-identifiers"))
            pubrecs_sorted(client, packet->id);
        else
            pubrec(client, packet->id);
        break;
    case PACKET_PUBREL:
        pubrel(client, packet->id);
        break;
    case PACKET_PINGREQ:
        if (!is_faulty("no-pingresp"))
            client_send(client, packet_empty(PACKET_PINGRESP));
        break;
    case PACKET_DISCONNECT:
        disconnect(client);
        break;
    default:
        break;
    }
}

// A packet that is broken, and not by a fault of ours taken for right.
static void packet_broken(struct client *client, struct bytes whole, const char *complaint)
{
    bool is_unknown = whole.data[0] >> 4 == 0 || whole.data[0] >> 4 == 15;
    bool is_of_servers = strstr(complaint, "never sends") != NULL && !is_unknown;
    if ((is_unknown && is_faulty("unknown-types-ignored")) ||
        (is_of_servers && is_faulty("server-packets-ignored")))
        return;
    if (is_faulty("crashes-on-qos-3") && strstr(complaint, "QoS 3 [MQTT-3.3.1-4]") != NULL)
        abort();
    if (is_faulty("fault-closes-others"))
        for (int i = 0; i < CLIENTS_MAX; i++)
            if (clients[i] != NULL && clients[i] != client)
                client_end(clients[i]);
    client_end(client);
}

static void first_packet(struct client *client, struct bytes whole)
{
    struct packet packet;
    const char *complaint = "";
    bool is_right = packet_parse(whole, SENDER_CLIENT, &packet, &complaint);
    if (whole.data[0] >> 4 != PACKET_CONNECT) {
        if (is_right && packet.type == PACKET_PUBLISH && is_faulty("early-publish-routed"))
            message_publish(NULL, packet.topic, packet.payload, packet.qos, packet.retain, false);
        if (!is_faulty("first-packet-ignored"))
            client_end(client);
    } else if (!is_right && passes(complaint))
        connect_pass(client, whole, complaint);
    else if (!is_right)
        connect_broken(client, whole, complaint);
    else if (is_faulty("plain-id-refused") && packet.client_id.length == 1)
        client_refuse(client, 2);
    else
        connect_accept(client, &packet);
}

void client_packet(struct client *client, struct bytes whole)
{
    struct packet packet;
    const char *complaint = "";
    if (!packet_parse(whole, SENDER_CLIENT, &packet, &complaint))
        whole = mended(whole);
    if (client->is_closing) { // a fault goes on where it should not
        if (packet_parse(whole, SENDER_CLIENT, &packet, &complaint) && packet.type == PACKET_PUBLISH)
            message_publish(client->session, packet.topic, packet.payload, packet.qos, packet.retain,
                            packet.dup);
        return;
    }
    if (!client->is_connected) {
        first_packet(client, whole);
        return;
    }
    bool is_right = packet_parse(whole, SENDER_CLIENT, &packet, &complaint);
    if (whole.data[0] >> 4 == PACKET_CONNECT && is_faulty("second-connect-accepted")) {
        client_send(client, packet_connack(0, 0));
        return;
    }
    if (is_right && packet.type == PACKET_CONNECT)
        client_end(client);
    else if (is_right)
        packet_handle(client, &packet);
    else if (filter_passes(whole, complaint)) {
        unsigned id = whole.data[2] << 8 | whole.data[3];
        client_send(client, packet_suback(id, 0));
    } else if (passes(complaint)) {
        if (whole.data[0] >> 4 == PACKET_SUBSCRIBE)
            client_send(client, packet_suback((unsigned)whole.data[2] << 8 | whole.data[3], 0));
    } else
        packet_broken(client, whole, complaint);
}
