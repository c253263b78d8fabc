// SPDX-License-Identifier: MIT
// What rule sets decide, in cases that have a name. The rest is in test_acl_model.c.
#include "server/access/access.h"

#include <pthread.h>

#include "server/access/acl_tree.h"
#include "test/heap.h"
#include "test/suite.h"

#define MANY    10000u
#define THREADS 4u

static struct acl_builder *builder;
static struct acl *acl;

static void begin(uint8_t restricted)
{
    builder = acl_builder_create(1);
    acl_builder_restrict(builder, restricted);
}

static void add(struct acl_rule rule)
{
    CU_ASSERT_PTR_NULL(acl_builder_add(builder, &rule));
}

static void allow(uint8_t actions, const char *filter)
{
    add((struct acl_rule){.actions = actions, .filter = bytes_of(filter)});
}

static void deny(uint8_t actions, const char *filter)
{
    add((struct acl_rule){.actions = actions, .deny = true, .filter = bytes_of(filter)});
}

static void allow_pattern(const char *filter)
{
    add((struct acl_rule){.actions = ACL_ACTIONS, .pattern = true, .filter = bytes_of(filter)});
}

static void deny_pattern(const char *filter)
{
    add((struct acl_rule){.actions = ACL_ACTIONS, .deny = true, .pattern = true, .filter = bytes_of(filter)});
}

static void allow_user(const char *user, const char *filter)
{
    add((struct acl_rule){
        .actions = ACL_ACTIONS, .subject = ACL_USER, .name = bytes_of(user), .filter = bytes_of(filter)});
}

static void allow_group(const char *group, const char *filter)
{
    add((struct acl_rule){
        .actions = ACL_ACTIONS, .subject = ACL_GROUP, .name = bytes_of(group), .filter = bytes_of(filter)});
}

static void join(const char *group, const char *user)
{
    struct acl_membership membership = {.group = bytes_of(group), .user = bytes_of(user)};
    CU_ASSERT_PTR_NULL(acl_builder_join(builder, &membership));
}

static void finish(void)
{
    acl = acl_builder_finish(builder);
}

static struct permit permit_for(const char *user, const char *client_id)
{
    struct permit_identity identity = {.user = bytes_of(user), .client_id = bytes_of(client_id)};
    struct permit permit;
    permit_init(&permit, acl, &identity);
    return permit;
}

static bool may(const char *user, const char *client_id, enum acl_action action, const char *text)
{
    struct permit permit = permit_for(user, client_id);
    return permit_allows(&permit, action, bytes_of(text));
}

static bool publishes(const char *user, const char *topic)
{
    return may(user, "id", ACL_PUBLISH, topic);
}

static bool subscribes(const char *filter)
{
    return may("", "id", ACL_SUBSCRIBE, filter);
}

// ---- Filters ----

// Each line: what is allowed, up to three filters, and a subscription.
struct cover {
    const char *allowed[3];
    const char *filter;
    bool covered;
};

static const struct cover covers[] = {
    {{"a/+"}, "a/+", true},
    {{"a/+"}, "a/b", true},
    {{"a/+"}, "a/#", false}, // the original let it through
    {{"+"}, "#", false},     // the same
    {{"+"}, "+", true},
    {{"+"}, "a", true},
    {{"a/#"}, "a", true}, // the original refused it
    {{"a/#"}, "a/#", true},
    {{"a/#"}, "a/+/#", true},
    {{"a/#"}, "a/b/c/d/e", true},
    {{"a/#"}, "+/#", false},
    {{"a/#"}, "b", false},
    {{"#"}, "#", true},
    {{"#"}, "+/#", true},
    {{"+/#"}, "#", true},
    {{"+/+/#"}, "#", false}, // not those of one level
    {{"+", "+/+/#"}, "#", true},
    {{"+", "+/+", "+/+/+/#"}, "#", true},
    {{"+", "+/+", "+/+/+"}, "#", false},
    {{"a", "a/+/#"}, "a/#", true},
    {{"a", "a/+", "a/+/+/#"}, "a/#", true},
    {{"a", "a/+/+/#"}, "a/#", false},
    {{"a", "a/b/#"}, "a/#", false},
    {{"a/b", "a/c"}, "a/+", false}, // there are always others
    {{"a/+/c", "+/b/c"}, "a/b/c", true},
    {{"a/+/c", "+/b/c"}, "+/b/c", true},
    {{"a/+/c", "+/b/c"}, "+/+/c", false},
    {{"#"}, "$SYS/#", false},
    {{"+/#"}, "$SYS/broker", false},
    {{"+/broker"}, "$SYS/broker", false},
    {{"$SYS/#"}, "$SYS/#", true},
    {{"$SYS/+"}, "$SYS/#", false},
    {{"$SYS/#"}, "#", false},
    {{"#", "$SYS/#"}, "$SYS/broker/+", true},
    {{"/#"}, "/#", true},
    {{"/+/#"}, "/#", true}, // there is no empty topic
    {{"/#"}, "/+/#", true},
    {{"/#"}, "#", false},
    {{"+/+"}, "/+", true},
    {{"+/+"}, "+/", true},
    {{"a//b"}, "a//b", true},
    {{"a/+"}, "a/", true},
    {{"a/#"}, "$share/g/a/+", true}, // the filter of a shared subscription
    {{"a/#"}, "$share/g/#", false},
    {{"$share/#"}, "$share/g/a", false},
    {{"$share/#"}, "$share/g", true}, // is no shared subscription
    {{NULL}, "a", false},
};

