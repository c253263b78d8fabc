// SPDX-License-Identifier: MIT
#include "server/access/test/copies.h"
#include "server/access/test/samples.h"

#include <sys/resource.h>

static void passwords_are_right_and_wrong_for_hashes_of_other_programs(void)
{
    static const char *const wrong[] = {"", "Hi, gateway", "Hi, gateway!!", "hi, gateway!", "x"};
    for (size_t i = 0; i < SAMPLES; i++) {
        const char *hash = samples[i].text;
        CU_ASSERT_EQUAL(password_verify(hash, bytes_of(SAMPLE_PASSWORD)), PASSWORD_RIGHT);
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++)
            CU_ASSERT_EQUAL(password_verify(hash, bytes_of(wrong[j])), PASSWORD_WRONG);
        CU_ASSERT_EQUAL(password_verify(hash, (struct bytes){NULL, 0}), PASSWORD_WRONG);
    }
}

// crypt(3) takes a string: what is behind a zero byte it does not see.
static void a_zero_byte_is_no_end_of_a_password(void)
{
    static const struct bytes password = {(const uint8_t *)SAMPLE_PASSWORD "\0more", 17};
    static const struct bytes terminated = {(const uint8_t *)SAMPLE_PASSWORD, 13}; // with its NUL
    for (size_t i = 0; i < SAMPLES; i++) {
        CU_ASSERT_EQUAL(password_verify(samples[i].text, password), PASSWORD_WRONG);
        CU_ASSERT_EQUAL(password_verify(samples[i].text, terminated), PASSWORD_WRONG);
    }
    static const struct bytes zero = {(const uint8_t *)"a\0b", 3};
    CU_ASSERT_EQUAL(
        password_verify("$argon2id$v=19$m=32,t=1,p=1$c2FsdHNhbHRzYWx0$ah8SuakGynDfUYI6qPbxk1g5+FiLwT/3",
                        zero),
        PASSWORD_RIGHT);
    char text[PASSWORD_TEXT_BYTES];
    CU_ASSERT_PTR_NOT_NULL(password_hash(PASSWORD_SHA512, 1000, zero, text));
}

static void a_hash_that_is_not_understood_is_never_right(void)
{
    static const char *const texts[] = {
        "", SAMPLE_PASSWORD, "$", "$6$", "ab01FAX.bQRSU", "$1$abc$iCQ2D3nhptRYi27fDYv2s1", "*", "!", "x"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CU_ASSERT_EQUAL(password_verify(texts[i], bytes_of(SAMPLE_PASSWORD)), PASSWORD_NOT_UNDERSTOOD);
        CU_ASSERT_EQUAL(password_verify(texts[i], bytes_of("")), PASSWORD_NOT_UNDERSTOOD);
    }
    // Only libcrypt knows that no salt of yescrypt has one digit.
    CU_ASSERT_EQUAL(password_verify("$y$j75$a$LJFOyMyMqZfzoDOqJ7GR4RpPOEu2A4fh.E1qPDkZTW9", bytes_of("x")),
                    PASSWORD_NOT_UNDERSTOOD);
}

// Any digit of a digest, and any of a salt.
static void a_changed_hash_is_never_right(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        char text[PASSWORD_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "%s", samples[i].text);
        char *last_field = strrchr(text, '$');
        for (char *at = last_field - 2; at < last_field + 6; at++) {
            char before = *at;
            if (before == '$')
                continue;
            *at = before == 'A' ? 'B' : 'A';
            CU_ASSERT_NOT_EQUAL(password_verify(text, bytes_of(SAMPLE_PASSWORD)), PASSWORD_RIGHT);
            *at = before;
        }
        CU_ASSERT_EQUAL(password_verify(text, bytes_of(SAMPLE_PASSWORD)), PASSWORD_RIGHT);
    }
}

static void lengths_up_to_the_ceiling_are_told_apart(void)
{
    uint8_t long_one[PASSWORD_BYTES_MAX + 1];
    memset(long_one, 'a', sizeof long_one);
    struct bytes longest = {long_one, PASSWORD_BYTES_MAX};
    struct bytes shorter = {long_one, PASSWORD_BYTES_MAX - 1};
    struct bytes longer = {long_one, PASSWORD_BYTES_MAX + 1};
    for (unsigned i = 0; i < PASSWORD_SCHEMES; i++) {
        const struct password_rules *rules = password_scheme_rules((enum password_scheme)i);
        char text[PASSWORD_TEXT_BYTES];
        if (rules->name == NULL || i == PASSWORD_BCRYPT)
            continue;
        CU_ASSERT_PTR_NULL_FATAL(password_hash((enum password_scheme)i, rules->rounds_lowest, longest, text));
        CU_ASSERT_EQUAL(password_verify(text, longest), PASSWORD_RIGHT);
        CU_ASSERT_EQUAL(password_verify(text, shorter), PASSWORD_WRONG);
        CU_ASSERT_EQUAL(password_verify(text, longer), PASSWORD_WRONG);
        CU_ASSERT_PTR_NOT_NULL(password_hash((enum password_scheme)i, rules->rounds_lowest, longer, text));
    }
}

// bcrypt would take any password that begins like a long one.
static void bcrypt_hashes_no_more_than_it_looks_at(void)
{
    uint8_t password[73];
    char text[PASSWORD_TEXT_BYTES];
    memset(password, 'a', sizeof password);
    CU_ASSERT_PTR_NULL(password_hash(PASSWORD_BCRYPT, 4, (struct bytes){password, 72}, text));
    CU_ASSERT_EQUAL(password_verify(text, (struct bytes){password, 72}), PASSWORD_RIGHT);
    CU_ASSERT_EQUAL(password_verify(text, (struct bytes){password, 71}), PASSWORD_WRONG);
    CU_ASSERT_PTR_NOT_NULL(password_hash(PASSWORD_BCRYPT, 4, (struct bytes){password, 73}, text));
}

