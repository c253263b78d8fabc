// SPDX-License-Identifier: MIT
// Random rule sets against the model.
#include "server/access/test/model.h"

#include "test/suite.h"

#define ROUNDS  200u
#define FILTERS 40u
#define TOPICS  40u

// 'me' and 'my' are values of clients.
static const char *const levels_of_topics[] = {"a", "b", "", "$s", "me", "my", MODEL_FRESH};
static const char *const levels_of_filters[] = {"a", "a", "b", "", "$s", "me", "my", "+", "+", "+"};
static const char *const levels_of_patterns[] = {"a", "b", "+", "%u", "%c", "%c", "a%c", "%u%c", "$%u"};
static const char *const names[] = {"me", "you", "$s", "a/b"};
static const char *const client_ids[] = {"my", "a", "$s", "+", "x#", "a/b"};
static const struct model_client clients[] = {
    {"me", "my"}, {"", "my"}, {"you", "a"}, {"$s", "$s"}, {"me", "a/b"}, {"a/b", "my"}, {"stranger", "+"},
};

#define COUNT(list) (uint32_t)(sizeof(list) / sizeof((list)[0]))
#define PICK(list)  ((list)[suite_below(random, COUNT(list))])

static void random_filter(struct random *random, bool pattern, char filter[MODEL_TEXT_BYTES])
{
    uint32_t levels = 1 + suite_below(random, MODEL_LEVELS_MAX);
    bool open = suite_below(random, 3) == 0;
    size_t length = 0;
    for (uint32_t i = 0; i < levels; i++) {
        const char *level = pattern ? PICK(levels_of_patterns) : PICK(levels_of_filters);
        if (open && i + 1 == levels)
            level = "#";
        length +=
            (size_t)snprintf(filter + length, MODEL_TEXT_BYTES - length, "%s%s", i > 0 ? "/" : "", level);
    }
    if (length == 0)
        (void)snprintf(filter, MODEL_TEXT_BYTES, "/");
}

// A generous rule allows everything to everybody.
static void random_rule(struct random *random, struct model_rule *rule, bool generous)
{
    *rule = (struct model_rule){.actions = ACL_ACTIONS, .pattern = suite_below(random, 3) == 0};
    random_filter(random, rule->pattern, rule->filter);
    if (generous)
        return;
    rule->actions = 1 + (uint8_t)suite_below(random, ACL_ACTIONS);
    rule->deny = suite_below(random, 4) == 0;
    rule->subject = suite_below(random, ACL_GROUP + 1);
    if (rule->subject == ACL_USER)
        (void)snprintf(rule->name, sizeof(rule->name), "%s", PICK(names));
    if (rule->subject == ACL_GROUP)
        (void)snprintf(rule->name, sizeof(rule->name), "group-%u", suite_below(random, 2));
}

// In half of the sets most rules are generous, or next to no filter would be allowed.
static void random_model(struct random *random, struct model *model)
{
    bool generous = suite_below(random, 2) == 0;
    *model = (struct model){.restricted = (uint8_t)suite_below(random, ACL_ACTIONS + 1)};
    model->rule_count = suite_below(random, generous ? 24 : 12);
    for (uint32_t i = 0; i < model->rule_count; i++)
        random_rule(random, &model->rules[i], generous && suite_below(random, 4) > 0);
    model->membership_count = suite_below(random, 4);
    for (uint32_t i = 0; i < model->membership_count; i++) {
        (void)snprintf(model->memberships[i][0], MODEL_TEXT_BYTES, "group-%u", suite_below(random, 2));
        (void)snprintf(model->memberships[i][1], MODEL_TEXT_BYTES, "%s", PICK(names));
    }
}

// Rules that allow `first/#` only together, one of which may be missing. Writes that filter.
static void random_parts(struct random *random, struct model *model, char filter[MODEL_TEXT_BYTES])
{
    static const char *const endings[] = {"", "/+", "/+/#"};
    const char *first = PICK(levels_of_filters);
    uint32_t missing = suite_below(random, 2 * COUNT(endings));
    for (uint32_t i = first[0] == '\0'; i < COUNT(endings); i++) {
        struct model_rule *rule = &model->rules[model->rule_count];
        *rule = (struct model_rule){.actions = ACL_ACTIONS};
        (void)snprintf(rule->filter, sizeof(rule->filter), "%s%s", first, endings[i]);
        model->rule_count += i != missing;
    }
    (void)snprintf(filter, MODEL_TEXT_BYTES, "%s/#", first);
}