static void a_filter_needs_rules_for_all_its_topics(void)
{
    for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
        const struct cover *cover = &covers[i];
        begin(ACL_SUBSCRIBE);
        for (size_t rule = 0; rule < 3 && cover->allowed[rule] != NULL; rule++)
            allow(ACL_SUBSCRIBE, cover->allowed[rule]);
        finish();
        bool covered = subscribes(cover->filter);
        CU_ASSERT_EQUAL(covered, cover->covered);
        if (covered != cover->covered)
            fprintf(stderr, "%s: %s\n", cover->allowed[0] == NULL ? "nothing" : cover->allowed[0],
                    cover->filter);
        acl_unref(acl);
    }
}

struct overlap {
    const char *denied;
    const char *filter;
    bool overlaps;
};

static const struct overlap overlaps[] = {
    {"a/b", "a/b", true},
    {"a/b", "a/+", true},
    {"a/b", "+/b", true},
    {"a/b", "a/#", true},
    {"a/b", "#", true},
    {"a/b", "+", false},
    {"a/b", "a", false},
    {"a/b", "a/b/#", true},
    {"a/b", "a/b/+", false},
    {"a/b", "a/+/#", true},
    {"a/b", "a/+/+/#", false},
    {"a/+/c", "+/b/+", true},
    {"a/+/c", "+/b/d", false},
    {"a/#", "a", true},
    {"a/#", "+", true},
    {"a/#", "+/b/c/d", true},
    {"a/#", "b/#", false},
    {"#", "a", true},
    {"#", "$SYS/#", false},
    {"+/x", "$SYS/x", false},
    {"$SYS/x", "#", false},
    {"$SYS/x", "+/x", false},
    {"$SYS/x", "$SYS/+", true},
    {"$SYS/#", "$SYS/x", true},
    {"/#", "+", false},
    {"+", "/#", false},
    {"/#", "+/+", true},
    {"", "a", false},
    {"a/b", "$share/g/+/b", true},
    {"a/b", "$share/g/c", false},
};

static void a_denied_topic_among_those_of_a_filter_refuses_it(void)
{
    for (size_t i = 0; i < sizeof(overlaps) / sizeof(overlaps[0]); i++) {
        const struct overlap *overlap = &overlaps[i];
        begin(0);
        if (overlap->denied[0] != '\0')
            deny(ACL_SUBSCRIBE, overlap->denied);
        finish();
        bool allowed = subscribes(overlap->filter);
        CU_ASSERT_EQUAL(allowed, !overlap->overlaps);
        if (allowed == overlap->overlaps)
            fprintf(stderr, "%s: %s\n", overlap->denied, overlap->filter);
        acl_unref(acl);
    }
}

// ---- Subjects and actions ----

static void an_action_that_is_not_restricted_is_allowed_unless_denied(void)
{
    begin(ACL_PUBLISH);
    allow(ACL_PUBLISH, "a");
    deny(ACL_RECEIVE, "secret/#");
    finish();
    CU_ASSERT_TRUE(publishes("u", "a"));
    CU_ASSERT_FALSE(publishes("u", "b"));
    CU_ASSERT_TRUE(subscribes("#"));
    CU_ASSERT_TRUE(may("u", "c", ACL_RECEIVE, "b"));
    CU_ASSERT_FALSE(may("u", "c", ACL_RECEIVE, "secret"));
    CU_ASSERT_FALSE(may("u", "c", ACL_RECEIVE, "secret/b"));
    acl_unref(acl);
}

