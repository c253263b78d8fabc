// SPDX-License-Identifier: MIT
#include "server/router/cache.h"

#include "server/router/test/allocations.h"
#include "test/suite.h"

static struct cache cache;
static struct match people[100];

static struct matches matches_of(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        people[i] = (struct match){&people[i], i, {.qos = (uint8_t)(i % 3)}};
    return (struct matches){people, count, count + 1000u};
}

// The tests choose the hash, so that they know which topics share a set.
static struct cache_key key_of(const char *topic, uint64_t hash)
{
    return (struct cache_key){hash, bytes_of(topic)};
}

static void put(struct cache_key key, uint64_t generation, uint32_t count)
{
    struct matches matches = matches_of(count);
    cache_put(&cache, &key, generation, &matches);
}

static bool holds(struct cache_key key, uint64_t generation, uint32_t count)
{
    struct matches matches = {0};
    if (!cache_find(&cache, &key, generation, &matches))
        return false;
    CU_ASSERT_EQUAL(matches.count, count);
    CU_ASSERT_EQUAL(matches.shards, count + 1000u);
    for (uint32_t i = 0; i < matches.count; i++) {
        CU_ASSERT_PTR_EQUAL(matches.list[i].owner, &people[i]);
        CU_ASSERT_EQUAL(matches.list[i].identifier, i);
        CU_ASSERT_EQUAL(matches.list[i].options.qos, i % 3);
    }
    return true;
}

static void what_was_put_in_is_found(void)
{
    cache_init(&cache, 16, 100);
    CU_ASSERT_FALSE(holds(key_of("a", 5), 1, 3));
    put(key_of("a", 5), 1, 3);
    put(key_of("some longer topic", 6), 1, 100);
    put(key_of("nobody", 0), 1, 0);
    CU_ASSERT_TRUE(holds(key_of("a", 5), 1, 3));
    CU_ASSERT_TRUE(holds(key_of("some longer topic", 6), 1, 100));
    CU_ASSERT_TRUE(holds(key_of("nobody", 0), 1, 0));
    CU_ASSERT_FALSE(holds(key_of("b", 5), 1, 3)); // the same hash, another topic
    CU_ASSERT_FALSE(holds(key_of("aa", 5), 1, 3));
    cache_finish(&cache);
}

static void a_later_generation_makes_it_stale(void)
{
    cache_init(&cache, 16, 100);
    put(key_of("a", 5), 1, 3);
    CU_ASSERT_FALSE(holds(key_of("a", 5), 2, 3));
    put(key_of("a", 5), 2, 50);
    CU_ASSERT_TRUE(holds(key_of("a", 5), 2, 50));
    put(key_of("a", 5), 3, 1);
    CU_ASSERT_TRUE(holds(key_of("a", 5), 3, 1));
    cache_finish(&cache);
}

static bool holds_latest(const char *topic, uint64_t generation, uint32_t count)
{
    struct matches matches = {0};
    return cache_find_latest(&cache, bytes_of(topic), generation, &matches) && matches.count == count &&
           matches.shards == count + 1000u &&
           (count == 0 || matches.list[count - 1].owner == &people[count - 1]);
}

static void the_latest_is_found_without_its_hash(void)
{
    cache_init(&cache, 16, 100);
    CU_ASSERT_FALSE(holds_latest("a", 1, 3));
    put(key_of("a", 5), 1, 3);
    CU_ASSERT_TRUE(holds_latest("a", 1, 3));
    CU_ASSERT_FALSE(holds_latest("a", 2, 3));
    put(key_of("b", 6), 1, 4);
    CU_ASSERT_TRUE(holds_latest("b", 1, 4));
    CU_ASSERT_FALSE(holds_latest("a", 1, 3));
    CU_ASSERT_TRUE(holds(key_of("a", 5), 1, 3)); // found: it is the latest again
    CU_ASSERT_TRUE(holds_latest("a", 1, 3));
    cache_finish(&cache);
}

static void the_latest_goes_with_its_entry(void)
{
    cache_init(&cache, 1, 100);
    put(key_of("a", 5), 1, 3);
    cache.bytes_max = 100;
    put(key_of("b", 6), 1, 50); // too large: what was in its place has gone, and nothing has come
    CU_ASSERT_FALSE(holds_latest("a", 1, 3));
    CU_ASSERT_FALSE(holds_latest("b", 1, 50));
    cache_finish(&cache);
}

