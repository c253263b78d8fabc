// SPDX-License-Identifier: MIT
#include "server/access/test/samples.h"

// The phrase for `text`, or "" if it is understood.
static const char *judged(const char *text)
{
    struct password_form form;
    const char *phrase = password_form_read(bytes_of(text), &form);
    return phrase == NULL ? "" : phrase;
}

static bool says(const char *text, const char *words)
{
    bool said = strstr(judged(text), words) != NULL;
    if (!said)
        printf("\n%s: \"%s\"", text, judged(text));
    return said;
}

static void hashes_of_other_programs_are_understood(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        struct password_form form;
        CU_ASSERT_PTR_NULL_FATAL(password_form_read(bytes_of(samples[i].text), &form));
        CU_ASSERT_EQUAL(form.scheme, samples[i].scheme);
    }
}

static void both_kinds_of_6_are_told_apart(void)
{
    struct password_form form;
    CU_ASSERT_PTR_NULL(password_form_read(bytes_of(samples[2].text), &form));
    CU_ASSERT_EQUAL(form.scheme, PASSWORD_SHA512);
    CU_ASSERT_EQUAL(form.rounds, 5000);
    CU_ASSERT_PTR_NULL(password_form_read(bytes_of(samples[SAMPLES - 1].text), &form));
    CU_ASSERT_EQUAL(form.scheme, PASSWORD_MOSQUITTO_1);
    CU_ASSERT_EQUAL(form.salt_length, 12);
}

#define ARGON2_DIGITS_MIN 22u // 16 bytes

// Neither may an end be missing nor something follow it.
static void a_hash_that_is_cut_or_longer_is_misspelt(void)
{
    for (size_t i = 0; i < SAMPLES; i++) {
        char text[PASSWORD_TEXT_BYTES + 1];
        size_t length = strlen(samples[i].text);
        size_t digest = (size_t)(strrchr(samples[i].text, '$') + 1 - samples[i].text);
        bool argon2 = strstr(samples[i].text, "$argon2") != NULL; // whose digest may have any length above
        size_t whole = argon2 ? digest + ARGON2_DIGITS_MIN : length;
        struct password_form form;
        for (size_t cut = 0; cut < length; cut++) {
            struct bytes part = {(const uint8_t *)samples[i].text, cut};
            if (cut < whole)
                CU_ASSERT_PTR_NOT_NULL(password_form_read(part, &form));
        }
        (void)snprintf(text, sizeof text, "%s$", samples[i].text);
        CU_ASSERT_TRUE(says(text, "misspelt"));
        (void)snprintf(text, sizeof text, " %s", samples[i].text);
        CU_ASSERT_TRUE(says(text, "plain text"));
    }
}

#define SHA512_DIGEST   "KXpwyYI1S6ZM6iM3q/vO/8zYn8AkTpnMbH7/3La6y59/sG.Lm5c3xGJWDsqDIBTa83qye7YHPvmtBD0zvp.5T0"
#define BCRYPT_DIGEST   "abcdefghijklmnopqrstuugHJm0SZw5T/KGazTUGGs41docoDMIqu"
#define YESCRYPT_DIGEST "$saltofyescrypt22cCb1x.$LJFOyMyMqZfzoDOqJ7GR4RpPOEu2A4fh.E1qPDkZTW9"
#define ARGON2_DIGEST   "$KUmt8a24AEWEnnGGhrbKzg$j/eB+TXNvsZkYUktOTlNKA"
#define MOSQUITTO_DIGEST                                                                                     \
    "Sat1O6tMKgGdEpR1THkrpI0lR1k4GfxO0ckqjGT2w3yGDHQKL1fOfvi2+xL/xUEpAH6RfOzMiWY1I0WKRoMK+g=="