static void an_action_without_rules_is_everybodys_or_nobodys(void)
{
    for (uint32_t restricted = 0; restricted <= ACL_ACTIONS; restricted++) {
        begin((uint8_t)restricted);
        allow_user("bob", "a");
        finish();
        for (uint32_t action = ACL_PUBLISH; action <= ACL_RECEIVE; action *= 2)
            CU_ASSERT_EQUAL(may("alice", "c", action, "a"), (restricted & action) == 0);
        acl_unref(acl);
    }
}

static void publishing_and_receiving_are_told_apart(void)
{
    begin(ACL_ACTIONS);
    allow(ACL_PUBLISH, "up/#");
    allow(ACL_RECEIVE, "down/#");
    finish();
    CU_ASSERT_TRUE(may("u", "c", ACL_PUBLISH, "up/1"));
    CU_ASSERT_FALSE(may("u", "c", ACL_RECEIVE, "up/1"));
    CU_ASSERT_FALSE(may("u", "c", ACL_PUBLISH, "down/1"));
    CU_ASSERT_TRUE(may("u", "c", ACL_RECEIVE, "down/1"));
    acl_unref(acl);
}

static void a_denial_wins_in_any_order(void)
{
    for (uint32_t first = 0; first < 2; first++) {
        begin(ACL_ACTIONS);
        if (first == 0)
            deny(ACL_PUBLISH, "a/secret");
        allow_user("u", "a/#");
        if (first == 1)
            deny(ACL_PUBLISH, "a/secret");
        finish();
        CU_ASSERT_TRUE(publishes("u", "a/b"));
        CU_ASSERT_FALSE(publishes("u", "a/secret"));
        CU_ASSERT_TRUE(may("u", "c", ACL_RECEIVE, "a/secret"));
        acl_unref(acl);
    }
}

static void each_client_has_its_own_rules_and_those_for_everybody(void)
{
    begin(ACL_ACTIONS);
    allow(ACL_ACTIONS, "all");
    allow_user("alice", "alice");
    allow_user("bob", "bob");
    add((struct acl_rule){.actions = ACL_ACTIONS, .subject = ACL_ANONYMOUS, .filter = bytes_of("nobody")});
    finish();
    static const char *const users[] = {"alice", "bob", "", "carol"};
    static const char *const topics[] = {"alice", "bob", "nobody", "carol"};
    for (size_t user = 0; user < 4; user++) {
        CU_ASSERT_TRUE(publishes(users[user], "all"));
        for (size_t topic = 0; topic < 4; topic++)
            CU_ASSERT_EQUAL(publishes(users[user], topics[topic]), user == topic && user != 3);
    }
    acl_unref(acl);
}

static void groups_give_their_rules_to_their_members(void)
{
    begin(ACL_ACTIONS);
    join("staff", "alice"); // before there is a rule for either
    allow_group("staff", "staff/#");
    allow_group("night", "night/#");
    allow_user("alice", "alice");
    join("night", "alice");
    join("night", "alice");
    join("night", "bob");
    allow_user("staff", "not/the/group");
    finish();
    CU_ASSERT_TRUE(publishes("alice", "alice"));
    CU_ASSERT_TRUE(publishes("alice", "staff/x"));
    CU_ASSERT_TRUE(publishes("alice", "night/x"));
    CU_ASSERT_FALSE(publishes("bob", "staff/x"));
    CU_ASSERT_TRUE(publishes("bob", "night/x"));
    CU_ASSERT_FALSE(publishes("staff", "staff/x"));
    CU_ASSERT_FALSE(publishes("", "staff/x"));
    CU_ASSERT_FALSE(publishes("alice", "not/the/group"));
    acl_unref(acl);
}

static void rules_of_several_groups_cover_a_filter_together(void)
{
    begin(ACL_ACTIONS);
    allow_group("one", "a");
    allow_group("two", "a/+/#");
    join("one", "alice");
    join("two", "alice");
    join("two", "bob");
    finish();
    CU_ASSERT_TRUE(may("alice", "c", ACL_SUBSCRIBE, "a/#"));
    CU_ASSERT_FALSE(may("bob", "c", ACL_SUBSCRIBE, "a/#"));
    acl_unref(acl);
}

// ---- Patterns ----

