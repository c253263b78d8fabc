// SPDX-License-Identifier: MIT
// Bytes in any portions, records, ceilings, and what a peer may do to them.
#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "server/transport/test/forge.h"
#include "server/transport/test/rig.h"
#include "test/heap.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

#define VERSIONS (sizeof versions / sizeof versions[0])

static struct rig rig;
static SSL_CTX *settings;
static uint64_t blocks;

static void open_with(int version, void (*prepare)(SSL_CTX *))
{
    blocks = heap_blocks();
    struct tls_options options = rig_options();
    struct tls_context *context = rig_context(&options);
    settings = rig_client(version, NULL);
    if (prepare != NULL)
        prepare(settings);
    rig_init(&rig, context, settings);
    tls_context_unref(context);
}

static void close_all(void)
{
    rig_finish(&rig);
    SSL_CTX_free(settings);
    CU_ASSERT_EQUAL(heap_blocks(), blocks);
}

static void test_one_by_one(void)
{
    for (size_t i = 0; i < VERSIONS; i++) {
        open_with(versions[i], NULL);
        rig.piece_max = 1;
        rig_run(&rig);
        CU_ASSERT_TRUE(rig_echoes(&rig));
        tls_close(rig.tls);
        SSL_shutdown(rig.client);
        rig_run(&rig);
        CU_ASSERT_TRUE(tls_peer_ended(rig.tls));
        CU_ASSERT_EQUAL(rig.client_error, SSL_ERROR_ZERO_RETURN);
        close_all();
    }
}

static uint8_t stream_at(uint64_t place)
{
    return (uint8_t)(place * 13 + (place >> 9));
}

// Seals what there is room for, from many spans of random lengths, and returns how much that was.
static size_t write_spans(struct random *random, uint64_t place, size_t length)
{
    static uint8_t data[400000];
    struct iovec spans[64];
    uint32_t count = 0;
    size_t used = 0;
    while (count < 64 && used < length) {
        size_t part = suite_below(random, 1u << suite_below(random, 17));
        if (part > length - used)
            part = length - used;
        for (size_t i = 0; i < part; i++)
            data[used + i] = stream_at(place + used + i);
        spans[count++] = (struct iovec){data + used, part};
        used += part;
    }
    uint32_t room = tls_room(rig.tls);
    int taken = tls_seal(rig.tls, spans, count);
    CU_ASSERT_EQUAL_FATAL(taken, (int)(used < room ? used : room));
    CU_ASSERT_TRUE_FATAL(tls_queued(rig.tls) < RIG_QUEUED_MAX + TLS_RECORD_BYTES + 2048);
    return (size_t)taken;
}

#define TRANSFER_BYTES 3000000u

static void transfer(struct random *random)
{
    static uint8_t data[70000];
    uint64_t down = 0;
    uint64_t up = 0;
    while (down < TRANSFER_BYTES || up < TRANSFER_BYTES || rig.client_got.length < down ||
           rig.server_got.length < up) {
        if (down < TRANSFER_BYTES)
            down += write_spans(random, down, sizeof data);
        if (up < TRANSFER_BYTES && BIO_pending(SSL_get_wbio(rig.client)) < 200000) {
            size_t length = 1 + suite_below(random, 1u << suite_below(random, 17));
            if (length > sizeof data)
                length = sizeof data;
            for (size_t i = 0; i < length; i++)
                data[i] = stream_at(up + i);
            rig_client_write(&rig, data, length);
            up += length;
        }
        if (suite_below(random, 50) == 0 && SSL_version(rig.client) == TLS1_3_VERSION)
            (void)SSL_key_update(rig.client, SSL_KEY_UPDATE_REQUESTED);
        rig_client_turn(&rig);
        rig_carry_to_server(&rig);
        rig_carry_to_client(&rig);
        CU_ASSERT_TRUE_FATAL(rig_established(&rig));
    }
    CU_ASSERT_EQUAL(rig.client_got.length, down);
    CU_ASSERT_EQUAL(rig.server_got.length, up);
    bool same = true;
    for (size_t i = 0; i < down; i++)
        same &= rig.client_got.data[i] == stream_at(i);
    for (size_t i = 0; i < up; i++)
        same &= rig.server_got.data[i] == stream_at(i);
    CU_ASSERT_TRUE(same);
}

