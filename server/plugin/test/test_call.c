// SPDX-License-Identifier: MIT
#include "server/plugin/call.h"

#include <string.h>

#include "test/suite.h"

static struct hbmqtt_plugin_bytes text(char *words)
{
    return (struct hbmqtt_plugin_bytes){words, strlen(words)};
}

static bool reads(struct hbmqtt_plugin_bytes bytes, const char *words)
{
    return bytes.length == strlen(words) && memcmp(bytes.data, words, bytes.length) == 0;
}

// Everything that a copy refers to must lie in it: what it was made from is overwritten.

static void a_copy_needs_nothing_of_what_it_was_made_from(void)
{
    char id[] = "client", user[] = "user", password[] = "secret", peer[] = "192.0.2.1:5", listener[] = "tcp";
    struct hbmqtt_plugin_session session = {.size = sizeof session,
                                            .client_id = text(id),
                                            .user_name = text(user),
                                            .peer = peer,
                                            .listener = listener,
                                            .keepalive_s = 60};
    struct hbmqtt_plugin_credentials credentials = {
        .size = sizeof credentials, .session = &session, .password = text(password)};
    const struct call call = {.kind = CALL_AUTHENTICATE, .credentials = &credentials};
    struct call_copy *copy = call_copy(&call);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memset(&session, 0xff, sizeof session);
    memset(&credentials, 0xff, sizeof credentials);
    id[0] = user[0] = password[0] = peer[0] = listener[0] = 'x';
    const struct hbmqtt_plugin_credentials *copied = copy->call.credentials;
    CU_ASSERT_EQUAL(copy->call.kind, CALL_AUTHENTICATE);
    CU_ASSERT_TRUE(reads(copied->password, "secret"));
    CU_ASSERT_TRUE(reads(copied->session->client_id, "client"));
    CU_ASSERT_TRUE(reads(copied->session->user_name, "user"));
    CU_ASSERT_STRING_EQUAL(copied->session->peer, "192.0.2.1:5");
    CU_ASSERT_STRING_EQUAL(copied->session->listener, "tcp");
    CU_ASSERT_EQUAL(copied->session->keepalive_s, 60);
    call_copy_destroy(copy);
}

static void an_event_is_copied_with_all_that_it_is_about(void)
{
    char id[] = "client", topic[] = "a/b", payload[] = "hello", filter[] = "a/#", reason[] = "why",
         raw[] = "\x30";
    struct hbmqtt_plugin_session session = {.client_id = text(id), .peer = "", .listener = ""};
    struct hbmqtt_plugin_message message = {.topic = text(topic), .payload = text(payload), .qos = 1};
    struct hbmqtt_plugin_packet packet = {.name = "PUBLISH", .bytes = text(raw)};
    struct hbmqtt_plugin_event event = {.name = "broker_message_received",
                                        .session = &session,
                                        .message = &message,
                                        .packet = &packet,
                                        .filter = text(filter),
                                        .reason = reason};
    struct call_copy *copy = call_copy(&(struct call){.kind = CALL_EVENT, .event = &event});
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    id[0] = topic[0] = payload[0] = filter[0] = reason[0] = raw[0] = 'x';
    memset(&message, 0xff, sizeof message);
    const struct hbmqtt_plugin_event *copied = copy->call.event;
    CU_ASSERT_STRING_EQUAL(copied->name, "broker_message_received");
    CU_ASSERT_TRUE(reads(copied->session->client_id, "client"));
    CU_ASSERT_TRUE(reads(copied->message->topic, "a/b"));
    CU_ASSERT_TRUE(reads(copied->message->payload, "hello"));
    CU_ASSERT_EQUAL(copied->message->qos, 1);
    CU_ASSERT_TRUE(reads(copied->packet->bytes, "\x30"));
    CU_ASSERT_STRING_EQUAL(copied->packet->name, "PUBLISH");
    CU_ASSERT_TRUE(reads(copied->filter, "a/#"));
    CU_ASSERT_STRING_EQUAL(copied->reason, "why");
    CU_ASSERT(copy->size >= sizeof *copy + sizeof "clienta/bhelloa/#why");
    call_copy_destroy(copy);
}

static void what_is_not_there_is_not_there_in_the_copy(void)
{
    struct hbmqtt_plugin_event event = {.name = "broker_pre_start"};
    struct call_copy *copy = call_copy(&(struct call){.kind = CALL_EVENT, .event = &event});
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    CU_ASSERT_PTR_NULL(copy->call.event->session);
    CU_ASSERT_PTR_NULL(copy->call.event->message);
    CU_ASSERT_PTR_NULL(copy->call.event->packet);
    CU_ASSERT_PTR_NULL(copy->call.event->reason);
    CU_ASSERT_PTR_NULL(copy->call.access);
    CU_ASSERT_EQUAL(copy->call.event->filter.length, 0);
    call_copy_destroy(copy);
    call_copy_destroy(NULL);
}

static int ask(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    return HBMQTT_ALLOW;
}

static void take_event(void *state, const struct hbmqtt_plugin_event *event)
{
}

static void a_plugin_takes_part_where_it_has_a_function_and_says_so(void)
{
    struct hbmqtt_plugin code = {.topic_filtering = ask};
    for (enum call_kind kind = 0; kind < CALL_KINDS; kind++)
        CU_ASSERT_FALSE(call_concerns(&code, kind));
    code.filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_RECEIVE;
    CU_ASSERT_TRUE(call_concerns(&code, CALL_PUBLISH));
    CU_ASSERT_FALSE(call_concerns(&code, CALL_SUBSCRIBE));
    CU_ASSERT_TRUE(call_concerns(&code, CALL_RECEIVE));
    code.event = take_event;
    CU_ASSERT_FALSE(call_concerns(&code, CALL_EVENT));
    code.events = HBMQTT_EVENT_BIT(HBMQTT_EVENT_PRE_START);
    CU_ASSERT_TRUE(call_concerns(&code, CALL_EVENT));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a copy needs nothing of what it was made from", a_copy_needs_nothing_of_what_it_was_made_from},
        {"an event is copied with all that it is about", an_event_is_copied_with_all_that_it_is_about},
        {"what is not there is not there in the copy", what_is_not_there_is_not_there_in_the_copy},
        {"a plugin takes part where it has a function and says so",
         a_plugin_takes_part_where_it_has_a_function_and_says_so},
    };
    return RUN_TESTS("plugin calls", cases);
}
