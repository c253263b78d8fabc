// SPDX-License-Identifier: MIT
#include "server/passwd/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum option_letter {
    OPTION_BATCH = 'b',
    OPTION_CREATE = 'c',
    OPTION_DELETE = 'D',
    OPTION_FORCE = 'f',
    OPTION_HELP = 'h',
    OPTION_ROUNDS = 'r',
    OPTION_SCHEME = 's',
    OPTION_UPGRADE = 'U',
    OPTION_CHECK = 'v',
    OPTION_VERSION = 256, // none
};

#define LETTERS "+:bcDfhr:s:Uv" // "+": no options behind FILE; ":": a missing value is told apart

static const struct option options[] = {
    {"batch", no_argument, NULL, OPTION_BATCH},
    {"create", no_argument, NULL, OPTION_CREATE},
    {"delete", no_argument, NULL, OPTION_DELETE},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"help", no_argument, NULL, OPTION_HELP},
    {"rounds", required_argument, NULL, OPTION_ROUNDS},
    {"scheme", required_argument, NULL, OPTION_SCHEME},
    {"upgrade", no_argument, NULL, OPTION_UPGRADE},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"version", no_argument, NULL, OPTION_VERSION},
    {0},
};

// What was given, before it is known to fit together.
struct given {
    const char *rounds;
    bool batch;
    bool scheme;
    unsigned actions; // how many
};

static void action_set(struct arguments *arguments, struct given *given, enum arguments_action action)
{
    arguments->action = action;
    given->actions++;
}

static enum passwd_exit scheme_set(struct arguments *arguments, struct given *given, const char *name)
{
    given->scheme = true;
    if (password_scheme_find(name, &arguments->scheme))
        return PASSWD_DONE;
    return passwd_say(PASSWD_USAGE,
                      "--scheme: there is no '%s'; argon2id, yescrypt, sha512, sha256, bcrypt and "
                      "mosquitto are known",
                      name);
}

static enum passwd_exit option_take(int letter, struct arguments *arguments, struct given *given)
{
    switch (letter) {
    case OPTION_BATCH:
        given->batch = true;
        break;
    case OPTION_CREATE:
        arguments->create = true;
        break;
    case OPTION_FORCE:
        arguments->force = true;
        break;
    case OPTION_ROUNDS:
        given->rounds = optarg;
        break;
    case OPTION_SCHEME:
        return scheme_set(arguments, given, optarg);
    case OPTION_DELETE:
        action_set(arguments, given, ARGUMENTS_DELETE);
        break;
    case OPTION_UPGRADE:
        action_set(arguments, given, ARGUMENTS_UPGRADE);
        break;
    case OPTION_CHECK:
        action_set(arguments, given, ARGUMENTS_CHECK);
        break;
    case OPTION_HELP:
        action_set(arguments, given, ARGUMENTS_HELP);
        break;
    case OPTION_VERSION:
        action_set(arguments, given, ARGUMENTS_VERSION);
        break;
    case ':':
        return passwd_say(PASSWD_USAGE, "an option needs a value; see hbmqtt_passwd --help");
    default:
        return passwd_say(PASSWD_USAGE, "there is no such option; see hbmqtt_passwd --help");
    }
    return PASSWD_DONE;
}

static enum passwd_exit rounds_set(struct arguments *arguments, const char *text)
{
    const struct password_rules *rules = password_scheme_rules(arguments->scheme);
    arguments->rounds = rules->rounds_standard;
    if (text == NULL)
        return PASSWD_DONE;
    char *end = NULL;
    errno = 0;
    unsigned long rounds = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || rounds < rules->rounds_lowest ||
        rounds > rules->rounds_highest)
        return passwd_say(PASSWD_USAGE, "--rounds: '%s' is not a number from %u to %u, which %s takes", text,
                          rules->rounds_lowest, rules->rounds_highest, rules->name);
    arguments->rounds = (uint32_t)rounds;
    return PASSWD_DONE;
}

