// SPDX-License-Identifier: MIT
// Several shards share a context: handshakes at once, sessions of one resumed on the other, and a reload
// while connections stand.
#include <pthread.h>
#include <string.h>

#include "server/transport/test/rig.h"

#define SHARDS      2u
#define CONNECTIONS 60u // of each shard and round

struct shard {
    pthread_t thread;
    struct tls_context *context;
    SSL_CTX *settings;
    SSL_SESSION *session; // the latest
    SSL_SESSION *first;   // to begin with: of another shard
    unsigned stood;
    unsigned resumed;
};

static int session_keep(SSL *ssl, SSL_SESSION *session)
{
    struct shard *shard = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    SSL_SESSION_free(shard->session);
    shard->session = session;
    return 1;
}

static void shard_connect(struct shard *shard, struct rig *rig, bool resume)
{
    rig_init(rig, shard->context, shard->settings);
    if (resume && shard->session != NULL)
        (void)SSL_set_session(rig->client, shard->session);
    rig_run(rig);
    shard->stood += rig_echoes(rig) && tls_user_name(rig->tls) != NULL;
    shard->resumed += tls_resumed(rig->tls);
    (void)SSL_shutdown(rig->client);
    rig_run(rig);
    tls_close(rig->tls);
    rig_run(rig);
    rig_finish(rig);
}

static void *shard_run(void *owner)
{
    struct shard *shard = owner;
    static _Thread_local struct rig rig;
    shard->session = shard->first;
    shard->first = NULL;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        shard_connect(shard, &rig, i % 3 != 2);
    tls_context_unref(shard->context); // the last one of both
    return NULL;
}

// Returns the sum of what was resumed.
static unsigned shards_run(struct shard *shards, struct tls_context *context)
{
    unsigned resumed = 0;
    for (unsigned i = 0; i < SHARDS; i++) {
        shards[i].context = tls_context_ref(context);
        shards[i].stood = shards[i].resumed = 0;
    }
    tls_context_unref(context);
    for (unsigned i = 0; i < SHARDS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&shards[i].thread, NULL, shard_run, &shards[i]), 0);
    for (unsigned i = 0; i < SHARDS; i++) {
        CU_ASSERT_EQUAL(pthread_join(shards[i].thread, NULL), 0);
        CU_ASSERT_EQUAL(shards[i].stood, CONNECTIONS);
        resumed += shards[i].resumed;
    }
    return resumed;
}

static void threads_check(int version)
{
    struct tls_options options = rig_options();
    struct tls_certificate_files more = {rig_file("server-other.pem"), rig_file("server-other.key")};
    options.more = &more;
    options.more_count = 1;
    options.cafile = rig_file("ca.pem");
    options.crlfile = rig_file("ca.crl");
    options.client_certificates = TLS_CLIENT_CERTIFICATES_REQUIRED;
    options.identity = TLS_IDENTITY_COMMON_NAME;
    struct tls_context *context = rig_context(&options);
    struct shard shards[SHARDS] = {0};
    for (unsigned i = 0; i < SHARDS; i++) {
        shards[i].settings = rig_client(version, "client");
        SSL_CTX_set_app_data(shards[i].settings, &shards[i]);
        SSL_CTX_set_session_cache_mode(shards[i].settings,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(shards[i].settings, session_keep);
    }
    // Of each three connections the third is new; the very first ones have nothing to resume.
    CU_ASSERT_EQUAL(shards_run(shards, tls_context_ref(context)), SHARDS * (CONNECTIONS / 3 * 2 - 1));
    for (unsigned i = 0; i < SHARDS; i++) {
        shards[(i + 1) % SHARDS].first = shards[i].session;
        CU_ASSERT_PTR_NOT_NULL(shards[i].session);
    }
    CU_ASSERT_EQUAL(shards_run(shards, context), SHARDS * (CONNECTIONS / 3 * 2));
    for (unsigned i = 0; i < SHARDS; i++) {
        SSL_SESSION_free(shards[i].session);
        SSL_CTX_free(shards[i].settings);
    }
}

static void test_older(void)
{
    threads_check(TLS1_2_VERSION);
}

static void test_newer(void)
{
    threads_check(TLS1_3_VERSION);
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"two threads share a context, TLS 1.2", test_older},
        {"two threads share a context, TLS 1.3", test_newer},
    };
    return RUN_TESTS("transport/tls_threads", cases);
}
