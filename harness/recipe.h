// SPDX-License-Identifier: MIT
// How a broker is started, or a client is made to do something: a small file that a person writes.
//
//     # a comment
//     name mosquitto
//     program mosquitto /usr/sbin/mosquitto     for {program}: the name on PATH, then where else it may lie
//     command {program} -c {directory}/config   words between spaces; {x} is put in
//     find pub hbmqtt_pub ../client/hbmqtt_pub  the same for {pub}, and others
//     set shards 1                              a value for {shards}; --set goes before it
//     ready listening on                        its output when it is ready; without: its ports accept
//     config [NAME]                             the file `config`, and others of that kind by their names
//         indented lines
//     file NAME                                 another file that the configurations need
//         indented lines
//     do NAME words {x}                         of clients: the command line for one thing to do
//     speak TRANSPORT words {x}                 of clients: they can, and what else is on their command lines
//
// Where a program may lie is absolute, or from the directory of the program that reads the recipe. A client
// whose recipe has no `speak` speaks tcp.
//
// Beside what `set` gives there are {program}, {directory}, {tcp}, {tls}, {ws} and {wss} (ports),
// {certificate} and {key} (files of the server), {ca}. A broker speaks the transports whose ports its default
// config mentions.
#ifndef HARNESS_RECIPE_H
#define HARNESS_RECIPE_H

#include <stdbool.h>
#include <stddef.h>

enum { RECIPE_ENTRIES_MAX = 32 };

// A name with a text.
struct entry {
    const char *name;
    const char *text;
};

struct entries {
    struct entry list[RECIPE_ENTRIES_MAX];
    size_t count;
};

struct recipe {
    const char *name;
    const char *command;
    const char *ready;      // NULL: see above
    struct entries configs; // "" is the default
    struct entries files;
    struct entries values;
    struct entries actions;
    struct entries transports; // of a client, each with words for its command lines
};

// Reads a file. NULL, with a line in *ret_why, when it cannot be used. All memory is the arena's.
struct recipe *recipe_read(const char *path, const char **ret_why);

// The same from a text that came from `path`.
struct recipe *recipe_parse(const char *path, const char *text, const char **ret_why);

// The text of a name; NULL when there is none.
const char *entries_find(const struct entries *entries, const char *name);

// Adds or replaces. False when there is no room.
bool entries_set(struct entries *entries, const char *name, const char *text);

// A text with each {name} replaced by its value, first from `first`, then from `second` (NULL is allowed).
// What has no value stays.
char *entries_expand(const char *text, const struct entries *first, const struct entries *second);

// A text as words between spaces, ended by NULL. Each word is expanded after it was cut, so a value may hold
// spaces.
char **entries_words(const char *text, const struct entries *first, const struct entries *second);

// The directory that holds the program that runs.
const char *program_directory(void);

// Where a program is: `near` in turn when it is there, absolute or from program_directory(), else the one of
// that name on PATH. NULL: nowhere.
const char *program_find(const char *name, const char *near);

#endif
