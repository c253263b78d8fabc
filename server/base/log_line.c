// SPDX-License-Identifier: MIT
#include "server/base/log_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/base/clock.h"

#define TAIL_BYTES      32u       // kept for what ends a line that was cut
#define FACILITY_DAEMON (3u << 3) // of syslog
#define IDENTIFIER      "hbmqtt"
#define REPLACEMENT     0xfffdu // stands for bytes that are no UTF-8
#define INVALID         UINT32_MAX

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const unsigned priorities[] = {3, 4, 6, 7}; // of syslog

struct line {
    char *text;
    size_t used;
    size_t room;
    bool is_cut;
};

// Puts all of it or, where it has no room, nothing of it and of what follows.
static bool line_put(struct line *line, const char *text, size_t length)
{
    if (line->is_cut || length > line->room - line->used) {
        line->is_cut = true;
        return false;
    }
    memcpy(line->text + line->used, text, length);
    line->used += length;
    return true;
}

static void line_put_text(struct line *line, const char *text)
{
    (void)line_put(line, text, strlen(text)); // what is missing is told at the end
}

static void __attribute__((format(printf, 2, 3))) line_format(struct line *line, const char *format, ...)
{
    char text[128]; // times and numbers
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments); // fits
    va_end(arguments);
    line_put_text(line, text);
}

// The character at `text`, of which there are `left` bytes (one at least), and its length; INVALID, of length
// 1, where the bytes are no UTF-8.
static uint32_t character_at(const unsigned char *text, size_t left, size_t *ret_length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80       ? 1
                    : text[0] >> 5 == 6  ? 2
                    : text[0] >> 4 == 14 ? 3
                    : text[0] >> 3 == 30 ? 4
                                         : 0;
    *ret_length = 1;
    if (length == 0 || length > left)
        return INVALID;
    uint32_t character = length == 1 ? text[0] : text[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (text[i] >> 6 != 2)
            return INVALID;
        character = character << 6 | (text[i] & 0x3fu);
    }
    bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character < least[length] || character > 0x10ffff || is_surrogate)
        return INVALID;
    *ret_length = length;
    return character;
}

// What a terminal or a viewer takes for more than a character: controls, line separators, and what changes
// the direction of what follows.
static bool is_harmful(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

static void line_put_escaped(struct line *line, const char *text, size_t length, enum log_format format)
{
    for (size_t at = 0, size; at < length && !line->is_cut; at += size) {
        const char *from = text + at;
        uint32_t character = character_at((const unsigned char *)from, length - at, &size);
        if (character == INVALID && format == LOG_TEXT)
            line_format(line, "\\x%02x", (unsigned char)*from);
        else if (character == INVALID)
            line_format(line, "\\u%04x", REPLACEMENT);
        else if (is_harmful(character))
            line_format(line, character < 0x80 && format == LOG_TEXT ? "\\x%02x" : "\\u%04x", character);
        else if (format == LOG_JSON && (character == '"' || character == '\\'))
            line_format(line, "\\%c", (char)character);
        else
            (void)line_put(line, from, size); // what is missing is told at the end
    }
}

static void line_put_time(struct line *line, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    char text[32];
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm)); // fits
    line_format(line, "%s.%03uZ", text, (unsigned)(wall_ns / NS_PER_MS % 1000));
}

// As line_put_escaped, and of a text that is longer than `most` only the beginning.
static void line_put_beginning(struct line *line, const char *text, size_t length, size_t most,
                               enum log_format format)
{
    bool fits = length <= most;
    if (!fits)
        for (length = most; length > most - 3 && (text[length] & 0xc0) == 0x80;)
            length--; // not in the middle of a character
    line_put_escaped(line, text, length, format);
    if (!fits)
        line_put_text(line, "...");
}

static void line_put_client(struct line *line, const struct log_subject *subject, enum log_format format)
{
    line_put_beginning(line, subject->client, subject->client_length, LOG_CLIENT_BYTES, format);
}

static void line_put_message(struct line *line, const char *message, enum log_format format)
{
    line_put_beginning(line, message, strlen(message), LOG_MESSAGE_BYTES - 8, format);
}

