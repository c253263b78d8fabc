// SPDX-License-Identifier: MIT
// Topic names and topic filters: validity, shared subscriptions, matching. [MQTT 3.1.1 and 5.0, section 4.7]
#ifndef PROTO_TOPIC_H
#define PROTO_TOPIC_H

#include "proto/bytes.h"

#define TOPIC_BYTES_MAX 65535u

// A topic name that a PUBLISH may carry: one byte or more, no wildcard [MQTT-3.3.2-2], no NUL, at most
// `levels_max` levels. The text is assumed to be valid UTF-8 (the decoder has checked).
bool topic_name_valid(struct bytes name, uint32_t levels_max);

// True if `text` is one byte or more of ASCII without NUL, '+' and '#': most topic names are, and this one
// pass shows that they are both text and a name.
bool topic_name_plain(struct bytes text);

// A topic filter: one byte or more, '+' alone in its level [MQTT-4.7.1-3], '#' alone in the last
// [MQTT-4.7.1-2].
bool topic_filter_valid(struct bytes filter, uint32_t levels_max);

// How many levels a name or filter has: one more than its separators.
uint32_t topic_levels(struct bytes topic);

// Whether they are at most `levels_max`. Most limits are out of reach for a topic of this length: that needs
// no look at it.
static inline bool topic_levels_within(struct bytes topic, uint32_t levels_max)
{
    return topic.length < levels_max || topic_levels(topic) <= levels_max;
}

// Takes the next level off the front of `rest`. Returns false when none is left. The empty level before,
// between or after separators is a level. Start with `struct topic_cursor cursor = {topic, false}`.
struct topic_cursor {
    struct bytes rest;
    bool ended;
};
bool topic_next_level(struct topic_cursor *cursor, struct bytes *ret_level);

// Whether a name is one of those at which only a server speaks of itself: $SYS, and all below it.
static inline bool topic_is_sys(struct bytes name)
{
    return bytes_begin_with(name, bytes_of("$SYS")) && (name.length == 4 || name.data[4] == '/');
}

// True if `filter` matches `name`. Both are valid. A filter that begins with a wildcard matches no name that
// begins with
// '$' [MQTT-4.7.2-1]; `a/#` matches `a`. Runs in the length of both, without backtracking or recursion.
bool topic_matches(struct bytes filter, struct bytes name);

// Splits `$share/group/filter`. Returns TOPIC_NOT_SHARED if it does not begin with `$share/`; TOPIC_SHARED
// with both parts set; TOPIC_SHARED_INVALID if the group is empty or holds a wildcard [MQTT-4.8.2-1,
// MQTT-4.8.2-2], or the filter behind it is missing.
enum topic_shared { TOPIC_NOT_SHARED, TOPIC_SHARED, TOPIC_SHARED_INVALID };
enum topic_shared topic_split_shared(struct bytes filter, struct bytes *ret_group, struct bytes *ret_filter);

#endif
