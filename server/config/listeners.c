// SPDX-License-Identifier: MIT
#include "server/config/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/bind.h"
#include "server/config/draft.h"

#define COUNT(array)           (sizeof(array) / sizeof((array)[0]))
#define CONNECTIONS_HIGH       10000000
#define HANDSHAKES_HIGH        1000000
#define HANDSHAKES             8             // where the file names none
#define IDENTITY_HIGH          4294967294ull // what follows stands for "unchanged"
#define FILE_NAME              "the name of a file"
#define EXPECTED_MESSAGE_BYTES 96u

// ---- texts

// What a text must be, and where it goes.
struct text_facts {
    size_t offset; // of the struct config_text in struct config_listener
    uint32_t size; // with the end
    const char *expected;
    bool (*valid)(const char *text); // NULL: any will do
};

static int text_keep(struct document *document, struct config *config, const char *text,
                     struct config_text *ret_text)
{
    size_t size = strlen(text) + 1;
    if (size > sizeof(config->texts) - config->texts_length)
        return document_fail(document,
                             "%s: the texts of all listeners are longer than %u bytes together; what they "
                             "share can stand in the entry 'default'",
                             document->path, CONFIG_TEXTS_BYTES);
    memcpy(config->texts + config->texts_length, text, size);
    *ret_text = (struct config_text){.offset = config->texts_length};
    config->texts_length += (uint32_t)size;
    return 0;
}

// A text that was read becomes one of the configuration.
static int text_take(struct document *document, struct config *config, const yaml_node_t *value,
                     const struct text_facts *facts, struct config_text *ret_text)
{
    char expected[EXPECTED_MESSAGE_BYTES];
    const char *text = (const char *)value->data.scalar.value;
    if (text[0] == '\0' || (facts->valid != NULL && !facts->valid(text)))
        return document_fail_expected(document, value, facts->expected);
    if (strlen(text) < facts->size)
        return text_keep(document, config, text, ret_text);
    (void)snprintf(expected, sizeof(expected), "%s, of at most %u bytes", facts->expected, facts->size - 1);
    return document_fail_expected(document, value, expected);
}

static int read_text(struct document *document, yaml_node_t *value, struct config *config,
                     const struct text_facts *facts, struct config_text *ret_text)
{
    const char *text;
    int status = document_read_text(document, value, facts->expected, &text);
    return status == 0 ? text_take(document, config, value, facts, ret_text) : status;
}

static int read_plain_text(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    const struct text_facts *text = facts;
    struct config_text *member = (void *)((char *)&draft->listener + text->offset);
    return read_text(document, value, draft->config, text, member);
}

// ---- words and numbers

struct word {
    const char *word;
    int value;
};

static int read_word(struct document *document, yaml_node_t *value, const struct word *words,
                     const char *expected, int *ret_value)
{
    const char *text;
    int status = document_read_text(document, value, expected, &text);
    if (status != 0)
        return status;
    for (; words->word != NULL; words++) {
        if (strcmp(words->word, text) != 0)
            continue;
        *ret_value = words->value;
        return 0;
    }
    return document_fail_expected(document, value, expected);
}

static int read_type(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    static const struct word words[] = {{"tcp", CONFIG_TCP}, {"ws", CONFIG_WS}, {0}};
    struct draft *draft = target;
    int type;
    int status = read_word(document, value, words, "tcp or ws", &type);
    if (status == 0)
        draft->listener.type = (enum config_type)type;
    return status;
}

static int read_client_certificate(struct document *document, yaml_node_t *value, const void *facts,
                                   void *target)
{
    static const struct word words[] = {{"none", CONFIG_CLIENT_CERTIFICATE_NONE},
                                        {"optional", CONFIG_CLIENT_CERTIFICATE_OPTIONAL},
                                        {"required", CONFIG_CLIENT_CERTIFICATE_REQUIRED},
                                        {0}};
    struct draft *draft = target;
    int client_certificate;
    int status = read_word(document, value, words, "none, optional or required", &client_certificate);
    if (status == 0)
        draft->listener.tls.client_certificate = (enum config_client_certificate)client_certificate;
    return status;
}

static int read_user_name_from(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    static const struct word words[] = {{"none", CONFIG_USER_NAME_CONNECT},
                                        {"common-name", CONFIG_USER_NAME_COMMON_NAME},
                                        {"subject-alt-name", CONFIG_USER_NAME_SUBJECT_ALT_NAME},
                                        {0}};
    struct draft *draft = target;
    int user_name;
    int status = read_word(document, value, words, "none, common-name or subject-alt-name", &user_name);
    if (status == 0)
        draft->listener.tls.user_name_from = (enum config_user_name)user_name;
    return status;
}

// The text counts: as a number of YAML it would be a fraction.
static int read_tls_version_min(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    static const struct word words[] = {{"1.2", CONFIG_TLS_1_2}, {"1.3", CONFIG_TLS_1_3}, {0}};
    struct draft *draft = target;
    int version;
    int status = read_word(document, value, words, "1.2 or 1.3", &version);
    if (status == 0)
        draft->listener.tls.version_min = (enum config_tls_version)version;
    return status;
}

