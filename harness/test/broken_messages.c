// SPDX-License-Identifier: MIT
// Sessions, retained messages, and who gets what, in the broken broker.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "harness/test/broken.h"

static struct session *sessions[SESSIONS_MAX];
static struct retained retained[RETAINED_MAX];
static size_t retained_count;

struct session *session_find(const char *id)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions[i] != NULL && strcmp(sessions[i]->id, id) == 0)
            return sessions[i];
    return NULL;
}

struct session *session_make(const char *id)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions[i] == NULL) {
            sessions[i] = calloc(1, sizeof **sessions);
            if (sessions[i] == NULL)
                abort();
            sessions[i]->id = id;
            return sessions[i];
        }
    abort(); // no case has so many
}

void session_wipe(struct session *session)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions[i] == session)
            sessions[i] = NULL; // kept by those that still point to it: it is a test and ends soon
}

// Level by level, with the faults of matching.
static bool matches(const char *filter, const char *topic)
{
    if (is_faulty("slashes-joined"))
        for (; filter[0] == '/' && filter[1] == '/';)
            filter++;
    bool wild = *filter == '+' || *filter == '#';
    if (*topic == '$' && wild && !is_faulty("dollar-matches-wildcards"))
        return false;
    for (;;) {
        size_t filter_length = strcspn(filter, "/"), topic_length = strcspn(topic, "/");
        if (filter_length == 1 && *filter == '#')
            return true;
        bool any =
            filter_length == 1 && *filter == '+' && !(topic_length == 0 && is_faulty("plus-not-empty"));
        bool same = filter_length == topic_length &&
                    (is_faulty("matching-without-case") ? strncasecmp(filter, topic, filter_length) == 0
                                                        : memcmp(filter, topic, filter_length) == 0);
        if (!any && !same)
            return false;
        filter += filter_length;
        topic += topic_length;
        if (*topic == '\0')
            return *filter == '\0' || (strcmp(filter, "/#") == 0 && !is_faulty("hash-without-parent"));
        if (*filter == '\0')
            return false;
        for (filter++, topic++; is_faulty("slashes-joined") && *topic == '/'; topic++)
            while (*filter == '/')
                filter++;
    }
}

static struct bytes flight_packet(const struct flight *flight, bool dup)
{
    const char *topic = arena_print("%.*s", (int)flight->topic.length, (const char *)flight->topic.data);
    return packet_publish(topic, .qos = flight->qos, .retain = flight->retain, .dup = dup, .id = flight->id,
                          .data = flight->payload);
}

static bool id_is_used(const struct session *session, unsigned id)
{
    for (size_t i = 0; i < session->flight_count; i++)
        if (session->flights[i].id == id)
            return true;
    return false;
}

static unsigned id_take(struct session *session)
{
    if (is_faulty("identifier-always-1"))
        return 1;
    do
        session->latest_id = session->latest_id % 65535 + 1;
    while (id_is_used(session, session->latest_id));
    return session->latest_id;
}

// One message to one session.
static void session_give(struct session *session, struct bytes topic, struct bytes payload, unsigned qos,
                         bool retain, bool dup)
{
    if (qos == 0) {
        const char *name = arena_print("%.*s", (int)topic.length, (const char *)topic.data);
        if (is_faulty("identifier-in-qos-0"))
            payload = bytes_join(hex("0001"), payload);
        if (session->client != NULL)
            client_send(session->client, packet_publish(name, .retain = retain, .data = payload));
        return;
    }
    if (session->flight_count == FLIGHT_MAX || (session->client == NULL && is_faulty("nothing-queued")))
        return;
    struct flight *flight = &session->flights[session->flight_count];
    *flight = (struct flight){
        .id = id_take(session), .qos = qos, .retain = retain, .topic = topic, .payload = payload};
    session->flight_count++;
    if (session->client != NULL) {
        flight->sent = true;
        client_send(session->client, flight_packet(flight, dup));
    }
}

static int by_pubrec(const void *first, const void *second)
{
    const struct flight *one = first, *two = second;
    return one->order < two->order ? -1 : one->order > two->order;
}

