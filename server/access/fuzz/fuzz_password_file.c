// SPDX-License-Identifier: MIT
// Any bytes as a password file: it is taken, and then each of its lines is found in it and understood; or it
// is refused with one line.
#include "server/access/access.h"
#include "test/fuzz.h"

#include <stdlib.h>

static void check_hash(const char *hash)
{
    struct password_form form;
    expect(password_form_read(bytes_of(hash), &form) == NULL);
}

// Returns how many users the lines name.
static uint32_t check_lines(const struct password_file *file, struct bytes text)
{
    uint32_t users = 0;
    struct bytes rest = password_lines_begin(text);
    struct bytes bytes;
    while (password_line_next(&rest, &bytes)) {
        struct password_line line;
        expect(password_line_read(bytes, &line) == NULL);
        if (line.user.length == 0)
            continue;
        struct password_entry entry = password_file_find(file, line.user);
        expect(entry.known && bytes_equal(bytes_of(entry.hash), line.hash));
        check_hash(entry.hash);
        users++;
    }
    return users;
}

static void check_taken(const struct password_file *file, struct bytes text)
{
    expect(check_lines(file, text) == password_file_count(file));
    struct password_entry entry = password_file_find(file, bytes_of("\n"));
    expect(!entry.known); // no line can name such a user
    check_hash(entry.hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct password_file *file = NULL;
    char line[PASSWORD_FILE_LINE_BYTES];
    struct bytes text = {data, size};
    int status = password_file_parse("f", text, &file, line);
    if (status == 0)
        check_taken(file, text);
    else
        expect(line[0] != '\0' && strchr(line, '\n') == NULL);
    password_file_unref(file);
    return 0;
}
