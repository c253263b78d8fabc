// SPDX-License-Identifier: MIT
#include "server/access/password_file.h"

#include "server/access/test/samples.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH  "$5$saltstring$5VqwRViXIT9T4FySVv5ggxOqqA3/ummHgr4hnOjfh13"
#define OTHER "$2b$04$Bt0kvMfaFr.92IC2SsweFOF4R0YFYyNXU42bFfox4/l2zEzdOgdPa"

// A file of this text; NULL with the line in `line` if it is faulty.
static char line[PASSWORD_FILE_LINE_BYTES];

static struct password_file *parsed(const char *text)
{
    struct password_file *file = NULL;
    int status = password_file_parse("users", bytes_of(text), &file, line);
    CU_ASSERT_EQUAL(status == 0, file != NULL);
    CU_ASSERT_EQUAL(status == 0, line[0] == '\0');
    return file;
}

static bool holds(const struct password_file *file, const char *user, const char *hash)
{
    struct password_entry entry = password_file_find(file, bytes_of(user));
    return entry.known && strcmp(entry.hash, hash) == 0;
}

static void users_are_found_with_their_hashes(void)
{
    struct password_file *file = parsed("alice:" HASH "\nbob:" OTHER "\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(password_file_count(file), 2);
    CU_ASSERT_TRUE(holds(file, "alice", HASH));
    CU_ASSERT_TRUE(holds(file, "bob", OTHER));
    static const char *const strangers[] = {"", "alic", "alice ", "alicex", "Alice", "alice:", HASH};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++)
        CU_ASSERT_FALSE(password_file_find(file, bytes_of(strangers[i])).known);
    CU_ASSERT_FALSE(password_file_find(file, (struct bytes){(const uint8_t *)"alice\0", 6}).known);
    CU_ASSERT_FALSE(password_file_find(file, (struct bytes){NULL, 0}).known);
    password_file_unref(file);
}

