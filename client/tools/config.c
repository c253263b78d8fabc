// SPDX-License-Identifier: MIT
#include "client/tools/config.h"

#include "client/tools/arguments.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

enum key_kind {
    KEY_TEXT,   // char *
    KEY_NUMBER, // int from `lowest` to `highest`
    KEY_FLAG,   // int, 0 or 1
    KEY_MAP,    // keys of its own
    KEY_TOPICS, // a map of topics, each with the keys of topic_rows
};

struct key_row {
    const char *name;
    uint8_t kind;
    uint16_t offset; // from the structure that the map fills
    int lowest;
    int highest;
    const struct key_row *rows; // of a KEY_MAP; ends with a NULL name
};

#define IN(member)       offsetof(struct config, member)
#define IN_TOPIC(member) offsetof(struct config_topic, member)

static const struct key_row will_rows[] = {
    {"topic", KEY_TEXT, IN(will_topic), 0, 0, NULL},
    {"message", KEY_TEXT, IN(will_message), 0, 0, NULL},
    {"qos", KEY_NUMBER, IN(will_qos), 0, 2, NULL},
    {"retain", KEY_FLAG, IN(will_retain), 0, 0, NULL},
    {NULL, 0, 0, 0, 0, NULL},
};

static const struct key_row broker_rows[] = {
    {"uri", KEY_TEXT, IN(uri), 0, 0, NULL},
    {"cafile", KEY_TEXT, IN(ca_file), 0, 0, NULL},
    {"capath", KEY_TEXT, IN(ca_path), 0, 0, NULL},
    {"cadata", KEY_TEXT, IN(ca_data), 0, 0, NULL},
    {NULL, 0, 0, 0, 0, NULL},
};

static const struct key_row topic_rows[] = {
    {"qos", KEY_NUMBER, IN_TOPIC(qos), 0, 2, NULL},
    {"retain", KEY_FLAG, IN_TOPIC(retain), 0, 0, NULL},
    {NULL, 0, 0, 0, 0, NULL},
};

static const struct key_row client_rows[] = {
    {"keep_alive", KEY_NUMBER, IN(keepalive_s), 0, 65535, NULL},
    {"ping_delay", KEY_NUMBER, IN(ping_delay_s), 0, 65535, NULL},
    {"default_qos", KEY_NUMBER, IN(default_qos), 0, 2, NULL},
    {"default_retain", KEY_FLAG, IN(default_retain), 0, 0, NULL},
    {"auto_reconnect", KEY_FLAG, IN(auto_reconnect), 0, 0, NULL},
    {"reconnect_max_interval", KEY_NUMBER, IN(reconnect_interval_s), 0, INT_MAX, NULL},
    {"reconnect_retries", KEY_NUMBER, IN(reconnect_retries), -INT_MAX, INT_MAX, NULL},
    {"connection_timeout", KEY_NUMBER, IN(connection_timeout_s), 1, 86400, NULL},
    {"cleansession", KEY_FLAG, IN(clean_session), 0, 0, NULL},
    {"topics", KEY_TOPICS, 0, 0, 0, NULL},
    {"will", KEY_MAP, 0, 0, 0, will_rows},
    {"broker", KEY_MAP, 0, 0, 0, broker_rows},
    {"connection", KEY_MAP, 0, 0, 0, broker_rows},
    {"certfile", KEY_TEXT, IN(certificate_file), 0, 0, NULL},
    {"keyfile", KEY_TEXT, IN(key_file), 0, 0, NULL},
    {"check_hostname", KEY_FLAG, IN(check_host_name), 0, 0, NULL},
    {"verify_cert", KEY_FLAG, IN(verify_certificate), 0, 0, NULL},
    {NULL, 0, 0, 0, 0, NULL},
};

struct config_reader {
    struct config *config;
    yaml_document_t document;
    const char *path;
    config_warn warn;
    struct error *error;
};

static size_t node_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static int config_fault(struct config_reader *reader, const yaml_node_t *node, const char *name,
                        const char *why)
{
    return error_set(reader->error, HBMQTT_ERROR_ARGUMENT, "%s:%zu: '%s' %s", reader->path, node_line(node),
                     name, why);
}