static void values_stand_in_patterns_only(void)
{
    begin(ACL_ACTIONS);
    allow_pattern("by/%u/%c");
    allow_pattern("with/x%c-%u/#");
    allow_pattern("odd/%/%x/%");
    allow(ACL_ACTIONS, "plain/%u");
    finish();
    CU_ASSERT_TRUE(may("alice", "7", ACL_PUBLISH, "by/alice/7"));
    CU_ASSERT_FALSE(may("alice", "7", ACL_PUBLISH, "by/7/alice"));
    CU_ASSERT_FALSE(may("alice", "7", ACL_PUBLISH, "by/%u/%c"));
    CU_ASSERT_TRUE(may("alice", "7", ACL_SUBSCRIBE, "with/x7-alice/#"));
    CU_ASSERT_FALSE(may("alice", "7", ACL_SUBSCRIBE, "with/x7-alic/#"));
    CU_ASSERT_FALSE(may("alice", "7", ACL_SUBSCRIBE, "with/x7-alicee/#"));
    CU_ASSERT_FALSE(may("alice", "7", ACL_SUBSCRIBE, "with/+/#"));
    CU_ASSERT_TRUE(publishes("alice", "odd/%/%x/%"));
    CU_ASSERT_TRUE(publishes("alice", "plain/%u"));
    CU_ASSERT_FALSE(publishes("alice", "plain/alice"));
    CU_ASSERT_FALSE(may("", "7", ACL_PUBLISH, "by//7"));
    acl_unref(acl);
}

static void a_value_that_is_more_than_a_level_gives_nothing(void)
{
    static const char *const bad[] = {"#", "+", "a/b", "/", "a#", "+a", "a/"};
    begin(ACL_ACTIONS);
    allow_pattern("devices/%c/#");
    allow_pattern("home/%u");
    finish();
    CU_ASSERT_TRUE(may("u", "good", ACL_SUBSCRIBE, "devices/good/#"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(may("u", bad[i], ACL_SUBSCRIBE, "devices/#"));
        CU_ASSERT_FALSE(may("u", bad[i], ACL_SUBSCRIBE, "devices/+/#"));
        CU_ASSERT_FALSE(may("u", bad[i], ACL_PUBLISH, "devices/a/b"));
        CU_ASSERT_FALSE(may("u", bad[i], ACL_PUBLISH, "devices/other"));
        CU_ASSERT_FALSE(may(bad[i], "c", ACL_PUBLISH, "home/a"));
        CU_ASSERT_FALSE(may(bad[i], "c", ACL_PUBLISH, "home/a/b"));
        CU_ASSERT_TRUE(may("u", bad[i], ACL_PUBLISH, "home/u")); // what the other value gives
    }
    acl_unref(acl);
}

// To pick such a name must not be the way around a denial.
static void a_value_that_is_more_than_a_level_escapes_no_denial(void)
{
    begin(0);
    deny_pattern("devices/%c/secret");
    deny_pattern("both/%u%c");
    finish();
    CU_ASSERT_FALSE(may("u", "a/b", ACL_PUBLISH, "both/ua"));
    CU_ASSERT_FALSE(may("u/", "a", ACL_PUBLISH, "both/ua"));
    CU_ASSERT_TRUE(may("u", "a/b", ACL_PUBLISH, "both"));
    CU_ASSERT_TRUE(may("u", "b", ACL_PUBLISH, "both/ua"));
    CU_ASSERT_FALSE(may("u", "a", ACL_PUBLISH, "both/ua"));
    CU_ASSERT_FALSE(may("u", "a", ACL_PUBLISH, "devices/a/secret"));
    CU_ASSERT_TRUE(may("u", "a", ACL_PUBLISH, "devices/b/secret"));
    CU_ASSERT_FALSE(may("u", "a/b", ACL_PUBLISH, "devices/a/b/secret"));
    CU_ASSERT_FALSE(may("u", "a/b", ACL_PUBLISH, "devices/c"));
    CU_ASSERT_TRUE(may("u", "a/b", ACL_PUBLISH, "devices"));
    CU_ASSERT_TRUE(may("u", "a/b", ACL_PUBLISH, "other/a/b"));
    CU_ASSERT_FALSE(may("u", "a/b", ACL_SUBSCRIBE, "devices/+"));
    CU_ASSERT_FALSE(may("u", "a/b", ACL_SUBSCRIBE, "#"));
    CU_ASSERT_TRUE(may("u", "a/b", ACL_SUBSCRIBE, "devices"));
    acl_unref(acl);
}

static void a_name_that_begins_with_dollar_does_not_open_sys(void)
{
    begin(ACL_ACTIONS);
    allow_pattern("%c/#");
    allow_pattern("%u%c/x");
    allow_pattern("a/%c");
    finish();
    CU_ASSERT_TRUE(may("u", "me", ACL_SUBSCRIBE, "me/#"));
    CU_ASSERT_FALSE(may("u", "$SYS", ACL_SUBSCRIBE, "$SYS/#"));
    CU_ASSERT_FALSE(may("u", "$SYS", ACL_RECEIVE, "$SYS/broker/version"));
    CU_ASSERT_FALSE(may("$S", "YS", ACL_RECEIVE, "$SYS/x"));
    CU_ASSERT_TRUE(may("u", "$SYS", ACL_PUBLISH, "a/$SYS"));
    acl_unref(acl);
}

// ---- Building ----

static void what_is_no_rule_is_refused_with_what_was_expected(void)
{
    static const char *const filters[] = {"", "a/#/b", "a#", "a+", "+a/b", "a/b#", "\xff", "a\xc0\x80"};
    begin(0);
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        struct acl_rule rule = {.actions = ACL_PUBLISH, .filter = bytes_of(filters[i])};
        const char *fault = acl_builder_add(builder, &rule);
        CU_ASSERT_FATAL(fault != NULL);
        CU_ASSERT_PTR_NOT_NULL(strstr(fault, "filter"));
    }
    struct acl_rule nameless = {.actions = ACL_PUBLISH, .subject = ACL_USER, .filter = bytes_of("a")};
    CU_ASSERT_PTR_NOT_NULL(acl_builder_add(builder, &nameless));
    nameless.subject = ACL_GROUP;
    CU_ASSERT_PTR_NOT_NULL(acl_builder_add(builder, &nameless));
    struct acl_membership membership = {.group = bytes_of("g"), .user = bytes_of("")};
    CU_ASSERT_PTR_NOT_NULL(acl_builder_join(builder, &membership));
    membership = (struct acl_membership){.group = bytes_of(""), .user = bytes_of("u")};
    CU_ASSERT_PTR_NOT_NULL(acl_builder_join(builder, &membership));
    acl_builder_destroy(builder);
    acl_builder_destroy(NULL);
}

