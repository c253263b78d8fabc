// SPDX-License-Identifier: MIT
// The clock that time-outs run by.
#ifndef CLIENT_CLOCK_H
#define CLIENT_CLOCK_H

#include <stdint.h>

// Milliseconds of a clock that never goes back.
uint64_t clock_now_ms(void);

// How long poll(2) may wait until `deadline_ms` (UINT64_MAX: for ever), rounded up.
int clock_wait_ms(uint64_t deadline_ms, uint64_t now_ms);

#endif
