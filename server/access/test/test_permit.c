// SPDX-License-Identifier: MIT
// What permits cost and keep. What they allow is in test_acl.c.
#include "server/access/access.h"

#include <errno.h>

#include "test/heap.h"
#include "test/suite.h"

#define STEADY 1000u
#define MANY   10000u

static const struct permit_identity alice = {.user = {(const uint8_t *)"alice", 5},
                                             .client_id = {(const uint8_t *)"id", 2}};

static struct acl *acl_of(uint8_t restricted, const struct acl_rule *rules, size_t count)
{
    struct acl_builder *builder = acl_builder_create(3);
    acl_builder_restrict(builder, restricted);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_PTR_NULL(acl_builder_add(builder, &rules[i]));
    return acl_builder_finish(builder);
}

static struct acl *acl_allowing(const char *filter)
{
    struct acl_rule rule = {.actions = ACL_ACTIONS, .filter = bytes_of(filter)};
    return acl_of(ACL_ACTIONS, &rule, 1);
}

static struct permit *permit_of(struct acl *acl, const struct permit_identity *identity)
{
    struct permit *permit = NULL;
    CU_ASSERT_FATAL(permit_create(acl, identity, &permit) == 0);
    return permit;
}

static struct bytes numbered(char text[48], uint32_t number)
{
    (void)snprintf(text, 48, "plant/%u/temperature/of/the/press", number);
    return bytes_of(text);
}

static void who_has_no_rules_to_obey_costs_nothing(void)
{
    struct acl_rule for_bob = {.actions = ACL_PUBLISH,
                               .deny = true,
                               .subject = ACL_USER,
                               .name = bytes_of("bob"),
                               .filter = bytes_of("a")};
    struct acl_rule needless = {.actions = ACL_ACTIONS, .filter = bytes_of("a")};
    struct acl *acls[] = {NULL, acl_of(0, NULL, 0), acl_of(0, &for_bob, 1), acl_of(0, &needless, 1)};
    uint64_t before = heap_allocations();
    for (size_t i = 0; i < sizeof(acls) / sizeof(acls[0]); i++) {
        struct permit *permit = permit_of(acls[i], &alice);
        CU_ASSERT_PTR_NULL(permit);
        CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, bytes_of("b")));
        CU_ASSERT_TRUE(permit_allows(permit, ACL_SUBSCRIBE, bytes_of("#")));
        CU_ASSERT_TRUE(permit_receives_all(permit, bytes_of("#")));
        permit_destroy(permit);
    }
    CU_ASSERT_EQUAL(heap_allocations(), before);
    for (size_t i = 0; i < sizeof(acls) / sizeof(acls[0]); i++)
        acl_unref(acls[i]);
    CU_ASSERT_EQUAL(heap_blocks(), 0);
}

static void a_restricted_action_without_rules_is_not_allowed_to_anybody(void)
{
    struct acl *acl = acl_of(ACL_PUBLISH, NULL, 0);
    struct permit *permit = permit_of(acl, &alice);
    CU_ASSERT_FALSE(permit_allows(permit, ACL_PUBLISH, bytes_of("a")));
    CU_ASSERT_TRUE(permit_allows(permit, ACL_RECEIVE, bytes_of("a")));
    CU_ASSERT_TRUE(permit_allows(permit, ACL_SUBSCRIBE, bytes_of("a")));
    permit_destroy(permit);
    acl_unref(acl);
}

static void a_permit_is_one_block_until_a_topic_is_judged(void)
{
    struct acl *acl = acl_allowing("a/#");
    uint64_t before = heap_blocks();
    struct permit *permit = permit_of(acl, &alice);
    CU_ASSERT_EQUAL(heap_blocks(), before + 1);
    CU_ASSERT_TRUE(permit_allows(permit, ACL_SUBSCRIBE, bytes_of("a/#")));
    CU_ASSERT_FALSE(permit_allows(permit, ACL_SUBSCRIBE, bytes_of("#")));
    CU_ASSERT_EQUAL(heap_blocks(), before + 1);
    CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, bytes_of("a/b")));
    CU_ASSERT_EQUAL(heap_blocks(), before + 2);
    CU_ASSERT_EQUAL(permit->decisions.size, DECISIONS_BYTES_FIRST);
    CU_ASSERT(sizeof(*permit) <= 112);
    permit_destroy(permit);
    CU_ASSERT_EQUAL(heap_blocks(), before);
    acl_unref(acl);
}

