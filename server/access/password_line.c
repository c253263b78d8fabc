// SPDX-License-Identifier: MIT
#include "server/access/password_line.h"

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct bytes trim(struct bytes text)
{
    while (text.length > 0 && is_blank(text.data[text.length - 1]))
        text.length--;
    while (text.length > 0 && is_blank(text.data[0])) {
        text.data++;
        text.length--;
    }
    return text;
}

struct bytes password_lines_begin(struct bytes text)
{
    struct bytes mark = bytes_of("\xef\xbb\xbf");
    if (!bytes_begin_with(text, mark))
        return text;
    return (struct bytes){text.data + mark.length, text.length - mark.length};
}

bool password_line_next(struct bytes *rest, struct bytes *ret_line)
{
    if (rest->length == 0)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->length);
    size_t length = end == NULL ? rest->length : (size_t)(end - rest->data);
    size_t taken = length + (end != NULL);
    *ret_line =
        (struct bytes){rest->data, length > 0 && rest->data[length - 1] == '\r' ? length - 1 : length};
    *rest = (struct bytes){rest->data + taken, rest->length - taken};
    return true;
}

const char *password_user_check(struct bytes user)
{
    if (user.length == 0)
        return "the name of the user is missing";
    if (user.length > PASSWORD_USER_BYTES_MAX)
        return "the name of the user is longer than the 65,535 bytes that MQTT has room for";
    if (!utf8_valid(user))
        return "the name of the user is not UTF-8";
    for (size_t i = 0; i < user.length; i++)
        if (user.data[i] == ':' || user.data[i] < ' ' || user.data[i] == 0x7f)
            return "the name of the user has a colon or a control character";
    if (user.data[0] == '#' || trim(user).length != user.length)
        return "the name of the user begins with '#', or begins or ends with a blank";
    return NULL;
}

const char *password_line_read(struct bytes line, struct password_line *ret_line)
{
    struct bytes text = trim(line);
    if (text.length == 0 || text.data[0] == '#') {
        *ret_line = (struct password_line){0};
        return NULL;
    }
    const uint8_t *colon = memchr(text.data, ':', text.length);
    if (colon == NULL)
        return "expected USER:HASH, and there is no colon";
    struct bytes user = trim((struct bytes){text.data, (size_t)(colon - text.data)});
    struct bytes rest = {colon + 1, (size_t)(text.data + text.length - colon) - 1};
    const char *fault = password_user_check(user);
    if (fault == NULL)
        *ret_line = (struct password_line){.user = user, .hash = trim(rest)};
    return fault;
}
