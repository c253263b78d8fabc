// SPDX-License-Identifier: MIT
// The bytes that TLS has for the peer, in chunks of a pool, and what of them the kernel has.
//
//     head                        tail
//     [4 KiB chunk]->[4 KiB chunk]->[chunk ...]
//      <--- sending --->
//
// Bytes are appended behind what is being sent; nothing moves. When all has left, the chunks go back to the
// pool: a connection that has nothing to say holds no memory here. A pool belongs to one thread.
#ifndef TRANSPORT_TLS_QUEUE_H
#define TRANSPORT_TLS_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "proto/proto.h"
#include "server/base/base.h"

#define TLS_CHUNK_BYTES  4096u  // with its head
#define TLS_RECORD_BYTES 16384u // of plaintext: what a full record holds

struct tls_chunk {
    struct tls_chunk *next;
    uint32_t start; // of what was not sent yet
    uint32_t used;
    uint8_t data[];
};

struct tls_pool {
    struct tls_chunk *idle;
    uint32_t idle_count;
    uint32_t idle_max;                // more than this are freed
    uint8_t record[TLS_RECORD_BYTES]; // where the plaintext of a record is gathered
};

void tls_pool_init(struct tls_pool *pool, uint32_t idle_max);
void tls_pool_finish(struct tls_pool *pool);

// Zeroed memory with a pool is an empty queue.
struct tls_queue {
    struct tls_chunk *head;
    struct tls_chunk *tail;
    struct tls_pool *pool;
    uint32_t bytes;   // all that wait, those being sent included
    uint32_t sending; // handed to the kernel and not yet answered for
};

void tls_queue_finish(struct tls_queue *queue); // nothing may be in the kernel's hands

// Appends a copy. Returns false if there is no memory: the stream has a gap then, and must end.
WARN_UNUSED bool tls_queue_append(struct tls_queue *queue, struct bytes bytes);

// The spans to send next, at most `count_max`, and marks them as handed to the kernel. Returns how many; 0
// when nothing waits. Nothing may be in the kernel's hands yet.
uint32_t tls_queue_gather(struct tls_queue *queue, struct iovec *ret_spans, uint32_t count_max);

// The kernel answered for the send: `length` bytes of it left, the rest is to be sent again.
void tls_queue_sent(struct tls_queue *queue, uint32_t length);

#endif
