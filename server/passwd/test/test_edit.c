// SPDX-License-Identifier: MIT
#include "server/passwd/edit.h"

#include "test/suite.h"

#define HASH "$5$saltstring$5VqwRViXIT9T4FySVv5ggxOqqA3/ummHgr4hnOjfh13"

struct example {
    const char *before;
    const char *after;
    uint32_t changed;
};

static void check(const struct example *example, struct edit *edit)
{
    bool same = bytes_equal(edit_bytes(edit), bytes_of(example->after));
    CU_ASSERT_TRUE(same);
    CU_ASSERT_EQUAL(edit->changed, example->changed);
    if (!same)
        printf("\n%s ->\n%.*s", example->before, (int)edit->length, edit->text);
    edit_finish(edit);
}

static void a_user_is_set_and_nothing_else(void)
{
    static const struct example table[] = {
        {"", "bob:NEW\n", 1},
        {"bob:old", "bob:NEW", 1},
        {"bob:old\n", "bob:NEW\n", 1},
        {"alice:x\nbob:old\ncarol:y\n", "alice:x\nbob:NEW\ncarol:y\n", 1},
        {"alice:x\n", "alice:x\nbob:NEW\n", 1},
        {"alice:x", "alice:x\nbob:NEW\n", 1},
        {"alice:x\r\n", "alice:x\r\nbob:NEW\r\n", 1},
        {"# a\r\nalice:x", "# a\r\nalice:x\r\nbob:NEW\r\n", 1},
        {"alice:x\r", "alice:x\r\nbob:NEW\n", 1},
        {"bob:old\r\nalice:x\r\n", "bob:NEW\r\nalice:x\r\n", 1},
        {"  bob : old \t\n", "bob:NEW\n", 1},
        {"\xef\xbb\xbf"
         "bob:old\n",
         "\xef\xbb\xbf"
         "bob:NEW\n",
         1},
        {"#bob:old\n\n  # x\nfaulty\n:y\n", "#bob:old\n\n  # x\nfaulty\n:y\nbob:NEW\n", 1},
        {"bob:1\nalice:x\nbob:2\nbob:3", "bob:NEW\nalice:x\n", 1},
        {"bobby:x\nbo:y\nBob:z\n", "bobby:x\nbo:y\nBob:z\nbob:NEW\n", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct edit edit;
        edit_set(bytes_of(table[i].before), bytes_of("bob"), "NEW", &edit);
        check(&table[i], &edit);
    }
}

static void a_user_is_deleted_and_nothing_else(void)
{
    static const struct example table[] = {
        {"", "", 0},
        {"bob:x", "", 1},
        {"alice:x\nbob:y\n# z\n", "alice:x\n# z\n", 1},
        {"bob:x\nalice:y\r\n bob : z\n", "alice:y\r\n", 2},
        {"alice:x\n#bob:y\nbobby:z", "alice:x\n#bob:y\nbobby:z", 0},
        {"faulty\n\nbob:x\n", "faulty\n\n", 1},
        {"\xef\xbb\xbf"
         "bob:x\nalice:y\n",
         "\xef\xbb\xbf"
         "alice:y\n",
         1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct edit edit;
        edit_delete(bytes_of(table[i].before), bytes_of("bob"), &edit);
        check(&table[i], &edit);
    }
}

// That user `user` of `text` has this password.
static bool has_password(struct bytes text, const char *user, const char *password)
{
    struct password_file *file = NULL;
    char line[PASSWORD_FILE_LINE_BYTES];
    if (password_file_parse("f", text, &file, line) != 0)
        return false;
    struct password_entry entry = password_file_find(file, bytes_of(user));
    bool right = entry.known && password_verify(entry.hash, bytes_of(password)) == PASSWORD_RIGHT;
    password_file_unref(file);
    return right;
}

static void plain_text_is_hashed_and_hashes_stay(void)
{
    struct edit edit;
    uint32_t line = 0;
    static const char text[] = "# users\r\nalice:secret\r\nbob:" HASH "\r\n\r\ncarol: a:b c \r\ndave:x";
    CU_ASSERT_PTR_NULL_FATAL(edit_upgrade(bytes_of(text), PASSWORD_SHA512, 1000, &edit, &line));
    CU_ASSERT_EQUAL(edit.changed, 3);
    CU_ASSERT_TRUE(has_password(edit_bytes(&edit), "alice", "secret"));
    CU_ASSERT_TRUE(has_password(edit_bytes(&edit), "bob", "Hi, gateway!"));
    CU_ASSERT_TRUE(has_password(edit_bytes(&edit), "carol", "a:b c"));
    CU_ASSERT_TRUE(has_password(edit_bytes(&edit), "dave", "x"));
    struct edit again;
    CU_ASSERT_PTR_NULL_FATAL(edit_upgrade(edit_bytes(&edit), PASSWORD_SHA512, 1000, &again, &line));
    CU_ASSERT_EQUAL(again.changed, 0);
    CU_ASSERT_TRUE(bytes_equal(edit_bytes(&again), edit_bytes(&edit)));
    edit_finish(&again);
    edit_finish(&edit);
}

static void what_is_neither_hash_nor_password_is_told(void)
{
    static const struct {
        const char *text;
        uint32_t line;
    } table[] = {
        {"alice:secret\nbob:$1$abc$iCQ2D3nhptRYi27fDYv2s1\n", 2}, // hashing it would lock bob out
        {"alice:" HASH "x\n", 1},
        {"\n\nfaulty\n", 3},
        {"alice:\n", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct edit edit = {0};
        uint32_t line = 0;
        const char *fault = edit_upgrade(bytes_of(table[i].text), PASSWORD_SHA512, 1000, &edit, &line);
        CU_ASSERT_PTR_NOT_NULL(fault);
        CU_ASSERT_EQUAL(line, table[i].line);
        CU_ASSERT_PTR_NULL(edit.text);
    }
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"a user is set and nothing else", a_user_is_set_and_nothing_else},
        {"a user is deleted and nothing else", a_user_is_deleted_and_nothing_else},
        {"plain text is hashed and hashes stay", plain_text_is_hashed_and_hashes_stay},
        {"what is neither hash nor password is told", what_is_neither_hash_nor_password_is_told},
    };
    return RUN_TESTS("edit", cases);
}
