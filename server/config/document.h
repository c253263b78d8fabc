// SPDX-License-Identifier: MIT
// A YAML file being read: its nodes, and the place where the reader is, which every message names:
//
//     hbmqtt.yaml:3: listeners.default.bind: expected a port from 0 to 65535, seen ':x'
//
// A map of known keys is read by a table: each key has a function that reads its value, with the place set to
// it. The depth of reading is the depth of the tables, so nothing in a file (deep nesting, an alias inside
// its own anchor) makes it deeper. Functions return 0, or -EINVAL with the message written.
#ifndef CONFIG_DOCUMENT_H
#define CONFIG_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "server/base/base.h"

#define DOCUMENT_PATH_BYTES 192u // a longer path is cut
#define DOCUMENT_SEEN_BYTES 64u  // what a message quotes at most

struct document {
    yaml_document_t yaml;
    const char *name; // of the file
    char *error;      // the caller's room for the message
    size_t error_size;
    uint32_t line;                  // of the key or list entry being read
    char path[DOCUMENT_PATH_BYTES]; // its keys from the root, joined by '.'
    int *originals;                 // of the nodes, by number: the node with what stood in the file where a
                                    // variable did; otherwise 0
    int original_count;
};

// Reads the value of one key into `target`. `facts` is what the table says about the key.
typedef int document_read(struct document *document, yaml_node_t *value, const void *facts, void *target);

struct document_key {
    const char *name; // as the manual writes it; '-' and '_' are the same in a file
    document_read *read;
    const void *facts;
};

struct document_keys {
    const struct document_key *keys;
    size_t count;
};

// Parses the bytes, which must hold one YAML document or none, and puts in what variables of the environment
// stand for (substitution.h). document_close is for a document that opened.
WARN_UNUSED int document_open(struct document *document, const char *bytes, size_t length);
void document_close(struct document *document);

yaml_node_t *document_root(struct document *document); // NULL when the file is empty

// A map with the keys of a table: each at most once, in any order, none else. NULL and an empty value count
// as an empty map.
WARN_UNUSED int document_read_map(struct document *document, yaml_node_t *node,
                                  const struct document_keys *keys, void *target);

// A map whose keys are names chosen by the user, each at most once. `read` finds the name in `facts`, as a
// char *, which may hold any bytes and lives as long as the document.
WARN_UNUSED int document_read_names(struct document *document, yaml_node_t *node, document_read *read,
                                    void *target);

// A list: `read` for each entry, with `facts` NULL.
WARN_UNUSED int document_read_list(struct document *document, yaml_node_t *node, document_read *read,
                                   void *target);

// A list, or an entry alone where it would be a list of one.
WARN_UNUSED int document_read_one_or_list(struct document *document, yaml_node_t *node, document_read *read,
                                          void *target);

// Nothing is written after the key, or one of YAML's words for nothing. NULL is empty.
bool document_is_empty(const yaml_node_t *node);

struct document_range {
    int64_t lowest;
    int64_t highest;
};

WARN_UNUSED int document_read_integer(struct document *document, const yaml_node_t *node,
                                      struct document_range range, int64_t *ret_value);
WARN_UNUSED int document_read_bool(struct document *document, const yaml_node_t *node, bool *ret_value);

// A scalar without control characters; the text lives as long as the document. `expected` is for the message,
// such as "a file name".
WARN_UNUSED int document_read_text(struct document *document, const yaml_node_t *node, const char *expected,
                                   const char **ret_text);

// As document_read_text, but the text may have several lines, and tabs.
WARN_UNUSED int document_read_lines(struct document *document, const yaml_node_t *node, const char *expected,
                                    const char **ret_text);

// Writes "FILE:LINE: PATH: expected EXPECTED, seen ..." and returns -EINVAL.
int document_fail_expected(struct document *document, const yaml_node_t *node, const char *expected);

// Says that the configuration is larger than CONFIG_BYTES_MAX, and returns -EINVAL.
int document_fail_large(struct document *document);

// Keeps a line one line: keys and values of the file, which it quotes, may hold line ends and what a terminal
// takes as a command.
void document_clean_line(char *line);

// Writes "FILE:LINE: " and the message and returns -EINVAL.
int document_fail(struct document *document, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