static void steady_publishing_allocates_nothing(void)
{
    struct acl *acl = acl_allowing("plant/+/temperature/#");
    struct permit *permit = permit_of(acl, &alice);
    char text[48];
    for (uint32_t topics = 1; topics <= 64; topics *= 8) {
        for (uint32_t i = 0; i < 3 * topics; i++) // a growing memory forgets
            CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, numbered(text, i % topics)));
        uint64_t before = heap_allocations();
        for (uint32_t i = 0; i < STEADY; i++) {
            CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, numbered(text, i % topics)));
            CU_ASSERT_TRUE(permit_allows(permit, ACL_RECEIVE, numbered(text, i % topics)));
        }
        CU_ASSERT_EQUAL(heap_allocations(), before);
    }
    permit_destroy(permit);
    acl_unref(acl);
}

static void any_number_of_topics_stays_within_the_bound(void)
{
    struct acl *acl = acl_allowing("plant/7/#");
    struct permit *permit = permit_of(acl, &alice);
    char text[48];
    for (uint32_t i = 0; i < MANY; i++) {
        CU_ASSERT_EQUAL(permit_allows(permit, ACL_PUBLISH, numbered(text, i)), i == 7);
        CU_ASSERT_FATAL(permit->decisions.size <= DECISIONS_BYTES_MAX);
        CU_ASSERT_FATAL(permit->decisions.used <= permit->decisions.size);
    }
    CU_ASSERT_EQUAL(permit->decisions.size, DECISIONS_BYTES_MAX);
    uint64_t before = heap_allocations();
    for (uint32_t i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(permit_allows(permit, ACL_PUBLISH, numbered(text, i)), i == 7);
    CU_ASSERT_EQUAL(heap_allocations(), before);
    permit_destroy(permit);
    acl_unref(acl);
}

static void long_topics_are_decided_each_time(void)
{
    static uint8_t text[TOPIC_BYTES_MAX] = "a/";
    struct acl *acl = acl_allowing("a/+");
    struct permit *permit = permit_of(acl, &alice);
    memset(text + 2, 'x', sizeof(text) - 2);
    for (size_t length = DECISIONS_TOPIC_MAX - 2; length < sizeof(text); length = length * 2 - 250) {
        struct bytes topic = {text, length};
        CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, topic));
        CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, topic));
        text[length - 1] = '/';
        CU_ASSERT_FALSE(permit_allows(permit, ACL_PUBLISH, topic));
        CU_ASSERT_FALSE(permit_allows(permit, ACL_PUBLISH, topic));
        text[length - 1] = 'x';
    }
    CU_ASSERT(permit->decisions.used < 4 * DECISIONS_TOPIC_MAX); // those of the first length
    permit_destroy(permit);
    acl_unref(acl);
}

static void publishing_and_receiving_are_remembered_apart(void)
{
    struct acl_rule rules[] = {{.actions = ACL_PUBLISH, .filter = bytes_of("up/#")},
                               {.actions = ACL_RECEIVE, .filter = bytes_of("down/#")}};
    struct acl *acl = acl_of(ACL_ACTIONS, rules, 2);
    struct permit *permit = permit_of(acl, &alice);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, bytes_of("up/1")));
        CU_ASSERT_FALSE(permit_allows(permit, ACL_RECEIVE, bytes_of("up/1")));
        CU_ASSERT_FALSE(permit_allows(permit, ACL_PUBLISH, bytes_of("down/1")));
        CU_ASSERT_TRUE(permit_allows(permit, ACL_RECEIVE, bytes_of("down/1")));
    }
    CU_ASSERT_TRUE(permit_receives_all(permit, bytes_of("down/+")));
    CU_ASSERT_FALSE(permit_receives_all(permit, bytes_of("up/1")));
    CU_ASSERT_FALSE(permit_receives_all(permit, bytes_of("#")));
    permit_destroy(permit);
    acl_unref(acl);
}