static void test_transfer(void)
{
    struct random random;
    suite_seed(&random);
    for (size_t i = 0; i < VERSIONS; i++) {
        open_with(versions[i], NULL);
        rig.random = &random;
        rig_run(&rig);
        rig.server_got.length = rig.client_got.length = 0;
        transfer(&random);
        close_all();
    }
}

// Lengths of the records in what is queued, after taking it.
static uint32_t records_take(uint32_t *ret_lengths, uint32_t count_max)
{
    struct iovec spans[64];
    static uint8_t all[300000];
    uint32_t length = 0;
    uint32_t records = 0;
    uint32_t count = tls_gather(rig.tls, spans, 64);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(all + length, spans[i].iov_base, spans[i].iov_len);
        length += (uint32_t)spans[i].iov_len;
    }
    tls_sent(rig.tls, length);
    for (uint32_t at = 0; at < length && records < count_max; records++) {
        ret_lengths[records] = (uint32_t)(all[at + 3] << 8 | all[at + 4]);
        at += 5 + ret_lengths[records];
    }
    return records;
}

static void test_records(void)
{
    static uint8_t data[40000];
    struct iovec spans[64];
    uint32_t lengths[8];
    open_with(TLS1_3_VERSION, NULL);
    rig_run(&rig);
    for (int i = 0; i < 64; i++)
        spans[i] = (struct iovec){data + i, 64};
    spans[7].iov_len = spans[63].iov_len = 0;
    CU_ASSERT_EQUAL(tls_seal(rig.tls, spans, 64), 62 * 64);
    CU_ASSERT_EQUAL(records_take(lengths, 8), 1); // many packets, one record
    CU_ASSERT_EQUAL(lengths[0], 62 * 64 + 17);
    spans[0] = (struct iovec){data, 10};
    spans[1] = (struct iovec){data, 40000};
    spans[2] = (struct iovec){data, 10};
    CU_ASSERT_EQUAL(tls_seal(rig.tls, spans, 3), 40020);
    CU_ASSERT_EQUAL(records_take(lengths, 8), 3);
    CU_ASSERT_EQUAL(lengths[0], 16384 + 17);
    CU_ASSERT_EQUAL(lengths[1], 16384 + 17);
    CU_ASSERT_EQUAL(lengths[2], 40020 - 32768 + 17);
    CU_ASSERT_EQUAL(tls_seal(rig.tls, spans, 0), 0);
    spans[0].iov_len = 0;
    CU_ASSERT_EQUAL(tls_seal(rig.tls, spans, 1), 0);
    CU_ASSERT_EQUAL(tls_queued(rig.tls), 0);
    close_all();
}

static void test_ceiling(void)
{
    static uint8_t data[200000];
    struct iovec span = {data, sizeof data};
    open_with(TLS1_3_VERSION, NULL);
    rig_run(&rig);
    CU_ASSERT_EQUAL(tls_room(rig.tls), 65536);
    CU_ASSERT_EQUAL(tls_seal(rig.tls, &span, 1), 65536);
    CU_ASSERT_EQUAL(tls_room(rig.tls), 0);
    CU_ASSERT_EQUAL(tls_seal(rig.tls, &span, 1), 0);
    rig.piece_max = 20000;
    rig_carry_to_client(&rig);
    CU_ASSERT_EQUAL(tls_room(rig.tls), 32768);
    rig.piece_max = 0;
    rig_run(&rig);
    CU_ASSERT_EQUAL(rig.client_got.length, 65536);
    close_all();
}

static size_t heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

#define IDLE_CONNECTIONS 100u

