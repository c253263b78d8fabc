// SPDX-License-Identifier: MIT
#include "server/access/access.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "test/suite.h"

static char error[ACL_FILE_ERROR_BYTES];
static struct acl *acl;

static int parse(struct acl_builder *builder, const char *text)
{
    (void)snprintf(error, sizeof(error), "untouched");
    return acl_file_parse(builder, bytes_of(text), "acl", error, sizeof(error));
}

static void read_text(const char *text)
{
    struct acl_builder *builder = acl_builder_create(1);
    int status = parse(builder, text);
    CU_ASSERT_EQUAL(status, 0);
    if (status != 0)
        fprintf(stderr, "%s\n", error);
    acl = acl_builder_finish(builder);
}

static bool may(const char *user, enum acl_action action, const char *text)
{
    struct permit_identity identity = {.user = bytes_of(user), .client_id = bytes_of("c1")};
    struct permit permit;
    permit_init(&permit, acl, &identity);
    return permit_allows(&permit, action, bytes_of(text));
}

// Which of PUBLISH, SUBSCRIBE and RECEIVE are allowed.
static uint8_t access_of(const char *user, const char *topic)
{
    uint8_t allowed = 0;
    for (uint8_t action = ACL_PUBLISH; action <= ACL_RECEIVE; action = (uint8_t)(action << 1))
        allowed |= may(user, action, topic) ? action : 0;
    return allowed;
}

