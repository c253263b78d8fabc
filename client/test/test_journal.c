// SPDX-License-Identifier: MIT
// The queue file: what is written is read again, cut at every byte, damaged at random, and rewritten.
#include "client/journal.h"
#include "test/run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];

// Messages that a reading has found.
static struct {
    struct journal_message messages[64];
    uint8_t last_byte[64];
    size_t count;
} found;

static struct packet_id_set incoming;

static int note(void *context, const struct journal_message *message)
{
    if (found.count == 64)
        return -1;
    found.last_byte[found.count] = message->packet.data[message->packet.length - 1];
    found.messages[found.count++] = *message;
    return 0;
}

static int open_file(struct journal **ret_journal)
{
    struct error error;
    found.count = 0;
    return journal_open(path, false, note, NULL, &incoming, ret_journal, &error);
}

static struct journal *reopen(void)
{
    struct journal *journal = NULL;
    CU_ASSERT_EQUAL_FATAL(open_file(&journal), 0);
    return journal;
}

static struct bytes packet_of(uint8_t qos, char last)
{
    static uint8_t packet[] = {0x32, 6, 0, 1, 't', 0, 1, 'x'};
    packet[0] = (uint8_t)(0x30 | qos << 1);
    packet[7] = (uint8_t)last;
    return (struct bytes){packet, sizeof packet};
}

static void what_is_alive_is_read_again(void)
{
    (void)unlink(path);
    struct journal *journal = reopen();
    CU_ASSERT_EQUAL(found.count, 0);
    uint64_t a = journal_take(journal, packet_of(1, 'a'));
    uint64_t b = journal_take(journal, packet_of(2, 'b'));
    uint64_t c = journal_take(journal, packet_of(2, 'c'));
    uint64_t d = journal_take(journal, packet_of(1, 'd'));
    CU_ASSERT(a < b && b < c && c < d);
    journal_send(journal, a, 7);
    journal_send(journal, b, 8);
    journal_send(journal, c, 9);
    journal_release(journal, b);
    journal_release(journal, c);
    journal_send(journal, c, 20); // a new session: it begins once more
    journal_end(journal, a, packet_of(1, 'a'));
    journal_come(journal, 5);
    journal_come(journal, 6);
    journal_go(journal, 5);
    journal_close(journal);
    journal = reopen();
    CU_ASSERT_EQUAL_FATAL(found.count, 3);
    CU_ASSERT(found.last_byte[0] == 'b' && found.messages[0].packet_id == 8 && found.messages[0].released);
    CU_ASSERT(found.last_byte[1] == 'c' && found.messages[1].packet_id == 20 && !found.messages[1].released);
    CU_ASSERT(found.last_byte[2] == 'd' && found.messages[2].packet_id == 0);
    CU_ASSERT_EQUAL(found.messages[0].id_offset, 5);
    CU_ASSERT(!packet_id_set_has(&incoming, 5) && packet_id_set_has(&incoming, 6));
    CU_ASSERT(journal_take(journal, packet_of(1, 'e')) > d); // numbers go on
    journal_forget(journal);
    journal_close(journal);
    journal_close(reopen());
    CU_ASSERT_EQUAL(incoming.count, 0);
    CU_ASSERT_EQUAL(found.count, 4);
}

static size_t read_file(uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "re");
    CU_ASSERT_FATAL(file != NULL);
    size_t count = fread(bytes, 1, size, file);
    fclose(file);
    return count;
}

