// SPDX-License-Identifier: MIT
// Any bytes as an ACL file: they are taken, and clients can be judged by what comes of them, or they are
// refused with one line.
#include <stdlib.h>

#include "server/access/access.h"
#include "test/fuzz.h"

static const char *const users[] = {"", "u", "alice", "+", "a/b", "%u"};
static const char *const client_ids[] = {"c", "#", "$SYS"};
static const char *const filters[] = {"#", "+", "a", "a/+", "a/#", "+/b", "$SYS/#", "/#", "u/c/#", "%u/+/#"};
static const char *const topics[] = {"a", "a/b", "b",   "$SYS",  "$SYS/a",
                                     "/", "/a",  "u/c", "u/c/a", "%u/%c/a/b"};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

// All lines of such a file let a client subscribe to exactly what they let it be sent.
static void check_filter(const struct permit *permit, struct bytes filter)
{
    bool subscribes = permit_allows(permit, ACL_SUBSCRIBE, filter);
    for (size_t i = 0; i < COUNT(topics); i++) {
        struct bytes topic = bytes_of(topics[i]);
        bool receives = permit_allows(permit, ACL_RECEIVE, topic);
        expect(receives || !subscribes || !topic_matches(filter, topic));
        expect(permit_allows(permit, ACL_SUBSCRIBE, topic) == receives);
        (void)permit_allows(permit, ACL_PUBLISH, topic); // may come out as it likes
    }
}

static void check_client(const struct acl *acl, const char *user, const char *client_id)
{
    struct permit_identity identity = {.user = bytes_of(user), .client_id = bytes_of(client_id)};
    struct permit permit;
    permit_init(&permit, acl, &identity);
    for (size_t i = 0; i < COUNT(filters); i++)
        check_filter(&permit, bytes_of(filters[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char error[ACL_FILE_ERROR_BYTES] = "";
    uint8_t *copy = malloc(size); // of the exact size, for the sanitizer to see a read past the end
    expect(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, data, size);
    struct acl_builder *builder = acl_builder_create(size);
    int status = acl_file_parse(builder, (struct bytes){copy, size}, "f", error, sizeof(error));
    free(copy);
    expect((status == 0) == (error[0] == '\0') && strchr(error, '\n') == NULL);
    if (status != 0) {
        acl_builder_destroy(builder);
        return 0;
    }
    struct acl *acl = acl_builder_finish(builder);
    for (size_t user = 0; user < COUNT(users); user++)
        for (size_t id = 0; id < COUNT(client_ids); id++)
            check_client(acl, users[user], client_ids[id]);
    acl_unref(acl);
    return 0;
}