// The text of a scalar, or NULL. libyaml terminates it.
static const char *node_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

// `~`, `null`, or nothing at all.
static bool node_empty(const yaml_node_t *node)
{
    const char *text = node_text(node);
    if (text == NULL || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    return *text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

static bool flag_parse(const char *text, int *ret_flag)
{
    static const char *const words[][3] = {{"false", "no", "off"}, {"true", "yes", "on"}};
    for (int flag = 0; flag < 2; flag++) {
        for (size_t i = 0; i < 3; i++) {
            if (strcasecmp(text, words[flag][i]) == 0) {
                *ret_flag = flag;
                return true;
            }
        }
    }
    return false;
}

static bool key_equal(const char *written, const char *name)
{
    while (*written != '\0' && (*written == '-' ? '_' : *written) == *name) {
        written++;
        name++;
    }
    return *written == '\0' && *name == '\0';
}

static const struct key_row *key_find(const struct key_row *rows, const char *name)
{
    for (; rows->name != NULL; rows++)
        if (key_equal(name, rows->name))
            return rows;
    return NULL;
}

static int config_read_text(struct config_reader *reader, const struct key_row *row, const yaml_node_t *node,
                            char **member)
{
    const char *text = node_text(node);
    if (text == NULL)
        return config_fault(reader, node, row->name, "must be text");
    if (strlen(text) != node->data.scalar.length)
        return config_fault(reader, node, row->name, "holds a NUL character");
    char *copy = strdup(text);
    if (copy == NULL)
        return error_set(reader->error, HBMQTT_ERROR_SYSTEM, "out of memory");
    free(*member); // a key written twice: the last one counts
    *member = copy;
    return 0;
}

static int config_read_number(struct config_reader *reader, const struct key_row *row,
                              const yaml_node_t *node, int *member)
{
    const char *text = node_text(node);
    int64_t number = 0;
    if (text == NULL || !number_parse(text, row->lowest, row->highest, &number)) {
        char why[80];
        snprintf(why, sizeof why, "must be a whole number from %d to %d", row->lowest, row->highest);
        return config_fault(reader, node, row->name, why);
    }
    *member = (int)number;
    return 0;
}

static int config_read_flag(struct config_reader *reader, const struct key_row *row, const yaml_node_t *node,
                            int *member)
{
    const char *text = node_text(node);
    int flag = 0;
    if (text == NULL || !flag_parse(text, &flag))
        return config_fault(reader, node, row->name, "must be true or false");
    *member = flag;
    return 0;
}

static void config_warn_unknown(struct config_reader *reader, const yaml_node_t *key)
{
    struct error text;
    const char *name = node_text(key);
    error_set(&text, 0, "%s:%zu: unknown key '%s' is ignored", reader->path, node_line(key),
              name == NULL ? "?" : name);
    reader->warn(text.text);
}

static int config_read_map(struct config_reader *reader, const struct key_row *rows, const char *name,
                           const yaml_node_t *node, void *structure);

static int config_read_topic(struct config_reader *reader, const yaml_node_t *key, const yaml_node_t *value)
{
    struct config *config = reader->config;
    struct config_topic *topics = realloc(config->topics, (config->topic_count + 1) * sizeof *topics);
    if (topics == NULL)
        return error_set(reader->error, HBMQTT_ERROR_SYSTEM, "out of memory");
    config->topics = topics;
    struct config_topic *topic = &topics[config->topic_count];
    *topic = (struct config_topic){NULL, CONFIG_UNSET, CONFIG_UNSET};
    config->topic_count++;
    const struct key_row name = {.name = "topics"};
    int status = config_read_text(reader, &name, key, &topic->topic);
    return status == 0 ? config_read_map(reader, topic_rows, topic->topic, value, topic) : status;
}

static int config_read_topics(struct config_reader *reader, const yaml_node_t *node)
{
    if (node->type != YAML_MAPPING_NODE)
        return config_fault(reader, node, "topics", "must be a map of topics");
    int status = 0;
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair != node->data.mapping.pairs.top && status == 0; pair++)
        status = config_read_topic(reader, yaml_document_get_node(&reader->document, pair->key),
                                   yaml_document_get_node(&reader->document, pair->value));
    return status;
}

static int config_read_value(struct config_reader *reader, const struct key_row *row, const yaml_node_t *node,
                             void *structure)
{
    if (node_empty(node))
        return 0;
    void *member = (char *)structure + row->offset;
    switch (row->kind) {
    case KEY_TEXT:
        return config_read_text(reader, row, node, member);
    case KEY_NUMBER:
        return config_read_number(reader, row, node, member);
    case KEY_FLAG:
        return config_read_flag(reader, row, node, member);
    case KEY_MAP:
        return config_read_map(reader, row->rows, row->name, node, structure);
    default:
        return config_read_topics(reader, node);
    }
}

// Goes as deep as the rows do, whatever the depth of the file.
static int config_read_map(struct config_reader *reader, const struct key_row *rows, const char *name,
                           const yaml_node_t *node, void *structure)
{
    if (node_empty(node))
        return 0;
    if (node->type != YAML_MAPPING_NODE)
        return config_fault(reader, node, name, "must be a map of keys and values");
    int status = 0;
    const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair != node->data.mapping.pairs.top && status == 0; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(&reader->document, pair->value);
        const char *text = node_text(key);
        const struct key_row *row = text == NULL ? NULL : key_find(rows, text);
        if (row == NULL)
            config_warn_unknown(reader, key);
        else
            status = config_read_value(reader, row, value, structure);
    }
    return status;
}

