// SPDX-License-Identifier: MIT
// Topic rules against second implementations that work on lists of levels.
//
//     input: a filter, a line feed, a name
#include "proto/test/block.h"
#include "proto/topic.h"
#include "proto/utf8.h"
#include "test/fuzz.h"

#define LEVELS_MAX 512

struct levels {
    struct bytes level[LEVELS_MAX];
    uint32_t count;
};

// Returns false if there are too many.
static bool levels_split(struct bytes topic, struct levels *levels)
{
    uint32_t start = 0;
    levels->count = 0;
    for (uint32_t i = 0; i <= topic.length; i++) {
        if (i < topic.length && topic.data[i] != '/')
            continue;
        if (levels->count == LEVELS_MAX)
            return false;
        levels->level[levels->count++] = (struct bytes){topic.data + start, i - start};
        start = i + 1;
    }
    return true;
}

static bool level_is(struct bytes level, const char *text)
{
    return bytes_equal(level, bytes_of(text));
}

static bool contains(struct bytes level, const char *characters)
{
    for (uint32_t i = 0; i < level.length; i++)
        if (level.data[i] != '\0' && strchr(characters, level.data[i]) != NULL)
            return true;
    return false;
}

static bool ascii(struct bytes text)
{
    for (uint32_t i = 0; i < text.length; i++)
        if (text.data[i] >= 0x80)
            return false;
    return true;
}

static bool filter_valid(struct bytes filter, const struct levels *levels)
{
    for (uint32_t i = 0; i < levels->count; i++) {
        struct bytes level = levels->level[i];
        bool wildcard = level_is(level, "+") || (level_is(level, "#") && i + 1 == levels->count);
        if (contains(level, "+#") && !wildcard)
            return false;
    }
    return filter.length != 0;
}

static bool matches(const struct levels *filter, const struct levels *name)
{
    struct bytes first = name->level[0];
    if (first.length != 0 && first.data[0] == '$' && contains(filter->level[0], "+#"))
        return false;
    for (uint32_t i = 0; i < filter->count; i++) {
        if (level_is(filter->level[i], "#"))
            return name->count >= i;
        if (i >= name->count)
            return false;
        if (!level_is(filter->level[i], "+") && !bytes_equal(filter->level[i], name->level[i]))
            return false;
    }
    return filter->count == name->count;
}

static void walk_check(struct bytes topic, const struct levels *levels)
{
    struct topic_cursor cursor = {topic, false};
    struct bytes level;
    uint32_t count = 0;
    while (topic_next_level(&cursor, &level)) {
        if (count >= levels->count || !bytes_equal(level, levels->level[count]))
            fuzz_fail("a level differs");
        count++;
    }
    if (count != levels->count || topic_levels(topic) != count)
        fuzz_fail("the number of levels differs");
}

static void shared_check(struct bytes filter, const struct levels *levels)
{
    struct bytes group, inner;
    enum topic_shared expected = TOPIC_NOT_SHARED;
    if (levels->count >= 2 && level_is(levels->level[0], "$share")) {
        bool group_valid = levels->level[1].length != 0 && !contains(levels->level[1], "+#");
        bool inner_there = levels->count > 3 || (levels->count == 3 && levels->level[2].length != 0);
        expected = group_valid && inner_there ? TOPIC_SHARED : TOPIC_SHARED_INVALID;
    }
    if (topic_split_shared(filter, &group, &inner) != expected)
        fuzz_fail("shared subscriptions differ");
    if (expected != TOPIC_SHARED)
        return;
    if (!bytes_equal(group, levels->level[1]) || inner.data != levels->level[2].data ||
        inner.data + inner.length != filter.data + filter.length)
        fuzz_fail("the parts of a shared subscription differ");
}

static void pair_check(struct bytes filter, struct bytes name)
{
    static struct levels filter_levels, name_levels;
    if (!utf8_valid(filter) || !utf8_valid(name) || !levels_split(filter, &filter_levels) ||
        !levels_split(name, &name_levels))
        return;
    walk_check(filter, &filter_levels);
    walk_check(name, &name_levels);
    shared_check(filter, &filter_levels);
    bool filter_good = filter_valid(filter, &filter_levels) && filter.length <= TOPIC_BYTES_MAX;
    bool name_good = name.length != 0 && name.length <= TOPIC_BYTES_MAX && !contains(name, "+#");
    if (topic_filter_valid(filter, UINT32_MAX) != filter_good ||
        topic_name_valid(name, UINT32_MAX) != name_good)
        fuzz_fail("validity differs");
    if (topic_filter_valid(filter, 3) != (filter_good && filter_levels.count <= 3) ||
        topic_name_valid(name, 3) != (name_good && name_levels.count <= 3))
        fuzz_fail("validity with a limit differs");
    if (topic_name_plain(name) != (name_good && ascii(name)) && name.length <= TOPIC_BYTES_MAX)
        fuzz_fail("plain names differ");
    if (filter_good && name_good && topic_matches(filter, name) != matches(&filter_levels, &name_levels))
        fuzz_fail("matching differs");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = {data, (uint32_t)size};
    uint32_t split = 0;
    while (split < input.length && data[split] != '\n')
        split++;
    uint32_t name_at = split < input.length ? split + 1 : split;
    // In blocks of their own, so that a step past the end of the filter is seen.
    struct block filter = block_copy((struct bytes){data, split});
    struct block name = block_copy((struct bytes){data + name_at, input.length - name_at});
    pair_check(block_view(filter), block_view(name));
    block_destroy(name);
    block_destroy(filter);
    return 0;
}