static void lines_are_for_the_user_above_them(void)
{
    read_text("topic read public/#\n"
              "\n"
              "# a comment\n"
              "user alice\n"
              "topic a/+\n"
              "topic read r\n"
              "topic write w\n"
              "topic readwrite rw\n"
              "  # another\n"
              "user bob\n"
              "topic b\n"
              "user alice\n"
              "topic again");
    CU_ASSERT_EQUAL(access_of("", "public/x"), ACL_SUBSCRIBE | ACL_RECEIVE);
    CU_ASSERT_EQUAL(access_of("alice", "public/x"), 0);
    CU_ASSERT_EQUAL(access_of("alice", "a/x"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("alice", "r"), ACL_SUBSCRIBE | ACL_RECEIVE);
    CU_ASSERT_EQUAL(access_of("alice", "w"), ACL_PUBLISH);
    CU_ASSERT_EQUAL(access_of("alice", "rw"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("alice", "b"), 0);
    CU_ASSERT_EQUAL(access_of("alice", "again"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("bob", "b"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("bob", "a/x"), 0);
    CU_ASSERT_EQUAL(access_of("", "b"), 0);
    CU_ASSERT_EQUAL(access_of("carol", "public/x"), 0);
    acl_unref(acl);
}

static void denials_and_patterns(void)
{
    read_text("pattern read status/%c\n"
              "user alice\n"
              "pattern write home/%u/#\n"
              "topic data/#\n"
              "topic deny data/secret\n"
              "topic text/%u\n");
    CU_ASSERT_EQUAL(access_of("", "status/c1"), ACL_SUBSCRIBE | ACL_RECEIVE);
    CU_ASSERT_EQUAL(access_of("bob", "status/c1"), ACL_SUBSCRIBE | ACL_RECEIVE);
    CU_ASSERT_EQUAL(access_of("bob", "status/c2"), 0);
    CU_ASSERT_EQUAL(access_of("bob", "home/bob/x"), ACL_PUBLISH);
    CU_ASSERT_EQUAL(access_of("", "home//x"), 0);
    CU_ASSERT_EQUAL(access_of("alice", "data/x"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("alice", "data/secret"), 0);
    CU_ASSERT_FALSE(may("alice", ACL_SUBSCRIBE, "data/#"));
    CU_ASSERT_EQUAL(access_of("alice", "text/%u"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("alice", "text/alice"), 0);
    acl_unref(acl);
}

static void blanks_and_line_ends_do_not_matter(void)
{
    read_text("\r\n \t \r\n\tuser   alice b \r\n topic\tread   a b/c d  \r\ntopic #\r\n");
    CU_ASSERT_EQUAL(access_of("alice b", "a b/c d"), ACL_ACTIONS);
    CU_ASSERT_EQUAL(access_of("alice", "a b/c d"), 0);
    acl_unref(acl);
    read_text("user u\ntopic read a b/c d");
    CU_ASSERT_EQUAL(access_of("u", "a b/c d"), ACL_SUBSCRIBE | ACL_RECEIVE);
    acl_unref(acl);
}

static void an_empty_file_allows_nothing(void)
{
    static const char *const texts[] = {"", "\n", "# nothing", "user alice\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        read_text(texts[i]);
        CU_ASSERT_EQUAL(access_of("alice", "a"), 0);
        CU_ASSERT_EQUAL(access_of("", "a"), 0);
        acl_unref(acl);
    }
}

struct fault {
    const char *text;
    const char *message;
};

static const struct fault faults[] = {
    {"# x\n\ntopik read a\n", "acl:3: expected topic, pattern, user or a comment, seen 'topik'"},
    {"\xef\xbb\xbfuser a\n", "acl:1: expected topic, pattern, user or a comment, seen '???user'"},
    {"topic\n",
     "acl:1: expected a topic filter of 1 to 128 levels, with '+' and '#' alone in theirs and '#' at "
     "the end, seen nothing"},
    {"topic read\n",
     "acl:1: expected a topic filter of 1 to 128 levels, with '+' and '#' alone in theirs and "
     "'#' at the end, seen nothing"},
    {"topic a#\n",
     "acl:1: expected a topic filter of 1 to 128 levels, with '+' and '#' alone in theirs and '#' "
     "at the end, seen 'a#'"},
    {"topic read a # comment\n",
     "acl:1: expected a topic filter of 1 to 128 levels, with '+' and '#' alone in "
     "theirs and '#' at the end, seen 'a # comment'"},
    {"topic rw a\n", "acl:1: expected read, write, readwrite or deny before a topic filter, seen 'rw'"},
    {"pattern READ %u\n",
     "acl:1: expected read, write, readwrite or deny before a topic filter, seen 'READ'"},
    {"pattern read %u#\n",
     "acl:1: expected a topic filter of 1 to 128 levels, with '+' and '#' alone in theirs "
     "and '#' at the end, seen '%u#'"},
    {"user\n", "acl:1: expected a user name, seen nothing"},
    {"topic a\nuser \xff\x1b[2J\n", "acl:2: expected a user name, seen '??[2J'"},
    {"12345678901234567890123456789012345678901234567890123456789012345\n",
     "acl:1: expected topic, pattern, user or a comment, seen "
     "'123456789012345678901234567890123456789012345678901234567890...'"},
};

static void a_fault_is_told_with_its_line_and_what_was_expected(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct acl_builder *builder = acl_builder_create(1);
        CU_ASSERT_EQUAL(parse(builder, faults[i].text), -EINVAL);
        CU_ASSERT_STRING_EQUAL(error, faults[i].message);
        if (strcmp(error, faults[i].message) != 0)
            fprintf(stderr, "%s\n", error);
        acl_builder_destroy(builder);
    }
}

static void a_nul_is_no_end(void)
{
    static const uint8_t text[] = "topic a\0b\n";
    struct acl_builder *builder = acl_builder_create(1);
    CU_ASSERT_EQUAL(
        acl_file_parse(builder, (struct bytes){text, sizeof(text) - 1}, "acl", error, sizeof(error)),
        -EINVAL);
    acl_builder_destroy(builder);
}

static int load(const char *path)
{
    struct acl_builder *builder = acl_builder_create(1);
    (void)snprintf(error, sizeof(error), "untouched");
    int status = acl_file_load(builder, path, error, sizeof(error));
    if (status == 0)
        acl = acl_builder_finish(builder);
    else
        acl_builder_destroy(builder);
    return status;
}

static void files_are_read_to_their_ends(void)
{
    char path[] = "/tmp/test-acl-file-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    for (uint32_t i = 0; i < 20000; i++)
        CU_ASSERT_FATAL(dprintf(fd, "user user-%u\ntopic write plant/%u\n", i / 2, i) > 0);
    CU_ASSERT_EQUAL_FATAL(load(path), 0);
    CU_ASSERT_EQUAL(access_of("user-9999", "plant/19998"), ACL_PUBLISH);
    CU_ASSERT_EQUAL(access_of("user-9999", "plant/19999"), ACL_PUBLISH);
    CU_ASSERT_EQUAL(access_of("user-9999", "plant/19997"), 0);
    acl_unref(acl);
    CU_ASSERT_EQUAL(ftruncate(fd, (off_t)ACL_FILE_BYTES_MAX + 1), 0);
    CU_ASSERT_EQUAL(load(path), -EFBIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "File too large"));
    CU_ASSERT_EQUAL(close(fd), 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(load(path), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "cannot open /tmp/test-acl-file-"));
    CU_ASSERT_EQUAL(load("/tmp"), -EISDIR);
    CU_ASSERT_STRING_EQUAL(error, "cannot read /tmp: Is a directory");
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"lines are for the user above them", lines_are_for_the_user_above_them},
        {"denials and patterns", denials_and_patterns},
        {"blanks and line ends do not matter", blanks_and_line_ends_do_not_matter},
        {"an empty file allows nothing", an_empty_file_allows_nothing},
        {"a fault is told with its line and what was expected",
         a_fault_is_told_with_its_line_and_what_was_expected},
        {"a NUL is no end", a_nul_is_no_end},
        {"files are read to their ends", files_are_read_to_their_ends},
    };
    return RUN_TESTS("acl file", cases);
}
