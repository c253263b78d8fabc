// SPDX-License-Identifier: MIT
// The table against a model without any cleverness: an array of who is in.
#include "server/base/test/test_base.h"

#define ITEMS 500
#define STEPS 50000

struct item {
    struct hash_node node;
    uint64_t hash;
    bool inside;
};

static struct random random_state;

static size_t model_count(const struct item *items, uint64_t hash)
{
    size_t count = 0;
    for (int i = 0; i < ITEMS; i++)
        count += items[i].inside && items[i].hash == hash;
    return count;
}

static void check_lookup(const struct hash_table *table, const struct item *items, uint64_t hash)
{
    size_t found = 0;
    for (struct hash_node *node = hash_table_find(table, hash); node != NULL; node = hash_node_again(node)) {
        const struct item *item = container_of(node, struct item, node);
        CU_ASSERT_TRUE_FATAL(item->inside && item->hash == hash);
        found++;
    }
    CU_ASSERT_EQUAL_FATAL(found, model_count(items, hash));
}

static void check_walk(const struct hash_table *table, const struct item *items)
{
    size_t inside = 0;
    for (int i = 0; i < ITEMS; i++)
        inside += items[i].inside;
    size_t walked = 0;
    for (struct hash_node *node = hash_table_next(table, NULL); node != NULL;
         node = hash_table_next(table, node)) {
        CU_ASSERT_TRUE_FATAL(container_of(node, struct item, node)->inside);
        walked++;
    }
    CU_ASSERT_EQUAL_FATAL(walked, inside);
    CU_ASSERT_EQUAL_FATAL(table->count, inside);
}

// `hash_mask` makes hashes collide: whole ones, or only their buckets.
static void run_against_model(uint64_t hash_mask)
{
    static struct item items[ITEMS];
    struct hash_table table;
    hash_table_init(&table);
    for (int i = 0; i < ITEMS; i++)
        items[i] = (struct item){0};
    for (int step = 0; step < STEPS; step++) {
        struct item *item = &items[random_next(&random_state) % ITEMS];
        if (item->inside) {
            hash_table_remove(&table, &item->node);
        } else {
            item->hash = random_next(&random_state) & hash_mask;
            hash_table_insert(&table, &item->node, item->hash);
        }
        item->inside = !item->inside;
        if (step % 16 == 0)
            check_lookup(&table, items, items[random_next(&random_state) % ITEMS].hash);
        if (step % 1024 == 0)
            check_walk(&table, items);
    }
    hash_table_finish(&table);
}

static void test_model_spread(void)
{
    run_against_model(UINT64_MAX);
}

static void test_model_equal_hashes(void)
{
    run_against_model(0x1f);
}

static void test_model_equal_buckets(void)
{
    run_against_model(0xffull << 56);
}

static void test_empty_table(void)
{
    struct hash_table table;
    hash_table_init(&table);
    CU_ASSERT_PTR_NULL(hash_table_find(&table, 0));
    CU_ASSERT_PTR_NULL(hash_table_next(&table, NULL));
    hash_table_finish(&table);
}

static void test_remove_while_walking(void)
{
    struct item items[100] = {0};
    struct hash_table table;
    hash_table_init(&table);
    for (uint64_t i = 0; i < 100; i++)
        hash_table_insert(&table, &items[i].node, i * 7);
    size_t removed = 0;
    struct hash_node *node = hash_table_next(&table, NULL);
    while (node != NULL) {
        struct hash_node *next = hash_table_next(&table, node);
        hash_table_remove(&table, node);
        removed++;
        node = next;
    }
    CU_ASSERT_EQUAL(removed, 100);
    CU_ASSERT_EQUAL(table.count, 0);
    hash_table_finish(&table);
}

static void test_bytes_depend_on_all(void)
{
    CU_ASSERT_EQUAL(hash_bytes("gateway", 7, 1), hash_bytes("gateway", 7, 1));
    CU_ASSERT_NOT_EQUAL(hash_bytes("gateway", 7, 1), hash_bytes("gateway", 7, 2));
    CU_ASSERT_NOT_EQUAL(hash_bytes("gateway", 7, 1), hash_bytes("gateway", 6, 1));
    CU_ASSERT_NOT_EQUAL(hash_bytes("gateway", 7, 1), hash_bytes("gatewaz", 7, 1));
    CU_ASSERT_EQUAL(hash_bytes("", 0, 1), hash_bytes("x", 0, 1));
}

int main(int argc, char **argv)
{
    random_seed(&random_state, test_seed(argc, argv));
    static const CU_TestInfo tests[] = {
        {"as the model, spread hashes", test_model_spread},
        {"as the model, many equal hashes", test_model_equal_hashes},
        {"as the model, equal buckets", test_model_equal_buckets},
        {"an empty table", test_empty_table},
        {"nodes leave during a walk", test_remove_while_walking},
        {"the hash of bytes depends on bytes, length and seed", test_bytes_depend_on_all},
    };
    return RUN_TESTS("hash", tests);
}
