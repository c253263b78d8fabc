// SPDX-License-Identifier: MIT
#include "server/access/password_file.h"

#include "server/access/password_form.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRIES_FIRST 64u

// Stands in for unknown users of a file without users: as hbmqtt_passwd hashes, and nobody knows of what.
#define DECOY                                                                                                \
    "$argon2id$v=19$m=19456,t=2,p=1$B8wIzVmebED/hXS+jN7g0Q$p6vvy+Eu/8oz74NEJsR3B3eWWL015yQKOriEpGlGT74"

struct entry {
    struct hash_node node;
    uint32_t user; // where it begins in the text
    uint32_t user_length;
    uint32_t hash; // the same, terminated
    uint32_t line;
};

struct password_file {
    _Atomic uint32_t references;
    char *text; // the file's bytes, with a NUL behind each hash
    size_t text_size;
    struct entry *entries;
    uint32_t entry_count;
    uint32_t entry_capacity;
    uint64_t seed; // nobody who chooses user names can choose colliding ones
    struct hash_table users;
};

static struct bytes entry_user(const struct password_file *file, const struct entry *entry)
{
    return (struct bytes){(const uint8_t *)file->text + entry->user, entry->user_length};
}

static uint64_t user_hash(const struct password_file *file, struct bytes user)
{
    return hash_bytes(user.data, user.length, file->seed);
}

static const struct entry *entry_find(const struct password_file *file, struct bytes user, uint64_t hash)
{
    for (struct hash_node *node = hash_table_find(&file->users, hash); node != NULL;
         node = hash_node_again(node)) {
        const struct entry *entry = container_of(node, struct entry, node);
        if (bytes_equal(entry_user(file, entry), user))
            return entry;
    }
    return NULL;
}

// Returns NULL if there is no memory.
static struct entry *entry_append(struct password_file *file)
{
    if (file->entry_count == file->entry_capacity) {
        uint32_t capacity = file->entry_capacity == 0 ? ENTRIES_FIRST : file->entry_capacity * 2;
        struct entry *entries = realloc(file->entries, capacity * sizeof *entries);
        if (entries == NULL)
            return NULL;
        file->entries = entries;
        file->entry_capacity = capacity;
    }
    return &file->entries[file->entry_count++];
}

__attribute__((format(printf, 4, 5))) static int fail(char *ret_line, const char *name, int error,
                                                      const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = snprintf(ret_line, PASSWORD_FILE_LINE_BYTES, "%.200s", name);
    (void)vsnprintf(ret_line + length, PASSWORD_FILE_LINE_BYTES - (size_t)length, format, arguments); // fits
    va_end(arguments);
    return error;
}

// Notes the user of a line.
static int entry_add(struct password_file *file, const struct password_line *line, uint32_t number,
                     const char *name, char *ret_line)
{
    struct password_form form;
    const uint8_t *at = (const uint8_t *)file->text;
    const char *fault = password_form_read(line->hash, &form);
    if (fault != NULL)
        return fail(ret_line, name, -EINVAL, ":%u: %s", number, fault);
    if (file->entry_count == PASSWORD_FILE_USERS_MAX)
        return fail(ret_line, name, -EFBIG, ":%u: there are more than %u users", number,
                    PASSWORD_FILE_USERS_MAX);
    struct entry *entry = entry_append(file);
    if (entry == NULL)
        return fail(ret_line, name, -ENOMEM, ":%u: there is not enough memory for so many users", number);
    *entry = (struct entry){.user = (uint32_t)(line->user.data - at),
                            .user_length = (uint32_t)line->user.length,
                            .hash = (uint32_t)(line->hash.data - at),
                            .line = number};
    file->text[entry->hash + line->hash.length] = '\0'; // over a blank, or the end of the line
    return 0;
}

static int lines_read(struct password_file *file, const char *name, char *ret_line)
{
    struct bytes rest = password_lines_begin((struct bytes){(const uint8_t *)file->text, file->text_size});
    struct bytes text;
    for (uint32_t number = 1; password_line_next(&rest, &text); number++) {
        struct password_line line;
        const char *fault = password_line_read(text, &line);
        if (fault != NULL)
            return fail(ret_line, name, -EINVAL, ":%u: %s", number, fault);
        int status = line.user.length == 0 ? 0 : entry_add(file, &line, number, name, ret_line);
        if (status != 0)
            return status;
    }
    return 0;
}

// The entries stay where they are from here on.
static int users_index(struct password_file *file, const char *name, char *ret_line)
{
    for (uint32_t i = 0; i < file->entry_count; i++) {
        struct entry *entry = &file->entries[i];
        struct bytes user = entry_user(file, entry);
        uint64_t hash = user_hash(file, user);
        const struct entry *earlier = entry_find(file, user, hash);
        if (earlier != NULL)
            return fail(ret_line, name, -EINVAL,
                        ":%u: this user has a line already, line %u; delete one of them", entry->line,
                        earlier->line);
        hash_table_insert(&file->users, &entry->node, hash);
    }
    return 0;
}

