// SPDX-License-Identifier: MIT
#include "client/journal.h"

#include "client/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC       "hbmqttq1"
#define MAGIC_BYTES 8u
#define HEAD_BYTES  9u    // checksum, kind, length
#define PATH_BYTES  4096u // as the kernel has it
#define STALE_BYTES (1u << 20)
#define BODY_BYTES  268435468u // a serial and the largest packet

struct journal {
    int fd;
    bool sync;
    bool unsettled;       // written, and perhaps not on the disk
    int fault;            // a negative errno: nothing is written any more
    uint64_t stale_bytes; // a smaller file is not worth rewriting
    struct buffer pending;
    uint64_t serial;     // the last one given
    uint64_t file_bytes; // written
    uint64_t live_bytes; // of messages that are alive
    char path[PATH_BYTES];
    char path_new[PATH_BYTES + 8];
};

// Records.

static uint32_t checksum_of(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 2166136261u; // FNV-1a: it only has to tell a record from one that was cut
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 16777619u;
    return sum;
}

static void append(struct journal *journal, uint8_t kind, const uint8_t *head, uint32_t head_size,
                   struct bytes rest)
{
    if (journal == NULL || journal->fault != 0)
        return;
    uint32_t size = head_size + (uint32_t)rest.length;
    uint8_t *room = buffer_reserve(&journal->pending, HEAD_BYTES + size);
    if (room == NULL) {
        journal->fault = -ENOMEM;
        return;
    }
    struct writer writer = writer_of(room + 4, HEAD_BYTES - 4 + size);
    writer_put_u8(&writer, kind);
    writer_put_u32(&writer, size);
    writer_put_bytes(&writer, (struct bytes){head, head_size});
    writer_put_bytes(&writer, rest);
    uint32_t sum = checksum_of(room + 4, HEAD_BYTES - 4 + size);
    writer = writer_of(room, 4);
    writer_put_u32(&writer, sum);
    buffer_added(&journal->pending, HEAD_BYTES + size);
}

static void append_serial(struct journal *journal, uint8_t kind, uint64_t serial, struct bytes rest)
{
    uint8_t head[8];
    struct writer writer = writer_of(head, sizeof head);
    writer_put_u32(&writer, (uint32_t)(serial >> 32));
    writer_put_u32(&writer, (uint32_t)serial);
    append(journal, kind, head, sizeof head, rest);
}

static void append_id(struct journal *journal, uint8_t kind, uint16_t packet_id)
{
    const uint8_t head[] = {(uint8_t)(packet_id >> 8), (uint8_t)packet_id};
    append(journal, kind, head, sizeof head, (struct bytes){0});
}

static uint64_t message_bytes(struct bytes packet)
{
    return HEAD_BYTES + 8u + packet.length;
}

uint64_t journal_take(struct journal *journal, struct bytes packet)
{
    if (journal == NULL)
        return 0;
    append_serial(journal, 'M', ++journal->serial, packet);
    journal->live_bytes += message_bytes(packet);
    return journal->serial;
}

void journal_send(struct journal *journal, uint64_t serial, uint16_t packet_id)
{
    const uint8_t id[] = {(uint8_t)(packet_id >> 8), (uint8_t)packet_id};
    if (serial != 0)
        append_serial(journal, 'S', serial, (struct bytes){id, sizeof id});
}

void journal_release(struct journal *journal, uint64_t serial)
{
    if (serial != 0)
        append_serial(journal, 'R', serial, (struct bytes){0});
}

void journal_end(struct journal *journal, uint64_t serial, struct bytes packet)
{
    if (journal == NULL || serial == 0)
        return;
    append_serial(journal, 'D', serial, (struct bytes){0});
    journal->live_bytes -= message_bytes(packet);
}

void journal_come(struct journal *journal, uint16_t packet_id)
{
    append_id(journal, 'I', packet_id);
}

void journal_go(struct journal *journal, uint16_t packet_id)
{
    append_id(journal, 'O', packet_id);
}

