// SPDX-License-Identifier: MIT
#include "harness/recipe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/arena.h"
#include "harness/bytes.h"
#include "harness/stream.h"

const char *entries_find(const struct entries *entries, const char *name)
{
    for (size_t i = 0; i < entries->count; i++)
        if (strcmp(entries->list[i].name, name) == 0)
            return entries->list[i].text;
    return NULL;
}

bool entries_set(struct entries *entries, const char *name, const char *text)
{
    size_t at = 0;
    while (at < entries->count && strcmp(entries->list[at].name, name) != 0)
        at++;
    if (at == RECIPE_ENTRIES_MAX)
        return false;
    entries->list[at] = (struct entry){arena_print("%s", name), arena_print("%s", text)};
    if (at == entries->count)
        entries->count++;
    return true;
}

char *entries_expand(const char *text, const struct entries *first, const struct entries *second)
{
    struct buffer out = {0};
    while (*text != '\0') {
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        const char *value = NULL;
        if (end != NULL) {
            const char *name = arena_print("%.*s", (int)(end - text - 1), text + 1);
            value = entries_find(first, name);
            if (value == NULL && second != NULL)
                value = entries_find(second, name);
        }
        if (value != NULL) {
            buffer_append(&out, bytes_text(value));
            text = end + 1;
        } else
            buffer_put_u8(&out, (uint8_t)*text++);
    }
    char *expanded = arena_print("%.*s", (int)out.length, out.length == 0 ? "" : (char *)out.data);
    buffer_finish(&out);
    return expanded;
}

char **entries_words(const char *text, const struct entries *first, const struct entries *second)
{
    char **words = arena_take((strlen(text) / 2 + 2) * sizeof *words);
    size_t count = 0;
    while (*(text += strspn(text, " ")) != '\0') {
        size_t length = strcspn(text, " ");
        words[count++] = entries_expand(arena_print("%.*s", (int)length, text), first, second);
        text += length;
    }
    return words;
}

const char *program_directory(void)
{
    static char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        return ".";
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash != NULL)
        *slash = '\0';
    return path;
}

static const char *find_on_path(const char *name)
{
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        const char *candidate = arena_print("%.*s/%s", (int)length, path, name);
        if (access(candidate, X_OK) == 0)
            return candidate;
        path += length + (path[length] == ':');
    }
    return NULL;
}

const char *program_find(const char *name, const char *near)
{
    struct entries none = {.count = 0};
    for (char **word = entries_words(near, &none, NULL); *word != NULL; word++) {
        const char *candidate = **word == '/' ? *word : arena_print("%s/%s", program_directory(), *word);
        if (access(candidate, X_OK) == 0)
            return candidate;
    }
    return strchr(name, '/') == NULL ? find_on_path(name) : access(name, X_OK) == 0 ? name : NULL;
}

// "first rest": cuts the text, which stays where it is, behind its first word.
static char *rest_of(char *text)
{
    char *at = text + strcspn(text, " ");
    if (*at != '\0')
        *at++ = '\0';
    return at + strspn(at, " ");
}

// The keys with a name and a text behind it. Returns what is wrong, or NULL.
static const char *recipe_pair(struct recipe *recipe, const char *key, char *value)
{
    struct entries *entries = strcmp(key, "set") == 0     ? &recipe->values
                              : strcmp(key, "do") == 0    ? &recipe->actions
                              : strcmp(key, "speak") == 0 ? &recipe->transports
                                                          : NULL;
    if (entries == NULL)
        return arena_print(
            "'%s' is no word of recipes: name, program, find, command, set, ready, config, file, do, speak",
            key);
    const char *text = rest_of(value);
    enum transport transport;
    if (entries == &recipe->transports && !transport_of(value, &transport))
        return arena_print("'%s' is no transport: tcp, tls, ws, wss", value);
    return entries_set(entries, value, text)
               ? NULL
               : arena_print("more than %d lines of this kind", RECIPE_ENTRIES_MAX);
}

// The keys that are no blocks. Returns what is wrong, or NULL.
static const char *recipe_key(struct recipe *recipe, const char *key, char *value)
{
    if (strcmp(key, "name") == 0)
        recipe->name = value;
    else if (strcmp(key, "command") == 0)
        recipe->command = value;
    else if (strcmp(key, "ready") == 0)
        recipe->ready = value;
    else if (strcmp(key, "program") == 0 || strcmp(key, "find") == 0) {
        const char *name = *key == 'p' ? "program" : value;
        char *program = *key == 'p' ? value : rest_of(value);
        const char *near = rest_of(program);
        const char *found = program_find(program, near);
        if (found == NULL)
            return arena_print("no program '%s' on PATH or at '%s': install it or name it in the recipe",
                               program, near);
        if (!entries_set(&recipe->values, name, found))
            return arena_print("more than %d values", RECIPE_ENTRIES_MAX);
    } else
        return recipe_pair(recipe, key, value);
    return NULL;
}

struct recipe *recipe_parse(const char *path, const char *text, const char **ret_why)
{
    struct recipe *recipe = arena_take(sizeof *recipe);
    struct entries *block = NULL; // that is being read
    const char *name = "";        // of its file
    int number = 0;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = arena_print("%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        number++;
        const char *fault = NULL;
        if (block != NULL && (*line == ' ' || *line == '\0')) {
            const char *earlier = entries_find(block, name);
            size_t indent = strspn(line, " ");
            const char *behind =
                arena_print("%s%s\n", earlier == NULL ? "" : earlier, line + (indent < 4 ? indent : 4));
            fault = entries_set(block, name, behind) ? NULL : "too many files";
        } else if (*line != '#' && *line != '\0') {
            char *value = rest_of(line);
            name = value;
            block = strcmp(line, "config") == 0 ? &recipe->configs
                    : strcmp(line, "file") == 0 ? &recipe->files
                                                : NULL;
            fault = block == NULL ? recipe_key(recipe, line, value) : NULL;
        }
        if (fault != NULL) {
            *ret_why = arena_print("%s:%d: %s", path, number, fault);
            return NULL;
        }
    }
    if (recipe->name == NULL || (recipe->command == NULL && recipe->actions.count == 0)) {
        *ret_why = arena_print("%s: a recipe needs a 'name' and a 'command' or a 'do'", path);
        return NULL;
    }
    return recipe;
}

struct recipe *recipe_read(const char *path, const char **ret_why)
{
    FILE *file = fopen(path, "r");
    struct buffer text = {0};
    size_t count = 0;
    while (file != NULL && (count = fread(buffer_reserve(&text, 4096), 1, 4096, file)) > 0)
        text.length += count;
    if (file == NULL || ferror(file) || fclose(file) != 0) {
        *ret_why = arena_print("%s: %s", path, strerror(errno));
        return NULL;
    }
    buffer_put_u8(&text, 0);
    struct recipe *recipe = recipe_parse(path, (const char *)text.data, ret_why);
    buffer_finish(&text);
    return recipe;
}
