// SPDX-License-Identifier: MIT
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/test/suite.h"

static void recipes_are_read(void)
{
    const char *why = NULL;
    struct recipe *recipe = recipe_parse(
        "file",
        "# a comment\nname some\nfind tool sh /bin/sh\ncommand {tool} -c {directory}/x -j {shards}\n"
        "set shards 1\nready it is up\nconfig\n    port {tcp}\n      deeper\n\nconfig other\n    two\n"
        "file acl\n    three\ndo publish {tool} {topic}\nspeak tcp\nspeak tls --ca {ca}\n",
        &why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(recipe);
    CU_ASSERT_STRING_EQUAL(recipe->name, "some");
    CU_ASSERT_STRING_EQUAL(recipe->ready, "it is up");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->values, "tool"), "/bin/sh");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->values, "shards"), "1");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->configs, ""), "port {tcp}\n  deeper\n\n");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->configs, "other"), "two\n");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->files, "acl"), "three\n");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->actions, "publish"), "{tool} {topic}");
    CU_ASSERT_PTR_NULL(entries_find(&recipe->actions, "subscribe"));
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->transports, "tcp"), "");
    CU_ASSERT_STRING_EQUAL(entries_find(&recipe->transports, "tls"), "--ca {ca}");
    CU_ASSERT_PTR_NULL(entries_find(&recipe->transports, "ws"));
}

static void what_is_wrong_is_one_line(void)
{
    static const struct {
        const char *text, *said;
    } wrong[] = {
        {"name x\nnonsense y\n", "file:2: 'nonsense' is no word of recipes"},
        {"name x\nspeak quic\n", "file:2: 'quic' is no transport"},
        {"command x\n", "a recipe needs a 'name'"},
        {"name x\n", "a recipe needs a 'name' and a 'command'"},
        {"name x\nprogram surely-not-there-4711\n", "file:2: no program 'surely-not-there-4711'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *why = "";
        CU_ASSERT_PTR_NULL(recipe_parse("file", wrong[i].text, &why));
        CU_ASSERT_PTR_NOT_NULL(strstr(why, wrong[i].said));
        CU_ASSERT_PTR_NULL(strchr(why, '\n'));
    }
    const char *why = "";
    CU_ASSERT_PTR_NULL(recipe_read("/nowhere/at-all", &why));
    CU_ASSERT_STRING_EQUAL(why, "/nowhere/at-all: No such file or directory");
}

static void words_are_cut_before_they_are_filled_in(void)
{
    struct entries first = {0}, second = {0};
    CU_ASSERT_FATAL(entries_set(&first, "a", "one two") && entries_set(&second, "a", "never") &&
                    entries_set(&second, "b", "3"));
    char **words = entries_words("x {a}  y{b} {c} {", &first, &second);
    CU_ASSERT_STRING_EQUAL(words[0], "x");
    CU_ASSERT_STRING_EQUAL(words[1], "one two");
    CU_ASSERT_STRING_EQUAL(words[2], "y3");
    CU_ASSERT_STRING_EQUAL(words[3], "{c}");
    CU_ASSERT_STRING_EQUAL(words[4], "{");
    CU_ASSERT_PTR_NULL(words[5]);
}

static void entries_have_a_ceiling(void)
{
    struct entries entries = {0};
    for (int i = 0; i < RECIPE_ENTRIES_MAX; i++)
        CU_ASSERT(entries_set(&entries, arena_print("%d", i), "x"));
    CU_ASSERT(!entries_set(&entries, "one more", "x"));
    CU_ASSERT(entries_set(&entries, "0", "y"));
    CU_ASSERT_STRING_EQUAL(entries_find(&entries, "0"), "y");
}

// In memory that processes share.
static struct timeline *timeline_make(void)
{
    struct timeline *timeline =
        mmap(NULL, sizeof *timeline, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(timeline != MAP_FAILED);
    timeline_init(timeline);
    return timeline;
}

static void timelines_are_read_as_they_were_written(void)
{
    struct timeline *timeline = timeline_make();
    timeline_add(timeline, TIMELINE_SENT, "peer", "text", hex("0102"));
    timeline_add(timeline, TIMELINE_RECEIVED, "other", "", bytes_repeat(7, TIMELINE_SHOWN_MAX + 5));
    size_t at = 0;
    struct timeline_event event;
    CU_ASSERT_FATAL(timeline_next(timeline, &at, &event));
    CU_ASSERT(event.kind == TIMELINE_SENT && strcmp(event.name, "peer") == 0 &&
              strcmp(event.text, "text") == 0);
    CU_ASSERT(bytes_equal(event.bytes, hex("0102")) && event.bytes_length == 2);
    CU_ASSERT_FATAL(timeline_next(timeline, &at, &event));
    CU_ASSERT(event.bytes.length == TIMELINE_SHOWN_MAX && event.bytes_length == TIMELINE_SHOWN_MAX + 5);
    CU_ASSERT(!timeline_next(timeline, &at, &event));
    munmap(timeline, sizeof *timeline);
}

static void timelines_lose_what_has_no_room_and_say_so(void)
{
    struct timeline *timeline = timeline_make();
    for (int i = 0; i < 500; i++)
        timeline_add(timeline, TIMELINE_SENT, "peer", "", bytes_repeat(7, 2000));
    size_t at = 0, count = 0;
    struct timeline_event event;
    while (timeline_next(timeline, &at, &event))
        count++;
    CU_ASSERT(count > 50 && count + timeline->lost == 500);
    munmap(timeline, sizeof *timeline);
}

static void several_processes_write_one_timeline(void)
{
    enum { WRITERS = 4, EACH = 200 };
    struct timeline *timeline = timeline_make();
    for (int i = 0; i < WRITERS; i++)
        if (fork() == 0) {
            for (int j = 0; j < EACH; j++)
                timeline_add(timeline, TIMELINE_NOTE, "writer", arena_print("%d", i * EACH + j), hex("0102"));
            _exit(0);
        }
    for (int i = 0; i < WRITERS; i++)
        CU_ASSERT(wait(NULL) > 0);
    bool seen[WRITERS * EACH] = {false};
    size_t at = 0, count = 0;
    struct timeline_event event;
    for (; timeline_next(timeline, &at, &event); count++)
        seen[strtoul(event.text, NULL, 10)] = true;
    CU_ASSERT(count == WRITERS * EACH);
    for (int i = 0; i < WRITERS * EACH; i++)
        CU_ASSERT(seen[i]);
    munmap(timeline, sizeof *timeline);
}

static void random_numbers_come_again(void)
{
    struct random one = random_of(1, "a"), same = random_of(1, "a"), other = random_of(1, "b");
    uint64_t first = random_next(&one);
    CU_ASSERT(first == random_next(&same) && first != random_next(&other));
    unsigned counts[6] = {0};
    for (int i = 0; i < 6000; i++)
        counts[random_below(&one, 6)]++;
    for (int i = 0; i < 6; i++)
        CU_ASSERT(counts[i] > 800 && counts[i] < 1200);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"recipes are read", recipes_are_read},
        {"what is wrong is one line", what_is_wrong_is_one_line},
        {"words are cut before they are filled in", words_are_cut_before_they_are_filled_in},
        {"entries have a ceiling", entries_have_a_ceiling},
        {"timelines are read as they were written", timelines_are_read_as_they_were_written},
        {"timelines lose what has no room, and say so", timelines_lose_what_has_no_room_and_say_so},
        {"several processes write one timeline", several_processes_write_one_timeline},
        {"random numbers come again", random_numbers_come_again},
    };
    return RUN_TESTS("harness recipes and timelines", tests);
}