// Connections that have had traffic and rest.
static void test_at_rest(void)
{
    static struct rig rigs[IDLE_CONNECTIONS];
    static SSL *clients[IDLE_CONNECTIONS];
    static uint8_t data[40000];
    struct tls_options options = rig_options();
    for (size_t i = 0; i < VERSIONS; i++) {
        struct tls_context *context = rig_context(&options);
        settings = rig_client(versions[i], NULL);
        size_t before = 0;
        for (uint32_t j = 0; j < IDLE_CONNECTIONS; j++) {
            rig_init(&rigs[j], context, settings);
            rig_run(&rigs[j]);
            rig_server_write(&rigs[j], data, sizeof data);
            rig_client_write(&rigs[j], data, sizeof data);
            rig_run(&rigs[j]);
            CU_ASSERT_TRUE(rig_established(&rigs[j]));
            tls_pool_finish(&rigs[j].pool);
            clients[j] = rigs[j].client;
            rigs[j].client = NULL;
        }
        before = heap_in_use();
        for (uint32_t j = 0; j < IDLE_CONNECTIONS; j++) {
            tls_destroy(rigs[j].tls);
            rigs[j].tls = NULL;
        }
        size_t each = (before - heap_in_use()) / IDLE_CONNECTIONS;
        printf(" %zu bytes ", each);
        CU_ASSERT_TRUE(each <= 20480); // none of it is told under a sanitizer
        for (uint32_t j = 0; j < IDLE_CONNECTIONS; j++) {
            SSL_free(clients[j]);
            rig_finish(&rigs[j]);
        }
        SSL_CTX_free(settings);
        tls_context_unref(context);
    }
}

static uint8_t record[20000];

// The client never says more with its own keys, so the forged records follow what it has sealed.
static void forge_open(struct forge *forge, int version)
{
    open_with(version, forge_prepare);
    rig_run(&rig);
    CU_ASSERT_TRUE(rig_established(&rig));
    forge_init(forge, rig.client, version == TLS1_2_VERSION ? 1 : 0); // its Finished was sealed in TLS 1.2
}

static void test_forge(void)
{
    struct forge forge;
    for (size_t i = 0; i < VERSIONS; i++) {
        forge_open(&forge, versions[i]);
        rig_server_take(&rig, record, forge_seal(&forge, FORGE_DATA, "forged", 6, record));
        CU_ASSERT_EQUAL(rig.server_got.length, 6);
        CU_ASSERT_EQUAL(rig.server_error, 0);
        close_all();
    }
}

// Half a KeyUpdate: OpenSSL can seal nothing until it has the rest, and says so.
static void test_half_message(void)
{
    static const uint8_t key_update[] = {24, 0, 0, 1, 0};
    struct iovec span = {(char[]){"data"}, 4};
    struct forge forge;
    forge_open(&forge, TLS1_3_VERSION);
    rig_server_take(&rig, record, forge_seal(&forge, FORGE_HANDSHAKE, key_update, 4, record));
    CU_ASSERT_EQUAL(rig.server_error, 0);
    CU_ASSERT_EQUAL(tls_state(rig.tls), TLS_ESTABLISHED);
    CU_ASSERT_EQUAL(tls_room(rig.tls), 0);
    CU_ASSERT_EQUAL(tls_seal(rig.tls, &span, 1), 0);
    rig_server_take(&rig, record, forge_seal(&forge, FORGE_HANDSHAKE, key_update + 4, 1, record));
    CU_ASSERT_EQUAL(rig.server_error, 0);
    CU_ASSERT_TRUE(tls_room(rig.tls) > 0);
    CU_ASSERT_EQUAL(tls_seal(rig.tls, &span, 1), 4);
    rig_run(&rig);
    CU_ASSERT_EQUAL(rig.client_got.length, 4);
    close_all();
    // And at its end.
    forge_open(&forge, TLS1_3_VERSION);
    rig_server_take(&rig, record, forge_seal(&forge, FORGE_HANDSHAKE, key_update, 4, record));
    tls_close(rig.tls);
    CU_ASSERT_EQUAL(tls_state(rig.tls), TLS_CLOSED);
    close_all();
}

