// SPDX-License-Identifier: MIT
#include "server/plugin/verdicts.h"

#include <string.h>

#include "server/plugin/hbmqtt_plugin.h"
#include "test/suite.h"

#define TOPICS  3000u
#define ACTIONS 3u // of enum hbmqtt_plugin_filter
#define STEPS   100000u

static struct verdict_key key_of(const char *topic)
{
    return (struct verdict_key){.epoch = 1, .action = HBMQTT_FILTER_PUBLISH, .topic = bytes_of(topic)};
}

static void what_was_put_is_found_for_this_topic_and_action_alone(void)
{
    struct verdicts *verdicts = NULL;
    struct verdict_key key = key_of("a/b");
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_NO_OPINION);
    verdicts_put(&verdicts, &key, HBMQTT_DENY);
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_DENY);
    key.action = HBMQTT_FILTER_RECEIVE;
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_NO_OPINION);
    verdicts_put(&verdicts, &key, HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_ALLOW);
    key.action = HBMQTT_FILTER_PUBLISH;
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_DENY);
    static const char *const others[] = {"a/", "a/c", "a/b/", "A/b", ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        key = key_of(others[i]);
        CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_NO_OPINION);
    }
    verdicts_destroy(verdicts);
}

static void another_epoch_forgets_everything(void)
{
    struct verdicts *verdicts = NULL;
    struct verdict_key first = key_of("a");
    struct verdict_key second = key_of("b");
    verdicts_put(&verdicts, &first, HBMQTT_ALLOW);
    first.epoch = second.epoch = 2;
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &first), HBMQTT_NO_OPINION);
    verdicts_put(&verdicts, &second, HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &first), HBMQTT_NO_OPINION);
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &second), HBMQTT_ALLOW);
    verdicts_destroy(verdicts);
}

// Against a list of everything that was put: what is found is right, and the last one put is always found.
static void of_many_topics_some_are_remembered_and_none_wrongly(void)
{
    struct random random;
    suite_seed(&random);
    struct verdicts *verdicts = NULL;
    static int put[TOPICS][ACTIONS];
    memset(put, 0, sizeof put);
    uint32_t found = 0;
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t number = suite_below(&random, TOPICS);
        uint32_t action = suite_below(&random, ACTIONS);
        char topic[16];
        (void)snprintf(topic, sizeof topic, "topic/%u", number); // fits
        struct verdict_key key = key_of(topic);
        key.action = HBMQTT_FILTER_PUBLISH << action;
        int verdict = verdicts_find(verdicts, &key);
        CU_ASSERT(verdict == HBMQTT_NO_OPINION || verdict == put[number][action]);
        found += verdict != HBMQTT_NO_OPINION;
        put[number][action] = suite_below(&random, 2) ? HBMQTT_ALLOW : HBMQTT_DENY;
        verdicts_put(&verdicts, &key, put[number][action]);
        CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), put[number][action]);
    }
    printf("(%u of %u remembered) ", found, STEPS);
    CU_ASSERT(found > STEPS / 20 && found < STEPS / 2); // there is room for less than half of the topics
    verdicts_destroy(verdicts);
}

static void a_long_topic_is_not_kept(void)
{
    static char topic[DECISIONS_TOPIC_MAX + 2];
    memset(topic, 'a', DECISIONS_TOPIC_MAX + 1);
    struct verdicts *verdicts = NULL;
    struct verdict_key key = key_of(topic);
    verdicts_put(&verdicts, &key, HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_NO_OPINION);
    key.topic.length--;
    verdicts_put(&verdicts, &key, HBMQTT_ALLOW);
    CU_ASSERT_EQUAL(verdicts_find(verdicts, &key), HBMQTT_ALLOW);
    verdicts_destroy(verdicts);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"what was put is found for this topic and action alone",
         what_was_put_is_found_for_this_topic_and_action_alone},
        {"another epoch forgets everything", another_epoch_forgets_everything},
        {"of many topics some are remembered, and none wrongly",
         of_many_topics_some_are_remembered_and_none_wrongly},
        {"a long topic is not kept", a_long_topic_is_not_kept},
    };
    return RUN_TESTS("plugin verdicts", cases);
}
