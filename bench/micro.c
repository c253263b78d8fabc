// SPDX-License-Identifier: MIT
// hbmqtt_micro: nanoseconds for each operation of the codec, the topic tree, the outbox, the sessions and
// access control.
//
//     hbmqtt_micro [--rounds R] [--count N] [NAME...]
//     hbmqtt_micro --list
//
// Each operation runs N times in each of R rounds; the least round is what the operation costs, the median
// tells how quiet the machine was. For a count that does not depend on the machine, callgrind is told to
// collect in micro_collect alone, which runs the operations and no preparation: see ci/counts.
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/meter.h"
#include "bench/micro.h"

#define ROUNDS_MAX 1000u

static const struct micro *const tables[] = {micro_codec, micro_server, micro_access};

// Known to callgrind by its name.
uint64_t micro_collect(const struct micro *micro, uint32_t count);

__attribute__((noinline)) uint64_t micro_collect(const struct micro *micro, uint32_t count)
{
    return micro->run(count);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(const struct micro *micro, uint32_t rounds, uint32_t count)
{
    static double ns[ROUNDS_MAX];
    static volatile uint64_t sink;
    micro->prepare();
    for (uint32_t round = 0; round < rounds; round++) {
        uint64_t begin_ns = meter_now_ns();
        sink = micro_collect(micro, count);
        ns[round] = (double)(meter_now_ns() - begin_ns) / count;
    }
    (void)sink; // only to have been written
    if (micro->finish != NULL)
        micro->finish();
    qsort(ns, rounds, sizeof(ns[0]), compare_doubles);
    printf("%-32s %10.2f %10.2f\n", micro->name, ns[0], ns[rounds / 2]);
}

static bool wanted(const char *name, char **names, int count)
{
    for (int index = 0; index < count; index++)
        if (strcmp(names[index], name) == 0)
            return true;
    return count == 0;
}

static uint32_t parse_count(const char *text, uint32_t highest)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || value < 1 || value > highest) {
        fprintf(stderr, "hbmqtt_micro: %s: expected a number from 1 to %u\n", text, highest);
        exit(2);
    }
    return (uint32_t)value;
}

static void list_names(void)
{
    for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++)
        for (const struct micro *micro = tables[table]; micro->name != NULL; micro++)
            puts(micro->name);
}

static int measure_wanted(char **names, int names_count, uint32_t rounds, uint32_t count)
{
    int measured = 0;
    printf("%-32s %10s %10s\n", "ns for each operation", "least", "median");
    for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++) {
        for (const struct micro *micro = tables[table]; micro->name != NULL; micro++) {
            if (wanted(micro->name, names, names_count)) {
                measure(micro, rounds, count);
                measured++;
            }
        }
    }
    if (measured == 0)
        fputs("hbmqtt_micro: no operation has that name\n", stderr);
    return measured > 0 ? EXIT_SUCCESS : 2;
}

int main(int argc, char **argv)
{
    static const struct option list[] = {
        {"rounds", required_argument, NULL, 'r'},
        {"count", required_argument, NULL, 'n'},
        {"list", no_argument, NULL, 'l'},
        {NULL, 0, NULL, 0},
    };
    uint32_t rounds = 25;
    uint32_t count = 200000;
    for (int id; (id = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        if (id == 'r') {
            rounds = parse_count(optarg, ROUNDS_MAX);
        } else if (id == 'n') {
            count = parse_count(optarg, UINT32_MAX);
        } else if (id == 'l') {
            list_names();
            return EXIT_SUCCESS;
        } else {
            fputs("usage: hbmqtt_micro [--rounds R] [--count N] [NAME...]\n"
                  "       hbmqtt_micro --list\n",
                  stderr);
            return 2;
        }
    }
    return measure_wanted(argv + optind, argc - optind, rounds, count);
}
