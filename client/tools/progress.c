// SPDX-License-Identifier: MIT
#include "client/tools/progress.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_MS 1000u // what is quicker needs no line
#define EVERY_MS 500u

void progress_begin(struct progress *progress, int fd, bool quiet, uint64_t bytes_total, uint64_t now_ms)
{
    *progress = (struct progress){
        .shown = !quiet && isatty(fd) == 1,
        .begun_ms = now_ms,
        .next_ms = now_ms + FIRST_MS,
        .bytes_total = bytes_total,
    };
}

void progress_text(const struct progress *progress, uint64_t messages, uint64_t bytes, uint64_t now_ms,
                   char text[PROGRESS_TEXT_BYTES])
{
    uint64_t spent_ms = now_ms > progress->begun_ms ? now_ms - progress->begun_ms : 1;
    int length = snprintf(text, PROGRESS_TEXT_BYTES, "%llu messages, %llu/s", (unsigned long long)messages,
                          (unsigned long long)(messages * 1000 / spent_ms));
    if (bytes == 0 || bytes > progress->bytes_total || length < 0)
        return;
    uint64_t left_s = (progress->bytes_total - bytes) * spent_ms / bytes / 1000;
    snprintf(text + length, PROGRESS_TEXT_BYTES - (size_t)length, ", %llu%%, %llu:%02llu:%02llu left",
             (unsigned long long)(bytes * 100 / progress->bytes_total), (unsigned long long)(left_s / 3600),
             (unsigned long long)(left_s / 60 % 60), (unsigned long long)(left_s % 60));
}

void progress_draw(struct progress *progress, uint64_t messages, uint64_t bytes, uint64_t now_ms)
{
    char text[PROGRESS_TEXT_BYTES];
    progress_text(progress, messages, bytes, now_ms, text);
    fprintf(stderr, "\r\033[K%s", text);
    fflush(stderr);
    progress->drawn = true;
    progress->next_ms = now_ms + EVERY_MS;
}

void progress_end(struct progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}
