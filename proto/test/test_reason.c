// SPDX-License-Identifier: MIT
// Reason codes against the lists that the standard has in the section of each packet, typed again here.
#include "proto/reason.h"

#include "proto/packet.h"
#include "proto/test/block.h"
#include "proto/test/suite.h"

static const struct {
    uint8_t packet_type;
    const char *codes;
} lists[] = {
    {PACKET_CONNECT, ""},
    {PACKET_CONNACK, "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f"},
    {PACKET_PUBLISH, ""},
    {PACKET_PUBACK, "00 10 80 83 87 90 91 97 99"},
    {PACKET_PUBREC, "00 10 80 83 87 90 91 97 99"},
    {PACKET_PUBREL, "00 92"},
    {PACKET_PUBCOMP, "00 92"},
    {PACKET_SUBSCRIBE, ""},
    {PACKET_SUBACK, "00 01 02 80 83 87 8f 91 97 9e a1 a2"},
    {PACKET_UNSUBSCRIBE, ""},
    {PACKET_UNSUBACK, "00 11 80 83 87 8f 91"},
    {PACKET_PINGREQ, ""},
    {PACKET_PINGRESP, ""},
    {PACKET_DISCONNECT,
     "00 04 80 81 82 83 87 89 8b 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2"},
    {PACKET_AUTH, "00 18 19"},
    {0, ""},
    {16, ""},
    {255, ""},
};

static void each_packet_has_the_codes_that_its_section_lists(void)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        struct block codes = block_of(lists[i].codes);
        for (uint32_t code = 0; code < 256; code++) {
            bool listed = codes.length != 0 && memchr(codes.data, (int)code, codes.length) != NULL;
            CHECK(reason_allowed((uint8_t)code, lists[i].packet_type) == listed, "packet %u, code 0x%02x",
                  lists[i].packet_type, code);
        }
        block_destroy(codes);
    }
}

static void every_code_of_the_standard_has_a_text(void)
{
    uint32_t named = 0;
    for (uint32_t code = 0; code < 256; code++)
        named += strcmp(reason_text((uint8_t)code), "unknown reason") != 0;
    CU_ASSERT_EQUAL(named, 43);
    CU_ASSERT_STRING_EQUAL(reason_text(0x00), "success");
    CU_ASSERT_STRING_EQUAL(reason_text(0x81), "malformed packet");
    CU_ASSERT_STRING_EQUAL(reason_text(0xa2), "wildcard subscriptions not supported");
    CU_ASSERT_STRING_EQUAL(reason_text(0x03), "unknown reason");
    CU_ASSERT_EQUAL(REASON_NORMAL_DISCONNECTION, 0);
    CU_ASSERT_EQUAL(REASON_GRANTED_QOS_0, 0);
}

static void a_reason_becomes_the_return_code_that_says_the_same(void)
{
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_SUCCESS), 0);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_UNSUPPORTED_PROTOCOL_VERSION), 1);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_CLIENT_IDENTIFIER_NOT_VALID), 2);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_SERVER_UNAVAILABLE), 3);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_SERVER_BUSY), 3);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_BAD_USER_NAME_OR_PASSWORD), 4);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_NOT_AUTHORIZED), 5);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_BANNED), 5);
    // A malformed CONNECT is not answered. 3.1.1 [MQTT-3.1.4-1, MQTT-3.2.2-6]
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_MALFORMED_PACKET), CONNECT_RETURN_NONE);
    CU_ASSERT_EQUAL(reason_to_connect_return(REASON_PROTOCOL_ERROR), CONNECT_RETURN_NONE);
    CU_ASSERT_EQUAL(reason_to_connect_return(0x7f), CONNECT_RETURN_NONE);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"each packet has the codes that its section lists",
         each_packet_has_the_codes_that_its_section_lists},
        {"every code of the standard has a text", every_code_of_the_standard_has_a_text},
        {"a reason becomes the return code that says the same",
         a_reason_becomes_the_return_code_that_says_the_same},
    };
    return RUN_TESTS("reason", cases);
}