static void test_key_updates(void)
{
    open_with(TLS1_3_VERSION, NULL);
    rig_run(&rig);
    for (uint32_t i = 0; i < 2 * TLS_KEY_UPDATES_MAX && rig.server_error == 0; i++) {
        CU_ASSERT_TRUE(SSL_key_update(rig.client, SSL_KEY_UPDATE_REQUESTED));
        CU_ASSERT_EQUAL(SSL_do_handshake(rig.client), 1);
        rig_carry_to_server(&rig);
        CU_ASSERT_EQUAL(rig.server_error, i < TLS_KEY_UPDATES_MAX ? 0 : -EPROTO);
        CU_ASSERT_TRUE(tls_queued(rig.tls) < 64 * TLS_KEY_UPDATES_MAX); // each is answered
        if (i == 3)
            CU_ASSERT_TRUE(rig_echoes(&rig));
    }
    CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
    CU_ASSERT_TRUE(rig_fault_is(&rig, "too many key updates"));
    close_all();
}

// Who sends much may do so more often.
static void test_key_updates_earned(void)
{
    static uint8_t data[65536];
    open_with(TLS1_3_VERSION, NULL);
    rig_run(&rig);
    for (uint32_t i = 0; i < 4 * TLS_KEY_UPDATES_MAX; i++) {
        CU_ASSERT_TRUE(SSL_key_update(rig.client, SSL_KEY_UPDATE_NOT_REQUESTED));
        rig_client_write(&rig, data, sizeof data);
        rig_run(&rig);
        rig.server_got.length = 0;
    }
    CU_ASSERT_TRUE(rig_echoes(&rig));
    close_all();
}

static void test_renegotiation(void)
{
    static const uint8_t client_hello[4] = {1, 0, 0, 0};
    struct forge forge;
    forge_open(&forge, TLS1_2_VERSION);
    for (uint32_t i = 0; i <= TLS_RENEGOTIATIONS_MAX; i++) {
        CU_ASSERT_EQUAL(rig.server_error, 0);
        rig_server_take(&rig, record, forge_seal(&forge, FORGE_HANDSHAKE, client_hello, 4, record));
        rig_server_take(&rig, record, forge_seal(&forge, FORGE_DATA, "x", 1, record));
    }
    CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
    CU_ASSERT_TRUE(rig_fault_is(&rig, "renegotiation attempted"));
    CU_ASSERT_TRUE(tls_queued(rig.tls) < 200);
    rig_run(&rig);
    CU_ASSERT_EQUAL(rig.client_alert, SSL_AD_NO_RENEGOTIATION);
    close_all();
}

// Records without content are cheap to send.
static void test_empty_records(void)
{
    struct forge forge;
    for (size_t i = 0; i < VERSIONS; i++) {
        forge_open(&forge, versions[i]);
        int count = 0;
        while (rig.server_error == 0 && count++ < 1000)
            rig_server_take(&rig, record, forge_seal(&forge, FORGE_DATA, "", 0, record));
        CU_ASSERT_EQUAL(rig.server_error, -EPROTO);
        CU_ASSERT_TRUE(count < 100);
        close_all();
    }
}

// The connection goes on with the pool of another thread, with bytes still queued.
static void test_move(void)
{
    struct tls_pool other;
    tls_pool_init(&other, 4);
    open_with(TLS1_3_VERSION, NULL);
    rig_run(&rig);
    rig_server_write(&rig, "queued", 6);
    tls_move(rig.tls, &other);
    rig_run(&rig);
    CU_ASSERT_EQUAL(rig.client_got.length, 6);
    CU_ASSERT_EQUAL(other.idle_count, 1);
    CU_ASSERT_TRUE(rig_echoes(&rig));
    tls_destroy(rig.tls);
    rig.tls = NULL;
    tls_pool_finish(&other);
    close_all();
}

int main(void)
{
    static const CU_TestInfo cases[] = {
        {"one byte at a time", test_one_by_one},
        {"transfers with random cuts and short sends", test_transfer},
        {"many spans make one record", test_records},
        {"the ceiling", test_ceiling},
        {"memory at rest", test_at_rest},
        {"forged records are understood", test_forge},
        {"half a message of TLS", test_half_message},
        {"too many key updates", test_key_updates},
        {"key updates of a busy client", test_key_updates_earned},
        {"renegotiation", test_renegotiation},
        {"empty records", test_empty_records},
        {"another thread's pool", test_move},
    };
    return RUN_TESTS("transport/tls_bytes", cases);
}