void journal_forget(struct journal *journal)
{
    append(journal, 'F', NULL, 0, (struct bytes){0});
}

// Writing.

static int write_all(int fd, struct bytes bytes)
{
    while (bytes.length != 0) {
        ssize_t count = write(fd, bytes.data, bytes.length);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > 0) {
            bytes.data += count;
            bytes.length -= (size_t)count;
        }
    }
    return 0;
}

int journal_flush(struct journal *journal)
{
    if (journal == NULL)
        return 0;
    struct bytes bytes = buffer_bytes(&journal->pending);
    if (journal->fault != 0 || bytes.length == 0)
        return journal->fault;
    journal->fault = write_all(journal->fd, bytes);
    journal->unsettled = true;
    journal->file_bytes += bytes.length;
    buffer_taken(&journal->pending, bytes.length);
    return journal->fault;
}

int journal_settle(struct journal *journal)
{
    int status = journal_flush(journal);
    if (status != 0 || journal == NULL || !journal->sync || !journal->unsettled)
        return status;
    journal->unsettled = false;
    if (fdatasync(journal->fd) != 0)
        journal->fault = -errno;
    return journal->fault;
}

// Reading.

struct reading {
    struct journal_message *messages; // in the order of their serials
    size_t count;
    size_t capacity;
    struct packet_id_set *incoming;
};

// The message that is alive under `serial`, or NULL.
static struct journal_message *reading_find(struct reading *reading, uint64_t serial)
{
    size_t low = 0;
    size_t high = reading->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reading->messages[middle].serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    struct journal_message *found = &reading->messages[low];
    return low < reading->count && found->serial == serial && found->packet.data != NULL ? found : NULL;
}

// True if `packet` is a PUBLISH above QoS 0; *ret_id_offset is then set. The file may have been anybody's.
static bool packet_is_right(struct bytes packet, uint32_t *ret_id_offset)
{
    struct frame frame = {0};
    struct packet decoded;
    if (frame_read(packet, UINT32_MAX, &frame) != FRAME_READY || frame.size != packet.length ||
        frame_type(&frame) != PACKET_PUBLISH ||
        packet_decode(&frame, MQTT_VERSION_3_1_1, &decoded) != REASON_SUCCESS || decoded.publish.qos == 0)
        return false;
    *ret_id_offset = publish_packet_id_offset(&decoded.publish, MQTT_VERSION_3_1_1);
    return true;
}

static int read_message(struct reading *reading, uint64_t serial, struct bytes packet)
{
    struct journal_message message = {.serial = serial, .packet = packet};
    if ((reading->count != 0 && reading->messages[reading->count - 1].serial >= serial) ||
        !packet_is_right(packet, &message.id_offset))
        return -EBADMSG;
    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity == 0 ? 64 : reading->capacity * 2;
        void *grown = realloc(reading->messages, capacity * sizeof message);
        if (grown == NULL)
            return -ENOMEM;
        reading->messages = grown;
        reading->capacity = capacity;
    }
    reading->messages[reading->count++] = message;
    return 0;
}

static int read_change(struct reading *reading, uint8_t kind, struct reader *body, uint64_t serial)
{
    struct journal_message *message = reading->count == 0 ? NULL : reading_find(reading, serial);
    uint16_t packet_id = kind == 'S' ? reader_get_u16(body) : 0;
    if (body->failed || (kind == 'S' && packet_id == 0))
        return -EBADMSG;
    if (message == NULL)
        return 0; // of a message that has ended: its file offset was rewritten away
    if (kind == 'S') {
        message->packet_id = packet_id;
        message->released = false; // a new session: it began once more
    }
    if (kind == 'R')
        message->released = true;
    if (kind == 'D')
        message->packet = (struct bytes){0};
    return 0;
}