// Which options go with which others.
static enum passwd_exit combination_check(const struct arguments *arguments, const struct given *given)
{
    bool hashes = arguments->action == ARGUMENTS_SET || arguments->action == ARGUMENTS_UPGRADE;
    bool asks = arguments->action == ARGUMENTS_SET || arguments->action == ARGUMENTS_CHECK;
    if (given->actions > 1)
        return passwd_say(PASSWD_USAGE, "only one of --delete, --check and --upgrade can be given");
    if (arguments->create && arguments->action != ARGUMENTS_SET)
        return passwd_say(PASSWD_USAGE,
                          "--create goes with the user that the file begins with, and with nothing else");
    if (arguments->force && !arguments->create)
        return passwd_say(PASSWD_USAGE, "--force goes with --create");
    if (given->batch && !asks)
        return passwd_say(PASSWD_USAGE, "--batch goes where a password is asked for");
    if ((given->scheme || given->rounds != NULL) && !hashes)
        return passwd_say(PASSWD_USAGE, "--scheme and --rounds go where a password is hashed");
    return PASSWD_DONE;
}

static enum passwd_exit words_take(struct arguments *arguments, bool batch, int count, char **words)
{
    bool whole = arguments->action == ARGUMENTS_UPGRADE;
    int wanted = whole ? 1 : batch ? 3 : 2;
    if (count != wanted)
        return passwd_say(PASSWD_USAGE, "expected %s%s",
                          whole   ? "FILE alone"
                          : batch ? "FILE USER PASSWORD"
                                  : "FILE USER",
                          !batch && count == wanted + 1 ? "; a password is taken here with --batch only"
                                                        : "");
    arguments->file = words[0];
    arguments->user = whole ? NULL : words[1];
    arguments->password = batch ? words[2] : NULL;
    const char *fault = whole ? NULL : password_user_check(bytes_of(arguments->user));
    return fault == NULL ? PASSWD_DONE : passwd_say(PASSWD_USAGE, "%s", fault);
}

enum passwd_exit arguments_parse(int argc, char **argv, struct arguments *ret_arguments)
{
    struct given given = {0};
    *ret_arguments = (struct arguments){.action = ARGUMENTS_SET, .scheme = PASSWORD_ARGON2ID};
    opterr = 0;
    enum passwd_exit status = PASSWD_DONE;
    for (int letter;
         status == PASSWD_DONE && (letter = getopt_long(argc, argv, LETTERS, options, NULL)) != -1;) {
        status = option_take(letter, ret_arguments, &given);
        if (ret_arguments->action == ARGUMENTS_HELP || ret_arguments->action == ARGUMENTS_VERSION)
            return status;
    }
    if (status == PASSWD_DONE)
        status = combination_check(ret_arguments, &given);
    if (status == PASSWD_DONE)
        status = rounds_set(ret_arguments, given.rounds);
    return status == PASSWD_DONE ? words_take(ret_arguments, given.batch, argc - optind, argv + optind)
                                 : status;
}

void arguments_print_help(void)
{
    static const char help[] =
        "usage: hbmqtt_passwd [-c [-f]] [-s SCHEME] [-r ROUNDS] FILE USER\n"
        "       hbmqtt_passwd -b [-c [-f]] [-s SCHEME] [-r ROUNDS] FILE USER PASSWORD\n"
        "       hbmqtt_passwd -D FILE USER\n"
        "       hbmqtt_passwd -v [-b] FILE USER [PASSWORD]\n"
        "       hbmqtt_passwd -U [-s SCHEME] [-r ROUNDS] FILE\n"
        "\n"
        "The first creates USER or changes the password, which is asked for on the terminal, or read as one\n"
        "line of standard input where that is none.\n"
        "\n"
        "  -c, --create         create FILE; there must be none\n"
        "  -f, --force          or empty it first\n"
        "  -D, --delete         delete USER\n"
        "  -v, --check          end with 0 if the password is right, with 1 if not\n"
        "  -U, --upgrade        hash the passwords of FILE that are in plain text\n"
        "  -b, --batch          take the password from the command line, where others can see it\n"
        "  -s, --scheme SCHEME  argon2id, yescrypt, sha512, sha256, bcrypt or mosquitto\n"
        "  -r, --rounds ROUNDS  what a hash costs, as SCHEME counts it\n"
        "      --version        print the version\n"
        "  -h, --help           print this help\n";
    fputs(help, stdout);
}