static void comments_blanks_and_ends_of_lines_do_not_count(void)
{
    static const char *const texts[] = {
        "alice:" HASH,
        "alice:" HASH "\r\n",
        "# comment\n\n  \t\n#bob:x\n  # indented: comment\nalice:" HASH "\n\n",
        "  alice  :  " HASH "\t \n",
        "\xef\xbb\xbf"
        "alice:" HASH "\r\n\r\n",
        "#\nalice:" HASH "\r",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct password_file *file = parsed(texts[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        CU_ASSERT_EQUAL(password_file_count(file), 1);
        CU_ASSERT_TRUE(holds(file, "alice", HASH));
        password_file_unref(file);
    }
}

static void names_may_hold_what_mqtt_allows(void)
{
    static const char *const users[] = {"a#b", "two words", "gr\xc3\xbc\xc3\x9f", "$6$", "a/b", "+", "x"};
    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "%s:" HASH "\n", users[i]);
        struct password_file *file = parsed(text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(file);
        CU_ASSERT_TRUE(holds(file, users[i], HASH));
        password_file_unref(file);
    }
}

static void faults_are_told_with_their_line_and_without_the_hash(void)
{
    static const struct {
        const char *text;
        const char *words;
    } table[] = {
        {"alice\n", "users:1: expected USER:HASH"},
        {"\n# x\nalice:" HASH "\nsecret-hash\n", "users:4: expected USER:HASH"},
        {":" HASH "\n", "users:1: the name of the user is missing"},
        {"  :" HASH "\n", "users:1: the name of the user is missing"},
        {"al\x01ice:" HASH "\n", "users:1: the name of the user has a colon or a control"},
        {"al\xffice:" HASH "\n", "users:1: the name of the user is not UTF-8"},
        {"alice:\n", "users:1: the hash is missing"},
        {"alice:secret\n", "users:1: the password is in plain text"},
        {"alice:" HASH "x\n", "users:1: the hash is misspelt"},
        {"alice:" HASH ":100:7\n", "users:1: the hash is misspelt"},
        {"alice:$1$abc$iCQ2D3nhptRYi27fDYv2s1\n", "users:1: MD5"},
        {"alice:$2b$31$Bt0kvMfaFr.92IC2SsweFOF4R0YFYyNXU42bFfox4/l2zEzdOgdPa\n",
         "users:1: the hash takes more"},
        {"alice:" HASH "\nbob:" OTHER "\n\n alice :" OTHER "\n",
         "users:4: this user has a line already, line 1"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        CU_ASSERT_PTR_NULL(parsed(table[i].text));
        bool said = strncmp(line, table[i].words, strlen(table[i].words)) == 0;
        CU_ASSERT_TRUE(said);
        if (!said)
            printf("\n%s", line);
        CU_ASSERT_PTR_NULL(strstr(line, "secret"));
        CU_ASSERT_PTR_NULL(strstr(line, "saltstring"));
        CU_ASSERT_PTR_NULL(strstr(line, "iCQ2D3"));
    }
}

static void a_zero_byte_ends_nothing(void)
{
    struct password_file *file = NULL;
    static const char in_user[] = "al\0ice:" HASH "\n";
    static const char in_hash[] = "alice:" HASH "\0x\n";
    CU_ASSERT_EQUAL(
        password_file_parse("u", (struct bytes){(const uint8_t *)in_user, sizeof in_user - 1}, &file, line),
        -EINVAL);
    CU_ASSERT_EQUAL(
        password_file_parse("u", (struct bytes){(const uint8_t *)in_hash, sizeof in_hash - 1}, &file, line),
        -EINVAL);
}

// An unknown user takes the time of a known one: by another's hash, always the same.
static void unknown_users_get_a_hash_that_takes_as_long(void)
{
    struct password_file *file = parsed("alice:" HASH "\nbob:" OTHER "\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    unsigned of_alice = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char user[16];
        (void)snprintf(user, sizeof user, "user-%u", i);
        struct password_entry entry = password_file_find(file, bytes_of(user));
        CU_ASSERT_FALSE(entry.known);
        CU_ASSERT_PTR_EQUAL(entry.hash, password_file_find(file, bytes_of(user)).hash);
        of_alice += strcmp(entry.hash, HASH) == 0;
    }
    CU_ASSERT_TRUE(of_alice > 300 && of_alice < 700);
    password_file_unref(file);

    file = parsed("");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    struct password_entry entry = password_file_find(file, bytes_of("alice"));
    CU_ASSERT_FALSE(entry.known);
    CU_ASSERT_EQUAL(password_verify(entry.hash, bytes_of("x")), PASSWORD_WRONG);
    password_file_unref(file);
}

static void a_hundred_thousand_users_are_read(void)
{
    enum { USERS = 100000 };
    size_t room = USERS * (sizeof "user-000000:" HASH "\n");
    char *text = malloc(room);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    size_t length = 0;
    for (unsigned i = 0; i < USERS; i++)
        length += (size_t)snprintf(text + length, room - length, "user-%06u:" HASH "\n", i);
    struct password_file *file = NULL;
    uint64_t before_ns = clock_monotonic_ns();
    CU_ASSERT_EQUAL_FATAL(
        password_file_parse("users", (struct bytes){(const uint8_t *)text, length}, &file, line), 0);
    printf(" (%u ms) ", (unsigned)((clock_monotonic_ns() - before_ns) / NS_PER_MS));
    free(text);
    CU_ASSERT_EQUAL(password_file_count(file), USERS);
    for (unsigned i = 0; i < USERS; i += 7) {
        char user[16];
        (void)snprintf(user, sizeof user, "user-%06u", i);
        CU_ASSERT_TRUE(holds(file, user, HASH));
    }
    CU_ASSERT_FALSE(password_file_find(file, bytes_of("user-100000")).known);
    password_file_unref(file);
}

// Files.

static char path[] = "/tmp/test_password_file_XXXXXX";

static void write_file(const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
    CU_ASSERT_EQUAL(close(fd), 0);
}

static int load(const char *from, struct password_file **ret_file)
{
    *ret_file = NULL;
    return password_file_load(from, ret_file, line);
}

static void a_file_is_loaded(void)
{
    struct password_file *file;
    write_file("alice:" HASH "\n", 0600);
    CU_ASSERT_EQUAL_FATAL(load(path, &file), 0);
    CU_ASSERT_STRING_EQUAL(line, "");
    CU_ASSERT_TRUE(holds(file, "alice", HASH));
    write_file("bob:" HASH "\n", 0600); // what was loaded stays
    CU_ASSERT_TRUE(holds(file, "alice", HASH));
    password_file_unref(file);
    write_file("alice:x\n", 0600);
    CU_ASSERT_EQUAL(load(path, &file), -EINVAL);
    CU_ASSERT_EQUAL(strncmp(line, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, ":1: "));
    write_file("", 0600);
    CU_ASSERT_EQUAL(load(path, &file), 0);
    password_file_unref(file);
}

static void a_file_that_everybody_may_read_or_write_is_told(void)
{
    static const struct {
        mode_t mode;
        const char *word;
    } table[] = {{0600, ""},     {0640, ""},      {0660, ""},     {0644, "read"},
                 {0604, "read"}, {0602, "write"}, {0666, "write"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct password_file *file;
        write_file("alice:" HASH "\n", table[i].mode);
        CU_ASSERT_EQUAL_FATAL(load(path, &file), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(line, table[i].word));
        CU_ASSERT_EQUAL(line[0] == '\0', table[i].word[0] == '\0');
        password_file_unref(file);
    }
}

static void what_cannot_be_read_is_told(void)
{
    struct password_file *file;
    CU_ASSERT_EQUAL(load("/nonexistent/users", &file), -ENOENT);
    CU_ASSERT_STRING_EQUAL(line, "/nonexistent/users: cannot be opened: No such file or directory");
    CU_ASSERT_EQUAL(load("/tmp", &file), -EINVAL);
    CU_ASSERT_STRING_EQUAL(line, "/tmp: is no regular file");
    CU_ASSERT_EQUAL(load("/dev/zero", &file), -EINVAL);
    CU_ASSERT_EQUAL(load("/proc/self/status", &file), -EINVAL); // a regular file that has bytes and says 0
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "longer than it says"));
    CU_ASSERT_EQUAL(load("/proc/self/mem", &file), -EIO);
    char fifo[64];
    (void)snprintf(fifo, sizeof fifo, "%s.fifo", path);
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
    CU_ASSERT_EQUAL(load(fifo, &file), -EINVAL); // instead of waiting for a writer
    CU_ASSERT_EQUAL(unlink(fifo), 0);
    CU_ASSERT_EQUAL_FATAL(truncate(path, (off_t)PASSWORD_FILE_BYTES_MAX + 1), 0); // sparse
    CU_ASSERT_EQUAL(load(path, &file), -EFBIG);
    CU_ASSERT_EQUAL(truncate(path, 0), 0);
}

static void *find_often(void *argument)
{
    struct password_file *file = argument;
    bool found = true;
    for (unsigned i = 0; i < 10000; i++) {
        struct password_file *own = password_file_ref(file);
        found &= holds(own, "alice", HASH);
        password_file_unref(own);
    }
    password_file_unref(file);
    return found ? argument : NULL;
}

static void threads_share_a_file_and_the_last_one_frees_it(void)
{
    struct password_file *file = parsed("alice:" HASH "\n");
    pthread_t threads[4];
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, find_often, password_file_ref(file)), 0);
    password_file_unref(file);
    for (unsigned i = 0; i < 4; i++) {
        void *found = NULL;
        CU_ASSERT_EQUAL(pthread_join(threads[i], &found), 0);
        CU_ASSERT_PTR_NOT_NULL(found);
    }
    password_file_unref(password_file_ref(NULL));
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"users are found with their hashes", users_are_found_with_their_hashes},
        {"comments, blanks and ends of lines do not count", comments_blanks_and_ends_of_lines_do_not_count},
        {"names may hold what MQTT allows", names_may_hold_what_mqtt_allows},
        {"faults are told with their line and without the hash",
         faults_are_told_with_their_line_and_without_the_hash},
        {"a zero byte ends nothing", a_zero_byte_ends_nothing},
        {"unknown users get a hash that takes as long", unknown_users_get_a_hash_that_takes_as_long},
        {"a hundred thousand users are read", a_hundred_thousand_users_are_read},
        {"a file is loaded", a_file_is_loaded},
        {"a file that everybody may read or write is told", a_file_that_everybody_may_read_or_write_is_told},
        {"what cannot be read is told", what_cannot_be_read_is_told},
        {"threads share a file and the last one frees it", threads_share_a_file_and_the_last_one_frees_it},
    };
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return EXIT_FAILURE;
    (void)close(fd); // nothing was written
    int status = RUN_TESTS("password_file", cases);
    (void)unlink(path); // it is in /tmp anyway
    return status;
}