void session_resume(struct session *session)
{
    static struct flight flights[FLIGHT_MAX];
    size_t count = session->flight_count;
    if (is_faulty("qos-2-state-lost"))
        memset(session->received, 0, sizeof session->received);
    memcpy(flights, session->flights, count * sizeof *flights);
    qsort(flights, count, sizeof *flights, by_pubrec);
    for (size_t i = 0; i < count; i++) // those of PUBRELs, in the order of the PUBRECs
        if (flights[i].released && !is_faulty("publish-after-pubrec") && !is_faulty("never-sent-again"))
            client_send(session->client, packet_answer(PACKET_PUBREL, flights[i].id));
    for (size_t i = 0; i < count; i++) {
        struct flight *flight = &session->flights[is_faulty("sent-again-in-reverse") ? count - 1 - i : i];
        bool again = flight->sent;
        if ((flight->released && !is_faulty("publish-after-pubrec")) ||
            (again && is_faulty("never-sent-again")))
            continue;
        if (again && is_faulty("sent-again-with-another-id"))
            flight->id = id_take(session);
        flight->sent = true;
        client_send(session->client, flight_packet(flight, again && !is_faulty("sent-again-without-dup")));
    }
}

struct flight *session_flight(struct session *session, unsigned id)
{
    for (size_t i = 0; i < session->flight_count; i++)
        if (session->flights[i].id == id)
            return &session->flights[i];
    return NULL;
}

void session_drop_flight(struct session *session, unsigned id)
{
    struct flight *flight = session_flight(session, id);
    if (flight == NULL)
        return;
    size_t at = (size_t)(flight - session->flights);
    memmove(flight, flight + 1, (session->flight_count - at - 1) * sizeof *flight);
    session->flight_count--;
}

bool session_subscribe(struct session *session, const char *filter, unsigned qos)
{
    for (size_t i = 0; i < session->subscription_count; i++)
        if (strcmp(session->subscriptions[i].filter, filter) == 0 && !is_faulty("subscribed-again-doubles")) {
            if (!is_faulty("subscribed-again-not-replaced"))
                session->subscriptions[i].qos = qos;
            return true;
        }
    if (session->subscription_count < SUBSCRIPTIONS_MAX)
        session->subscriptions[session->subscription_count++] = (struct subscription){filter, qos};
    return false;
}

static void unsubscribe_one(struct session *session, const char *filter)
{
    for (size_t i = 0; i < session->subscription_count;) {
        const char *own = session->subscriptions[i].filter;
        if (strcmp(own, filter) == 0 ||
            (is_faulty("unsubscribe-by-match") && (matches(own, filter) || matches(filter, own))))
            session->subscriptions[i] = session->subscriptions[--session->subscription_count];
        else
            i++;
    }
}

void session_unsubscribe(struct session *session, const char *filter)
{
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions[i] != NULL && (sessions[i] == session || is_faulty("unsubscribe-for-all-clients")))
            unsubscribe_one(sessions[i], filter);
}

static const char *text_of(struct bytes bytes)
{
    return arena_print("%.*s", (int)bytes.length, bytes.length == 0 ? "" : (const char *)bytes.data);
}

void session_replay(struct session *session, const char *filter, unsigned qos)
{
    for (size_t i = 0; i < retained_count; i++)
        if (retained[i].topic.length > 0 && matches(filter, text_of(retained[i].topic))) {
            unsigned stored = is_faulty("retained-at-qos-0") ? 0 : retained[i].qos;
            session_give(session, retained[i].topic, retained[i].payload,
                         stored < qos || is_faulty("qos-not-lowered") ? stored : qos,
                         !is_faulty("retained-without-flag"), false);
        }
}

void retained_forget(const struct session *owner)
{
    for (size_t i = 0; i < retained_count; i++)
        if (retained[i].owner == owner)
            retained[i].topic.length = 0;
}

