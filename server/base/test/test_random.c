// SPDX-License-Identifier: MIT
#include "server/base/test/test_base.h"

static void test_same_seed_same_numbers(void)
{
    struct random a;
    struct random b;
    random_seed(&a, 42);
    random_seed(&b, 42);
    for (int i = 0; i < 1000; i++)
        CU_ASSERT_EQUAL_FATAL(random_next(&a), random_next(&b));
}

static void test_close_seeds_differ(void)
{
    struct random a;
    struct random b;
    random_seed(&a, 0);
    random_seed(&b, 1);
    int equal = 0;
    for (int i = 0; i < 1000; i++)
        equal += random_next(&a) == random_next(&b);
    CU_ASSERT_EQUAL(equal, 0);
}

// Not a test of quality: it finds a state that is stuck, or a bit that is.
static void test_every_bit_moves(void)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct random random;
        random_seed(&random, seed);
        uint32_t ones[64] = {0};
        for (int i = 0; i < 4096; i++) {
            uint64_t value = random_next(&random);
            for (int bit = 0; bit < 64; bit++)
                ones[bit] += value >> bit & 1;
        }
        for (int bit = 0; bit < 64; bit++)
            CU_ASSERT_TRUE(ones[bit] > 1700 && ones[bit] < 2400);
    }
}

// The first numbers of the algorithm's authors for the state 1, 2, 3, 4.
static void test_known_sequence(void)
{
    struct random random = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240ull};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        CU_ASSERT_EQUAL(random_next(&random), expected[i]);
}

static void test_entropy_differs(void)
{
    CU_ASSERT_NOT_EQUAL(random_entropy(), random_entropy());
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"the same seed gives the same numbers", test_same_seed_same_numbers},
        {"close seeds give unrelated numbers", test_close_seeds_differ},
        {"every bit moves", test_every_bit_moves},
        {"the known sequence", test_known_sequence},
        {"entropy differs from call to call", test_entropy_differs},
    };
    return RUN_TESTS("random", tests);
}
