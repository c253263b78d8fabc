// SPDX-License-Identifier: MIT
// TCP connections to a host, and the clock that their time-outs run by.
#ifndef CLIENT_NET_H
#define CLIENT_NET_H

#include "client/error.h"

// Milliseconds of a clock that never goes back.
uint64_t net_now_ms(void);

// How long poll(2) may wait until `deadline_ms` (UINT64_MAX: for ever), rounded up.
int net_wait_ms(uint64_t deadline_ms, uint64_t now_ms);

// Waits until `fd` shows `events` of poll(2). Returns 0, -ETIMEDOUT, -ECANCELED when `interrupt_fd` is
// readable, or another negative errno.
int net_wait(int fd, short events, uint64_t deadline_ms, int interrupt_fd);

// Connects to the first address of `host` that accepts, giving each an equal share of the time that is left.
// `interrupt_fd` ends the wait when it is readable. *ret_fd is a non-blocking socket without Nagle's delay.
// Returns 0, or HBMQTT_ERROR_UNREACHABLE, TIMEOUT, INTERRUPTED or SYSTEM with *ret_error set.
int net_connect(const char *host, uint16_t port, uint64_t deadline_ms, int interrupt_fd, int *ret_fd,
                struct error *ret_error);

// Reads away and forgets what comes until the peer has closed, the deadline, or an interruption; then closes.
// Without this the kernel answers late data with a reset, which can destroy what the peer has not read yet.
void net_close_gently(int fd, uint64_t deadline_ms, int interrupt_fd);

#endif
