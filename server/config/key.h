// SPDX-License-Identifier: MIT
// The rows of keys.def as data: what a key is called, what it may hold, where its value goes. Reading a map
// of the file is document_read_map with one of these tables; defaults and comparisons walk the same tables.
#ifndef CONFIG_KEY_H
#define CONFIG_KEY_H

#include "server/config/arena.h"
#include "server/config/config.h"
#include "server/config/document.h"

enum key_id {
#define KEY_IDENTIFIER(identifier, ...) KEY_##identifier,
#define KEY_OF_ROOT                     KEY_IDENTIFIER
#define KEY_OF_SYS                      KEY_IDENTIFIER
#define KEY_OF_LISTENER                 KEY_IDENTIFIER
#define KEY_OF_CERTIFICATE              KEY_IDENTIFIER
#define KEY_OF_AUTH                     KEY_IDENTIFIER
#define KEY_OF_ANONYMOUS                KEY_IDENTIFIER
#define KEY_OF_PASSWORDS                KEY_IDENTIFIER
#define KEY_OF_TOPIC_CHECK              KEY_IDENTIFIER
#define KEY_OF_ACL                      KEY_IDENTIFIER
#define KEY_OF_LOG                      KEY_IDENTIFIER
#define KEY_OF_PERSISTENCE              KEY_IDENTIFIER
#include "server/config/keys.def"
#undef KEY_IDENTIFIER
    KEY_COUNT
};

enum key_type {
    KEY_TYPE_NUMBER,
    KEY_TYPE_FLAG,
    KEY_TYPE_CHOICE,
    KEY_TYPE_TEXT,
    KEY_TYPE_FILE,
    KEY_TYPE_OTHER
};
enum key_scope { KEY_SCOPE_ANY, KEY_SCOPE_TLS, KEY_SCOPE_WEBSOCKET, KEY_SCOPE_UNIX }; // of a listener's

struct key {
    enum key_id id;
    const char *name;
    enum key_type type;
    enum key_scope scope;
    bool restart;      // holds at the start only
    size_t offset;     // of the member
    size_t size;       // of the member
    uint64_t standard; // of a number or a flag
    struct document_range range;
    const char *words; // of a choice
    const char *standard_word;
    const char *what;                // a text or a file is, for messages
    uint32_t bytes_max;              // of a text, with its end
    bool (*valid)(const char *text); // NULL: any text will do
    document_read *read;             // of any other
};

// What is known beside the configuration while the file is read.
struct reading {
    struct config *config;
    struct arena *arena;
    uint32_t lines[KEY_COUNT]; // where each key stands, but those of listeners; 0 = nowhere
    // Bits of enum config_plugin_kind: which the lists of plugins name.
    uint32_t plugins;
    uint32_t plugins_of_auth;
    uint32_t plugins_of_topics;
};

// The `target` of key_read.
struct key_target {
    struct reading *reading;
    void *base;      // the structure with the members
    uint32_t *lines; // of KEY_COUNT, where the reader notes the line of each key; NULL: nobody wants to know
};

// Reads the value of a row: `facts` is the struct key, `target` a struct key_target, which is also what an
// OTHER gets.
document_read key_read;

// Gives each member of the rows its standard value.
void key_set_standards(const struct document_keys *keys, void *base);

// Reads a text as a row of type TEXT does.
WARN_UNUSED int key_read_text(struct document *document, const yaml_node_t *value, struct arena *arena,
                              const struct key *facts, const char **ret_text);

// A row of a table of struct document_key.
#define KEY_ROW(identifier_, name_, structure, member, ...)                                                  \
    {.name = (name_),                                                                                        \
     .read = key_read,                                                                                       \
     .facts = &(const struct key){.id = KEY_##identifier_,                                                   \
                                  .name = (name_),                                                           \
                                  .offset = offsetof(struct structure, member),                              \
                                  .size = sizeof(((struct structure *)0)->member),                           \
                                  __VA_ARGS__}},

// What stands in the columns `applied`, `scope` and `type` of keys.def, as members of struct key.
#define RELOAD    .restart = false
#define RESTART   .restart = true
#define ANY       .scope = KEY_SCOPE_ANY
#define TLS       .scope = KEY_SCOPE_TLS
#define WEBSOCKET .scope = KEY_SCOPE_WEBSOCKET
#define UNIX      .scope = KEY_SCOPE_UNIX

#define NUMBER(standard_, lowest_, highest_, unit)                                                           \
    .type = KEY_TYPE_NUMBER, .standard = (standard_), .range = {(lowest_), (highest_)}
#define FLAG(standard_)           .type = KEY_TYPE_FLAG, .standard = (standard_)
#define CHOICE(standard_, words_) .type = KEY_TYPE_CHOICE, .words = (words_), .standard_word = (standard_)
#define TEXT(bytes_max_, what_, valid_)                                                                      \
    .type = KEY_TYPE_TEXT, .what = (what_), .bytes_max = (bytes_max_), .valid = (valid_)
#define FILE_NAME                     .type = KEY_TYPE_FILE, .what = "the name of a file", .bytes_max = CONFIG_PATH_BYTES
#define DIRECTORY                     .type = KEY_TYPE_FILE, .what = "the name of a directory", .bytes_max = CONFIG_PATH_BYTES
#define OTHER(read_, form, standard_) .type = KEY_TYPE_OTHER, .read = (read_)

#endif