static void what_is_hashed_can_be_verified(void)
{
    for (unsigned i = 0; i < PASSWORD_SCHEMES; i++) {
        const struct password_rules *rules = password_scheme_rules((enum password_scheme)i);
        const uint32_t rounds[] = {rules->rounds_lowest, rules->rounds_lowest + 1, rules->rounds_standard};
        for (size_t j = 0; rules->name != NULL && j < sizeof rounds / sizeof rounds[0]; j++) {
            char text[PASSWORD_TEXT_BYTES];
            char another[PASSWORD_TEXT_BYTES];
            struct password_form form;
            const struct bytes password = bytes_of("p\xc3\xa4ssword");
            CU_ASSERT_PTR_NULL_FATAL(password_hash((enum password_scheme)i, rounds[j], password, text));
            CU_ASSERT_PTR_NULL_FATAL(password_hash((enum password_scheme)i, rounds[j], password, another));
            CU_ASSERT_STRING_NOT_EQUAL(text, another); // each has a salt of its own
            CU_ASSERT_PTR_NULL_FATAL(password_form_read(bytes_of(text), &form));
            CU_ASSERT_EQUAL(form.scheme, i);
            if (i != PASSWORD_YESCRYPT) // which counts memory
                CU_ASSERT_EQUAL(form.rounds, rounds[j]);
            CU_ASSERT_EQUAL(password_verify(text, password), PASSWORD_RIGHT);
            CU_ASSERT_EQUAL(password_verify(text, bytes_of("password")), PASSWORD_WRONG);
        }
    }
}

// Each cost that hbmqtt_passwd offers is taken back.
static void every_cost_that_is_offered_is_within_the_ceilings(void)
{
    for (uint32_t cost = 1; cost <= password_scheme_rules(PASSWORD_YESCRYPT)->rounds_highest; cost++) {
        char text[PASSWORD_TEXT_BYTES];
        struct password_form form;
        CU_ASSERT_PTR_NULL_FATAL(password_hash(PASSWORD_YESCRYPT, cost, bytes_of("x"), text));
        CU_ASSERT_PTR_NULL(password_form_read(bytes_of(text), &form));
        CU_ASSERT_EQUAL(form.memory_kib, 1024u << (cost - 1));
    }
}

#if !SANITIZED

// Nothing is known about the password then, so it is not wrong.
static void too_little_memory_is_no_wrong_password(void)
{
    static const char yescrypt[] =
        "$y$jCT$saltofyescrypt22cCb1x.$LJFOyMyMqZfzoDOqJ7GR4RpPOEu2A4fh.E1qPDkZTW9";
    static const char argon2[] =
        "$argon2id$v=19$m=262144,t=1,p=1$KUmt8a24AEWEnnGGhrbKzg$j/eB+TXNvsZkYUktOTlNKA";
    struct rlimit before;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_AS, &before), 0);
    struct rlimit little = {64u << 20, before.rlim_max};
    if (setrlimit(RLIMIT_AS, &little) != 0)
        CU_FAIL_FATAL("cannot limit the memory");
    enum password_result by_yescrypt = password_verify(yescrypt, bytes_of("x"));
    enum password_result by_argon2 = password_verify(argon2, bytes_of("x"));
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_AS, &before), 0);
    CU_ASSERT_EQUAL(by_yescrypt, PASSWORD_NO_MEMORY);
    CU_ASSERT_EQUAL(by_argon2, PASSWORD_NO_MEMORY);
}

static void no_copy_of_a_password_stays_behind(void)
{
    uint8_t secret[SECRET_BYTES];
    secret_make(secret);
    CU_ASSERT_EQUAL(copies_count(secret), 1); // our own
    for (size_t i = 0; i < SAMPLES; i++) {
        char text[PASSWORD_TEXT_BYTES];
        const struct password_rules *rules = password_scheme_rules(samples[i].scheme);
        const struct bytes password = {secret, sizeof secret};
        CU_ASSERT_EQUAL(password_verify(samples[i].text, password), PASSWORD_WRONG);
        CU_ASSERT_EQUAL(copies_count(secret), 1);
        if (rules->name == NULL)
            continue;
        CU_ASSERT_PTR_NULL(password_hash(samples[i].scheme, rules->rounds_lowest, password, text));
        CU_ASSERT_EQUAL(copies_count(secret), 1);
    }
}

#endif

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"passwords are right and wrong for hashes of other programs",
         passwords_are_right_and_wrong_for_hashes_of_other_programs},
        {"a zero byte is no end of a password", a_zero_byte_is_no_end_of_a_password},
        {"a hash that is not understood is never right", a_hash_that_is_not_understood_is_never_right},
        {"a changed hash is never right", a_changed_hash_is_never_right},
        {"lengths up to the ceiling are told apart", lengths_up_to_the_ceiling_are_told_apart},
        {"bcrypt hashes no more than it looks at", bcrypt_hashes_no_more_than_it_looks_at},
        {"what is hashed can be verified", what_is_hashed_can_be_verified},
        {"every cost that is offered is within the ceilings",
         every_cost_that_is_offered_is_within_the_ceilings},
#if !SANITIZED
        {"too little memory is no wrong password", too_little_memory_is_no_wrong_password},
        {"no copy of a password stays behind", no_copy_of_a_password_stays_behind},
#endif
    };
    return RUN_TESTS("password", cases);
}
