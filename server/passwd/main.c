// SPDX-License-Identifier: MIT
// hbmqtt_passwd: creates, changes, deletes and checks the users of a password file.
#include "server/passwd/arguments.h"
#include "server/passwd/edit.h"
#include "server/passwd/secret.h"
#include "server/passwd/target.h"

#include <signal.h>
#include <stdio.h>

static enum passwd_exit secret_get(const struct arguments *arguments, bool twice, struct secret *ret_secret)
{
    if (arguments->password != NULL)
        return secret_take(arguments->password, ret_secret);
    return secret_ask(arguments->user, twice, ret_secret);
}

static enum passwd_exit hash_get(const struct arguments *arguments, char ret_hash[PASSWORD_TEXT_BYTES])
{
    struct secret secret;
    const char *fault = NULL;
    enum passwd_exit status = secret_get(arguments, true, &secret);
    if (status == PASSWD_DONE && secret.length == 0)
        fault = "an empty password protects nothing; nothing was changed";
    else if (status == PASSWD_DONE)
        fault = password_hash(arguments->scheme, arguments->rounds, secret_bytes(&secret), ret_hash);
    secret_wipe(&secret);
    return fault == NULL ? status : passwd_say(PASSWD_USAGE, "%s", fault);
}

// A new file, or an old one that is to be as empty as a new one.
static enum passwd_exit user_create(const struct arguments *arguments, const char *hash)
{
    struct edit edit;
    struct target target;
    struct stat state;
    edit_set((struct bytes){0}, bytes_of(arguments->user), hash, &edit);
    bool exists = arguments->force && lstat(arguments->file, &state) == 0;
    enum passwd_exit status = PASSWD_DONE;
    if (!exists) {
        status = target_create(arguments->file, edit_bytes(&edit));
    } else if ((status = target_open(arguments->file, &target)) == PASSWD_DONE) {
        status = target_replace(&target, edit_bytes(&edit));
        target_close(&target);
    }
    edit_finish(&edit);
    return status;
}

static enum passwd_exit user_change(const struct arguments *arguments, const char *hash)
{
    struct edit edit;
    struct target target;
    enum passwd_exit status = target_open(arguments->file, &target);
    if (status != PASSWD_DONE)
        return status;
    edit_set(target_bytes(&target), bytes_of(arguments->user), hash, &edit);
    status = target_replace(&target, edit_bytes(&edit));
    edit_finish(&edit);
    target_close(&target);
    return status;
}

static enum passwd_exit run_set(const struct arguments *arguments)
{
    char hash[PASSWORD_TEXT_BYTES];
    enum passwd_exit status = PASSWD_DONE;
    if (!arguments->force)
        status = target_try(arguments->file, arguments->create);
    if (status == PASSWD_DONE)
        status = hash_get(arguments, hash);
    if (status != PASSWD_DONE)
        return status;
    return arguments->create ? user_create(arguments, hash) : user_change(arguments, hash);
}

static enum passwd_exit run_delete(const struct arguments *arguments)
{
    struct edit edit;
    struct target target;
    enum passwd_exit status = target_open(arguments->file, &target);
    if (status != PASSWD_DONE)
        return status;
    edit_delete(target_bytes(&target), bytes_of(arguments->user), &edit);
    status = edit.changed == 0
                 ? passwd_say(PASSWD_WRONG, "%s: there is no user '%s'", arguments->file, arguments->user)
                 : target_replace(&target, edit_bytes(&edit));
    edit_finish(&edit);
    target_close(&target);
    return status;
}

static enum passwd_exit run_upgrade(const struct arguments *arguments)
{
    struct edit edit;
    struct target target;
    uint32_t line = 0;
    enum passwd_exit status = target_open(arguments->file, &target);
    if (status != PASSWD_DONE)
        return status;
    const char *fault =
        edit_upgrade(target_bytes(&target), arguments->scheme, arguments->rounds, &edit, &line);
    if (fault != NULL) {
        status = passwd_say(PASSWD_FILE, "%s:%u: %s; nothing was changed", arguments->file, line, fault);
    } else {
        if (edit.changed > 0)
            status = target_replace(&target, edit_bytes(&edit));
        edit_finish(&edit);
    }
    target_close(&target);
    return status;
}

static enum passwd_exit password_judge(const struct arguments *arguments, const char *hash)
{
    struct secret secret;
    enum password_result result = PASSWORD_WRONG;
    enum passwd_exit status = secret_get(arguments, false, &secret);
    if (status == PASSWD_DONE)
        result = password_verify(hash, secret_bytes(&secret));
    secret_wipe(&secret);
    if (status != PASSWD_DONE || result == PASSWORD_RIGHT)
        return status;
    if (result == PASSWORD_WRONG)
        return passwd_say(PASSWD_WRONG, "%s: this is not the password of '%s'", arguments->file,
                          arguments->user);
    return passwd_say(PASSWD_FILE, "%s: the password of '%s' cannot be checked: %s", arguments->file,
                      arguments->user,
                      result == PASSWORD_NO_MEMORY ? "there is not enough memory for the hash"
                                                   : "libcrypt does not understand the hash");
}

static enum passwd_exit run_check(const struct arguments *arguments)
{
    char line[PASSWORD_FILE_LINE_BYTES];
    struct password_file *file;
    if (password_file_load(arguments->file, &file, line) != 0)
        return passwd_say(PASSWD_FILE, "%s", line);
    if (line[0] != '\0')
        (void)passwd_say(PASSWD_DONE, "%s", line); // a warning
    struct password_entry entry = password_file_find(file, bytes_of(arguments->user));
    enum passwd_exit status =
        entry.known ? password_judge(arguments, entry.hash)
                    : passwd_say(PASSWD_WRONG, "%s: there is no user '%s'", arguments->file, arguments->user);
    password_file_unref(file);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    (void)signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error like a full disk
    enum passwd_exit status = arguments_parse(argc, argv, &arguments);
    if (status != PASSWD_DONE)
        return status;
    switch (arguments.action) {
    case ARGUMENTS_SET:
        return run_set(&arguments);
    case ARGUMENTS_DELETE:
        return run_delete(&arguments);
    case ARGUMENTS_CHECK:
        return run_check(&arguments);
    case ARGUMENTS_UPGRADE:
        return run_upgrade(&arguments);
    case ARGUMENTS_HELP:
        arguments_print_help();
        break;
    case ARGUMENTS_VERSION:
        puts("hbmqtt_passwd " HBMQTT_VERSION);
        break;
    }
    return PASSWD_DONE;
}
