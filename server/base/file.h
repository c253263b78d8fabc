// SPDX-License-Identifier: MIT
// Files that are read whole.
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

// Reads to the end of a file, and no more than `size` bytes: with one more than a file may have, a longer one
// is seen. Returns the count, or -errno.
ssize_t file_read_all(int fd, void *ret_bytes, size_t size);

// Reads a file of at most `bytes_max` bytes. Returns 0 with *ret_bytes, to be freed with free(3), and
// *ret_length; otherwise -errno with a line in ret_error, of error_size bytes, that names the file and the
// cause.
int file_load(const char *path, size_t bytes_max, void **ret_bytes, size_t *ret_length, char *ret_error,
              size_t error_size);

#endif
