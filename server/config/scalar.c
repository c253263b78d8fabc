// SPDX-License-Identifier: MIT
#include "server/config/scalar.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

bool scalar_empty(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

bool scalar_integer(const char *text, int64_t *ret_value)
{
    bool negative = *text == '-';
    int64_t value = 0;
    text += negative;
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] != '\0'))
        return false;
    for (; *text != '\0'; text++) {
        if (*text == '_' && text[1] >= '0' && text[1] <= '9')
            continue;
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *text - '0', &value))
            return false;
    }
    *ret_value = negative ? -value : value;
    return true;
}

bool scalar_bool(const char *text, bool *ret_value)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true}, {"false", false}, {"yes", true},
                 {"no", false},  {"on", true},     {"off", false}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i].word) != 0)
            continue;
        *ret_value = words[i].value;
        return true;
    }
    return false;
}
