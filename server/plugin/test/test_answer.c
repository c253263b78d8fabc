// SPDX-License-Identifier: MIT
#include "server/plugin/answer.h"

#include "test/suite.h"

#define LEVELS 8u

static struct hbmqtt_plugin_bytes text(const char *words)
{
    return (struct hbmqtt_plugin_bytes){words, strlen(words)};
}

static struct hbmqtt_plugin_message message_of(const char *topic)
{
    return (struct hbmqtt_plugin_message){
        .size = sizeof(struct hbmqtt_plugin_message), .topic = text(topic), .payload = text("payload")};
}

static struct hbmqtt_plugin_answer answer_of(int verdict)
{
    return (struct hbmqtt_plugin_answer){.size = sizeof(struct hbmqtt_plugin_answer), .verdict = verdict};
}

static int refused(const struct hbmqtt_plugin_answer *given)
{
    int error = 0;
    struct answer *answer = answer_create(given, LEVELS, &error);
    CU_ASSERT_PTR_NULL(answer);
    free(answer);
    return error;
}

static void everything_is_copied(void)
{
    char topic[] = "a/b";
    char payload[] = "hello";
    char name[] = "alice";
    struct hbmqtt_plugin_message message = message_of(topic);
    message.payload = text(payload);
    message.qos = 2;
    message.retain = 1;
    struct hbmqtt_plugin_answer given = answer_of(HBMQTT_ALLOW | HBMQTT_STABLE);
    given.user_name = text(name);
    given.message = &message;
    int error;
    struct answer *answer = answer_create(&given, LEVELS, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    topic[0] = payload[0] = name[0] = 'x';
    CU_ASSERT_EQUAL(answer->verdict, HBMQTT_ALLOW | HBMQTT_STABLE);
    CU_ASSERT_TRUE(answer->has_message);
    CU_ASSERT_EQUAL(answer->qos, 2);
    CU_ASSERT_TRUE(answer->retain);
    CU_ASSERT_TRUE(bytes_equal(answer->topic, bytes_of("a/b")));
    CU_ASSERT_TRUE(bytes_equal(answer->payload, bytes_of("hello")));
    CU_ASSERT_TRUE(bytes_equal(answer->user_name, bytes_of("alice")));
    free(answer);
}

static void an_answer_is_no_pending_and_no_other_number(void)
{
    static const int wrong[] = {HBMQTT_PENDING, -1, 5, 0x800, HBMQTT_PENDING | HBMQTT_STABLE};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct hbmqtt_plugin_answer given = answer_of(wrong[i]);
        CU_ASSERT_EQUAL(refused(&given), HBMQTT_PLUGIN_ERROR_ARGUMENT);
    }
    CU_ASSERT_EQUAL(refused(NULL), HBMQTT_PLUGIN_ERROR_ARGUMENT);
}

static void a_message_has_to_be_one_of_mqtt(void)
{
    static const char *const topics[] = {"", "a/+", "#", "1/2/3/4/5/6/7/8/9", "\xff", "a\xc0\x80"};
    struct hbmqtt_plugin_message read;
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        struct hbmqtt_plugin_message message = message_of(topics[i]);
        struct hbmqtt_plugin_answer given = answer_of(HBMQTT_ALLOW);
        given.message = &message;
        CU_ASSERT_EQUAL(refused(&given), HBMQTT_PLUGIN_ERROR_ARGUMENT);
    }
    struct hbmqtt_plugin_message message = message_of("a");
    CU_ASSERT_TRUE(message_from_plugin(&message, LEVELS, &read));
    message.qos = 3;
    CU_ASSERT_FALSE(message_from_plugin(&message, LEVELS, &read));
    message.qos = 2;
    message.retain = 2;
    CU_ASSERT_FALSE(message_from_plugin(&message, LEVELS, &read));
    message.retain = 1;
    message.payload.length = VARINT_MAX; // with a head it is longer than a packet can be
    CU_ASSERT_FALSE(message_from_plugin(&message, LEVELS, &read));
    message.payload.length = VARINT_MAX - 5;
    CU_ASSERT_TRUE(message_from_plugin(&message, LEVELS, &read));
    CU_ASSERT_FALSE(message_from_plugin(NULL, LEVELS, &read));
}

static void a_topic_with_a_nul_is_none(void)
{
    struct hbmqtt_plugin_message read;
    struct hbmqtt_plugin_message message = message_of("a");
    message.topic = (struct hbmqtt_plugin_bytes){"a\0b", 3};
    CU_ASSERT_FALSE(message_from_plugin(&message, LEVELS, &read));
}

static void a_user_name_has_to_be_a_text(void)
{
    struct hbmqtt_plugin_answer given = answer_of(HBMQTT_ALLOW);
    given.user_name = text("\xed\xa0\x80");
    CU_ASSERT_EQUAL(refused(&given), HBMQTT_PLUGIN_ERROR_ARGUMENT);
    static char longest[UINT16_MAX + 1];
    memset(longest, 'a', sizeof longest);
    given.user_name = (struct hbmqtt_plugin_bytes){longest, sizeof longest};
    CU_ASSERT_EQUAL(refused(&given), HBMQTT_PLUGIN_ERROR_ARGUMENT);
    given.user_name.length--;
    int error;
    struct answer *answer = answer_create(&given, LEVELS, &error);
    CU_ASSERT_PTR_NOT_NULL(answer);
    free(answer);
}

// What a plugin of another age does not know, or knows beyond us, is left out.
static void structures_of_another_size_are_read_as_far_as_both_know_them(void)
{
    struct {
        struct hbmqtt_plugin_answer known;
        uint64_t beyond;
    } newer = {.known = answer_of(HBMQTT_DENY), .beyond = UINT64_MAX};
    newer.known.size = sizeof newer;
    int error;
    struct answer *answer = answer_create(&newer.known, LEVELS, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    CU_ASSERT_EQUAL(answer->verdict, HBMQTT_DENY);
    free(answer);
    struct hbmqtt_plugin_answer torn = answer_of(HBMQTT_ALLOW);
    torn.size = 8;
    CU_ASSERT_EQUAL(refused(&torn), HBMQTT_PLUGIN_ERROR_ARGUMENT);
    uint64_t wide[2] = {1, 2};
    uint64_t narrow = 3;
    structure_read(wide, sizeof wide, &narrow, sizeof narrow);
    CU_ASSERT(wide[0] == 3 && wide[1] == 0);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"everything is copied", everything_is_copied},
        {"an answer is no pending and no other number", an_answer_is_no_pending_and_no_other_number},
        {"a message has to be one of MQTT", a_message_has_to_be_one_of_mqtt},
        {"a topic with a NUL is none", a_topic_with_a_nul_is_none},
        {"a user name has to be a text", a_user_name_has_to_be_a_text},
        {"structures of another size are read as far as both know them",
         structures_of_another_size_are_read_as_far_as_both_know_them},
    };
    return RUN_TESTS("plugin answers", cases);
}
