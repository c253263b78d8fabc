// SPDX-License-Identifier: MIT
// What an ACL file allows, for tests that ask another broker the same:
//
//     acl_ask FILE < QUESTIONS
//
// A question is a line of four fields with tabs between them: publish, subscribe or receive; the user name,
// empty for none; the client id; the topic or filter. Each is answered with a line, yes or no.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/access/access.h"

static void die(const char *what)
{
    fprintf(stderr, "acl_ask: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct acl *load(const char *path)
{
    char error[ACL_FILE_ERROR_BYTES];
    struct acl_builder *builder = acl_builder_create(random_entropy());
    if (acl_file_load(builder, path, error, sizeof(error)) != 0)
        die(error);
    return acl_builder_finish(builder);
}

static enum acl_action action_of(const char *word)
{
    if (strcmp(word, "publish") == 0)
        return ACL_PUBLISH;
    if (strcmp(word, "subscribe") == 0)
        return ACL_SUBSCRIBE;
    if (strcmp(word, "receive") != 0)
        die("a question begins with publish, subscribe or receive");
    return ACL_RECEIVE;
}

static char *next_field(char **line)
{
    char *field = strsep(line, "\t");
    if (field == NULL)
        die("a question has four fields");
    return field;
}

static bool answer(const struct acl *acl, char *line)
{
    enum acl_action action = action_of(next_field(&line));
    struct permit_identity identity = {.user = bytes_of(next_field(&line))};
    identity.client_id = bytes_of(next_field(&line));
    struct bytes text = bytes_of(next_field(&line));
    struct permit permit;
    permit_init(&permit, acl, &identity);
    return permit_allows(&permit, action, text);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t size = 0;
    if (argc != 2)
        die("usage: acl_ask FILE < QUESTIONS");
    struct acl *acl = load(argv[1]);
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        puts(answer(acl, line) ? "yes" : "no");
    }
    free(line);
    acl_unref(acl);
    return EXIT_SUCCESS;
}
