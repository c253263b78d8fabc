// SPDX-License-Identifier: MIT
// A queue file that holds anything: it is refused, or what is found in it can be sent, and is found again.
#include "client/journal.h"
#include "test/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned count;

static int note(void *context, const struct journal_message *message)
{
    struct frame frame = {0};
    if (frame_read(message->packet, UINT32_MAX, &frame) != FRAME_READY ||
        frame.size != message->packet.length || message->id_offset + 2 > frame.size || message->serial == 0)
        fuzz_fail("a message that cannot be sent");
    count++;
    return 0;
}

static int open_file(const char *path, struct packet_id_set *incoming)
{
    struct journal *journal = NULL;
    struct error error;
    count = 0;
    int status = journal_open(path, false, note, NULL, incoming, &journal, &error);
    journal_close(journal);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct packet_id_set first, second;
    char path[64];
    int fd = memfd_create("journal", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        fuzz_fail("no memory for the file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int status = open_file(path, &first);
    unsigned found = count;
    if (status == 0 && (open_file(path, &second) != 0 || count != found || first.count != second.count))
        fuzz_fail("it is not found again");
    close(fd);
    return 0;
}
