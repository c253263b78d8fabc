// SPDX-License-Identifier: MIT
#include "client/tools/format.h"

#include "proto/proto.h"

#include <stdlib.h>
#include <string.h>

#define CONVERSIONS "tpxXlqrdIUjJ%"
#define DATES       "YmdHMSNsz@"
#define ESCAPES     "nrt0ea\\"

// Sets the last character of `format` wrong that is; 0: none.
static char format_fault(const char *format)
{
    for (const char *at = format; *at != '\0'; at++) {
        const char *known = *at == '%' ? CONVERSIONS : *at == '@' ? DATES : *at == '\\' ? ESCAPES : NULL;
        if (known == NULL)
            continue;
        if (at[1] == '\0' || strchr(known, at[1]) == NULL)
            return *at;
        at++;
    }
    return 0;
}

int format_check(const char *format, struct error *ret_error)
{
    char wrong = format_fault(format);
    return wrong == 0 ? 0
                      : error_set(ret_error, HBMQTT_ERROR_ARGUMENT,
                                  "-F: a '%c' is followed by nothing it knows in '%s'", wrong, format);
}

static void put_hex(const struct hbmqtt_message *message, const char *digits, FILE *out)
{
    const uint8_t *bytes = message->payload;
    for (size_t i = 0; i < message->payload_length; i++) {
        putc(digits[bytes[i] >> 4], out);
        putc(digits[bytes[i] & 15], out);
    }
}

static void put_json_text(const char *text, size_t length, FILE *out)
{
    putc('"', out);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < ' ' || byte == 0x7f)
            fprintf(out, "\\u%04x", byte);
        else
            putc(byte, out);
    }
    putc('"', out);
}

static void put_base64(const uint8_t *bytes, size_t length, FILE *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t word = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0u);
        putc(digits[word >> 18], out);
        putc(digits[word >> 12 & 63], out);
        putc(left > 1 ? digits[word >> 6 & 63] : '=', out);
        putc(left > 2 ? digits[word & 63] : '=', out);
    }
}

static void put_iso_time(const struct timespec *when, FILE *out)
{
    struct tm parts;
    char text[64];
    char zone[8];
    localtime_r(&when->tv_sec, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    strftime(zone, sizeof zone, "%z", &parts);
    fprintf(out, "%s.%06ld%s", text, when->tv_nsec / 1000, zone);
}

static void put_json(const struct hbmqtt_message *message, const struct timespec *when, bool payload_is_json,
                     FILE *out)
{
    struct bytes payload = {message->payload, message->payload_length};
    fputs("{\"tst\":\"", out);
    put_iso_time(when, out);
    fputs("\",\"topic\":", out);
    put_json_text(message->topic, strlen(message->topic), out);
    fprintf(out, ",\"qos\":%u,\"retain\":%u,\"payloadlen\":%zu,", message->qos, message->retain,
            message->payload_length);
    if (payload_is_json && payload.length != 0) {
        fputs("\"payload\":", out);
        fwrite(payload.data, 1, payload.length, out);
    } else if (payload.length <= UINT32_MAX && utf8_valid(payload)) {
        fputs("\"payload\":", out);
        put_json_text(payload.length == 0 ? "" : (const char *)payload.data, payload.length, out);
    } else {
        fputs("\"payload_base64\":\"", out);
        put_base64(payload.data, payload.length, out);
        putc('"', out);
    }
    putc('}', out);
}

static void put_conversion(char letter, const struct hbmqtt_message *message, const struct timespec *when,
                           FILE *out)
{
    switch (letter) {
    case 't':
        fputs(message->topic, out);
        return;
    case 'p':
        if (message->payload_length != 0)
            fwrite(message->payload, 1, message->payload_length, out);
        return;
    case 'x':
        put_hex(message, "0123456789abcdef", out);
        return;
    case 'X':
        put_hex(message, "0123456789ABCDEF", out);
        return;
    case 'l':
        fprintf(out, "%zu", message->payload_length);
        return;
    case 'q':
        fprintf(out, "%u", message->qos);
        return;
    case 'r':
        fprintf(out, "%u", message->retain);
        return;
    case 'd':
        fprintf(out, "%u", message->duplicate);
        return;
    case 'I':
        put_iso_time(when, out);
        return;
    case 'U':
        fprintf(out, "%lld.%09ld", (long long)when->tv_sec, when->tv_nsec);
        return;
    case 'j':
    case 'J':
        put_json(message, when, letter == 'J', out);
        return;
    default:
        putc('%', out);
        return;
    }
}

static void put_date(char letter, const struct timespec *when, FILE *out)
{
    struct tm parts;
    localtime_r(&when->tv_sec, &parts);
    switch (letter) {
    case 'Y':
        fprintf(out, "%d", parts.tm_year + 1900);
        return;
    case 'm':
        fprintf(out, "%02d", parts.tm_mon + 1);
        return;
    case 'd':
        fprintf(out, "%02d", parts.tm_mday);
        return;
    case 'H':
        fprintf(out, "%02d", parts.tm_hour);
        return;
    case 'M':
        fprintf(out, "%02d", parts.tm_min);
        return;
    case 'S':
        fprintf(out, "%02d", parts.tm_sec);
        return;
    case 'N':
        fprintf(out, "%09ld", when->tv_nsec);
        return;
    case 's':
        fprintf(out, "%lld", (long long)when->tv_sec);
        return;
    case 'z':
        fprintf(out, "%+03ld%02ld", parts.tm_gmtoff / 3600, labs(parts.tm_gmtoff / 60 % 60));
        return;
    default:
        putc('@', out);
        return;
    }
}

static void put_escape(char letter, FILE *out)
{
    static const char meanings[] = {'\n', '\r', '\t', '\0', '\033', '\a', '\\'};
    putc(meanings[strchr(ESCAPES, letter) - ESCAPES], out);
}

bool format_print(const char *format, const struct hbmqtt_message *message, const struct timespec *when,
                  FILE *out)
{
    for (const char *at = format; *at != '\0'; at++)
        if (*at == '%')
            put_conversion(*++at, message, when, out);
        else if (*at == '@')
            put_date(*++at, when, out);
        else if (*at == '\\')
            put_escape(*++at, out);
        else
            putc(*at, out);
    return ferror(out) == 0;
}
