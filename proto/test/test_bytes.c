// SPDX-License-Identifier: MIT
// The bounded cursors: every read and write at its last fitting byte, and one past it.
#include "proto/bytes.h"

#include "proto/test/block.h"
#include "proto/test/suite.h"

static void integers_are_read_most_significant_byte_first(void)
{
    struct block block = block_of("01 02 03 04 05 06 07");
    struct reader reader = reader_of(block_view(block));
    CU_ASSERT_EQUAL(reader_get_u8(&reader), 0x01);
    CU_ASSERT_EQUAL(reader_get_u16(&reader), 0x0203);
    CU_ASSERT_EQUAL(reader_get_u32(&reader), 0x04050607);
    CU_ASSERT_FALSE(reader.failed);
    CU_ASSERT_EQUAL(reader_left(&reader), 0);
    block_destroy(block);
}

static void a_read_that_does_not_fit_fails_and_so_does_every_later_one(void)
{
    struct block block = block_of("01 02 03");
    struct reader reader = reader_of(block_view(block));
    CU_ASSERT_EQUAL(reader_get_u32(&reader), 0);
    CU_ASSERT_TRUE(reader.failed);
    CU_ASSERT_EQUAL(reader_get_u8(&reader), 0);
    CU_ASSERT_EQUAL(reader_get_u16(&reader), 0);
    CU_ASSERT_EQUAL(reader_get_varint(&reader), 0);
    CU_ASSERT_EQUAL(reader_get_bytes(&reader, 1).length, 0);
    CU_ASSERT_EQUAL(reader_get_binary(&reader).length, 0);
    CU_ASSERT_EQUAL(reader_get_string(&reader).length, 0);
    CU_ASSERT_EQUAL(reader_left(&reader), 0);
    CU_ASSERT_TRUE(reader.failed);
    block_destroy(block);
}

static void an_empty_view_may_be_null(void)
{
    struct reader reader = reader_of((struct bytes){NULL, 0});
    CU_ASSERT_EQUAL(reader_left(&reader), 0);
    CU_ASSERT_EQUAL(reader_get_bytes(&reader, 0).length, 0);
    CU_ASSERT_FALSE(reader.failed);
    struct writer writer = writer_of(NULL, 0);
    writer_put_bytes(&writer, (struct bytes){NULL, 0});
    CU_ASSERT_FALSE(writer.overflow);
    writer_put_u8(&writer, 1);
    CU_ASSERT_TRUE(writer.overflow);
    CU_ASSERT_TRUE(bytes_equal((struct bytes){NULL, 0}, bytes_of("")));
}

static void a_string_is_a_length_and_as_many_bytes(void)
{
    // The example of the standards, section 1.5.4: 'A' and the character U+2A6D4.
    struct block block = block_of("00 05 41 f0 aa 9b 94");
    struct reader reader = reader_of(block_view(block));
    CU_ASSERT_TRUE(bytes_equal(reader_get_string(&reader), bytes_of("A\xf0\xaa\x9b\x94")));
    CU_ASSERT_FALSE(reader.failed);
    block_destroy(block);

    block = block_of("00 05 41 f0 aa 9b");
    reader = reader_of(block_view(block));
    (void)reader_get_string(&reader); // only the failure matters
    CU_ASSERT_TRUE(reader.failed);
    block_destroy(block);
}

static void a_string_that_is_not_text_fails_but_not_as_binary_data(void)
{
    struct block block = block_of("00 02 c0 80");
    struct reader reader = reader_of(block_view(block));
    (void)reader_get_string(&reader); // only the failure matters
    CU_ASSERT_TRUE(reader.failed);
    reader = reader_of(block_view(block));
    CU_ASSERT_EQUAL(reader_get_binary(&reader).length, 2);
    CU_ASSERT_FALSE(reader.failed);
    block_destroy(block);
}

// The table of the standards, section 2.2.3 (3.1.1) and 1.5.5 (5.0).
static const struct {
    uint32_t value;
    const char *bytes;
} varints[] = {
    {0, "00"},           {127, "7f"},           {128, "80 01"},           {16383, "ff 7f"},
    {16384, "80 80 01"}, {2097151, "ff ff 7f"}, {2097152, "80 80 80 01"}, {268435455, "ff ff ff 7f"},
    {321, "c1 02"},
};

