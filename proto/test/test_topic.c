// SPDX-License-Identifier: MIT
// Topic rules as tables: the examples of section 4.7 of the standards, and the borders between them.
#include "proto/topic.h"

#include "proto/test/block.h"
#include "proto/test/suite.h"

// Views of exactly the text, so that a sanitizer sees a step past its end.
static bool matches(const char *filter, const char *name)
{
    struct block filter_block = block_copy(bytes_of(filter));
    struct block name_block = block_copy(bytes_of(name));
    bool result = topic_matches(block_view(filter_block), block_view(name_block));
    block_destroy(filter_block);
    block_destroy(name_block);
    return result;
}

static bool filter_valid(const char *filter, uint32_t levels_max)
{
    struct block block = block_copy(bytes_of(filter));
    bool result = topic_filter_valid(block_view(block), levels_max);
    block_destroy(block);
    return result;
}

static bool name_valid(const char *name, uint32_t levels_max)
{
    struct block block = block_copy(bytes_of(name));
    bool result = topic_name_valid(block_view(block), levels_max);
    block_destroy(block);
    return result;
}

static const struct {
    const char *filter;
    const char *name;
    bool matches;
} matchings[] = {
    {"a", "a", true},
    {"a", "b", false},
    {"a", "A", false}, // [MQTT-4.7.3-4]
    {"a", "aa", false},
    {"aa", "a", false},
    {"a/b", "a/b", true},
    {"a/b", "a", false},
    {"a", "a/b", false},
    {"a/b", "a/b/c", false},
    {"a/b ", "a/b", false},
    // '#'
    {"#", "a", true},
    {"#", "a/b/c", true},
    {"#", "/", true},
    {"#", "/a", true},
    {"a/#", "a", true}, // the parent
    {"a/#", "a/", true},
    {"a/#", "a/b", true},
    {"a/#", "a/b/c", true},
    {"a/#", "ab", false},
    {"a/#", "b", false},
    {"a/#", "ab/c", false},
    {"a/b/#", "a", false},
    {"a/b/#", "a/b", true},
    {"a/b/#", "a/", false},
    {"/#", "/", true},
    {"/#", "/a/b", true},
    {"/#", "a", false},
    {"//#", "/", true},
    {"//#", "//a", true},
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/#", "sport", true},
    // '+'
    {"+", "a", true},
    {"+", "a/b", false},
    {"+", "/a", false},
    {"+", "/", false},
    {"a/+", "a/b", true},
    {"a/+", "a/b/c", false},
    {"a/+", "a", false},
    {"a/+", "a/", true}, // the empty level
    {"a/+", "a//", false},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+/b/c", "a/b/c", true},
    {"+/b/c", "/b/c", true},
    {"+/b/c", "b/c", false},
    {"a/+/c", "a/b/c", true},
    {"a/+/c", "a//c", true},
    {"a/+/c", "a/c", false},
    {"a/+/c", "a/b/b/c", false},
    {"a/+/c", "a/b/cc", false},
    {"+/+/+", "//", true},
    {"+/+", "a/b/c", false},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    // both
    {"+/#", "a", true},
    {"+/#", "a/b/c", true},
    {"+/#", "/", true},
    {"+/+/#", "a", false},
    {"+/+/#", "a/b", true},
    {"+/tennis/#", "sport/tennis", true},
    {"+/tennis/#", "sport/tennis/a/b", true},
    {"+/tennis/#", "tennis", false},
    {"a/+/#", "a", false},
    {"a/+/#", "a/", true},
    // empty levels
    {"/", "/", true},
    {"/", "//", false},
    {"//", "//", true},
    {"//", "/", false},
    {"a//b", "a//b", true},
    {"a//b", "a/b", false},
    {"a/b", "a//b", false},
    {"a/", "a", false},
    {"a", "a/", false},
    {"/a", "a", false},
    // topics of the server [MQTT-4.7.2-1]
    {"#", "$SYS/broker/uptime", false},
    {"#", "$SYS", false},
    {"+", "$SYS", false},
    {"+/broker/uptime", "$SYS/broker/uptime", false},
    {"+/#", "$SYS/broker", false},
    {"$SYS/#", "$SYS/broker/uptime", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/broker/+", "$SYS/broker/uptime", true},
    {"$SYS/+/uptime", "$SYS/broker/uptime", true},
    {"a/+", "a/$b", true}, // only the first level counts
    {"a/#", "a/$b", true},
    {"+/+", "a/$b", true},
    {"$a", "$a", true},
};

static void filters_match_as_the_standard_says(void)
{
    for (size_t i = 0; i < COUNT(matchings); i++) {
        CHECK(matches(matchings[i].filter, matchings[i].name) == matchings[i].matches, "'%s' and '%s'",
              matchings[i].filter, matchings[i].name);
        CHECK(filter_valid(matchings[i].filter, UINT32_MAX), "'%s'", matchings[i].filter);
        CHECK(name_valid(matchings[i].name, UINT32_MAX), "'%s'", matchings[i].name);
    }
}

static void matching_does_not_backtrack(void)
{
    // As many '+' as the longest filter holds, against a name that fails at its last level only.
    enum { LEVELS = 20000 };
    struct block filter = block_create(2 * LEVELS + 1);
    struct block name = block_create(2 * LEVELS + 1);
    for (uint32_t i = 0; i < LEVELS; i++) {
        memcpy(filter.data + 2 * i, "+/", 2);
        memcpy(name.data + 2 * i, "a/", 2);
    }
    filter.data[2 * LEVELS] = 'b';
    name.data[2 * LEVELS] = 'c';
    CU_ASSERT_FALSE(topic_matches(block_view(filter), block_view(name)));
    name.data[2 * LEVELS] = 'b';
    CU_ASSERT_TRUE(topic_matches(block_view(filter), block_view(name)));
    CU_ASSERT_EQUAL(topic_levels(block_view(name)), LEVELS + 1);
    block_destroy(name);
    block_destroy(filter);
}

static void filters_with_a_misplaced_wildcard_are_invalid(void)
{
    static const char *const valid[] = {
        "a",   "/",  "//",  "+",     "#",      "+/+",        "/+", "+/",
        "a/#", "/#", "+/#", "a/+/b", "$SYS/#", "$share/g/t", " ",  "a b",
    };
    static const char *const invalid[] = {
        "",
        "a#",
        "#a",
        "a/#/b",
        "#/a",
        "#/",
        "##",
        "#/#",
        "a+",
        "+a",
        "a/+b",
        "a/b+/c",
        "++",
        "+#",
        "#+",
        "a/b#",
        "/+a",
        "aaaaaaaaaaaaaaaa+",
        "+aaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < COUNT(valid); i++)
        CHECK(filter_valid(valid[i], UINT32_MAX), "'%s'", valid[i]);
    for (size_t i = 0; i < COUNT(invalid); i++)
        CHECK(!filter_valid(invalid[i], UINT32_MAX), "'%s'", invalid[i]);
}

static void names_with_a_wildcard_or_nul_anywhere_are_invalid(void)
{
    static const char bad[] = {'+', '#', '\0'};
    static const char good[] = {'*', ',', '"', '$', '\x01', '/', ' '}; // the neighbours of the bad ones
    for (uint32_t length = 1; length <= 40; length++) {
        struct block block = block_create(length);
        for (uint32_t at = 0; at < length; at++) {
            memset(block.data, 'a', length);
            for (size_t i = 0; i < COUNT(bad); i++) {
                block.data[at] = (uint8_t)bad[i];
                CHECK(!topic_name_valid(block_view(block), UINT32_MAX), "%u of %u", at, length);
                CHECK(!topic_name_plain(block_view(block)), "%u of %u", at, length);
            }
            for (size_t i = 0; i < COUNT(good); i++) {
                block.data[at] = (uint8_t)good[i];
                CHECK(topic_name_valid(block_view(block), UINT32_MAX), "%u of %u", at, length);
                CHECK(topic_name_plain(block_view(block)), "%u of %u", at, length);
            }
        }
        block_destroy(block);
    }
    CU_ASSERT_FALSE(name_valid("", UINT32_MAX)); // [MQTT-4.7.3-1]
    CU_ASSERT_FALSE(topic_name_plain(bytes_of("")));
    CU_ASSERT_FALSE(topic_name_plain(bytes_of("a/\xc3\xa9")));
    CU_ASSERT_FALSE(topic_name_plain(bytes_of("\xc3\xa9/bcdefgh")));
}

static void topics_are_limited_in_length_and_levels(void)
{
    struct block block = block_create(TOPIC_BYTES_MAX + 1);
    memset(block.data, 'a', block.length);
    struct bytes longest = {block.data, TOPIC_BYTES_MAX};
    CU_ASSERT_TRUE(topic_name_valid(longest, UINT32_MAX));
    CU_ASSERT_TRUE(topic_filter_valid(longest, 1));
    CU_ASSERT_FALSE(topic_name_valid(block_view(block), UINT32_MAX)); // [MQTT-4.7.3-3]
    CU_ASSERT_FALSE(topic_filter_valid(block_view(block), UINT32_MAX));
    block_destroy(block);

    CU_ASSERT_TRUE(name_valid("a/b/c", 3));
    CU_ASSERT_FALSE(name_valid("a/b/c", 2));
    CU_ASSERT_TRUE(name_valid("//", 3));
    CU_ASSERT_FALSE(name_valid("//", 2));
    CU_ASSERT_TRUE(filter_valid("+/#", 2));
    CU_ASSERT_FALSE(filter_valid("+/+/#", 2));
    CU_ASSERT_FALSE(name_valid("a", 0));
}

static void levels_are_walked_with_the_empty_ones(void)
{
    static const struct {
        const char *topic;
        uint32_t count;
        const char *levels[4];
    } walks[] = {
        {"a", 1, {"a"}},
        {"a/b", 2, {"a", "b"}},
        {"/", 2, {"", ""}},
        {"/a", 2, {"", "a"}},
        {"a/", 2, {"a", ""}},
        {"a//b/", 4, {"a", "", "b", ""}},
        {"+/bc/#", 3, {"+", "bc", "#"}},
    };
    for (size_t i = 0; i < COUNT(walks); i++) {
        struct block block = block_copy(bytes_of(walks[i].topic));
        struct topic_cursor cursor = {block_view(block), false};
        struct bytes level;
        for (uint32_t l = 0; l < walks[i].count; l++) {
            CHECK(topic_next_level(&cursor, &level), "'%s'", walks[i].topic);
            CHECK(bytes_equal(level, bytes_of(walks[i].levels[l])), "'%s' level %u", walks[i].topic, l);
        }
        CHECK(!topic_next_level(&cursor, &level), "'%s'", walks[i].topic);
        CHECK(!topic_next_level(&cursor, &level), "'%s'", walks[i].topic);
        CHECK(topic_levels(block_view(block)) == walks[i].count, "'%s'", walks[i].topic);
        block_destroy(block);
    }
}

static void what_is_at_sys_and_below_is_the_servers(void)
{
    static const char *const its[] = {"$SYS", "$SYS/", "$SYS/a/b"};
    static const char *const others[] = {"", "$", "$SY", "$SYSa", "$SYS-/a", "$sys/a", "/$SYS", "a/$SYS/b"};
    for (size_t i = 0; i < COUNT(its); i++) {
        struct block block = block_copy(bytes_of(its[i]));
        CHECK(topic_is_sys(block_view(block)), "'%s'", its[i]);
        block_destroy(block);
    }
    for (size_t i = 0; i < COUNT(others); i++) {
        struct block block = block_copy(bytes_of(others[i]));
        CHECK(!topic_is_sys(block_view(block)), "'%s'", others[i]);
        block_destroy(block);
    }
}

static void shared_filters_are_split(void)
{
    static const struct {
        const char *filter;
        enum topic_shared shared;
        const char *group;
        const char *inner;
    } splits[] = {
        {"$share/g/t", TOPIC_SHARED, "g", "t"},
        {"$share/group/a/+/#", TOPIC_SHARED, "group", "a/+/#"},
        {"$share/g//t", TOPIC_SHARED, "g", "/t"},
        {"$share/g//", TOPIC_SHARED, "g", "/"},
        {"$share/g/#", TOPIC_SHARED, "g", "#"},
        {"$share/$share/$share/g/t", TOPIC_SHARED, "$share", "$share/g/t"},
        {"$share/g", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share/g/", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share//t", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share/", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share//", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share/+/t", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share/g+/t", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share/#/t", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share/#", TOPIC_SHARED_INVALID, NULL, NULL},
        {"$share", TOPIC_NOT_SHARED, NULL, NULL},
        {"$shared/g/t", TOPIC_NOT_SHARED, NULL, NULL},
        {"$SHARE/g/t", TOPIC_NOT_SHARED, NULL, NULL},
        {"/$share/g/t", TOPIC_NOT_SHARED, NULL, NULL},
        {"a", TOPIC_NOT_SHARED, NULL, NULL},
        {"", TOPIC_NOT_SHARED, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(splits); i++) {
        struct block block = block_copy(bytes_of(splits[i].filter));
        struct bytes group = {NULL, 0}, inner = {NULL, 0};
        enum topic_shared shared = topic_split_shared(block_view(block), &group, &inner);
        CHECK(shared == splits[i].shared, "'%s'", splits[i].filter);
        CHECK(bytes_equal(group, bytes_of(splits[i].group != NULL ? splits[i].group : "")), "'%s'",
              splits[i].filter);
        CHECK(bytes_equal(inner, bytes_of(splits[i].inner != NULL ? splits[i].inner : "")), "'%s'",
              splits[i].filter);
        block_destroy(block);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"filters match as the standard says", filters_match_as_the_standard_says},
        {"matching does not backtrack", matching_does_not_backtrack},
        {"filters with a misplaced wildcard are invalid", filters_with_a_misplaced_wildcard_are_invalid},
        {"names with a wildcard or NUL anywhere are invalid",
         names_with_a_wildcard_or_nul_anywhere_are_invalid},
        {"topics are limited in length and levels", topics_are_limited_in_length_and_levels},
        {"levels are walked with the empty ones", levels_are_walked_with_the_empty_ones},
        {"what is at $SYS and below is the server's", what_is_at_sys_and_below_is_the_servers},
        {"shared filters are split", shared_filters_are_split},
    };
    return RUN_TESTS("topic", cases);
}