static int read_record(struct reading *reading, uint8_t kind, struct bytes bytes)
{
    struct reader body = reader_of(bytes);
    if (kind == 'F') {
        packet_id_set_init(reading->incoming);
        return 0;
    }
    if (kind == 'I' || kind == 'O') {
        uint16_t packet_id = reader_get_u16(&body);
        if (body.failed || packet_id == 0)
            return -EBADMSG;
        if (kind == 'I')
            packet_id_set_add(reading->incoming, packet_id);
        else
            (void)packet_id_set_remove(reading->incoming, packet_id); // O may come for what was never there
        return 0;
    }
    uint64_t serial = (uint64_t)reader_get_u32(&body) << 32;
    serial |= reader_get_u32(&body);
    if (body.failed || serial == 0)
        return -EBADMSG;
    if (kind == 'M')
        return read_message(reading, serial, (struct bytes){body.at, reader_left(&body)});
    return kind == 'S' || kind == 'R' || kind == 'D' ? read_change(reading, kind, &body, serial) : -EBADMSG;
}

// Reads records up to one that is not whole. Returns 0 with *ret_good set to where they end, or a negative
// errno.
static int read_records(struct reading *reading, struct bytes file, size_t *ret_good)
{
    size_t at = MAGIC_BYTES;
    while (file.length - at >= HEAD_BYTES) {
        struct reader head = reader_of((struct bytes){file.data + at, HEAD_BYTES});
        uint32_t sum = reader_get_u32(&head);
        uint8_t kind = reader_get_u8(&head);
        uint32_t length = reader_get_u32(&head);
        if (length > BODY_BYTES || length > file.length - at - HEAD_BYTES ||
            checksum_of(file.data + at + 4, HEAD_BYTES - 4 + length) != sum)
            break;
        int status = read_record(reading, kind, (struct bytes){file.data + at + HEAD_BYTES, length});
        if (status != 0)
            return status;
        at += HEAD_BYTES + length;
    }
    *ret_good = at;
    return 0;
}

static int visit_messages(struct journal *journal, const struct reading *reading, journal_visit visit,
                          void *context)
{
    int status = 0;
    for (size_t i = 0; i < reading->count && status == 0; i++) {
        const struct journal_message *message = &reading->messages[i];
        journal->serial = message->serial;
        if (message->packet.data == NULL)
            continue;
        journal->live_bytes += message_bytes(message->packet);
        status = visit(context, message);
    }
    return status == 0 ? 0 : -ENOMEM;
}

static int read_whole(int fd, struct buffer *file)
{
    for (;;) {
        uint8_t *room = buffer_reserve(file, 65536);
        if (room == NULL)
            return -ENOMEM;
        ssize_t count = read(fd, room, file->capacity - file->end);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count == 0)
            return 0;
        if (count > 0)
            buffer_added(file, (size_t)count);
    }
}

static int journal_load(struct journal *journal, struct buffer *file, journal_visit visit, void *context,
                        struct packet_id_set *ret_incoming)
{
    struct bytes bytes = buffer_bytes(file);
    struct reading reading = {.incoming = ret_incoming};
    size_t good = 0;
    packet_id_set_init(ret_incoming);
    if (bytes.length < MAGIC_BYTES) { // new, or made and never written to
        struct bytes magic = {(const uint8_t *)MAGIC, MAGIC_BYTES};
        if (bytes.length != 0 && memcmp(bytes.data, MAGIC, bytes.length) != 0)
            return -EBADMSG;
        journal->file_bytes = MAGIC_BYTES;
        if (ftruncate(journal->fd, 0) != 0 || lseek(journal->fd, 0, SEEK_SET) != 0)
            return -errno;
        return write_all(journal->fd, magic);
    }
    if (memcmp(bytes.data, MAGIC, MAGIC_BYTES) != 0)
        return -EBADMSG;
    int status = read_records(&reading, bytes, &good);
    if (status == 0)
        status = visit_messages(journal, &reading, visit, context);
    free(reading.messages);
    if (status == 0 && (ftruncate(journal->fd, (off_t)good) != 0 || lseek(journal->fd, 0, SEEK_END) < 0))
        status = -errno;
    journal->file_bytes = good;
    return status;
}