// What may come and what is beyond: the ceilings of cost, each on both sides.
static void costs_have_ceilings(void)
{
    static const struct {
        const char *text;
        const char *words;
    } table[] = {
        {"$6$rounds=999$a$" SHA512_DIGEST, "misspelt"},
        {"$6$rounds=1000$a$" SHA512_DIGEST, ""},
        {"$6$rounds=656000$a$" SHA512_DIGEST, ""}, // what passlib, and so amqtt, makes
        {"$6$rounds=1000000$a$" SHA512_DIGEST, ""},
        {"$6$rounds=1000001$a$" SHA512_DIGEST, "more time or memory"},
        {"$6$rounds=999999999$a$" SHA512_DIGEST, "more time or memory"},
        {"$2b$03$" BCRYPT_DIGEST, "misspelt"},
        {"$2b$14$" BCRYPT_DIGEST, ""},
        {"$2b$15$" BCRYPT_DIGEST, "more time or memory"},
        {"$2b$31$" BCRYPT_DIGEST, "more time or memory"},
        {"$y$jDT" YESCRYPT_DIGEST, ""}, // cost 9: 256 MiB
        {"$y$jET" YESCRYPT_DIGEST, "more time or memory"},
        {"$y$jDU" YESCRYPT_DIGEST, "more time or memory"},
        {"$y$jz." YESCRYPT_DIGEST, "more time or memory"},
        {"$argon2id$v=19$m=102400,t=2,p=8" ARGON2_DIGEST, ""}, // what argon2-cffi makes
        {"$argon2id$v=19$m=262144,t=4,p=255" ARGON2_DIGEST, ""},
        {"$argon2id$v=19$m=262145,t=1,p=1" ARGON2_DIGEST, "more time or memory"},
        {"$argon2id$v=19$m=262144,t=5,p=1" ARGON2_DIGEST, "more time or memory"},
        {"$argon2id$v=19$m=64,t=51,p=1" ARGON2_DIGEST, "more time or memory"},
        {"$argon2id$v=19$m=65536,t=1,p=256" ARGON2_DIGEST, "more time or memory"},
        {"$argon2id$v=19$m=4294967295,t=4294967295,p=1" ARGON2_DIGEST, "more time or memory"},
        {"$argon2id$v=19$m=8,t=0,p=1" ARGON2_DIGEST, "misspelt"},
        {"$argon2id$v=19$m=15,t=1,p=2" ARGON2_DIGEST, "misspelt"},
        {"$7$0$1imiQEa1+M0U3fcp$" MOSQUITTO_DIGEST, "misspelt"},
        {"$7$1000000$1imiQEa1+M0U3fcp$" MOSQUITTO_DIGEST, ""},
        {"$7$1000001$1imiQEa1+M0U3fcp$" MOSQUITTO_DIGEST, "more time or memory"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        CU_ASSERT_TRUE(says(table[i].text, table[i].words));
        CU_ASSERT_EQUAL(judged(table[i].text)[0] == '\0', table[i].words[0] == '\0');
    }
}

static void what_is_misspelt_is_refused(void)
{
    static const char *const texts[] = {
        "$6$rounds=05000$a$" SHA512_DIGEST,
        "$6$rounds=$a$" SHA512_DIGEST,
        "$6$rounds=+5000$a$" SHA512_DIGEST,
        "$6$rounds=99999999999$a$" SHA512_DIGEST,
        "$6$rounds=5000x$a$" SHA512_DIGEST,
        "$6$rounds=5000$" SHA512_DIGEST,
        "$6$salt of blank$" SHA512_DIGEST,
        "$6$salt*$" SHA512_DIGEST,
        "$6$saltofmorethan16c$" SHA512_DIGEST,
        "$6$a$" SHA512_DIGEST "T0",
        "$5$a$" SHA512_DIGEST,
        "$2b$4$" BCRYPT_DIGEST,
        "$2b$0x$" BCRYPT_DIGEST,
        "$2b$004$" BCRYPT_DIGEST,
        "$y$j7" YESCRYPT_DIGEST,
        "$y$j75." YESCRYPT_DIGEST, // more parameters, which could ask for anything
        "$y$k75" YESCRYPT_DIGEST,
        "$y$j7_" YESCRYPT_DIGEST,
        "$argon2id$v=18$m=64,t=1,p=1" ARGON2_DIGEST,
        "$argon2id$v=19$m=64,t=1" ARGON2_DIGEST,
        "$argon2id$v=19$t=1,m=64,p=1" ARGON2_DIGEST,
        "$argon2id$v=19$m=64,t=1,p=1,data=" ARGON2_DIGEST,
        "$argon2id$v=19$m=64,t=1,p=0" ARGON2_DIGEST,
        "$argon2id$v=19$m=064,t=1,p=1" ARGON2_DIGEST,
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$j/eB+TXNvsZkYUktOTlNKA",              // a salt of 4 bytes
        "$argon2id$v=19$m=64,t=1,p=1$KUmt8a24AEWEnnGGhrbKzg$j/eB+TXNvsZkYUktOTk", // a digest of 14
        "$7$101$$" MOSQUITTO_DIGEST,
        "$7$101$1imiQEa1+M0U3fc$" MOSQUITTO_DIGEST,
        "$7$101$1imiQEa1+M0U3fcp$AAAA",
        "$7$-1$1imiQEa1+M0U3fcp$" MOSQUITTO_DIGEST,
        "$6$1imiQEa1+M0U3fcp$AA==",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        CU_ASSERT_TRUE(says(texts[i], "misspelt"));
}

static void kinds_that_are_not_taken_are_named(void)
{
    CU_ASSERT_TRUE(says("$1$abc$iCQ2D3nhptRYi27fDYv2s1", "MD5"));
    CU_ASSERT_TRUE(says("ab01FAX.bQRSU", "traditional DES"));
    CU_ASSERT_TRUE(says("secret", "plain text"));
    CU_ASSERT_TRUE(says("", "missing"));
    CU_ASSERT_TRUE(says("$", "no kind that is known"));
    CU_ASSERT_TRUE(says("$2x$05$" BCRYPT_DIGEST, "no kind that is known")); // of a faulty bcrypt
    CU_ASSERT_TRUE(says("$argon2d$v=19$m=64,t=1,p=1" ARGON2_DIGEST, "no kind that is known"));
    CU_ASSERT_TRUE(says("$7$CU..../....pkbwvQfrJns59yhzsE8Nh0$t.sDqht0CRdWDxnOpf3loRWh/cLz8VELWy5yWnvnPJ1",
                        "no kind that is known")); // scrypt
}

static void names_of_schemes_are_found(void)
{
    enum password_scheme scheme = PASSWORD_SCHEMES;
    unsigned named = 0;
    for (unsigned i = 0; i < PASSWORD_SCHEMES; i++) {
        const struct password_rules *rules = password_scheme_rules((enum password_scheme)i);
        CU_ASSERT_TRUE(rules->rounds_lowest <= rules->rounds_standard);
        CU_ASSERT_TRUE(rules->rounds_standard <= rules->rounds_highest);
        if (rules->name == NULL)
            continue;
        CU_ASSERT_TRUE(password_scheme_find(rules->name, &scheme) && scheme == i);
        named++;
    }
    CU_ASSERT_EQUAL(named, 6);
    CU_ASSERT_FALSE(password_scheme_find("md5", &scheme));
    CU_ASSERT_FALSE(password_scheme_find("", &scheme));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"hashes of other programs are understood", hashes_of_other_programs_are_understood},
        {"both kinds of $6$ are told apart", both_kinds_of_6_are_told_apart},
        {"a hash that is cut or longer is misspelt", a_hash_that_is_cut_or_longer_is_misspelt},
        {"costs have ceilings", costs_have_ceilings},
        {"what is misspelt is refused", what_is_misspelt_is_refused},
        {"kinds that are not taken are named", kinds_that_are_not_taken_are_named},
        {"names of schemes are found", names_of_schemes_are_found},
    };
    return RUN_TESTS("password_form", cases);
}
