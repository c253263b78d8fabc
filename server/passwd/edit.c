// SPDX-License-Identifier: MIT
#include "server/passwd/edit.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void edit_finish(struct edit *edit)
{
    if (edit->text != NULL)
        OPENSSL_cleanse(edit->text, edit->length);
    free(edit->text);
    *edit = (struct edit){0};
}

// Room for so many bytes, taken once.
static struct edit edit_begin(size_t size_max)
{
    return (struct edit){.text = memory_require(size_max + 1)};
}

static void put(struct edit *edit, struct bytes bytes)
{
    if (bytes.length > 0)
        memcpy(edit->text + edit->length, bytes.data, bytes.length);
    edit->length += bytes.length;
}

// "USER:HASH", without the line's end.
static void put_user(struct edit *edit, struct bytes user, const char *hash)
{
    put(edit, user);
    put(edit, bytes_of(":"));
    put(edit, bytes_of(hash));
    edit->changed++;
}

// A line of the old text, with its end and what it says.
struct old_line {
    struct bytes whole;
    struct bytes end; // LF, CR LF, CR, or nothing
    struct password_line read;
    const char *fault;
};

static bool old_line_next(struct bytes *rest, struct old_line *ret_line)
{
    struct bytes line;
    const uint8_t *begin = rest->data;
    if (!password_line_next(rest, &line))
        return false;
    ret_line->whole = (struct bytes){begin, (size_t)(rest->data - begin)};
    ret_line->end = (struct bytes){line.data + line.length, ret_line->whole.length - line.length};
    ret_line->read = (struct password_line){0};
    ret_line->fault = password_line_read(line, &ret_line->read);
    return true;
}

// Begins to read the lines of `text`; what is before them stays.
static struct bytes lines_begin(struct edit *edit, struct bytes text)
{
    struct bytes rest = password_lines_begin(text);
    put(edit, (struct bytes){text.data, text.length - rest.length});
    return rest;
}

// A user's name is never empty, which is what a line without one has.
static bool is_of(const struct old_line *line, struct bytes user)
{
    return bytes_equal(line->read.user, user);
}

void edit_set(struct bytes text, struct bytes user, const char *hash, struct edit *ret_edit)
{
    *ret_edit = edit_begin(text.length + user.length + strlen(hash) + sizeof "\r\n:\r\n");
    const char *end = "\n"; // of a new line: as those before it
    struct bytes rest = lines_begin(ret_edit, text);
    struct old_line line;
    while (old_line_next(&rest, &line)) {
        if (bytes_equal(line.end, bytes_of("\r\n")))
            end = "\r\n";
        if (!is_of(&line, user)) {
            put(ret_edit, line.whole);
        } else if (ret_edit->changed == 0) {
            put_user(ret_edit, user, hash);
            put(ret_edit, line.end);
        }
    }
    if (ret_edit->changed > 0)
        return;
    if (text.length > 0 && text.data[text.length - 1] != '\n')
        put(ret_edit, bytes_of(end));
    put_user(ret_edit, user, hash);
    put(ret_edit, bytes_of(end));
}

void edit_delete(struct bytes text, struct bytes user, struct edit *ret_edit)
{
    *ret_edit = edit_begin(text.length);
    struct bytes rest = lines_begin(ret_edit, text);
    struct old_line line;
    while (old_line_next(&rest, &line))
        if (is_of(&line, user))
            ret_edit->changed++;
        else
            put(ret_edit, line.whole);
}

static size_t lines_count(struct bytes text)
{
    size_t lines = 0;
    for (struct bytes line; password_line_next(&text, &line);)
        lines++;
    return lines;
}

static const char *line_upgrade(const struct old_line *line, enum password_scheme scheme, uint32_t rounds,
                                struct edit *edit)
{
    struct password_form form;
    char hash[PASSWORD_TEXT_BYTES];
    if (line->fault != NULL)
        return line->fault;
    if (line->read.user.length == 0 || password_form_read(line->read.hash, &form) == NULL) {
        put(edit, line->whole);
        return NULL;
    }
    if (line->read.hash.length == 0)
        return "the password is missing";
    if (line->read.hash.data[0] == '$') // hashed once more, nobody could get in again
        return "what begins with '$' is no hash that is known here, and is not taken for a password";
    const char *fault = password_hash(scheme, rounds, line->read.hash, hash);
    if (fault != NULL)
        return fault;
    put_user(edit, line->read.user, hash);
    put(edit, line->end);
    return NULL;
}

const char *edit_upgrade(struct bytes text, enum password_scheme scheme, uint32_t rounds,
                         struct edit *ret_edit, uint32_t *ret_line)
{
    struct edit edit = edit_begin(text.length + lines_count(text) * PASSWORD_TEXT_BYTES);
    struct bytes rest = lines_begin(&edit, text);
    struct old_line line;
    for (uint32_t number = 1; old_line_next(&rest, &line); number++) {
        const char *fault = line_upgrade(&line, scheme, rounds, &edit);
        if (fault == NULL)
            continue;
        edit_finish(&edit);
        *ret_line = number;
        return fault;
    }
    *ret_edit = edit;
    return NULL;
}
