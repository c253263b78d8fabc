// SPDX-License-Identifier: MIT
#include <string.h>

#include "harness/test/suite.h"

static void bytes_are_written_as_a_person_does(void)
{
    CU_ASSERT(bytes_equal(hex("30 05 0001 'a' 'hi'"), (struct bytes){(const uint8_t *)"\x30\x05\x00\x01"
                                                                                      "ahi",
                                                                     7}));
    CU_ASSERT(bytes_equal(hex("fF"), hex("FF")));
    CU_ASSERT_STRING_EQUAL(bytes_hex(hex("01AB"), 8), "01 AB");
    CU_ASSERT_STRING_EQUAL(bytes_hex(hex("01AB02"), 2), "01 AB ...");
    CU_ASSERT_STRING_EQUAL(bytes_quote(hex("'a' 00 '\"'"), 8), "\"a\\x00\\x22\"");
    CU_ASSERT(bytes_slice(hex("0102"), 1, 9).length == 1 && bytes_slice(hex("0102"), 9, 9).length == 0);
}

static void texts_are_judged(void)
{
    static const char *const right[] = {"",       "'a'",      "C3A9",   "E282AC", "F09F9880",
                                        "EFBBBF", "F48FBFBF", "ED9FBF", "01"};
    static const char *const wrong[] = {"00",     "FF",       "C3", "C080",     "E08080",      "EDA080",
                                        "EDBFBF", "F4908080", "80", "F0808080", "'a' E282 'b'"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        CU_ASSERT(bytes_are_text(hex(right[i])));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT(!bytes_are_text(hex(wrong[i])));
}

static void packets_are_built_byte_for_byte(void)
{
    CU_ASSERT(bytes_equal(packet_connect("a"), hex("10 0D 0004 'MQTT' 04 02 0000 0001 'a'")));
    CU_ASSERT(
        bytes_equal(packet_connect("a", .keep = true, .keepalive_s = 258, .will_topic = "t", .will = "w",
                                   .will_qos = 2, .will_retain = true, .user = "u", .password = "p"),
                    hex("10 19 0004 'MQTT' 04 F4 0102 0001 'a' 0001 't' 0001 'w' 0001 'u' 0001 'p'")));
    CU_ASSERT(
        bytes_equal(packet_publish("t", .qos = 2, .dup = true, .retain = true, .id = 258, .payload = "x"),
                    hex("3D 06 0001 't' 0102 'x'")));
    CU_ASSERT(bytes_equal(packet_subscribe(7, "t", 1), hex("82 06 0007 0001 't' 01")));
    CU_ASSERT(bytes_equal(packet_unsubscribe(7, "t"), hex("A2 05 0007 0001 't'")));
    CU_ASSERT(bytes_equal(packet_answer(PACKET_PUBREL, 7), hex("62 02 0007")));
    CU_ASSERT(bytes_equal(packet_suback(7, 0x80), hex("90 03 0007 80")));
    CU_ASSERT(bytes_equal(packet_empty(PACKET_DISCONNECT), hex("E0 00")));
    CU_ASSERT(bytes_equal(bytes_slice(packet_raw(0x30, bytes_repeat(0, 128)), 0, 3), hex("30 80 01")));
    CU_ASSERT(
        bytes_equal(bytes_slice(packet_raw(0x30, bytes_repeat(0, 2097152)), 0, 5), hex("30 80 80 80 01")));
}

static void ends_of_packets_are_found(void)
{
    size_t length = 0;
    CU_ASSERT(packet_find(hex(""), &length) == 0 && packet_find(hex("C0"), &length) == 0);
    CU_ASSERT(packet_find(hex("C0 00 FF"), &length) == 1 && length == 2);
    CU_ASSERT(packet_find(hex("30 03 0001"), &length) == 0);
    CU_ASSERT(packet_find(hex("30 80"), &length) == 0);
    CU_ASSERT(packet_find(hex("30 80 80 80 80"), &length) == -1);
}

static bool is_right(const char *bytes, enum packet_sender sender)
{
    struct packet packet;
    const char *fault = NULL;
    return packet_parse(hex(bytes), sender, &packet, &fault);
}

static void what_a_server_sends_is_judged(void)
{
    static const char *const right[] = {"20 02 0000",        "20 02 0100",          "20 02 0005",
                                        "30 03 0001 't'",    "32 05 0001 't' 0001", "3D 05 0001 't' FFFF",
                                        "40 02 0001",        "62 02 0001",          "90 03 0001 80",
                                        "90 05 0001 000102", "B0 02 0001",          "D0 00"};
    static const char *const wrong[] = {"21 02 0000",     "20 02 0200",
                                        "20 02 0006",     "20 02 0101",
                                        "20 03 000000",   "20 01 00",
                                        "30 02 0000",     "36 05 0001 't' 0001",
                                        "38 03 0001 't'", "32 05 0001 't' 0000",
                                        "30 03 0001 '+'", "30 03 0001 FF",
                                        "30 03 0002 't'", "40 02 0000",
                                        "41 02 0001",     "60 02 0001",
                                        "90 03 0001 03",  "90 02 0001",
                                        "D0 01 00",       "C0 00",
                                        "10 00",          "00 00",
                                        "F0 00",          "E0 00"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        CU_ASSERT(is_right(right[i], SENDER_SERVER));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT(!is_right(wrong[i], SENDER_SERVER));
}

static void what_a_client_sends_is_judged(void)
{
    static const char *const wrong[] = {"10 0D 0004 'MQTT' 05 02 0000 0001 'a'",
                                        "10 0D 0004 'MQTt' 04 02 0000 0001 'a'",
                                        "10 0D 0004 'MQTT' 04 03 0000 0001 'a'",
                                        "10 0D 0004 'MQTT' 04 0A 0000 0001 'a'",
                                        "10 0D 0004 'MQTT' 04 22 0000 0001 'a'",
                                        "10 0D 0004 'MQTT' 04 42 0000 0001 'a'",
                                        "10 0D 0004 'MQTT' 04 82 0000 0001 'a'",
                                        "10 0E 0004 'MQTT' 04 02 0000 0001 'a' 00",
                                        "10 0C 0004 'MQTT' 04 00 0000 0000",
                                        "80 06 0001 0001 'a' 00",
                                        "82 02 0001",
                                        "82 06 0001 0001 'a' 03",
                                        "82 06 0001 0001 '#' 04",
                                        "82 07 0001 0002 'a#' 00",
                                        "82 07 0001 0002 '+a' 00",
                                        "82 05 0001 0000 00",
                                        "82 05 0001 0001 'a'",
                                        "82 06 0000 0001 'a' 00",
                                        "A2 02 0001",
                                        "A0 05 0001 0001 'a'",
                                        "20 02 0000",
                                        "D0 00"};
    CU_ASSERT(is_right("10 0D 0004 'MQTT' 04 02 0000 0001 'a'", SENDER_CLIENT) &&
              is_right("82 08 0001 0003 '+/#' 02", SENDER_CLIENT));
    CU_ASSERT(is_right("A2 08 0001 0001 'a' 0001 'b'", SENDER_CLIENT) && is_right("C0 00", SENDER_CLIENT));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CU_ASSERT(!is_right(wrong[i], SENDER_CLIENT));
}

static void whatever_comes_can_be_described(void)
{
    struct random random = random_of(suite_seed(), "describe");
    for (int i = 0; i < 20000; i++) {
        uint8_t noise[24];
        for (size_t j = 0; j < sizeof noise; j++)
            noise[j] = (uint8_t)random_next(&random);
        noise[1] &= 0x1F;
        CU_ASSERT(strlen(packet_describe((struct bytes){noise, 1 + random_below(&random, sizeof noise)})) >
                  0);
    }
    CU_ASSERT_STRING_EQUAL(packet_describe(hex("C0 00 40 02 0007")), "PINGREQ; PUBACK id=7");
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"bytes are written as a person does", bytes_are_written_as_a_person_does},
        {"texts are judged", texts_are_judged},
        {"packets are built byte for byte", packets_are_built_byte_for_byte},
        {"ends of packets are found", ends_of_packets_are_found},
        {"what a server sends is judged", what_a_server_sends_is_judged},
        {"what a client sends is judged", what_a_client_sends_is_judged},
        {"whatever comes can be described", whatever_comes_can_be_described},
    };
    return RUN_TESTS("harness packets", tests);
}