static void random_topic(struct random *random, char topic[MODEL_TEXT_BYTES])
{
    size_t length = 0;
    for (uint32_t i = 0, levels = 1 + suite_below(random, MODEL_LEVELS_MAX + 1); i < levels; i++)
        length += (size_t)snprintf(topic + length, MODEL_TEXT_BYTES - length, "%s%s", i > 0 ? "/" : "",
                                   PICK(levels_of_topics));
    if (length == 0)
        (void)snprintf(topic, MODEL_TEXT_BYTES, "/");
}

static void check(const struct model *model, const struct model_client *client, bool got, bool expected,
                  const char *text)
{
    CU_ASSERT_EQUAL(got, expected);
    if (got != expected) {
        fprintf(stderr, "\n'%s' is %s\n", text, got ? "allowed" : "refused");
        model_print(model, client);
    }
}

static void every_topic_is_decided_as_by_the_list_of_rules(void)
{
    static struct model model;
    struct random seeded, *random = &seeded;
    uint32_t allowed = 0;
    suite_seed(random);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        random_model(random, &model);
        struct acl *acl = model_build(&model, random_next(random));
        struct model_client client = PICK(clients);
        client.client_id = suite_below(random, 2) == 0 ? client.client_id : PICK(client_ids);
        struct permit permit = model_permit(acl, &client);
        for (uint32_t i = 0; i < TOPICS; i++) {
            char topic[MODEL_TEXT_BYTES];
            enum acl_action action = suite_below(random, 2) == 0 ? ACL_PUBLISH : ACL_RECEIVE;
            random_topic(random, topic);
            bool expected = model_allows_topic(&model, &client, action, topic);
            check(&model, &client, permit_allows(&permit, action, bytes_of(topic)), expected, topic);
            allowed += expected;
        }
        acl_unref(acl);
    }
    CU_ASSERT(allowed > ROUNDS * TOPICS / 10 && allowed < ROUNDS * TOPICS * 9 / 10);
}

// Otherwise the rules decide together.
static bool covered_by_one_rule(const struct model *model, const struct model_client *client,
                                enum acl_action action, const char *filter)
{
    static struct model one;
    for (uint32_t i = 0; i < model->rule_count; i++) {
        one = *model;
        one.rules[0] = model->rules[i];
        one.rule_count = 1;
        if (!model->rules[i].deny && model_allows_filter(&one, client, action, filter))
            return true;
    }
    return false;
}

static void a_filter_is_allowed_exactly_if_all_its_topics_are(void)
{
    static struct model model;
    struct random seeded, *random = &seeded;
    uint32_t allowed = 0;
    uint32_t unions = 0;
    suite_seed(random);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        char parted[MODEL_TEXT_BYTES];
        random_model(random, &model);
        random_parts(random, &model, parted);
        model.restricted |= suite_below(random, 4) > 0 ? ACL_SUBSCRIBE : 0;
        struct acl *acl = model_build(&model, random_next(random));
        struct model_client client = PICK(clients);
        struct permit permit = model_permit(acl, &client);
        for (uint32_t i = 0; i < FILTERS; i++) {
            char filter[MODEL_TEXT_BYTES];
            random_filter(random, false, filter);
            if (i == 0)
                memcpy(filter, parted, sizeof(filter));
            bool expected = model_allows_filter(&model, &client, ACL_SUBSCRIBE, filter);
            check(&model, &client, permit_allows(&permit, ACL_SUBSCRIBE, bytes_of(filter)), expected, filter);
            allowed += expected;
            unions += expected && (model.restricted & ACL_SUBSCRIBE) != 0 &&
                      !covered_by_one_rule(&model, &client, ACL_SUBSCRIBE, filter);
        }
        acl_unref(acl);
    }
    printf("(%u of %u allowed, %u by several rules) ", allowed, ROUNDS * FILTERS, unions);
    CU_ASSERT(allowed > ROUNDS * FILTERS / 20 && allowed < ROUNDS * FILTERS * 9 / 10);
    CU_ASSERT(unions > ROUNDS / 20);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"every topic is decided as by the list of rules", every_topic_is_decided_as_by_the_list_of_rules},
        {"a filter is allowed exactly if all its topics are",
         a_filter_is_allowed_exactly_if_all_its_topics_are},
    };
    return RUN_TESTS("acl model", cases);
}
