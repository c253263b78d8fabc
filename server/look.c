// SPDX-License-Identifier: MIT
#include "server/look.h"

#include <errno.h>
#include <stdlib.h>

#include "server/identity.h"
#include "server/mail.h"

#define PORTION_SESSIONS 256u     // and whatever else is in the bucket of the last
#define PORTION_BYTES    1048576u // and the last entry

// What a portion is made of. The bytes of a record follow it, in the order of their lengths, and then what
// rounds it up to 8.
enum record_kind { RECORD_SESSION, RECORD_FILTER, RECORD_MESSAGE };
struct record {
    enum record_kind kind;
    uint32_t flags; // of a session; retain
    uint32_t qos;   // granted; of a message
    uint32_t keepalive_s;
    uint32_t protocol;
    uint32_t lengths[4];
};
#define RECORD_BYTES sizeof(struct record)

// The shard's side.

static void portion_put(struct look_request *request, const void *bytes, size_t length)
{
    if (request->capacity - request->used < length) {
        request->capacity = (request->capacity + length) * 2;
        request->bytes = memory_require_again(request->bytes, request->capacity);
    }
    if (length > 0)
        memcpy(request->bytes + request->used, bytes, length);
    request->used += length;
}

static void portion_put_record(struct look_request *request, struct record record,
                               const struct hbmqtt_plugin_bytes *parts, uint32_t count)
{
    static const uint8_t padding[8];
    for (uint32_t i = 0; i < count; i++)
        record.lengths[i] = (uint32_t)parts[i].length;
    portion_put(request, &record, RECORD_BYTES);
    for (uint32_t i = 0; i < count; i++)
        portion_put(request, parts[i].data, parts[i].length);
    portion_put(request, padding, -request->used & 7);
}

static void portion_put_session(const struct shard *shard, struct look_request *request,
                                struct session *session)
{
    const struct hbmqtt_plugin_session *known = &identity_of_session(shard, session)->session;
    const struct hbmqtt_plugin_bytes parts[4] = {
        known->client_id,
        known->user_name,
        {known->peer, strlen(known->peer) + 1},
        {known->listener, strlen(known->listener) + 1},
    };
    const struct record record = {.kind = RECORD_SESSION,
                                  .flags = known->flags,
                                  .keepalive_s = known->keepalive_s,
                                  .protocol = known->protocol};
    portion_put_record(request, record, parts, 4);
}

static void portion_put_subscriptions(struct look_request *request, const struct session *session)
{
    static _Thread_local uint8_t filter[TOPIC_BYTES_MAX];
    const struct subscription *subscription = NULL;
    if (session->subscriber == NULL)
        return;
    while ((subscription = router_subscription_next(session->subscriber, subscription)) != NULL) {
        struct subscription_options options;
        struct bytes text = {filter, router_subscription_read(subscription, filter, &options)};
        const struct hbmqtt_plugin_bytes part = bytes_to_plugin(text);
        portion_put_record(request, (struct record){.kind = RECORD_FILTER, .qos = options.qos}, &part, 1);
    }
}

static void answer_session(const struct shard *shard, struct look_request *request, struct session *session)
{
    request->found = true;
    portion_put_session(shard, request, session);
    if (request->look->kind == LOOK_SUBSCRIPTIONS)
        portion_put_subscriptions(request, session);
}

// A walk pauses between two buckets of the table.
static void answer_sessions(const struct shard *shard, struct look_request *request)
{
    struct session *session = NULL;
    size_t bucket = request->bucket;
    uint32_t count = 0;
    while ((session = session_registry_walk(&shard->sessions, &bucket, session)) != NULL) {
        bool full = count >= PORTION_SESSIONS || request->used >= PORTION_BYTES;
        if (full && bucket != request->bucket) {
            request->bucket = bucket;
            request->more = true;
            return;
        }
        request->bucket = bucket;
        answer_session(shard, request, session);
        count++;
    }
}

static void walk_end(struct look_walk *walk)
{
    for (; walk->at < walk->count; walk->at++)
        message_unref(walk->messages[walk->at]);
    list_remove(&walk->place);
    free(walk->messages);
    free(walk);
}

static void answer_retained(struct shard *shard, struct look_request *request)
{
    struct look_walk *walk = request->walk;
    if (walk == NULL) {
        walk = request->walk = memory_require(sizeof *walk);
        list_append(&shard->walks, &walk->place);
        walk->count = router_retained_collect(shard->router, request->look->key, &walk->messages);
    }
    while (!request->stop && walk->at < walk->count && request->used < PORTION_BYTES) {
        struct message *message = walk->messages[walk->at++];
        const struct hbmqtt_plugin_bytes parts[2] = {bytes_to_plugin(message->topic),
                                                     bytes_to_plugin(message->payload)};
        const struct record record = {.kind = RECORD_MESSAGE, .flags = 1, .qos = message->qos};
        portion_put_record(request, record, parts, 2);
        message_unref(message);
    }
    request->more = !request->stop && walk->at < walk->count;
    if (!request->more)
        walk_end(walk);
}

