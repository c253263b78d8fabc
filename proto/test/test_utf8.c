// SPDX-License-Identifier: MIT
// What is text and what is not, also against a decoder that works out each code point.
#include "proto/utf8.h"

#include "proto/test/block.h"
#include "proto/test/suite.h"

static const char *const texts[] = {
    "",
    "'a'",
    "01",
    "7f",
    "'sport/tennis/player1'",
    "'1234567' c3 a9",
    "'12345678' c3 a9",
    "c3 a9 '12345678'",
    "c2 80",
    "df bf",
    "e0 a0 80",
    "ed 9f bf",
    "ee 80 80",
    "ef bf bf",
    "f0 90 80 80",
    "f4 8f bf bf",
    "ef bb bf 't'", // [MQTT-1.5.3-3]
    "41 f0 aa 9b 94",
};

static const char *const faults[] = {
    "00",                // [MQTT-1.5.3-2]
    "'abc' 00",          //
    "'1234567' 00",      //
    "'12345678' 00",     //
    "'1234' 00 '5678'",  //
    "80",                // a continuation alone
    "bf",                //
    "c0 80",             // overlong
    "c1 bf",             //
    "e0 80 80",          //
    "e0 9f bf",          //
    "f0 80 80 80",       //
    "f0 8f bf bf",       //
    "ed a0 80",          // surrogates [MQTT-1.5.3-1]
    "ed bf bf",          //
    "f4 90 80 80",       // above U+10FFFF
    "f5 80 80 80",       //
    "ff",                //
    "fe",                //
    "c3",                // cut
    "e2 82",             //
    "f0 9f 98",          //
    "'1234567' c3",      //
    "'123456789012' e2", //
    "c3 'a'",            // no continuation
    "e2 82 'a'",         //
    "e2 'a' ac",         //
    "f0 9f 98 'a'",      //
};

static bool valid(const char *notation)
{
    struct block block = block_of(notation);
    bool result = utf8_valid(block_view(block));
    block_destroy(block);
    return result;
}

static void well_formed_text_is_valid(void)
{
    for (size_t i = 0; i < COUNT(texts); i++)
        CHECK(valid(texts[i]), "%s", texts[i]);
}

static void everything_else_is_not(void)
{
    for (size_t i = 0; i < COUNT(faults); i++)
        CHECK(!valid(faults[i]), "%s", faults[i]);
}

// A fault is found wherever it stands in a text, whatever the blocks that are looked at together.
static void a_fault_is_found_at_every_place(void)
{
    for (uint32_t length = 1; length <= 40; length++) {
        struct block block = block_create(length);
        for (uint32_t at = 0; at < length; at++) {
            memset(block.data, 'a', length);
            CU_ASSERT_TRUE(utf8_valid(block_view(block)));
            block.data[at] = 0;
            CU_ASSERT_FALSE(utf8_valid(block_view(block)));
            block.data[at] = 0xff;
            CU_ASSERT_FALSE(utf8_valid(block_view(block)));
            block.data[at] = 0xc3;
            CU_ASSERT_FALSE(utf8_valid(block_view(block)));
        }
        block_destroy(block);
    }
}

static uint32_t code_point_encode(uint32_t code, uint8_t *to)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xc0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (uint8_t)(0xe0 | code >> 12);
        to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | code >> 18);
    to[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

static void every_code_point_is_judged_as_the_standard_says(void)
{
    uint32_t wrong = 0;
    for (uint32_t code = 0; code < 0x200000; code++) {
        uint8_t text[4];
        struct bytes bytes = {text, code_point_encode(code, text)};
        bool expected = code != 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
        wrong += utf8_valid(bytes) != expected;
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"well-formed text is valid", well_formed_text_is_valid},
        {"everything else is not", everything_else_is_not},
        {"a fault is found at every place", a_fault_is_found_at_every_place},
        {"every code point is judged as the standard says", every_code_point_is_judged_as_the_standard_says},
    };
    return RUN_TESTS("utf8", cases);
}