static void deep_rules_and_topics_end_at_the_bound(void)
{
    static char text[4 * ACL_LEVELS_MAX];
    struct acl_rule rule = {.actions = ACL_ACTIONS};
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? '+' : '/';
    begin(ACL_ACTIONS);
    rule.filter = (struct bytes){(uint8_t *)text, 2 * ACL_LEVELS_MAX + 1};
    CU_ASSERT_PTR_NOT_NULL(acl_builder_add(builder, &rule));
    rule.filter.length = 2 * ACL_LEVELS_MAX - 1;
    CU_ASSERT_PTR_NULL(acl_builder_add(builder, &rule));
    finish();
    struct permit permit = permit_for("u", "c");
    for (size_t levels = 1; levels <= 2 * ACL_LEVELS_MAX; levels++) {
        struct bytes filter = {(uint8_t *)text, 2 * levels - 1};
        CU_ASSERT_EQUAL(permit_allows(&permit, ACL_SUBSCRIBE, filter), levels == ACL_LEVELS_MAX);
    }
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? 'a' : '/';
    for (size_t levels = 1; levels <= 2 * ACL_LEVELS_MAX; levels++) {
        struct bytes topic = {(uint8_t *)text, 2 * levels - 1};
        CU_ASSERT_EQUAL(permit_allows(&permit, ACL_PUBLISH, topic), levels == ACL_LEVELS_MAX);
    }
    acl_unref(acl);
}

static void topics_are_judged_to_their_ends_however_long(void)
{
    static uint8_t text[TOPIC_BYTES_MAX];
    memset(text, 'x', sizeof(text));
    memcpy(text, "a/", 2);
    begin(ACL_ACTIONS);
    allow(ACL_ACTIONS, "a/+");
    finish();
    struct permit permit = permit_for("u", "c");
    for (size_t length = 3; length <= sizeof(text); length = length * 2 + 5) {
        struct bytes topic = {text, length};
        CU_ASSERT_TRUE(permit_allows(&permit, ACL_PUBLISH, topic));
        text[length - 1] = '/';
        CU_ASSERT_FALSE(permit_allows(&permit, ACL_PUBLISH, topic));
        text[length - 1] = 'x';
    }
    acl_unref(acl);
}

