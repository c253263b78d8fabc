// SPDX-License-Identifier: MIT
#include "server/access/base64.h"

#include "test/suite.h"

static bool decodes(const char *text, enum base64_padding padding, const char *wanted)
{
    uint8_t data[16];
    size_t length = 0;
    return base64_decode(bytes_of(text), padding, data, sizeof data, &length) &&
           bytes_equal((struct bytes){data, length}, bytes_of(wanted));
}

static bool refused(const char *text, enum base64_padding padding)
{
    uint8_t data[16];
    size_t length = 0;
    return !base64_decode(bytes_of(text), padding, data, sizeof data, &length);
}

// RFC 4648, section 10
static const struct {
    const char *data;
    const char *padded;
    const char *bare;
} known[] = {
    {"", "", ""},
    {"f", "Zg==", "Zg"},
    {"fo", "Zm8=", "Zm8"},
    {"foo", "Zm9v", "Zm9v"},
    {"foob", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
};

static void known_texts_are_decoded_and_encoded(void)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char text[BASE64_TEXT_BYTES(6)];
        CU_ASSERT_TRUE(decodes(known[i].padded, BASE64_PADDED, known[i].data));
        CU_ASSERT_TRUE(decodes(known[i].bare, BASE64_BARE, known[i].data));
        base64_encode(bytes_of(known[i].data), text);
        CU_ASSERT_STRING_EQUAL(text, known[i].padded);
    }
}

static void every_byte_comes_back(void)
{
    struct random random;
    suite_seed(&random);
    for (unsigned round = 0; round < 1000; round++) {
        uint8_t data[64];
        uint8_t again[64];
        char text[BASE64_TEXT_BYTES(64)];
        size_t length = suite_below(&random, sizeof data + 1);
        size_t decoded = 0;
        for (size_t i = 0; i < length; i++)
            data[i] = (uint8_t)random_next(&random);
        base64_encode((struct bytes){data, length}, text);
        CU_ASSERT_TRUE_FATAL(base64_decode(bytes_of(text), BASE64_PADDED, again, sizeof again, &decoded));
        CU_ASSERT_TRUE(bytes_equal((struct bytes){again, decoded}, (struct bytes){data, length}));
        struct bytes bare = {(const uint8_t *)text, strcspn(text, "=")};
        CU_ASSERT_TRUE_FATAL(base64_decode(bare, BASE64_BARE, again, sizeof again, &decoded));
        CU_ASSERT_TRUE(bytes_equal((struct bytes){again, decoded}, (struct bytes){data, length}));
    }
}

static void what_no_encoder_writes_is_refused(void)
{
    static const char *const padded[] = {"Zg",   "Zg=",  "Z===", "====", "=Zg=", "Zm9v=", "Zm9v====",
                                         "Zh==", "Zm9=", "Zm 9", "Zm9-", "Zm9_", "Zm9v\n"};
    static const char *const bare[] = {"Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm9vY", "Zm\n"};
    for (size_t i = 0; i < sizeof padded / sizeof padded[0]; i++)
        CU_ASSERT_TRUE(refused(padded[i], BASE64_PADDED));
    for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++)
        CU_ASSERT_TRUE(refused(bare[i], BASE64_BARE));
}

static void more_than_there_is_room_for_is_refused(void)
{
    uint8_t data[3] = {0, 0, 7};
    size_t length = 0;
    CU_ASSERT_TRUE(base64_decode(bytes_of("Zm8="), BASE64_PADDED, data, 2, &length));
    CU_ASSERT_FALSE(base64_decode(bytes_of("Zm9v"), BASE64_PADDED, data, 2, &length));
    CU_ASSERT_EQUAL(data[2], 7);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"known texts are decoded and encoded", known_texts_are_decoded_and_encoded},
        {"every byte comes back", every_byte_comes_back},
        {"what no encoder writes is refused", what_no_encoder_writes_is_refused},
        {"more than there is room for is refused", more_than_there_is_room_for_is_refused},
    };
    return RUN_TESTS("base64", cases);
}