static int read_ssl(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    return document_read_bool(document, value, &draft->listener.tls.enabled);
}

static int read_proxy_protocol(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    return document_read_bool(document, value, &draft->listener.proxy_protocol);
}

static int read_max_connections(struct document *document, yaml_node_t *value, const void *facts,
                                void *target)
{
    struct draft *draft = target;
    int64_t count;
    int status =
        document_read_integer(document, value, (struct document_range){-1, CONNECTIONS_HIGH}, &count);
    if (status == 0) // the original takes 0 and -1 for no limit
        draft->listener.connections_max = count > 0 ? (uint64_t)count : UINT64_MAX;
    return status;
}

static int read_handshakes_max(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    int64_t count;
    int status = document_read_integer(document, value, (struct document_range){1, HANDSHAKES_HIGH}, &count);
    if (status == 0)
        draft->listener.tls.handshakes_max = (uint32_t)count;
    return status;
}

// ---- address

static int read_bind(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct bind bind;
    const char *text;
    int status = document_read_text(document, value, "host:port", &text);
    if (status != 0)
        return status;
    const char *fault = bind_parse(text, &bind);
    if (fault != NULL)
        return document_fail_expected(document, value, fault);
    memcpy(draft->listener.host, bind.host, sizeof(bind.host));
    memcpy(draft->listener.unix_path, bind.unix_path, sizeof(bind.unix_path));
    draft->listener.port = bind.port;
    draft->listener.line = document->line;
    draft->port_given = bind.port_given;
    return 0;
}

// Octal, as in chmod(1), whether YAML would read a number or a text.
static int read_mode(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    static const char expected[] = "permissions in octal digits, such as 0660";
    struct draft *draft = target;
    const char *text;
    int status = document_read_text(document, value, expected, &text);
    if (status != 0)
        return status;
    size_t length = strlen(text);
    if (strspn(text, "01234567") != length || !(length == 3 || (length == 4 && text[0] == '0')))
        return document_fail_expected(document, value, expected);
    draft->listener.unix_mode = (uint32_t)strtoul(text, NULL, 8);
    return 0;
}

static bool identity_valid(const char *text)
{
    if (strspn(text, "0123456789") != strlen(text))
        return text[0] != '-';
    return strlen(text) <= 10 && strtoull(text, NULL, 10) <= IDENTITY_HIGH;
}

// ---- certificates

static int read_cadata(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    static const struct text_facts cadata = {.size = CONFIG_PEM_BYTES,
                                             .expected = "certificates as PEM text"};
    struct draft *draft = target;
    const char *text;
    int status = document_read_lines(document, value, cadata.expected, &text);
    if (status != 0)
        return status;
    if (strstr(text, "-----BEGIN ") == NULL || strchr(text, '\n') == NULL) // plain text has lost its lines
        return document_fail_expected(document, value, "PEM text with its lines, after 'cadata: |'");
    return text_take(document, draft->config, value, &cadata, &draft->listener.tls.cadata);
}

struct certificate_draft {
    struct config *config;
    struct config_certificate certificate;
};

static const struct text_facts file_facts = {.size = CONFIG_PATH_BYTES, .expected = FILE_NAME};

static int read_certfile(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct certificate_draft *draft = target;
    return read_text(document, value, draft->config, &file_facts, &draft->certificate.certfile);
}

static int read_keyfile(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct certificate_draft *draft = target;
    return read_text(document, value, draft->config, &file_facts, &draft->certificate.keyfile);
}

static const struct document_key certificate_keys[] = {
    {.name = "certfile", .read = read_certfile},
    {.name = "keyfile", .read = read_keyfile},
};
static const struct document_keys certificate_table = {.keys = certificate_keys,
                                                       .count = COUNT(certificate_keys)};

static int read_certificate(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct config_tls *tls = &draft->listener.tls;
    struct certificate_draft entry = {.config = draft->config};
    if (tls->certificate_count == CONFIG_CERTIFICATES_MAX)
        return document_fail(document, "%s: more than %u certificates", document->path,
                             CONFIG_CERTIFICATES_MAX);
    int status = document_read_map(document, value, &certificate_table, &entry);
    if (status != 0)
        return status;
    if (entry.certificate.certfile.offset == 0)
        return document_fail(document, "%s: expected a map with a certfile", document->path);
    if (entry.certificate.keyfile.offset == 0)
        entry.certificate.keyfile = entry.certificate.certfile;
    tls->certificates[tls->certificate_count++] = entry.certificate;
    return 0;
}

static int read_certificates(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    draft->listener.tls.certificate_count = 0;
    return document_read_list(document, value, read_certificate, draft);
}

// ---- WebSocket

static bool is_graphic(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~') // where char has a sign, what is not ASCII is below ' '
            return false;
    return true;
}

// As it stands in a request, where anything else is percent-encoded.
static bool path_valid(const char *text)
{
    return text[0] == '/' && is_graphic(text) && strpbrk(text, "?#") == NULL;
}

