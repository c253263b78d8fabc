// SPDX-License-Identifier: MIT
// Runs a fuzz target over the files of a corpus without libFuzzer: `replay_TARGET DIRECTORY`. So each input
// that was ever kept is tried with every compiler.
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "test/fuzz.h"

#define INPUT_BYTES_MAX (1u << 20)

static int file_replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *room = malloc(INPUT_BYTES_MAX);
    int result = -1;
    if (file != NULL && room != NULL) {
        size_t size = fread(room, 1, INPUT_BYTES_MAX, file);
        uint8_t *exact = malloc(size);
        if (exact != NULL && !ferror(file)) {
            memcpy(exact, room, size);
            result = LLVMFuzzerTestOneInput(exact, size);
        }
        free(exact);
    }
    if (result != 0)
        fprintf(stderr, "%s: cannot replay: %s\n", path, strerror(errno));
    free(room);
    if (file != NULL)
        (void)fclose(file); // it was only read
    return result;
}

int main(int argc, char **argv)
{
    DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned replayed = 0;
    int failed = 0;
    if (directory == NULL) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        failed |= file_replay(path);
        replayed++;
    }
    (void)closedir(directory); // it was only read
    printf("%u inputs replayed\n", replayed);
    return failed != 0 || replayed == 0;
}
