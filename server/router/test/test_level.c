// SPDX-License-Identifier: MIT
#include "server/router/level.h"

#include "test/suite.h"

struct place {
    struct level level;
    uint32_t number;
};

struct map {
    struct level_table table;
    struct place root;
};

static void map_init(struct map *map)
{
    *map = (struct map){0};
    level_table_init(&map->table, sizeof(struct place), 42);
    level_init_root(&map->table, &map->root.level);
}

static struct level *map_reach(struct map *map, const char *path)
{
    struct level *level = &map->root.level;
    struct topic_cursor cursor = {bytes_of(path), false};
    struct bytes text;
    bool made;
    while (topic_next_level(&cursor, &text))
        level = level_reach(&map->table, level, text, &made);
    return level;
}

static void the_same_text_below_another_parent_is_another_node(void)
{
    struct map map;
    map_init(&map);
    struct level *a = map_reach(&map, "x/a");
    struct level *b = map_reach(&map, "y/a");
    CU_ASSERT_PTR_NOT_EQUAL(a, b);
    CU_ASSERT_PTR_EQUAL(level_find_path(&map.table, &map.root.level, bytes_of("x/a")), a);
    CU_ASSERT_PTR_EQUAL(level_find_path(&map.table, &map.root.level, bytes_of("y/a")), b);
    CU_ASSERT_PTR_NULL(level_find_path(&map.table, &map.root.level, bytes_of("a")));
    CU_ASSERT_PTR_NULL(level_find_path(&map.table, &map.root.level, bytes_of("x/A")));
    CU_ASSERT_PTR_NULL(level_find_path(&map.table, &map.root.level, bytes_of("x/a/a")));
    CU_ASSERT_EQUAL(map.root.level.children, 2);
    level_table_finish(&map.table);
}

static void a_level_that_is_there_is_not_made_again(void)
{
    struct map map;
    map_init(&map);
    bool made = false;
    struct level *level = level_reach(&map.table, &map.root.level, bytes_of("a"), &made);
    CU_ASSERT_TRUE(made);
    CU_ASSERT_PTR_EQUAL(level_reach(&map.table, &map.root.level, bytes_of("a"), &made), level);
    CU_ASSERT_FALSE(made);
    level_remove(&map.table, level);
    CU_ASSERT_EQUAL(map.root.level.children, 0);
    CU_ASSERT_EQUAL(map.table.nodes.count, 0);
    level_table_finish(&map.table);
}

static void a_path_comes_back_as_it_was(void)
{
    static const char *const paths[] = {"a", "/", "//", "/a", "a/", "a//b", "a/+/#", "$SYS/broker/uptime"};
    static uint8_t text[TOPIC_BYTES_MAX];
    struct map map;
    map_init(&map);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct bytes written = {text, level_write_path(&map.table, map_reach(&map, paths[i]), text)};
        CU_ASSERT_TRUE(bytes_equal(written, bytes_of(paths[i])));
    }
    level_table_finish(&map.table);
}

static void the_longest_path_comes_back_as_it_was(void)
{
    static char path[TOPIC_BYTES_MAX + 1];
    static uint8_t text[TOPIC_BYTES_MAX];
    struct map map;
    for (int separators = 0; separators < 2; separators++) {
        memset(path, separators ? '/' : 'a', TOPIC_BYTES_MAX);
        map_init(&map);
        struct bytes written = {text, level_write_path(&map.table, map_reach(&map, path), text)};
        CU_ASSERT_TRUE(bytes_equal(written, bytes_of(path)));
        level_table_finish(&map.table);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"the same text below another parent is another node",
         the_same_text_below_another_parent_is_another_node},
        {"a level that is there is not made again", a_level_that_is_there_is_not_made_again},
        {"a path comes back as it was", a_path_comes_back_as_it_was},
        {"the longest path comes back as it was", the_longest_path_comes_back_as_it_was},
    };
    return RUN_TESTS("level", cases);
}