void look_answer(struct shard *shard, struct look_request *request)
{
    const struct look *look = request->look;
    request->used = 0;
    request->more = false;
    if (look->kind == LOOK_RETAINED) {
        answer_retained(shard, request);
    } else if (look->key.length > 0 || look->kind == LOOK_SESSION) {
        struct session *session = session_registry_find(&shard->sessions, look->key);
        if (session != NULL)
            answer_session(shard, request, session);
    } else {
        answer_sessions(shard, request);
    }
    sem_post(&request->answered); // from here on it is the thread's, or gone
}

void look_give_up(struct shard *shard)
{
    struct list *node;
    while ((node = list_first(&shard->walks)) != NULL)
        walk_end(container_of(node, struct look_walk, place));
}

// The plugin's side.

static struct hbmqtt_plugin_bytes part_of(const struct record *record, uint32_t index)
{
    const char *at = (const char *)record + RECORD_BYTES;
    for (uint32_t i = 0; i < index; i++)
        at += record->lengths[i];
    return (struct hbmqtt_plugin_bytes){at, record->lengths[index]};
}

static size_t record_size(const struct record *record)
{
    size_t size = RECORD_BYTES;
    for (uint32_t i = 0; i < 4; i++)
        size += record->lengths[i];
    return (size + 7) & ~(size_t)7;
}

static struct hbmqtt_plugin_session session_of_record(const struct record *record)
{
    return (struct hbmqtt_plugin_session){
        .size = sizeof(struct hbmqtt_plugin_session),
        .flags = record->flags,
        .client_id = part_of(record, 0),
        .user_name = part_of(record, 1),
        .peer = part_of(record, 2).data,
        .listener = part_of(record, 3).data,
        .keepalive_s = record->keepalive_s,
        .protocol = record->protocol,
    };
}

static struct hbmqtt_plugin_message message_of_record(const struct record *record)
{
    return (struct hbmqtt_plugin_message){
        .size = sizeof(struct hbmqtt_plugin_message),
        .qos = record->qos,
        .retain = record->flags,
        .topic = part_of(record, 0),
        .payload = part_of(record, 1),
    };
}

// Returns other than 0 if the plugin has seen enough.
static int visit_portion(const struct look *look, const struct look_request *request)
{
    struct hbmqtt_plugin_session session = {0};
    int enough = 0;
    for (size_t at = 0; at < request->used && !enough;) {
        const struct record *record = (const struct record *)(request->bytes + at);
        at += record_size(record);
        if (record->kind == RECORD_MESSAGE) {
            const struct hbmqtt_plugin_message message = message_of_record(record);
            enough = look->visit_message(look->argument, &message);
        } else if (record->kind == RECORD_FILTER) {
            enough = look->visit_subscription(look->argument, &session, part_of(record, 0), record->qos);
        } else {
            session = session_of_record(record);
            if (look->kind != LOOK_SUBSCRIPTIONS)
                enough = look->visit_session(look->argument, &session);
        }
    }
    return enough;
}

// Has the shard answer. Returns false if the broker does not serve any more.
static bool ask_shard(struct shard *shard, struct look_request *request)
{
    struct host *host = shard->broker->host;
    if (!host_enter(host))
        return false;
    mail_look_from_outside(shard, request);
    while (sem_wait(&request->answered) < 0)
        continue; // interrupted
    host_leave(host);
    return true;
}

// Walks over one shard. Returns 0, an error, or 1 if the plugin has seen enough.
static int look_at_shard(struct shard *shard, struct look_request *request)
{
    int enough = 0;
    request->bucket = 0;
    do {
        if (!ask_shard(shard, request))
            return HBMQTT_PLUGIN_ERROR_NOT_RUNNING; // the shard gives up the walk itself
        enough = visit_portion(request->look, request);
    } while (request->more && !enough);
    request->stop = true;
    if (request->more && request->look->kind == LOOK_RETAINED)
        (void)ask_shard(shard, request); // to end the walk
    return enough != 0;
}

int look_carry_out(struct broker *broker, const struct look *look)
{
    struct look_request request = {.look = look};
    bool one = look->kind == LOOK_SESSION || (look->kind == LOOK_SUBSCRIPTIONS && look->key.length > 0);
    uint32_t first = one ? broker_place(broker, look->key) : 0;
    // Every shard holds a copy of all retained messages.
    uint32_t last = one || look->kind == LOOK_RETAINED ? first : broker->shard_count - 1;
    (void)sem_init(&request.answered, 0, 0); // cannot fail with these arguments
    int status = 0;
    for (uint32_t i = first; i <= last && status == 0; i++)
        status = look_at_shard(&broker->shards[i], &request);
    (void)sem_destroy(&request.answered); // nobody waits
    free(request.bytes);
    if (status == 0 && one && !request.found)
        return HBMQTT_PLUGIN_ERROR_NOT_FOUND;
    return status < 0 ? status : 0;
}