static void write_file(const uint8_t *bytes, size_t size)
{
    (void)unlink(path); // a file system may take its time when one is written over
    FILE *file = fopen(path, "we");
    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void a_record_that_is_cut_is_left_out(void)
{
    static uint8_t whole[4096];
    (void)unlink(path);
    struct journal *journal = reopen();
    for (char last = 'a'; last < 'e'; last++)
        (void)journal_take(journal, packet_of(1, last));
    journal_close(journal);
    size_t size = read_file(whole, sizeof whole);
    size_t record = (size - 8) / 4;
    for (size_t at = 0; at <= size; at++) {
        write_file(whole, at);
        journal = reopen();
        CU_ASSERT_EQUAL(found.count, at < 8 ? 0 : (at - 8) / record);
        (void)journal_take(journal, packet_of(1, 'z')); // and it can be written on
        journal_close(journal);
        journal_close(reopen());
        CU_ASSERT_EQUAL(found.last_byte[found.count - 1], 'z');
    }
}

// A damaged file is refused or read up to the damage, and never more than what was there.
static void damage_at_random_does_no_harm(void)
{
    static uint8_t whole[4096];
    unsigned seed = getenv("SEED") == NULL ? 1u : (unsigned)strtoul(getenv("SEED"), NULL, 0);
    printf("\n    seed %u (set SEED to repeat) ", seed);
    what_is_alive_is_read_again();
    size_t size = read_file(whole, sizeof whole);
    for (unsigned run = 0; run < 500; run++) {
        uint8_t damaged[4096];
        memcpy(damaged, whole, size);
        seed = seed * 1103515245u + 12345u;
        damaged[(seed >> 8) % size] ^= (uint8_t)(1u << (seed >> 4 & 7));
        write_file(damaged, size);
        struct journal *journal = NULL;
        int status = open_file(&journal);
        CU_ASSERT(status == 0 || status == HBMQTT_ERROR_ARGUMENT);
        CU_ASSERT(found.count <= 4);
        journal_close(journal);
    }
}

static void what_is_no_queue_file_is_refused_and_left_alone(void)
{
    struct journal *journal = NULL;
    uint8_t bytes[16];
    write_file((const uint8_t *)"precious", 8);
    CU_ASSERT_EQUAL(open_file(&journal), HBMQTT_ERROR_ARGUMENT);
    write_file((const uint8_t *)"short", 5);
    CU_ASSERT_EQUAL(open_file(&journal), HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_EQUAL(read_file(bytes, sizeof bytes), 5);
    CU_ASSERT(memcmp(bytes, "short", 5) == 0);
    (void)unlink(path);
}

static void a_file_is_for_one_process(void)
{
    struct journal *second = NULL;
    (void)unlink(path);
    struct journal *first = reopen();
    CU_ASSERT_EQUAL(open_file(&second), HBMQTT_ERROR_ARGUMENT);
    journal_close(first);
    journal_close(reopen());
}

static off_t size_of_file(void)
{
    struct stat status;
    CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
    return status.st_size;
}

static void history_is_written_away(void)
{
    (void)unlink(path);
    struct journal *journal = reopen();
    struct journal_message kept = {
        .serial = journal_take(journal, packet_of(2, 'k')), .packet_id = 3, .released = true};
    for (unsigned i = 0; !journal_is_stale(journal); i++) {
        uint64_t serial = journal_take(journal, packet_of(1, 'x'));
        journal_end(journal, serial, packet_of(1, 'x'));
        CU_ASSERT_EQUAL_FATAL(journal_flush(journal), 0);
        CU_ASSERT_FATAL(i < 100000);
    }
    off_t before = size_of_file();
    kept.packet = packet_of(2, 'k');
    CU_ASSERT_EQUAL_FATAL(journal_rewrite_begin(journal), 0);
    journal_rewrite(journal, &kept);
    journal_come(journal, 77);
    CU_ASSERT_EQUAL(journal_rewrite_end(journal), 0);
    CU_ASSERT(size_of_file() < 200 && before > (1 << 20));
    uint64_t after = journal_take(journal, packet_of(1, 'n'));
    CU_ASSERT(after > kept.serial);
    journal_close(journal);
    journal_close(reopen());
    CU_ASSERT_EQUAL_FATAL(found.count, 2);
    CU_ASSERT(found.last_byte[0] == 'k' && found.messages[0].packet_id == 3 && found.messages[0].released);
    CU_ASSERT(found.last_byte[1] == 'n');
    CU_ASSERT(packet_id_set_has(&incoming, 77));
}

static void a_device_is_no_queue_file(void)
{
    struct journal *journal = NULL;
    struct error error;
    CU_ASSERT_EQUAL(journal_open("/dev/full", false, note, NULL, &incoming, &journal, &error),
                    HBMQTT_ERROR_ARGUMENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/dev/full"));
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"what is alive is read again", what_is_alive_is_read_again},
        {"a record that is cut is left out", a_record_that_is_cut_is_left_out},
        {"damage at random does no harm", damage_at_random_does_no_harm},
        {"what is no queue file is refused and left alone", what_is_no_queue_file_is_refused_and_left_alone},
        {"a file is for one process", a_file_is_for_one_process},
        {"history is written away", history_is_written_away},
        {"a device is no queue file", a_device_is_no_queue_file},
    };
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/hbmqtt-journal-%ld", folder == NULL ? "/tmp" : folder, (long)getpid());
    int status = RUN_TESTS("journal", tests);
    (void)unlink(path);
    return status;
}
