// SPDX-License-Identifier: MIT
// Makes the manual page of the configuration file: manual FRAME, run by the build. The frame is copied to
// standard output, but where it has a line such as
//
//     @LISTENER TLS
//     @AUTH
//     @LIMITS
//
// the rows of that group of keys.def (and that scope), or those of limits.def, follow as entries of the page.
// A row without a sentence, or without a place in the frame, fails the build.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct entry {
    const char *group;
    const char *scope; // of a listener's; NULL
    const char *name;
    const char *form;          // what may stand there; NULL: words or a range
    const char *words;         // of a choice
    unsigned long long lowest; // of a number, cast from negative ones
    unsigned long long highest;
    unsigned long long standard;
    const char *unit;
    const char *standard_text; // NULL: none, or the number
    bool is_number;
    const char *note; // NULL
    const char *text;
};

#define RELOAD  NULL
#define RESTART "restart"

#define NUMBER(standard_, lowest_, highest_, unit_)                                                          \
    .is_number = true, .standard = (standard_), .lowest = (unsigned long long)(lowest_),                     \
    .highest = (unsigned long long)(highest_), .unit = (unit_)
#define FLAG(standard_)               .form = "true or false", .standard_text = (standard_) ? "true" : "false"
#define CHOICE(standard_, words_)     .words = (words_), .standard_text = (standard_)
#define TEXT(bytes_max, what, valid)  .form = (what)
#define FILE_NAME                     .form = "file"
#define DIRECTORY                     .form = "directory"
#define OTHER(read, form_, standard_) .form = (form_), .standard_text = (standard_)

#define ENTRY(group_, name_, note_, text_, ...)                                                              \
    {.group = (group_), .name = (name_), .note = (note_), .text = (text_), __VA_ARGS__},

#define KEY_OF_ROOT(identifier, name, member, applied, type, text) ENTRY("ROOT", name, applied, text, type)
#define KEY_OF_SYS(identifier, name, member, applied, type, text)  ENTRY("SYS", name, applied, text, type)
#define KEY_OF_CERTIFICATE(identifier, name, member, applied, type, text)                                    \
    ENTRY("CERTIFICATE", name, applied, text, type)
#define KEY_OF_AUTH(identifier, name, member, applied, type, text) ENTRY("AUTH", name, applied, text, type)
#define KEY_OF_ANONYMOUS(identifier, name, member, applied, type, text)                                      \
    ENTRY("ANONYMOUS", name, applied, text, type)
#define KEY_OF_PASSWORDS(identifier, name, member, applied, type, text)                                      \
    ENTRY("PASSWORDS", name, applied, text, type)
#define KEY_OF_TOPIC_CHECK(identifier, name, member, applied, type, text)                                    \
    ENTRY("TOPIC_CHECK", name, applied, text, type)
#define KEY_OF_ACL(identifier, name, member, applied, type, text) ENTRY("ACL", name, applied, text, type)
#define KEY_OF_LOG(identifier, name, member, applied, type, text) ENTRY("LOG", name, applied, text, type)
#define KEY_OF_PERSISTENCE(identifier, name, member, applied, type, text)                                    \
    ENTRY("PERSISTENCE", name, applied, text, type)
#define KEY_OF_LISTENER(identifier, name, member, scope_, type, text)                                        \
    ENTRY("LISTENER", name, NULL, text, .scope = #scope_, type)

#define BROKER   0
#define LISTENER 1
#define LIMIT(name_, standard_, lowest_, highest_, unit_, scope_, applied_, text_)                           \
    ENTRY("LIMITS", #name_, (scope_) == LISTENER ? "listener" : (applied_), text_,                           \
          NUMBER(standard_, lowest_, highest_, unit_))

static const struct entry entries[] = {
#include "server/config/keys.def"
#include "server/config/limits.def"
};

static void fail(const char *what, const char *on)
{
    fprintf(stderr, "manual: %s: %s\n", what, on);
    exit(EXIT_FAILURE);
}

// Running text: `names` are bold, and what troff would take for its own is escaped.
static void put_text(const char *text)
{
    bool bold = false;
    for (; *text != '\0'; text++)
        if (*text == '`')
            fputs((bold = !bold) ? "\\fB" : "\\fR", stdout);
        else if (*text == '-' && bold)
            fputs("\\-", stdout);
        else if (*text == '\'')
            fputs("\\(aq", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
}

// "none|optional|required" as "none, optional or required".
static void put_words(const char *words)
{
    for (;;) {
        size_t length = strcspn(words, "|");
        printf("%.*s", (int)length, words);
        if (words[length] == '\0')
            return;
        words += length + 1;
        fputs(strchr(words, '|') == NULL ? " or " : ", ", stdout);
    }
}

static void put_form(const struct entry *entry)
{
    if (entry->words != NULL)
        put_words(entry->words);
    else if (!entry->is_number)
        put_text(entry->form);
    else
        printf("%llu to %llu%s%s", entry->lowest, entry->highest, entry->unit[0] == '\0' ? "" : " ",
               entry->unit);
    if (entry->is_number && entry->standard == CONFIG_NEVER)
        fputs("; none", stdout);
    else if (entry->is_number)
        printf("; %llu", entry->standard);
    else if (entry->standard_text != NULL)
        printf("; %s", entry->standard_text);
    if (entry->note != NULL)
        printf("; %s", entry->note);
}

static void put_entry(const struct entry *entry)
{
    size_t length = strlen(entry->text);
    if (length == 0 || entry->text[length - 1] != '.')
        fail("no sentence describes the key", entry->name);
    fputs(".TP\n.BR ", stdout);
    for (const char *letter = entry->name; *letter != '\0'; letter++)
        printf("%s%c", *letter == '-' ? "\\" : "", *letter);
    fputs(" \" (", stdout);
    put_form(entry);
    fputs(")\"\n", stdout);
    put_text(entry->text);
    putchar('\n');
}

// `wanted` is a group, or a group and a scope. What was put is noted.
static void put_group(const char *wanted, bool *done)
{
    size_t group = strcspn(wanted, " ");
    const char *scope = wanted[group] == '\0' ? NULL : wanted + group + 1;
    bool found = false;
    for (size_t i = 0; i < COUNT(entries); i++) {
        const struct entry *entry = &entries[i];
        if (strlen(entry->group) != group || strncmp(entry->group, wanted, group) != 0)
            continue;
        if (scope != NULL && strcmp(scope, entry->scope) != 0)
            continue;
        put_entry(entry);
        done[i] = found = true;
    }
    if (!found)
        fail("there are no such keys", wanted);
}

static void put_page(FILE *frame)
{
    static bool done[COUNT(entries)];
    static char line[4096];
    while (fgets(line, sizeof(line), frame) != NULL) {
        if (line[0] == '@') {
            line[strcspn(line, "\n")] = '\0';
            put_group(line + 1, done);
        } else {
            fputs(line, stdout);
        }
    }
    for (size_t i = 0; i < COUNT(entries); i++)
        if (!done[i])
            fail("the frame has no place for the key", entries[i].name);
}

int main(int argc, char **argv)
{
    FILE *frame = argc == 2 ? fopen(argv[1], "re") : NULL;
    if (frame == NULL)
        fail("usage", "manual FRAME");
    put_page(frame);
    bool failed = ferror(frame) != 0;
    (void)fclose(frame); // only read from
    return !failed && fflush(stdout) == 0 && ferror(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