// The message with its subject before it.
static void line_put_sentence(struct line *line, const struct log_event *event)
{
    const struct log_subject *subject = event->subject;
    if (subject != NULL) {
        line_put_text(line, "client '");
        line_put_client(line, subject, LOG_TEXT);
        line_put_text(line, subject->address[0] != '\0' ? "' at " : "'");
        line_put_escaped(line, subject->address, strlen(subject->address), LOG_TEXT);
        line_put_text(line, ": ");
    }
    line_put_message(line, event->message, LOG_TEXT);
}

static void line_put_object(struct line *line, const struct log_event *event)
{
    const struct log_subject *subject = event->subject;
    line_put_text(line, "{\"time\":\"");
    line_put_time(line, event->wall_ns);
    line_format(line, "\",\"level\":\"%s\"", level_names[event->level]);
    if (subject != NULL) {
        line_put_text(line, ",\"client\":\"");
        line_put_client(line, subject, LOG_JSON);
        if (subject->address[0] != '\0') {
            line_put_text(line, "\",\"address\":\"");
            line_put_escaped(line, subject->address, strlen(subject->address), LOG_JSON);
        }
        line_put_text(line, "\"");
    }
    line_put_text(line, ",\"message\":\"");
    line_put_message(line, event->message, LOG_JSON);
}

static void line_put_fields(struct line *line, const struct log_event *event)
{
    const struct log_subject *subject = event->subject;
    line_format(line, "PRIORITY=%u\nSYSLOG_IDENTIFIER=" IDENTIFIER "\n", priorities[event->level]);
    if (subject != NULL) {
        line_put_text(line, "HBMQTT_CLIENT=");
        line_put_client(line, subject, LOG_TEXT);
        line_put_text(line, "\nHBMQTT_ADDRESS=");
        line_put_escaped(line, subject->address, strlen(subject->address), LOG_TEXT);
        line_put_text(line, "\n");
    }
    line_put_text(line, "MESSAGE=");
    line_put_sentence(line, event);
}

static void line_put_head(struct line *line, const struct log_event *event, enum log_format format,
                          enum log_envelope envelope)
{
    time_t seconds = (time_t)(event->wall_ns / NS_PER_S);
    struct tm tm;
    char text[32];
    switch (envelope) {
    case LOG_ENVELOPE_PLAIN:
        if (format == LOG_JSON)
            return;
        line_put_time(line, event->wall_ns);
        line_format(line, " %s: ", level_names[event->level]);
        return;
    case LOG_ENVELOPE_PRIORITY:
        line_format(line, "<%u>", priorities[event->level]);
        return;
    case LOG_ENVELOPE_SYSLOG:
        (void)strftime(text, sizeof text, "%b %e %H:%M:%S", localtime_r(&seconds, &tm)); // fits
        line_format(line, "<%u>%s " IDENTIFIER "[%ld]: ", FACILITY_DAEMON | priorities[event->level], text,
                    (long)getpid());
        return;
    case LOG_ENVELOPE_JOURNAL:
        return;
    }
}

size_t log_line_write(const struct log_event *event, enum log_format format, enum log_envelope envelope,
                      char *text)
{
    struct line line = {.text = text, .room = LOG_LINE_BYTES - TAIL_BYTES};
    bool is_object = format == LOG_JSON && envelope != LOG_ENVELOPE_JOURNAL;
    line_put_head(&line, event, format, envelope);
    if (envelope == LOG_ENVELOPE_JOURNAL)
        line_put_fields(&line, event);
    else if (is_object)
        line_put_object(&line, event);
    else
        line_put_sentence(&line, event);

    bool was_cut = line.is_cut;
    line.is_cut = false;
    line.room = LOG_LINE_BYTES; // the tail fits now
    if (was_cut)
        line_put_text(&line, "...");
    if (is_object)
        line_put_text(&line, "\"}");
    if (envelope != LOG_ENVELOPE_SYSLOG)
        line_put_text(&line, "\n");
    return line.used;
}