// With templates, the permit keeps the values; the caller's may go.
static void a_permit_holds_what_it_was_made_of(void)
{
    char user[] = "alice";
    char id[] = "id-7";
    struct acl_rule rule = {.actions = ACL_ACTIONS, .pattern = true, .filter = bytes_of("%u/%c/#")};
    struct acl *acl = acl_of(ACL_ACTIONS, &rule, 1);
    struct permit_identity identity = {.user = bytes_of(user), .client_id = bytes_of(id)};
    struct permit *permit = permit_of(acl, &identity);
    acl_unref(acl);
    memset(user, 'x', sizeof(user));
    memset(id, 'x', sizeof(id));
    CU_ASSERT_TRUE(permit_allows(permit, ACL_PUBLISH, bytes_of("alice/id-7/a")));
    CU_ASSERT_FALSE(permit_allows(permit, ACL_PUBLISH, bytes_of("alice/id-8/a")));
    permit_destroy(permit);
    CU_ASSERT_EQUAL(heap_blocks(), 0);
}

// NULL is a permit for everything: nobody may take a failure for it.
static void without_memory_there_is_no_permit(void)
{
    struct acl *acl = acl_allowing("a");
    static struct permit other;
    struct permit *permit = &other;
    heap_fail_after(0);
    CU_ASSERT_EQUAL(permit_create(acl, &alice, &permit), -ENOMEM);
    CU_ASSERT_TRUE(heap_recover());
    CU_ASSERT_PTR_EQUAL(permit, &other);
    acl_unref(acl);
    CU_ASSERT_EQUAL(heap_blocks(), 0);
}

static void without_memory_for_decisions_they_are_made_again(void)
{
    struct acl *acl = acl_allowing("plant/7/#");
    char text[48];
    for (uint64_t passed = 0; passed < 4; passed++) {
        struct permit *permit = permit_of(acl, &alice);
        heap_fail_after(passed);
        for (uint32_t i = 0; i < STEADY; i++)
            CU_ASSERT_EQUAL(permit_allows(permit, ACL_PUBLISH, numbered(text, i % 200)), i % 200 == 7);
        CU_ASSERT_TRUE(heap_recover());
        permit_destroy(permit);
    }
    acl_unref(acl);
    CU_ASSERT_EQUAL(heap_blocks(), 0);
}

static void an_unfinished_rule_set_leaves_nothing_behind(void)
{
    struct acl_builder *builder = acl_builder_create(3);
    struct acl_rule rule = {
        .actions = ACL_ACTIONS, .subject = ACL_USER, .name = bytes_of("u"), .filter = bytes_of("a/+/b/#")};
    struct acl_membership membership = {.group = bytes_of("g"), .user = bytes_of("v")};
    CU_ASSERT_PTR_NULL(acl_builder_add(builder, &rule));
    CU_ASSERT_PTR_NULL(acl_builder_join(builder, &membership));
    acl_builder_destroy(builder);
    CU_ASSERT_EQUAL(heap_blocks(), 0);
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"who has no rules to obey costs nothing", who_has_no_rules_to_obey_costs_nothing},
        {"a restricted action without rules is not allowed to anybody",
         a_restricted_action_without_rules_is_not_allowed_to_anybody},
        {"a permit is one block until a topic is judged", a_permit_is_one_block_until_a_topic_is_judged},
        {"steady publishing allocates nothing", steady_publishing_allocates_nothing},
        {"any number of topics stays within the bound", any_number_of_topics_stays_within_the_bound},
        {"long topics are decided each time", long_topics_are_decided_each_time},
        {"publishing and receiving are remembered apart", publishing_and_receiving_are_remembered_apart},
        {"a permit holds what it was made of", a_permit_holds_what_it_was_made_of},
        {"without memory there is no permit", without_memory_there_is_no_permit},
        {"without memory for decisions they are made again",
         without_memory_for_decisions_they_are_made_again},
        {"an unfinished rule set leaves nothing behind", an_unfinished_rule_set_leaves_nothing_behind},
    };
    return SUITE_RUN("permit", cases);
}
