// SPDX-License-Identifier: MIT
#include "server/transport/listener_terms.h"

#include <stdlib.h>
#include <string.h>

#include "server/transport/tls_context.h"

static uint8_t *copy(struct bytes bytes)
{
    uint8_t *copied = memory_require(bytes.length + 1);
    memcpy(copied, bytes.data, bytes.length);
    copied[bytes.length] = '\0';
    return copied;
}

static void copy_texts(struct bytes *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        texts[i].data = copy(texts[i]);
}

static void free_texts(struct bytes *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free((void *)(uintptr_t)texts[i].data); // ours: copied
}

struct listener_terms *listener_terms_create(const struct listener_terms *from)
{
    struct listener_terms *terms = memory_require(sizeof *terms);
    terms->listener = from->listener;
    terms->name = (const char *)copy(bytes_of(from->name));
    terms->layers = from->layers;
    terms->tls = from->tls;
    terms->handshakes_max = from->handshakes_max;
    terms->connections_max = from->connections_max;
    copy_texts(terms->layers.paths, terms->layers.path_count);
    copy_texts(terms->layers.origins, terms->layers.origin_count);
    atomic_init(&terms->references, 1);
    return terms;
}

struct listener_terms *listener_terms_ref(struct listener_terms *terms)
{
    atomic_fetch_add_explicit(&terms->references, 1, memory_order_relaxed);
    return terms;
}

void listener_terms_unref(struct listener_terms *terms)
{
    if (terms == NULL || atomic_fetch_sub_explicit(&terms->references, 1, memory_order_acq_rel) > 1)
        return;
    free_texts(terms->layers.paths, terms->layers.path_count);
    free_texts(terms->layers.origins, terms->layers.origin_count);
    tls_context_unref(terms->tls);
    free((void *)(uintptr_t)terms->name); // ours: copied
    free(terms);
}
