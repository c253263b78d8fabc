// SPDX-License-Identifier: MIT
#include "client/url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    uint16_t port;
} schemes[] = {
    [URL_SCHEME_MQTT] = {"mqtt", 1883},     [URL_SCHEME_MQTTS] = {"mqtts", 8883},
    [URL_SCHEME_WS] = {"ws", 80},           [URL_SCHEME_WSS] = {"wss", 443},
    [URL_SCHEME_UNIX] = {"unix", 0},        [URL_SCHEME_HTTP] = {"http", 3128},
    [URL_SCHEME_SOCKS5] = {"socks5", 1080},
};

static int url_fault(struct error *ret_error, const char *why)
{
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "bad URL: %s", why);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

// Decodes %XX in place. False: a '%' without two digits, or %00.
static bool percent_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_value(from[1]);
        int low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

// Sets the scheme and its port. Returns what follows "://", or NULL.
static char *parse_scheme(char *text, struct url *url, enum url_scheme first, enum url_scheme last)
{
    char *end = strstr(text, "://");
    if (end == NULL)
        return NULL;
    for (size_t i = first; i <= last; i++) {
        size_t length = strlen(schemes[i].name);
        if (length == (size_t)(end - text) && strncasecmp(text, schemes[i].name, length) == 0) {
            url->scheme = (enum url_scheme)i;
            url->port = schemes[i].port;
            return end + 3;
        }
    }
    return NULL;
}

// Splits "user:password@" off the front of the authority. Returns the rest, or NULL.
static char *parse_user(char *authority, struct url *url)
{
    char *at = strrchr(authority, '@');
    if (at == NULL)
        return authority;
    *at = '\0';
    char *password = strchr(authority, ':');
    if (password != NULL) {
        *password++ = '\0';
        if (!percent_decode(password))
            return NULL;
        url->password = password;
    }
    if (!percent_decode(authority))
        return NULL;
    if (*authority != '\0')
        url->user_name = authority;
    return at + 1;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    unsigned port = 0;
    if (*text == '\0' || strlen(text) > 5)
        return false;
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            return false;
        port = port * 10 + (unsigned)(*text - '0');
    }
    if (port == 0 || port > 65535)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

// "host", "host:port", "[v6]", "[v6]:port". Returns what is wrong, or NULL.
static const char *parse_host(char *text, struct url *url)
{
    char *rest = text;
    if (*text == '[') {
        char *end = strchr(text, ']');
        if (end == NULL)
            return "the '[' of an IPv6 address has no ']'";
        *end = '\0';
        url->host = text + 1;
        url->bracketed = true;
        rest = end + 1;
        if (!percent_decode(text + 1))
            return "a '%' in the host without two hexadecimal digits";
    } else {
        url->host = text;
        rest = text + strcspn(text, ":");
        if (strchr(rest, ':') != strrchr(rest, ':'))
            return "an IPv6 address stands in brackets: [::1]";
    }
    if (*rest != '\0' && *rest != ':')
        return "only ':' and a port may follow ']'";
    if (*rest == ':') {
        *rest = '\0';
        if (!parse_port(rest + 1, &url->port))
            return "the port is a number from 1 to 65535";
    }
    return *url->host == '\0' ? "it names no host" : NULL;
}

// The path becomes a part of a line of HTTP.
static bool path_is_clean(const char *path)
{
    for (; *path != '\0'; path++)
        if ((unsigned char)*path <= ' ' || *path == 0x7f)
            return false;
    return true;
}

// What stands in place of host and path names a socket in the file system.
static int parse_local(char *host, char *path, struct url *url, struct error *ret_error)
{
    if (*host != '\0' || *path != '/')
        return url_fault(ret_error,
                         "that of a unix socket names no host and a whole path: unix:///run/broker.sock");
    if (!percent_decode(path))
        return url_fault(ret_error, "a '%' in the path without two hexadecimal digits");
    url->host = "localhost"; // what a WebSocket or a certificate would be asked for
    return 0;
}

// `text` is the copy that is cut into pieces.
static int parse_parts(char *text, bool proxy, struct url *url, struct error *ret_error)
{
    enum url_scheme first = proxy ? URL_SCHEME_HTTP : URL_SCHEME_MQTT;
    enum url_scheme last = proxy ? URL_SCHEME_SOCKS5 : URL_SCHEME_UNIX;
    char *authority = parse_scheme(text, url, first, last);
    if (authority == NULL)
        return url_fault(ret_error, proxy ? "that of a proxy begins with http:// or socks5://"
                                          : "it begins with mqtt://, mqtts://, ws://, wss:// or unix://");
    // The path moves up by one byte, into room kept at the end, so that the authority can be terminated.
    char *path = authority + strcspn(authority, "/?#");
    if (*path != '\0') {
        memmove(path + 1, path, strlen(path) + 1);
        *path++ = '\0';
    }
    path[strcspn(path, "#")] = '\0';
    if (!path_is_clean(path))
        return url_fault(ret_error, "a blank or a control character in the path is written as %XX");
    url->path = path;
    char *host = parse_user(authority, url);
    if (host == NULL)
        return url_fault(ret_error,
                         "a '%' in the user name or password needs two hexadecimal digits, and not 00");
    if (url->password != NULL && url->user_name == NULL)
        return url_fault(ret_error, "a password needs a user name"); // [MQTT-3.1.2-22]
    if (url->scheme == URL_SCHEME_UNIX)
        return parse_local(host, path, url, ret_error);
    const char *fault = parse_host(host, url);
    return fault == NULL ? 0 : url_fault(ret_error, fault);
}

static int parse_copy(const char *text, bool proxy, struct url *ret_url, struct error *ret_error)
{
    size_t length = strlen(text);
    char *copy = malloc(length + 2);
    if (copy == NULL)
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    memcpy(copy, text, length + 1);
    struct url url = {.text = copy};
    int status = parse_parts(copy, proxy, &url, ret_error);
    if (status == 0)
        *ret_url = url;
    else
        free(copy);
    return status;
}

int url_parse(const char *text, struct url *ret_url, struct error *ret_error)
{
    return parse_copy(text, false, ret_url, ret_error);
}

int url_parse_proxy(const char *text, struct url *ret_url, struct error *ret_error)
{
    return parse_copy(text, true, ret_url, ret_error);
}

void url_finish(struct url *url)
{
    free(url->text);
    *url = (struct url){0};
}

void url_describe(const struct url *url, char *text, size_t size)
{
    const char *open = url->bracketed ? "[" : "";
    const char *close = url->bracketed ? "]" : "";
    if (url->scheme == URL_SCHEME_UNIX)
        snprintf(text, size, "unix://%s", url->path);
    else
        snprintf(text, size, "%s://%s%s%s:%u", schemes[url->scheme].name, open, url->host, close, url->port);
}

size_t url_request_target(const struct url *url, char *text, size_t size)
{
    const char *path = *url->path == '\0' ? "/mqtt" : url->path;
    return (size_t)snprintf(text, size, "%s%s", *path == '?' ? "/" : "", path);
}

void url_request_host(const struct url *url, char *text, size_t size)
{
    const char *open = url->bracketed ? "[" : "";
    const char *close = url->bracketed ? "]" : "";
    char port[8] = "";
    if (url->port != schemes[url->scheme].port)
        snprintf(port, sizeof port, ":%u", url->port);
    int length = (int)strcspn(url->host, url->bracketed ? "%" : "");
    snprintf(text, size, "%s%.*s%s%s", open, length, url->host, close, port);
}