static void of_two_topics_with_one_hash_the_later_stays(void)
{
    cache_init(&cache, 16, 100);
    put(key_of("a", 5), 1, 3);
    put(key_of("b", 5), 1, 4);
    CU_ASSERT_FALSE(holds(key_of("a", 5), 1, 3));
    CU_ASSERT_TRUE(holds(key_of("b", 5), 1, 4));
    cache_finish(&cache);
}

static void a_full_set_keeps_what_is_asked_for(void)
{
    cache_init(&cache, 16, 100); // four sets: hashes that agree in two bits share one
    put(key_of("a", 0), 1, 1);
    put(key_of("b", 4), 1, 2);
    put(key_of("c", 8), 1, 3);
    put(key_of("d", 12), 1, 4);
    put(key_of("other set", 1), 1, 5);
    CU_ASSERT_TRUE(holds(key_of("a", 0), 1, 1));
    CU_ASSERT_TRUE(holds(key_of("b", 4), 1, 2));
    CU_ASSERT_TRUE(holds(key_of("d", 12), 1, 4));
    put(key_of("e", 16), 1, 6);
    CU_ASSERT_TRUE(holds(key_of("a", 0), 1, 1));
    CU_ASSERT_TRUE(holds(key_of("b", 4), 1, 2));
    CU_ASSERT_FALSE(holds(key_of("c", 8), 1, 3));
    CU_ASSERT_TRUE(holds(key_of("d", 12), 1, 4));
    CU_ASSERT_TRUE(holds(key_of("e", 16), 1, 6));
    CU_ASSERT_TRUE(holds(key_of("other set", 1), 1, 5));

    put(key_of("f", 20), 1, 7); // all were asked for: one has to go
    uint32_t left = holds(key_of("a", 0), 1, 1) + holds(key_of("b", 4), 1, 2) + holds(key_of("d", 12), 1, 4) +
                    holds(key_of("e", 16), 1, 6);
    CU_ASSERT_EQUAL(left, 3);
    CU_ASSERT_TRUE(holds(key_of("f", 20), 1, 7));
    cache_finish(&cache);
}

static void what_is_stale_makes_room_first(void)
{
    cache_init(&cache, 4, 100);
    put(key_of("a", 1), 1, 1);
    CU_ASSERT_TRUE(holds(key_of("a", 1), 1, 1));
    put(key_of("b", 2), 2, 2);
    put(key_of("c", 3), 2, 3);
    put(key_of("d", 4), 2, 4);
    put(key_of("e", 5), 2, 5);
    CU_ASSERT_TRUE(holds(key_of("b", 2), 2, 2));
    CU_ASSERT_TRUE(holds(key_of("c", 3), 2, 3));
    CU_ASSERT_TRUE(holds(key_of("d", 4), 2, 4));
    CU_ASSERT_TRUE(holds(key_of("e", 5), 2, 5));
    cache_finish(&cache);
}

static void too_many_matches_are_not_remembered(void)
{
    cache_init(&cache, 16, 10);
    put(key_of("a", 1), 1, 10);
    put(key_of("b", 2), 1, 11);
    CU_ASSERT_TRUE(holds(key_of("a", 1), 1, 10));
    CU_ASSERT_FALSE(holds(key_of("b", 2), 1, 11));
    cache_finish(&cache);
}

static void a_long_topic_is_not_remembered(void)
{
    static char topic[CACHE_TOPIC_MAX + 2];
    memset(topic, 'a', CACHE_TOPIC_MAX + 1);
    cache_init(&cache, 16, 10);
    put(key_of(topic, 1), 1, 3);
    CU_ASSERT_FALSE(holds(key_of(topic, 1), 1, 3));
    put(key_of(topic + 1, 2), 1, 3);
    CU_ASSERT_TRUE(holds(key_of(topic + 1, 2), 1, 3));
    cache_finish(&cache);
}

static void a_cache_of_no_topics_remembers_nothing(void)
{
    cache_init(&cache, 0, 10);
    put(key_of("a", 1), 1, 1);
    CU_ASSERT_FALSE(holds(key_of("a", 1), 1, 1));
    cache_finish(&cache);
}

static void the_smallest_cache_remembers_one_topic(void)
{
    cache_init(&cache, 1, 10);
    put(key_of("a", 1), 1, 1);
    CU_ASSERT_TRUE(holds(key_of("a", 1), 1, 1));
    put(key_of("b", 2), 1, 2);
    CU_ASSERT_FALSE(holds(key_of("a", 1), 1, 1));
    CU_ASSERT_TRUE(holds(key_of("b", 2), 1, 2));
    cache_finish(&cache);
}

