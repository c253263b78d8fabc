// SPDX-License-Identifier: MIT
#include "server/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/base/memory.h"

ssize_t file_read_all(int fd, void *ret_bytes, size_t size)
{
    size_t length = 0;
    while (length < size) {
        ssize_t count = read(fd, (uint8_t *)ret_bytes + length, size - length);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count == 0)
            break;
        length += count > 0 ? (size_t)count : 0;
    }
    return (ssize_t)length;
}

int file_load(const char *path, size_t bytes_max, void **ret_bytes, size_t *ret_length, char *ret_error,
              size_t error_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        (void)snprintf(ret_error, error_size, "cannot open %s: %s", path, strerror(error));
        return -error;
    }
    void *bytes = memory_require(bytes_max + 1); // only what is read takes memory
    ssize_t length = file_read_all(fd, bytes, bytes_max + 1);
    (void)close(fd); // only read from
    if (length >= 0 && (size_t)length <= bytes_max) {
        *ret_bytes = bytes;
        *ret_length = (size_t)length;
        return 0;
    }
    free(bytes);
    int status = length < 0 ? (int)length : -EFBIG;
    (void)snprintf(ret_error, error_size, "cannot read %s: %s", path, strerror(-status));
    return status;
}