static void variable_byte_integers_follow_the_table_of_the_standard(void)
{
    for (size_t i = 0; i < COUNT(varints); i++) {
        struct block block = block_of(varints[i].bytes);
        struct reader reader = reader_of(block_view(block));
        CHECK(reader_get_varint(&reader) == varints[i].value, "%s", varints[i].bytes);
        CHECK(!reader.failed && reader_left(&reader) == 0, "%s", varints[i].bytes);
        CHECK(varint_size(varints[i].value) == block.length, "%s", varints[i].bytes);
        struct block written = block_create(block.length);
        struct writer writer = block_writer(written);
        writer_put_varint(&writer, varints[i].value);
        CHECK(!writer.overflow && bytes_equal(block_view(written), block_view(block)), "%s",
              varints[i].bytes);
        block_destroy(written);
        block_destroy(block);
    }
}

static void variable_byte_integers_that_are_cut_or_not_the_shortest_fail(void)
{
    static const char *const faults[] = {
        "",      "80",       "ff ff",       "ff ff ff",    "80 00",
        "ff 00", "80 80 00", "80 80 80 00", "ff ff ff ff", "80 80 80 80 01",
    };
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct block block = block_of(faults[i]);
        struct reader reader = reader_of(block_view(block));
        CHECK(reader_get_varint(&reader) == 0 && reader.failed, "%s", faults[i]);
        block_destroy(block);
    }
}

static void a_write_that_does_not_fit_overflows_and_nothing_is_written_after_it(void)
{
    struct block block = block_of("ee ee ee");
    struct writer writer = block_writer(block);
    writer_put_u16(&writer, 0x0102);
    writer_put_u16(&writer, 0x0304);
    CU_ASSERT_TRUE(writer.overflow);
    writer_put_u8(&writer, 5);
    writer_put_varint(&writer, 5);
    writer_put_u32(&writer, 5);
    writer_put_bytes(&writer, bytes_of("x"));
    CU_ASSERT_TRUE(writer.overflow);
    CU_ASSERT_TRUE(bytes_equal(block_view(block), bytes_of("\x01\x02\xee")));
    block_destroy(block);
}

static void values_that_their_field_cannot_hold_overflow(void)
{
    struct block text = block_create(UINT16_MAX + 1u);
    struct block room = block_create(UINT16_MAX + 100u);
    memset(text.data, 'x', text.length);
    struct writer writer = block_writer(room);
    writer_put_binary(&writer, block_view(text));
    CU_ASSERT_TRUE(writer.overflow);
    writer = block_writer(room);
    writer_put_binary(&writer, (struct bytes){text.data, UINT16_MAX});
    CU_ASSERT_FALSE(writer.overflow);
    CU_ASSERT_EQUAL(writer.at - room.data, 2 + UINT16_MAX);
    writer = block_writer(room);
    writer_put_varint(&writer, VARINT_MAX + 1);
    CU_ASSERT_TRUE(writer.overflow);
    block_destroy(room);
    block_destroy(text);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"integers are read most significant byte first", integers_are_read_most_significant_byte_first},
        {"a read that does not fit fails, and so does every later one",
         a_read_that_does_not_fit_fails_and_so_does_every_later_one},
        {"an empty view may be NULL", an_empty_view_may_be_null},
        {"a string is a length and as many bytes", a_string_is_a_length_and_as_many_bytes},
        {"a string that is not text fails, but not as binary data",
         a_string_that_is_not_text_fails_but_not_as_binary_data},
        {"variable byte integers follow the table of the standard",
         variable_byte_integers_follow_the_table_of_the_standard},
        {"variable byte integers that are cut or not the shortest fail",
         variable_byte_integers_that_are_cut_or_not_the_shortest_fail},
        {"a write that does not fit overflows and nothing is written after it",
         a_write_that_does_not_fit_overflows_and_nothing_is_written_after_it},
        {"values that their field cannot hold overflow", values_that_their_field_cannot_hold_overflow},
    };
    return RUN_TESTS("bytes", cases);
}
