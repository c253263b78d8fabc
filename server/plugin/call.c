// SPDX-License-Identifier: MIT
#include "server/plugin/call.h"

#include <stdlib.h>
#include <string.h>

static uint32_t action_of(enum call_kind kind)
{
    return (uint32_t)HBMQTT_FILTER_PUBLISH << (kind - CALL_PUBLISH);
}

bool call_concerns(const struct hbmqtt_plugin *code, enum call_kind kind)
{
    switch (kind) {
    case CALL_AUTHENTICATE:
        return code->authenticate != NULL;
    case CALL_CONNECT:
        return code->connect != NULL;
    case CALL_PUBLISH:
    case CALL_SUBSCRIBE:
    case CALL_RECEIVE:
        return code->topic_filtering != NULL && (code->filters & action_of(kind)) != 0;
    case CALL_MESSAGE:
        return code->message_received != NULL;
    case CALL_SENT:
        return code->message_sent != NULL;
    case CALL_EVENT:
        return code->event != NULL && code->events != 0;
    case CALL_EXPIRED:
        return code->session_expired != NULL;
    case CALL_TICK:
        return code->tick != NULL;
    case CALL_KINDS:
        break;
    }
    return false;
}

int call_run(const struct hbmqtt_plugin *code, void *state, uint64_t question, const struct call *call)
{
    switch (call->kind) {
    case CALL_AUTHENTICATE:
        return code->authenticate(state, question, call->credentials);
    case CALL_CONNECT:
        return code->connect(state, question, call->session);
    case CALL_PUBLISH:
    case CALL_SUBSCRIBE:
    case CALL_RECEIVE:
        return code->topic_filtering(state, question, call->access);
    case CALL_MESSAGE:
        return code->message_received(state, question, call->session, call->message);
    case CALL_SENT:
        code->message_sent(state, call->session, call->message);
        break;
    case CALL_EVENT:
        code->event(state, call->event);
        break;
    case CALL_EXPIRED:
        code->session_expired(state, call->session);
        break;
    case CALL_TICK:
        code->tick(state, call->now_ns);
        break;
    case CALL_KINDS:
        break;
    }
    return HBMQTT_NO_OPINION;
}

// Copying: first the structures, each into the place that a copy has for it, then the texts and bytes that
// they refer to, one behind the other.

static void take_session(struct call_copy *copy, const struct hbmqtt_plugin_session **session)
{
    if (*session == NULL)
        return;
    copy->session = **session;
    *session = &copy->session;
}

static void take_message(struct call_copy *copy, const struct hbmqtt_plugin_message **message)
{
    if (*message == NULL)
        return;
    copy->message = **message;
    *message = &copy->message;
}

static void take_event(struct call_copy *copy)
{
    copy->event = *copy->call.event;
    copy->call.event = &copy->event;
    take_session(copy, &copy->event.session);
    take_message(copy, &copy->event.message);
    if (copy->event.packet == NULL)
        return;
    copy->packet = *copy->event.packet;
    copy->event.packet = &copy->packet;
}

static void take_structures(struct call_copy *copy, const struct call *call)
{
    copy->call = *call;
    take_session(copy, &copy->call.session);
    take_message(copy, &copy->call.message);
    if (call->credentials != NULL) {
        copy->credentials = *call->credentials;
        copy->call.credentials = &copy->credentials;
        take_session(copy, &copy->credentials.session);
    }
    if (call->access != NULL) {
        copy->access = *call->access;
        copy->call.access = &copy->access;
        take_session(copy, &copy->access.session);
    }
    if (call->event != NULL)
        take_event(copy);
}

// Puts bytes behind what was written at `at`, which is NULL where only their length is wanted.
static size_t take_bytes(char *at, const char **data, size_t length)
{
    if (at == NULL || length == 0)
        return length;
    *data = memcpy(at, *data, length);
    return length;
}

static size_t take_all_bytes(struct call_copy *copy, char *at)
{
    struct hbmqtt_plugin_bytes *bytes[] = {
        &copy->session.client_id, &copy->session.user_name, &copy->credentials.password, &copy->access.topic,
        &copy->message.topic,     &copy->message.payload,   &copy->packet.bytes,         &copy->event.filter,
    };
    const char **texts[] = {&copy->session.peer, &copy->session.listener, &copy->event.reason};
    size_t length = 0;
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        length += take_bytes(at == NULL ? NULL : at + length, &bytes[i]->data, bytes[i]->length);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (*texts[i] != NULL)
            length += take_bytes(at == NULL ? NULL : at + length, texts[i], strlen(*texts[i]) + 1);
    return length;
}

struct call_copy *call_copy(const struct call *call)
{
    struct call_copy borrowed = {0};
    take_structures(&borrowed, call);
    size_t length = take_all_bytes(&borrowed, NULL);
    struct call_copy *copy = malloc(sizeof *copy + length);
    if (copy == NULL)
        return NULL;
    memset(copy, 0, sizeof *copy);
    take_structures(copy, call);
    (void)take_all_bytes(copy, copy->texts); // as long as before
    copy->size = sizeof *copy + length;
    return copy;
}

void call_copy_destroy(struct call_copy *copy)
{
    if (copy == NULL)
        return;
    if (copy->credentials.password.length > 0)
        explicit_bzero(copy->texts, copy->size - sizeof *copy);
    free(copy);
}
