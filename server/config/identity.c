// SPDX-License-Identifier: MIT
#include "server/config/identity.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_HIGH 4294967294ull // what follows stands for "unchanged"

bool identity_valid(const char *text)
{
    if (strspn(text, "0123456789") != strlen(text))
        return text[0] != '-';
    return strlen(text) <= 10 && strtoull(text, NULL, 10) <= NUMBER_HIGH;
}