static int config_read_document(struct config_reader *reader, yaml_parser_t *parser)
{
    if (!yaml_parser_load(parser, &reader->document))
        return error_set(reader->error, HBMQTT_ERROR_ARGUMENT, "%s:%zu: not YAML: %s", reader->path,
                         parser->problem_mark.line + 1,
                         parser->problem == NULL ? "cannot be read" : parser->problem);
    const yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    int status = root == NULL ? 0 : config_read_map(reader, client_rows, "the file", root, reader->config);
    yaml_document_delete(&reader->document);
    return status;
}

int config_read(struct config *config, const char *path, config_warn warn, struct error *ret_error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "cannot read %s: %s", path, strerror(errno));
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        fclose(file);
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    }
    yaml_parser_set_input_file(&parser, file);
    struct config_reader reader = {.config = config, .path = path, .warn = warn, .error = ret_error};
    int status = config_read_document(&reader, &parser);
    yaml_parser_delete(&parser);
    fclose(file);
    return status;
}

void config_init(struct config *config)
{
    *config = (struct config){
        .keepalive_s = CONFIG_UNSET,
        .ping_delay_s = CONFIG_UNSET,
        .default_qos = CONFIG_UNSET,
        .default_retain = CONFIG_UNSET,
        .auto_reconnect = CONFIG_UNSET,
        .reconnect_interval_s = CONFIG_UNSET,
        .reconnect_retries = CONFIG_NO_RETRIES,
        .clean_session = CONFIG_UNSET,
        .connection_timeout_s = CONFIG_UNSET,
        .will_qos = CONFIG_UNSET,
        .will_retain = CONFIG_UNSET,
        .check_host_name = CONFIG_UNSET,
        .verify_certificate = CONFIG_UNSET,
    };
}

void config_finish(struct config *config)
{
    for (size_t i = 0; i < config->topic_count; i++)
        free(config->topics[i].topic);
    free(config->topics);
    free(config->uri);
    free(config->ca_file);
    free(config->ca_path);
    free(config->ca_data);
    free(config->certificate_file);
    free(config->key_file);
    free(config->will_topic);
    free(config->will_message);
    config_init(config);
}

const struct config_topic *config_find_topic(const struct config *config, const char *topic)
{
    // The last one counts, as for every key that is written twice.
    for (size_t i = config->topic_count; i-- > 0;)
        if (strcmp(config->topics[i].topic, topic) == 0)
            return &config->topics[i];
    return NULL;
}
