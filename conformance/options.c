// SPDX-License-Identifier: MIT
#include "conformance/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char help[] =
    "usage: hbmqtt_conformance [--broker NAME]... [--address HOST:PORT]... [--client NAME]... [options]\n"
    "Tells, statement by statement of MQTT 3.1.1, what a broker or a client does.\n"
    "\n"
    "  --broker NAME        a broker started from a recipe: hbmqtt (the default), mosquitto, or a file\n"
    "  --address HOST:PORT  a broker that runs already; --transport says what it speaks there\n"
    "  --client NAME        clients played the server for, from a recipe: hbmqtt, mosquitto, or a file\n"
    "  --set NAME=VALUE     a value for a recipe, as shards=2\n"
    "  --transport LIST     of tcp, tls, ws and wss, with commas; all: whatever the broker speaks. Default "
    "tcp\n"
    "  --case ID            only this case; may be given often\n"
    "  --section N          only the cases of this section, as 3.3; may be given often\n"
    "  --seed N             for all that is random; printed at the end\n"
    "  --repeat N           each case so often. Default 1\n"
    "  --jobs N             cases beside each other. Default 6 for each processor\n"
    "  --list               print the cases, and end\n"
    "  --verbose            print every case with its packets, not only what failed\n"
    "  --tap FILE, --junit FILE, --json FILE, --html FILE, --badge FILE\n"
    "                       write a report; - is standard output\n"
    "  --version, --help\n"
    "\n"
    "Exit status: 0 nothing failed; 1 something failed or was inconclusive; 2 it could not be run.\n";

enum {
    OPTION_BROKER = 256,
    OPTION_ADDRESS,
    OPTION_CLIENT,
    OPTION_SET,
    OPTION_TRANSPORT,
    OPTION_CASE,
    OPTION_SECTION,
    OPTION_SEED,
    OPTION_REPEAT,
    OPTION_JOBS,
    OPTION_LIST,
    OPTION_VERBOSE,
    OPTION_TAP,
    OPTION_JUNIT,
    OPTION_JSON,
    OPTION_HTML,
    OPTION_BADGE,
    OPTION_VERSION,
    OPTION_HELP
};

static const struct option long_options[] = {
    {"broker", required_argument, NULL, OPTION_BROKER},
    {"address", required_argument, NULL, OPTION_ADDRESS},
    {"client", required_argument, NULL, OPTION_CLIENT},
    {"set", required_argument, NULL, OPTION_SET},
    {"transport", required_argument, NULL, OPTION_TRANSPORT},
    {"case", required_argument, NULL, OPTION_CASE},
    {"section", required_argument, NULL, OPTION_SECTION},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"repeat", required_argument, NULL, OPTION_REPEAT},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"list", no_argument, NULL, OPTION_LIST},
    {"verbose", no_argument, NULL, OPTION_VERBOSE},
    {"tap", required_argument, NULL, OPTION_TAP},
    {"junit", required_argument, NULL, OPTION_JUNIT},
    {"json", required_argument, NULL, OPTION_JSON},
    {"html", required_argument, NULL, OPTION_HTML},
    {"badge", required_argument, NULL, OPTION_BADGE},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static bool fault(const char *what, const char *value)
{
    fprintf(stderr, "hbmqtt_conformance: %s: '%s'; see --help\n", what, value);
    return false;
}

static bool number_read(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    if (errno != 0 || *text == '-' || end == text || *end != '\0' || number < least || number > most)
        return false;
    *ret_number = number;
    return true;
}

static bool unsigned_read(const char *name, const char *text, unsigned *ret_number)
{
    uint64_t number = 0;
    if (!number_read(text, 1, 1000000, &number))
        return fault(name, text);
    *ret_number = (unsigned)number;
    return true;
}

static bool texts_add(struct texts *texts, const char *text)
{
    if (texts->count == PICKS_MAX)
        return fault("more than 64 of a kind", text);
    texts->list[texts->count++] = text;
    return true;
}

static bool transports_read(const char *list, unsigned *ret_transports)
{
    unsigned transports = 0;
    if (strcmp(list, "all") == 0)
        transports = (1U << TRANSPORT_COUNT) - 1;
    for (const char *at = list; transports != (1U << TRANSPORT_COUNT) - 1 && *at != '\0';) {
        size_t length = strcspn(at, ",");
        enum transport transport;
        if (!transport_of(arena_print("%.*s", (int)length, at), &transport))
            return fault("--transport knows tcp, tls, ws, wss and all", list);
        transports |= 1U << transport;
        at += length + (at[length] == ',');
    }
    *ret_transports = transports;
    return transports != 0 || fault("--transport names none", list);
}

static bool value_set(struct entries *values, const char *text)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL)
        return fault("--set wants NAME=VALUE", text);
    return entries_set(values, arena_print("%.*s", (int)(equals - text), text), equals + 1) ||
           fault("too many --set", text);
}

// The files of reports. False when the option is none of them.
static bool report_read(struct options *options, int option, const char *value)
{
    const char **files[] = {&options->tap, &options->junit, &options->json, &options->html, &options->badge};
    if (option < OPTION_TAP || option > OPTION_BADGE)
        return false;
    *files[option - OPTION_TAP] = value;
    return true;
}

static bool option_read(struct options *options, int option, char *value)
{
    switch (option) {
    case OPTION_BROKER:
        return texts_add(&options->brokers, value);
    case OPTION_ADDRESS:
        return texts_add(&options->brokers, arena_print("@%s", value));
    case OPTION_CLIENT:
        return texts_add(&options->clients, value);
    case OPTION_SET:
        return value_set(&options->values, value);
    case OPTION_TRANSPORT:
        return transports_read(value, &options->transports);
    case OPTION_CASE:
        return texts_add(&options->cases, value);
    case OPTION_SECTION:
        return texts_add(&options->sections, value);
    case OPTION_SEED:
        return number_read(value, 0, UINT64_MAX, &options->seed) || fault("--seed wants a number", value);
    case OPTION_REPEAT:
        return unsigned_read("--repeat wants a number from 1", value, &options->repeat);
    case OPTION_JOBS:
        return unsigned_read("--jobs wants a number from 1", value, &options->jobs);
    case OPTION_LIST:
        options->list = true;
        return true;
    case OPTION_VERBOSE:
        options->verbose = true;
        return true;
    default:
        return report_read(options, option, value);
    }
}

int options_read(struct options *options, int count, char **arguments)
{
    *options = (struct options){.transports = 1U << TRANSPORT_TCP, .repeat = 1};
    options->jobs = 6 * (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (getrandom(&options->seed, sizeof options->seed, 0) != sizeof options->seed)
        options->seed = clock_now_ns();
    options->seed &= 0xFFFFFFFF; // short enough to be typed again
    int option;
    while ((option = getopt_long(count, arguments, "h", long_options, NULL)) != -1) {
        if (option == OPTION_HELP || option == 'h')
            return fputs(help, stdout) < 0 ? 2 : 0;
        if (option == OPTION_VERSION)
            return printf("hbmqtt_conformance %s\n", HBMQTT_VERSION) < 0 ? 2 : 0;
        if (option == '?' || !option_read(options, option, optarg))
            return 2;
    }
    if (optind < count)
        return fault("an argument that is no option", arguments[optind]) ? 0 : 2;
    if (options->brokers.count == 0 && options->clients.count == 0)
        options->brokers = (struct texts){{"hbmqtt"}, 1};
    if (options->brokers.count + options->clients.count > SUBJECTS_MAX)
        return fault("more than 8 brokers and clients", "--broker") ? 0 : 2;
    return -1;
}