static void retained_set(const struct session *owner, struct bytes topic, struct bytes payload, unsigned qos)
{
    size_t at = 0;
    while (at < retained_count && !bytes_equal(retained[at].topic, topic))
        at++;
    if (at == RETAINED_MAX || (at < retained_count && is_faulty("retained-first-stays")) ||
        (payload.length == 0 && is_faulty("empty-erases-nothing")))
        return;
    if (at == retained_count)
        retained_count++;
    retained[at] = (struct retained){topic, payload, qos, owner};
    if (payload.length == 0 && !is_faulty("empty-is-kept"))
        retained[at].topic.length = 0;
}

static void session_offer(struct session *session, struct bytes topic, struct bytes payload, unsigned qos,
                          bool retain, bool dup)
{
    unsigned count = 0, highest = 0, lowest = 2;
    for (size_t i = 0; i < session->subscription_count; i++)
        if (matches(session->subscriptions[i].filter, text_of(topic))) {
            count++;
            highest = session->subscriptions[i].qos > highest ? session->subscriptions[i].qos : highest;
            lowest = session->subscriptions[i].qos < lowest ? session->subscriptions[i].qos : lowest;
        }
    unsigned granted = is_faulty("overlap-at-lowest-qos") ? lowest : highest;
    unsigned lowered = qos < granted || is_faulty("qos-not-lowered") ? qos : granted;
    for (unsigned i = 0; i < count && (i == 0 || is_faulty("subscribed-again-doubles")); i++)
        session_give(session, topic, payload, lowered, retain && is_faulty("live-with-retain-flag"),
                     dup && is_faulty("dup-passed-on") && lowered > 0);
}

// The topic and payload as faults would have them.
static void message_spoil(struct bytes *topic, struct bytes *payload)
{
    const char *mark = topic->length == 0 ? NULL : memmem(topic->data, topic->length, "\xEF\xBB\xBF", 3);
    if (mark != NULL && is_faulty("byte-order-mark-cut")) {
        size_t at = (size_t)(mark - (const char *)topic->data);
        *topic = bytes_join(bytes_slice(*topic, 0, at), bytes_slice(*topic, at + 3, topic->length));
    }
    if (is_faulty("topic-in-lower-case")) {
        *topic = bytes_join(*topic, (struct bytes){0});
        for (size_t i = 0; i < topic->length; i++)
            ((uint8_t *)(uintptr_t)topic->data)[i] = (uint8_t)tolower(topic->data[i]);
    }
    if (payload->length > 127 && is_faulty("payload-cut"))
        payload->length = 127;
}

static void message_offer(struct bytes topic, struct bytes payload, unsigned qos, bool retain, bool dup)
{
    unsigned given = 0;
    for (int i = 0; i < SESSIONS_MAX; i++)
        if (sessions[i] != NULL) {
            size_t subscriptions = sessions[i]->subscription_count;
            if (is_faulty("second-subscriber-forgotten") && subscriptions > 0 &&
                matches(sessions[i]->subscriptions[0].filter, text_of(topic)) && given++ == 1)
                continue;
            session_offer(sessions[i], topic, payload, qos, retain, dup);
        }
}

void message_publish(struct session *from, struct bytes topic, struct bytes payload, unsigned qos,
                     bool retain, bool dup)
{
    static struct bytes held_topic, held_payload;
    static unsigned held_qos;
    message_spoil(&topic, &payload);
    if (retain || is_faulty("all-are-retained"))
        retained_set(from, topic, payload, qos);
    else if (is_faulty("plain-erases-retained"))
        retained_set(from, topic, (struct bytes){0}, 0);
    // Every tenth message of this topic that is a number lets the next one pass.
    bool holds = is_faulty("order-of-pairs-turned") && payload.length == 2 && payload.data[1] == '3' &&
                 held_topic.length == 0;
    if (holds) {
        held_topic = topic;
        held_payload = payload;
        held_qos = qos;
        return;
    }
    message_offer(topic, payload, qos, retain, dup);
    if (held_topic.length > 0) {
        message_offer(held_topic, held_payload, held_qos, false, false);
        held_topic.length = 0;
    }
}
