// SPDX-License-Identifier: MIT
// What is different between the configuration that runs and another one, for a broker that goes over to it
// without a restart.
//
// A listener is known by where it listens, not by its name: its socket goes on as long as the address stays,
// whatever else changes, and a socket cannot be opened while another one has its address.
#ifndef CONFIG_COMPARE_H
#define CONFIG_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

struct config;

#define COMPARE_LISTENERS_MAX 64u
#define COMPARE_KEYS_MAX      16u
#define COMPARE_NONE          UINT32_MAX

struct config_comparison {
    // For each listener of the new configuration, in its order:
    struct {
        uint32_t
            before;   // the listener of the old one that has this address; COMPARE_NONE: it is to be opened
        bool changed; // from that one, in its name, its limits, its certificates or anything else
    } listeners[COMPARE_LISTENERS_MAX];
    // For each listener of the old configuration: no listener of the new one has its address.
    bool removed[COMPARE_LISTENERS_MAX];
    // Keys that changed and hold only after a restart, such as "limits.receive_buffers".
    const char *restart_keys[COMPARE_KEYS_MAX];
    uint32_t restart_key_count;
};

void config_compare(const struct config *before, const struct config *after,
                    struct config_comparison *ret_comparison);

#endif
