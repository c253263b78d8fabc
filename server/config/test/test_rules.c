// SPDX-License-Identifier: MIT
// topic-check: the forms of its rules, what they hold for, and when they hold at all.
#include "server/config/config.h"

#include "server/config/test/reading.h"
#include "test/suite.h"

#define SUBSCRIBE CONFIG_ACTION_SUBSCRIBE
#define PUBLISH   CONFIG_ACTION_PUBLISH
#define RECEIVE   CONFIG_ACTION_RECEIVE

static void expect_rule(const struct config *config, uint32_t index, const struct config_rule *expected)
{
    CU_ASSERT_FATAL(index < config->topic_check.rule_count);
    const struct config_rule *rule = &config->topic_check.rules[index];
    CU_ASSERT_EQUAL(rule->actions, expected->actions);
    CU_ASSERT_EQUAL(rule->deny, expected->deny);
    CU_ASSERT_EQUAL(rule->kind, expected->kind);
    expect_text(expected->subject, rule->subject);
    expect_text(expected->filter, rule->filter);
    CU_ASSERT_EQUAL(rule->line, expected->line);
}

static void test_every_form_of_a_rule(void)
{
    const struct config *config = good("topic-check:\n"
                                       "  enabled: true\n"
                                       "  subscribe-acl:\n"
                                       "    alice: [a/+, b/#]\n"
                                       "    anonymous: public\n"
                                       "    '*':\n"
                                       "      - {deny: secret/#}\n"
                                       "      - {deny: [x, y], allow: '#'}\n"
                                       "    '@ops': {allow: ops}\n"
                                       "    nobody: []\n"
                                       "    none:\n"
                                       "  groups: {ops: [alice, bob], empty: }\n");
    static const struct config_rule rules[] = {
        {SUBSCRIBE, false, CONFIG_SUBJECT_USER, "alice", "a/+", 4},
        {SUBSCRIBE, false, CONFIG_SUBJECT_USER, "alice", "b/#", 4},
        {SUBSCRIBE, false, CONFIG_SUBJECT_ANONYMOUS, "anonymous", "public", 5},
        {SUBSCRIBE, true, CONFIG_SUBJECT_EVERYBODY, "*", "secret/#", 7},
        {SUBSCRIBE, true, CONFIG_SUBJECT_EVERYBODY, "*", "x", 8},
        {SUBSCRIBE, true, CONFIG_SUBJECT_EVERYBODY, "*", "y", 8},
        {SUBSCRIBE, false, CONFIG_SUBJECT_EVERYBODY, "*", "#", 8},
        {SUBSCRIBE, false, CONFIG_SUBJECT_GROUP, "ops", "ops", 9},
    };
    const struct config_topic_check *topics = &config->topic_check;
    CU_ASSERT_EQUAL(topics->rule_count, COUNT(rules));
    for (uint32_t i = 0; i < COUNT(rules); i++)
        expect_rule(config, i, &rules[i]);
    CU_ASSERT_EQUAL(topics->listed, SUBSCRIBE);
    CU_ASSERT_EQUAL(topics->line, 1);
    CU_ASSERT_EQUAL_FATAL(topics->group_count, 2);
    expect_text("ops", topics->groups[0].name);
    CU_ASSERT_EQUAL_FATAL(topics->groups[0].user_count, 2);
    expect_text("alice", topics->groups[0].users[0]);
    expect_text("bob", topics->groups[0].users[1]);
    CU_ASSERT_EQUAL(topics->groups[1].user_count, 0);
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static void test_each_list_is_about_its_action(void)
{
    const struct config *config =
        good("topic-check: {enabled: on, acl: {a: x}, publish-acl: {a: y}, receive-acl: {a: z}}\n");
    CU_ASSERT_EQUAL(config->topic_check.listed, SUBSCRIBE | PUBLISH | RECEIVE);
    expect_rule(config, 0, &(struct config_rule){SUBSCRIBE, false, CONFIG_SUBJECT_USER, "a", "x", 1});
    expect_rule(config, 1, &(struct config_rule){PUBLISH, false, CONFIG_SUBJECT_USER, "a", "y", 1});
    expect_rule(config, 2, &(struct config_rule){RECEIVE, false, CONFIG_SUBJECT_USER, "a", "z", 1});
    CU_ASSERT_EQUAL(config->warning_count, 0);
    CU_ASSERT_EQUAL(good("topic-check: {enabled: on, publish-acl: {}}\n")->topic_check.listed, PUBLISH);
}

static void test_acl_alone_is_about_publishing_too(void)
{
    const struct config *config = good("topic-check:\n  enabled: on\n  acl: {a: x}\n");
    CU_ASSERT_EQUAL(config->topic_check.listed, SUBSCRIBE | PUBLISH);
    expect_rule(config, 0,
                &(struct config_rule){SUBSCRIBE | PUBLISH, false, CONFIG_SUBJECT_USER, "a", "x", 3});
    expect_warning(config,
                   "f:3: acl holds for publishing too, as there is no publish-acl; the Python broker let "
                   "everybody publish");
    config = good("topic-check:\n  enabled: on\n  subscribe-acl: {a: x}\n");
    CU_ASSERT_EQUAL(config->topic_check.listed, SUBSCRIBE);
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

// amqtt documents maps of rules as lists, and has them as settings of the plugin.
static void test_the_forms_of_amqtt(void)
{
    const struct config *config = good("plugins:\n"
                                       "  - amqtt.plugins.topic_checking.TopicAccessControlListPlugin:\n"
                                       "      subscribe_acl:\n"
                                       "        - alice: [a]\n"
                                       "        - bob: [b]\n"
                                       "      publish_acl: [{alice: [c]}]\n");
    CU_ASSERT_EQUAL(config->topic_check.rule_count, 3);
    expect_rule(config, 1, &(struct config_rule){SUBSCRIBE, false, CONFIG_SUBJECT_USER, "bob", "b", 5});
    expect_rule(config, 2, &(struct config_rule){PUBLISH, false, CONFIG_SUBJECT_USER, "alice", "c", 6});
    CU_ASSERT_TRUE(config->topic_check.acl && !config->topic_check.taboo);
    CU_ASSERT_EQUAL(config->warning_count, 0);
}

static void test_when_the_checks_hold(void)
{
    static const struct {
        const char *text;
        bool enabled, acl, taboo;
        uint32_t warnings;
    } cases[] = {
        {"", true, false, false, 0},
        {"topic-check: {enabled: true}\n", true, false, true, 0},
        {"topic-check: {enabled: false}\n", false, false, false, 0},
        {"topic-check: {enabled: false, publish-acl: {a: b}, plugins: [topic_acl]}\n", false, false, false,
         0},
        {"topic-check: {publish-acl: {a: b}}\n", true, true, true, 1}, // does not say that it is enabled
        {"topic-check: {enabled: true, publish-acl: {a: b}}\n", true, true, true, 0},
        {"topic-check: {enabled: true, acl-file: x}\n", true, true, true, 0},
        {"topic-check: {enabled: true, publish-acl: {a: b}, plugins: [topic_acl]}\n", true, true, false, 0},
        {"topic-check: {enabled: true, publish-acl: {a: b}, plugins: [topic_taboo]}\n", true, false, true, 1},
        {"topic-check: {enabled: true, plugins: [topic_taboo]}\n", true, false, true, 0},
        {"topic-check: {enabled: true, plugins: []}\n", true, false, false, 0},
        {"topic-check: {enabled: true, plugins: [topic_acl]}\n", true, true, false, 1}, // without rules
        {"plugins: [topic_taboo]\n", true, false, true, 0},
        {"plugins: [{topic_acl: {publish-acl: {a: b}}}]\n", true, true, false, 0},
        {"plugins: [topic_acl]\ntopic-check: {enabled: false}\n", false, false, false, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct config *config = good(cases[i].text);
        const struct config_topic_check *topics = &config->topic_check;
        bool same = topics->enabled == cases[i].enabled && topics->acl == cases[i].acl &&
                    topics->taboo == cases[i].taboo && config->warning_count == cases[i].warnings;
        CU_ASSERT_TRUE(same);
        if (!same)
            printf("\n    %s", cases[i].text);
    }
    CU_ASSERT_EQUAL(good("topic-check: {enabled: true, plugins: [topic_acl]}\n")->topic_check.listed,
                    SUBSCRIBE);
}

static void test_ten_thousand_rules(void)
{
    static char text[524288];
    size_t used = (size_t)snprintf(text, sizeof(text), "topic-check:\n  enabled: on\n  publish-acl:\n");
    for (int i = 0; i < 10000; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "    user%d: fleet/%d/#\n", i, i);
    const struct config *config = good(text);
    CU_ASSERT_EQUAL(config->topic_check.rule_count, 10000);
    expect_rule(
        config, 9999,
        &(struct config_rule){PUBLISH, false, CONFIG_SUBJECT_USER, "user9999", "fleet/9999/#", 10003});
    (void)snprintf(text + used, sizeof(text) - used, "    user77: x\n");
    expect_fault(text, "f:10004: key 'user77' is given a second time (first in line 81)");
}

static void test_faults(void)
{
    static const struct fault faults[] = {
        {"topic-check:\n  acl:\n    a: [b, 'c/#/d']\n",
         "f:3: topic-check.acl.a: expected a topic filter, seen 'c/#/d'"},
        {"topic-check:\n  acl:\n    a:\n    - b+\n",
         "f:4: topic-check.acl.a: expected a topic filter, seen 'b+'"},
        {"topic-check: {acl: {a: ''}}\n", "f:1: topic-check.acl.a: expected a topic filter, seen ''"},
        {"topic-check: {acl: {a: [[b]]}}\n", "f:1: topic-check.acl.a: expected a topic filter, seen a list"},
        {"topic-check: {acl: {a: [{refuse: b}]}}\n", "f:1: unknown key 'refuse' in topic-check.acl.a"},
        {"topic-check: {acl: {a: [{deny: }]}}\n",
         "f:1: topic-check.acl.a.deny: expected a topic filter, seen nothing"},
        {"topic-check: {acl: b}\n", "f:1: topic-check.acl: expected a map, seen 'b'"},
        {"topic-check: {acl: [b]}\n", "f:1: topic-check.acl: expected a map, seen 'b'"},
        {"topic-check: {acl: {a: b, a: c}}\n", "f:1: key 'a' is given a second time (first in line 1)"},
        {"topic-check:\n  acl: {a: b}\n  subscribe-acl: {a: b}\n",
         "f:3: topic-check.subscribe-acl: there are such rules in another place already"},
        {"topic-check: {acl: {'@x': b}}\n",
         "f:1: there is no group 'x'; groups are listed in topic-check.groups"},
        {"topic-check: {groups: {x: [[a]]}}\n",
         "f:1: topic-check.groups.x: expected the name of a user, seen a list"},
        {"topic-check: {groups: {x: a}}\nplugins: {topic_acl: {groups: {y: b}}}\n",
         "f:2: plugins.topic_acl.groups: there are groups in another place already"},
        {"topic-check: {enabled: 1}\n", "f:1: topic-check.enabled: expected true or false, seen '1'"},
        {"topic-check: {acl-file: [x]}\n",
         "f:1: topic-check.acl-file: expected the name of a file, seen a list"},
        {"topic-check: {acls: x}\n", "f:1: unknown key 'acls' in topic-check; did you mean 'acl'?"},
    };
    expect_faults(faults, COUNT(faults));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"every form of a rule", test_every_form_of_a_rule},
        {"each list is about its action", test_each_list_is_about_its_action},
        {"acl alone is about publishing too", test_acl_alone_is_about_publishing_too},
        {"the forms of amqtt", test_the_forms_of_amqtt},
        {"when the checks hold", test_when_the_checks_hold},
        {"ten thousand rules", test_ten_thousand_rules},
        {"faults", test_faults},
    };
    return RUN_TESTS("rules", cases);
}
