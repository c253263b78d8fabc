// SPDX-License-Identifier: MIT
#include "server/config/spelling.h"

#include <string.h>

static char letter(char byte)
{
    return byte == '_' ? '-' : byte;
}

bool spelling_same(const char *a, const char *b)
{
    for (; *a != '\0' && letter(*a) == letter(*b); a++, b++)
        ;
    return letter(*a) == letter(*b);
}

static uint8_t least(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

uint32_t spelling_distance(const char *a, const char *b)
{
    // rows[i % 3][j]: the distance of the first i letters of a from the first j of b
    uint8_t rows[3][SPELLING_BYTES + 1];
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    uint32_t far = SPELLING_NEAR_MAX + 1;

    if (a_length > SPELLING_BYTES || b_length > SPELLING_BYTES)
        return far;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = (uint8_t)j;
    for (size_t i = 1; i <= a_length; i++) {
        const uint8_t *before = rows[(i + 1) % 3];
        const uint8_t *last = rows[(i + 2) % 3];
        uint8_t *row = rows[i % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = letter(a[i - 1]) == letter(b[j - 1]);
            row[j] = least((uint8_t)(last[j - 1] + !same), (uint8_t)(least(last[j], row[j - 1]) + 1));
            if (i > 1 && j > 1 && letter(a[i - 1]) == letter(b[j - 2]) &&
                letter(a[i - 2]) == letter(b[j - 1]))
                row[j] = least(row[j], (uint8_t)(before[j - 2] + 1));
        }
    }
    uint32_t distance = rows[a_length % 3][b_length];
    return distance > SPELLING_NEAR_MAX || distance > b_length / 2 ? far : distance;
}