static void file_free(struct password_file *file)
{
    hash_table_finish(&file->users);
    free(file->entries);
    OPENSSL_cleanse(file->text, file->text_size);
    free(file->text);
    free(file);
}

// Takes `text`, which has `size` bytes and one more.
static int text_read(const char *name, char *text, size_t size, struct password_file **ret_file,
                     char *ret_line)
{
    struct password_file *file = memory_require(sizeof *file);
    atomic_init(&file->references, 1);
    file->text = text;
    file->text_size = size;
    file->seed = random_entropy();
    hash_table_init(&file->users);
    int status = lines_read(file, name, ret_line);
    if (status == 0)
        status = users_index(file, name, ret_line);
    if (status == 0)
        *ret_file = file;
    else
        file_free(file);
    return status;
}

// Returns room for `size` bytes and one more; NULL with *ret_status and the line set.
static char *text_create(const char *name, uint64_t size, int *ret_status, char *ret_line)
{
    if (size > PASSWORD_FILE_BYTES_MAX) {
        *ret_status = fail(ret_line, name, -EFBIG, ": the file has more than %u bytes; it holds too much",
                           PASSWORD_FILE_BYTES_MAX);
        return NULL;
    }
    char *text = malloc((size_t)size + 1);
    if (text == NULL)
        *ret_status = fail(ret_line, name, -ENOMEM, ": there is not enough memory to read it");
    return text;
}

int password_file_parse(const char *name, struct bytes text, struct password_file **ret_file,
                        char ret_line[PASSWORD_FILE_LINE_BYTES])
{
    int status = 0;
    char *copy = text_create(name, text.length, &status, ret_line);
    if (copy == NULL)
        return status;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    ret_line[0] = '\0';
    return text_read(name, copy, text.length, ret_file, ret_line);
}

static int open_file_read(const char *path, int fd, struct password_file **ret_file, char *ret_line)
{
    struct stat state;
    if (fstat(fd, &state) < 0)
        return fail(ret_line, path, -errno, ": cannot look at it: %s", strerror(errno));
    if (!S_ISREG(state.st_mode))
        return fail(ret_line, path, -EINVAL, ": is no regular file");
    int status = 0;
    char *text = text_create(path, (uint64_t)state.st_size, &status, ret_line);
    if (text == NULL)
        return status;
    ssize_t length = file_read_all(fd, text, (size_t)state.st_size + 1);
    if (length < 0 || length > state.st_size) {
        OPENSSL_cleanse(text, (size_t)state.st_size + 1);
        free(text);
        return length < 0 ? fail(ret_line, path, (int)length, ": cannot be read: %s", strerror((int)-length))
                          : fail(ret_line, path, -EINVAL, ": is longer than it says; is it being written?");
    }
    status = text_read(path, text, (size_t)length, ret_file, ret_line);
    if (status == 0 && (state.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return fail(ret_line, path, 0, ": everybody on this machine may %s it: chmod o= %.200s",
                    (state.st_mode & S_IWOTH) != 0 ? "write" : "read", path);
    return status;
}

int password_file_load(const char *path, struct password_file **ret_file,
                       char ret_line[PASSWORD_FILE_LINE_BYTES])
{
    ret_line[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO would wait for somebody to write
    if (fd < 0)
        return fail(ret_line, path, -errno, ": cannot be opened: %s", strerror(errno));
    int status = open_file_read(path, fd, ret_file, ret_line);
    (void)close(fd); // it was only read
    return status;
}

struct password_file *password_file_ref(struct password_file *file)
{
    if (file != NULL)
        (void)atomic_fetch_add_explicit(&file->references, 1, memory_order_relaxed); // who refers, holds one
    return file;
}

void password_file_unref(struct password_file *file)
{
    if (file != NULL && atomic_fetch_sub_explicit(&file->references, 1, memory_order_acq_rel) == 1)
        file_free(file);
}

uint32_t password_file_count(const struct password_file *file)
{
    return file->entry_count;
}

struct password_entry password_file_find(const struct password_file *file, struct bytes user)
{
    uint64_t hash = user_hash(file, user);
    const struct entry *entry = entry_find(file, user, hash);
    if (entry != NULL)
        return (struct password_entry){file->text + entry->hash, true};
    // Somebody else's hash, the same one each time, so that unknown users take as long as known ones, also
    // where a file has hashes of several kinds.
    if (file->entry_count == 0)
        return (struct password_entry){DECOY, false};
    const struct entry *other = &file->entries[hash % file->entry_count];
    return (struct password_entry){file->text + other->hash, false};
}