// Opens `path` and locks it. What was renamed away between the two is tried again.
static int open_locked(const char *path, int flags)
{
    for (;;) {
        struct stat by_name;
        struct stat by_fd;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);
        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int status = -errno;
            close(fd);
            return status;
        }
        if (fstat(fd, &by_fd) == 0 && stat(path, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
            by_fd.st_dev == by_name.st_dev)
            return fd;
        close(fd);
    }
}

// A device might never come to its end.
static int check_regular(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISREG(status.st_mode) ? 0 : -EBADMSG;
}

static int journal_report(const char *path, int status, struct error *ret_error)
{
    const char *why = status == -EBADMSG       ? "it is not a queue file of this library, or it is damaged"
                      : status == -EWOULDBLOCK ? "another process uses it"
                                               : strerror(-status);
    int code = status == -ENOMEM ? HBMQTT_ERROR_SYSTEM : HBMQTT_ERROR_ARGUMENT;
    return error_set(ret_error, code, "queue file '%s': %s", path, why);
}

int journal_open(const char *path, bool sync, journal_visit visit, void *context,
                 struct packet_id_set *ret_incoming, struct journal **ret_journal, struct error *ret_error)
{
    if (strlen(path) >= PATH_BYTES)
        return journal_report(path, -ENAMETOOLONG, ret_error);
    struct journal *journal = calloc(1, sizeof *journal);
    if (journal == NULL)
        return journal_report(path, -ENOMEM, ret_error);
    buffer_init(&journal->pending);
    journal->fd = -1;
    journal->sync = sync;
    journal->stale_bytes = STALE_BYTES;
    snprintf(journal->path, sizeof journal->path, "%s", path);
    snprintf(journal->path_new, sizeof journal->path_new, "%s.new", path);
    int status = check_regular(path);
    if (status == 0)
        status = journal->fd = open_locked(path, 0);
    struct buffer file;
    buffer_init(&file);
    if (status >= 0)
        status = read_whole(journal->fd, &file);
    if (status == 0)
        status = journal_load(journal, &file, visit, context, ret_incoming);
    buffer_finish(&file);
    if (status == 0) {
        *ret_journal = journal;
        return 0;
    }
    journal_close(journal);
    return journal_report(path, status, ret_error);
}

void journal_close(struct journal *journal)
{
    if (journal == NULL)
        return;
    (void)journal_flush(journal); // a failure has been told by the flush that met it first
    if (journal->fd >= 0)
        close(journal->fd);
    buffer_finish(&journal->pending);
    free(journal);
}

// Rewriting.

bool journal_is_stale(const struct journal *journal)
{
    return journal != NULL && journal->fault == 0 && journal->file_bytes > journal->stale_bytes &&
           journal->file_bytes / 4 > journal->live_bytes;
}

int journal_rewrite_begin(struct journal *journal)
{
    int status = journal_flush(journal);
    if (status != 0)
        return status;
    int fd = open_locked(journal->path_new, O_TRUNC);
    if (fd < 0) { // no room for a second file, perhaps: the first one serves for longer
        journal->stale_bytes = journal->file_bytes * 2;
        return fd;
    }
    close(journal->fd);
    journal->fd = fd;
    journal->file_bytes = 0;
    journal->live_bytes = 0;
    uint8_t *room = buffer_reserve(&journal->pending, MAGIC_BYTES);
    if (room == NULL)
        return journal->fault = -ENOMEM;
    memcpy(room, MAGIC, MAGIC_BYTES);
    buffer_added(&journal->pending, MAGIC_BYTES);
    return 0;
}

void journal_rewrite(struct journal *journal, const struct journal_message *message)
{
    append_serial(journal, 'M', message->serial, message->packet);
    journal->live_bytes += message_bytes(message->packet);
    if (message->packet_id != 0)
        journal_send(journal, message->serial, message->packet_id);
    if (message->released)
        journal_release(journal, message->serial);
}

int journal_rewrite_end(struct journal *journal)
{
    int status = journal_settle(journal);
    if (status == 0 && rename(journal->path_new, journal->path) != 0)
        status = -errno;
    return journal->fault = status;
}