// What a browser sends: scheme://host or scheme://host:port, or "null" for pages without an origin.
static bool origin_valid(const char *text)
{
    const char *host = strstr(text, "://");
    if (strcmp(text, "null") == 0)
        return true;
    return host != NULL && host > text && host[3] != '\0' && is_graphic(text) &&
           strpbrk(host + 3, "/?#@") == NULL;
}

static const struct text_facts path_facts = {
    .size = CONFIG_PATH_BYTES, .expected = "a path of a URL, such as /mqtt", .valid = path_valid};
static const struct text_facts origin_facts = {
    .size = CONFIG_ORIGIN_BYTES, .expected = "an origin, such as https://example.com", .valid = origin_valid};

static int read_path(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct config_listener *listener = &draft->listener;
    if (listener->path_count == CONFIG_PATHS_MAX)
        return document_fail(document, "%s: more than %u paths", document->path, CONFIG_PATHS_MAX);
    return read_text(document, value, draft->config, &path_facts, &listener->paths[listener->path_count++]);
}

static int read_origin(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    struct config_listener *listener = &draft->listener;
    if (listener->origin_count == CONFIG_ORIGINS_MAX)
        return document_fail(document, "%s: more than %u origins", document->path, CONFIG_ORIGINS_MAX);
    return read_text(document, value, draft->config, &origin_facts,
                     &listener->origins[listener->origin_count++]);
}

// No path would be served, or none refused; neither is meant by an empty list.
static int read_paths(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    draft->listener.path_count = 0;
    int status = document_read_one_or_list(document, value, read_path, draft);
    if (status == 0 && draft->listener.path_count == 0)
        status = document_fail(document, "%s: expected at least one path", document->path);
    return status;
}

static int read_origins(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft *draft = target;
    draft->listener.origin_count = 0;
    int status = document_read_one_or_list(document, value, read_origin, draft);
    if (status == 0 && draft->listener.origin_count == 0)
        status = document_fail(document, "%s: expected at least one origin", document->path);
    return status;
}

// ---- the map

struct key_facts {
    enum listener_key key;
    document_read *read;
    struct text_facts text;
};

static int read_key(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    const struct key_facts *key = facts;
    draft_note(target, key->key, document->line);
    return key->read(document, value, &key->text, target);
}

#define NO_TEXT                                                                                              \
    {                                                                                                        \
        0                                                                                                    \
    }
#define TEXT(member, size_, expected_)                                                                       \
    {                                                                                                        \
        .offset = offsetof(struct config_listener, member), .size = (size_), .expected = (expected_)         \
    }
#define TEXT_FILE(member) TEXT(member, CONFIG_PATH_BYTES, FILE_NAME)
#define TEXT_IDENTITY(member)                                                                                \
    {                                                                                                        \
        .offset = offsetof(struct config_listener, member), .size = CONFIG_IDENTITY_BYTES,                   \
        .expected = "a name or a number", .valid = identity_valid                                            \
    }

static const struct document_key listener_keys[] = {
#define LISTENER_KEY(identifier, name_, scope, read_, text_)                                                 \
    {.name = (name_),                                                                                        \
     .read = read_key,                                                                                       \
     .facts = &(const struct key_facts){.key = KEY_##identifier, .read = (read_), .text = text_}},
#include "server/config/listeners.def"
#undef LISTENER_KEY
};
static const struct document_keys listener_table = {.keys = listener_keys, .count = COUNT(listener_keys)};

static bool is_default(const char *name)
{
    return strcmp(name, "default") == 0;
}

// `target` is the draft of the entry `default`, which the first pass over the listeners reads.
static int read_default_listener(struct document *document, yaml_node_t *value, const void *facts,
                                 void *target)
{
    struct draft *standard = target;
    if (!is_default(facts))
        return 0;
    int status = document_read_map(document, value, &listener_table, standard);
    if (status == 0 && standard->lines[KEY_BIND] != 0)
        status = draft_take(document, standard);
    return status;
}

static int read_other_listener(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct draft draft = *(const struct draft *)target;
    if (is_default(facts))
        return 0;
    if (snprintf(draft.listener.name, sizeof(draft.listener.name), "%s", (const char *)facts) >=
        (int)CONFIG_NAME_BYTES)
        return document_fail(document, "expected a name of a listener shorter than %u bytes",
                             CONFIG_NAME_BYTES);
    draft.own = 0;
    draft.listener.line = document->line;
    int status = document_read_map(document, value, &listener_table, &draft);
    return status == 0 ? draft_take(document, &draft) : status;
}

int listeners_read(struct document *document, yaml_node_t *value, const void *facts, void *target)
{
    struct config *config = target;
    struct draft standard = {
        .config = config,
        .listener = {.name = "default", .connections_max = UINT64_MAX, .tls.handshakes_max = HANDSHAKES},
    };
    config->listener_count = 0;
    int status = document_read_names(document, value, read_default_listener, &standard);
    if (status == 0)
        status = document_read_names(document, value, read_other_listener, &standard);
    if (status == 0 && config->listener_count == 0)
        status = document_fail(document, "listeners: expected at least one listener with a bind");
    return status;
}
