// SPDX-License-Identifier: MIT
#include "server/base/test/test_base.h"

struct item {
    int value;
    struct list node;
};

static int list_sum_in_order(struct list *head)
{
    int digits = 0;
    LIST_FOR_EACH (node, head)
        digits = digits * 10 + container_of(node, struct item, node)->value;
    return digits;
}

static void test_empty(void)
{
    struct list head;
    list_init(&head);
    CU_ASSERT_TRUE(list_empty(&head));
    CU_ASSERT_PTR_NULL(list_first(&head));
    CU_ASSERT_PTR_NULL(list_take_first(&head));
    list_remove(&head);
    CU_ASSERT_TRUE(list_empty(&head));
}

static void test_append_keeps_order(void)
{
    struct list head;
    list_init(&head);
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    for (int i = 0; i < 3; i++)
        list_append(&head, &items[i].node);
    CU_ASSERT_EQUAL(list_sum_in_order(&head), 123);
    CU_ASSERT_PTR_EQUAL(list_first(&head), &items[0].node);
}

static void test_remove_anywhere_and_twice(void)
{
    for (int gone = 0; gone < 3; gone++) {
        struct list head;
        list_init(&head);
        struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
        for (int i = 0; i < 3; i++)
            list_append(&head, &items[i].node);
        list_remove(&items[gone].node);
        list_remove(&items[gone].node);
        CU_ASSERT_TRUE(list_empty(&items[gone].node));
        static const int left[] = {23, 13, 12};
        CU_ASSERT_EQUAL(list_sum_in_order(&head), left[gone]);
    }
}

static void test_take_first_until_empty(void)
{
    struct list head;
    list_init(&head);
    struct item items[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    for (int i = 0; i < 3; i++)
        list_append(&head, &items[i].node);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_PTR_EQUAL(list_take_first(&head), &items[i].node);
        CU_ASSERT_TRUE(list_empty(&items[i].node));
    }
    CU_ASSERT_TRUE(list_empty(&head));
}

static void test_move_between_lists(void)
{
    struct list left;
    struct list right;
    list_init(&left);
    list_init(&right);
    struct item items[4] = {{.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    for (int i = 0; i < 4; i++)
        list_append(&left, &items[i].node);
    for (int i = 1; i < 4; i += 2) {
        list_remove(&items[i].node);
        list_append(&right, &items[i].node);
    }
    CU_ASSERT_EQUAL(list_sum_in_order(&left), 13);
    CU_ASSERT_EQUAL(list_sum_in_order(&right), 24);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"an empty list", test_empty},
        {"appending keeps the order", test_append_keeps_order},
        {"a node leaves from anywhere, and twice without harm", test_remove_anywhere_and_twice},
        {"taking the first until none is left", test_take_first_until_empty},
        {"nodes move between lists", test_move_between_lists},
    };
    return RUN_TESTS("list", tests);
}