static void the_same_topics_again_allocate_nothing(void)
{
    static const char *const topics[] = {"a", "b/c", "d/e/f"};
    cache_init(&cache, 16, 100);
    for (uint32_t i = 0; i < 3; i++)
        put(key_of(topics[i], i), 1, 40 + i);

    uint64_t before = allocations;
    for (uint64_t generation = 1; generation < 100; generation++)
        for (uint32_t i = 0; i < 3; i++) {
            put(key_of(topics[i], i), generation, 40 + i - (uint32_t)(generation % 20));
            CU_ASSERT_TRUE(holds(key_of(topics[i], i), generation, 40 + i - (uint32_t)(generation % 20)));
        }
    CU_ASSERT_EQUAL(allocations, before);
    cache_finish(&cache);
}

// A topic that had very many matches gives their room back once it has few.
static void room_that_is_far_too_large_is_given_back(void)
{
    cache_init(&cache, 1, 100);
    put(key_of("a", 1), 1, 100);
    uint64_t before = allocations;
    put(key_of("a", 1), 2, 0);
    CU_ASSERT_EQUAL(allocations, before + 1);
    CU_ASSERT_TRUE(holds(key_of("a", 1), 2, 0));
    cache_finish(&cache);
}

static void all_topics_together_stay_under_the_ceiling(void)
{
    static char topics[256][8];
    cache_init(&cache, 256, 100);
    cache.bytes_max = 20000; // about twelve topics with 100 matches
    for (uint32_t i = 0; i < 256; i++) {
        (void)snprintf(topics[i], sizeof topics[i], "%u", i); // cannot be too long
        put(key_of(topics[i], i), 1, 100);
        CU_ASSERT(cache.bytes <= cache.bytes_max);
        CU_ASSERT_TRUE(holds(key_of(topics[i], i), 1, 100));
        CU_ASSERT_TRUE(i < 1 || holds(key_of(topics[i - 1], i - 1), 1, 100));
    }
    CU_ASSERT(cache.bytes > cache.bytes_max / 2);

    // What is stale does not stand in the way.
    for (uint32_t i = 0; i < 12; i++)
        put(key_of(topics[i], i), 2, 100);
    for (uint32_t i = 0; i < 12; i++)
        CU_ASSERT_TRUE(holds(key_of(topics[i], i), 2, 100));
    cache_finish(&cache);
}

static void a_topic_larger_than_all_may_be_is_not_remembered(void)
{
    cache_init(&cache, 4, 100);
    cache.bytes_max = 1000;
    put(key_of("a", 1), 1, 10);
    put(key_of("b", 2), 1, 100);
    CU_ASSERT_FALSE(holds(key_of("b", 2), 1, 100));
    CU_ASSERT_TRUE(holds(key_of("a", 1), 1, 10));
    put(key_of("a", 1), 2, 100);
    CU_ASSERT_FALSE(holds(key_of("a", 1), 2, 100));
    CU_ASSERT_EQUAL(cache.bytes, 0);
    cache_finish(&cache);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"what was put in is found", what_was_put_in_is_found},
        {"a later generation makes it stale", a_later_generation_makes_it_stale},
        {"the latest is found without its hash", the_latest_is_found_without_its_hash},
        {"the latest goes with its entry", the_latest_goes_with_its_entry},
        {"of two topics with one hash the later stays", of_two_topics_with_one_hash_the_later_stays},
        {"a full set keeps what is asked for", a_full_set_keeps_what_is_asked_for},
        {"what is stale makes room first", what_is_stale_makes_room_first},
        {"too many matches are not remembered", too_many_matches_are_not_remembered},
        {"all topics together stay under the ceiling", all_topics_together_stay_under_the_ceiling},
        {"a topic larger than all may be is not remembered",
         a_topic_larger_than_all_may_be_is_not_remembered},
        {"a long topic is not remembered", a_long_topic_is_not_remembered},
        {"a cache of no topics remembers nothing", a_cache_of_no_topics_remembers_nothing},
        {"the smallest cache remembers one topic", the_smallest_cache_remembers_one_topic},
        {"the same topics again allocate nothing", the_same_topics_again_allocate_nothing},
        {"room that is far too large is given back", room_that_is_far_too_large_is_given_back},
    };
    return RUN_TESTS("cache", cases);
}