static void an_unfinished_rule_set_leaves_nothing_behind(void)
{
    uint64_t before = heap_blocks();
    begin(0);
    allow_user("u", "a/+/b/#");
    join("g", "v");
    CU_ASSERT(heap_blocks() > before);
    acl_builder_destroy(builder);
    CU_ASSERT_EQUAL(heap_blocks(), before);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// Or what thousands of users have in common would be one chain, and reading their rules would take minutes.
static void the_same_levels_of_many_users_do_not_collide(void)
{
    static struct acl_node roots[MANY];
    static uint64_t hashes[3 * MANY];
    struct acl_tree tree;
    size_t count = 0;
    acl_tree_init(&tree, 1);
    for (uint32_t user = 0; user < MANY; user++) {
        acl_tree_init_root(&tree, &roots[user]);
        acl_tree_add(&tree, &roots[user], bytes_of("plant/line/press"), ACL_PUBLISH, false);
    }
    for (struct hash_node *node = NULL; (node = hash_table_next(&tree.nodes, node)) != NULL;)
        hashes[count++] = node->hash;
    CU_ASSERT_EQUAL_FATAL(count, 3 * MANY);
    qsort(hashes, count, sizeof(hashes[0]), compare_hashes);
    for (size_t i = 1; i < count; i++)
        CU_ASSERT_FATAL(hashes[i - 1] != hashes[i]);
    acl_tree_finish(&tree);
}

// Each thread has a reference at the start; whoever comes last frees the rule set, and nobody else touches
// the heap. Returns NULL if all went well.
static void *ask_and_let_go(void *argument)
{
    struct acl *shared = argument;
    bool good = true;
    for (uint32_t i = 0; i < MANY; i++) {
        struct permit_identity identity = {.user = bytes_of("u"), .client_id = bytes_of("c")};
        struct permit permit;
        permit_init(&permit, shared, &identity);
        good = good && permit_allows(&permit, ACL_PUBLISH, bytes_of("a/b"));
    }
    acl_unref(shared);
    return good ? NULL : shared;
}

static void threads_share_a_rule_set(void)
{
    pthread_t threads[THREADS];
    begin(ACL_ACTIONS);
    allow(ACL_ACTIONS, "a/#");
    finish();
    for (uint32_t i = 0; i < THREADS; i++)
        CU_ASSERT_FATAL(pthread_create(&threads[i], NULL, ask_and_let_go, acl_ref(acl)) == 0);
    acl_unref(acl);
    for (uint32_t i = 0; i < THREADS; i++) {
        void *fault;
        CU_ASSERT_EQUAL(pthread_join(threads[i], &fault), 0);
        CU_ASSERT_PTR_NULL(fault);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a filter needs rules for all its topics", a_filter_needs_rules_for_all_its_topics},
        {"a denied topic among those of a filter refuses it",
         a_denied_topic_among_those_of_a_filter_refuses_it},
        {"an action that is not restricted is allowed unless denied",
         an_action_that_is_not_restricted_is_allowed_unless_denied},
        {"an action without rules is everybody's or nobody's",
         an_action_without_rules_is_everybodys_or_nobodys},
        {"publishing and receiving are told apart", publishing_and_receiving_are_told_apart},
        {"a denial wins in any order", a_denial_wins_in_any_order},
        {"each client has its own rules and those for everybody",
         each_client_has_its_own_rules_and_those_for_everybody},
        {"groups give their rules to their members", groups_give_their_rules_to_their_members},
        {"rules of several groups cover a filter together", rules_of_several_groups_cover_a_filter_together},
        {"values stand in patterns only", values_stand_in_patterns_only},
        {"a value that is more than a level gives nothing", a_value_that_is_more_than_a_level_gives_nothing},
        {"a value that is more than a level escapes no denial",
         a_value_that_is_more_than_a_level_escapes_no_denial},
        {"a name that begins with '$' does not open $SYS", a_name_that_begins_with_dollar_does_not_open_sys},
        {"what is no rule is refused with what was expected",
         what_is_no_rule_is_refused_with_what_was_expected},
        {"deep rules and topics end at the bound", deep_rules_and_topics_end_at_the_bound},
        {"topics are judged to their ends, however long", topics_are_judged_to_their_ends_however_long},
        {"an unfinished rule set leaves nothing behind", an_unfinished_rule_set_leaves_nothing_behind},
        {"the same levels of many users do not collide", the_same_levels_of_many_users_do_not_collide},
        {"threads share a rule set", threads_share_a_rule_set},
    };
    return RUN_TESTS("acl", cases);
}
