// SPDX-License-Identifier: MIT
// auth_file: lets in who has the password of a user in a file, and nobody else of those who name a user.
//
//     password-file            see hbmqtt_passwd(1)
//     threads, queue-max       of the verifier
//
// A CONNECT is answered by another thread, milliseconds later:
//
//     authenticate -> throttle, file, verifier: pending --worker, of low priority--> found --teller--> answer
//
// A worker may be held up for long, so it takes no lock of the broker's: it leaves what it has found to the
// teller.
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/access/access.h"
#include "server/plugin/answer.h"
#include "server/plugin/builtin/builtin.h"

#define THREADS_STANDARD   2
#define QUEUE_STANDARD     10000
#define PEER_SHARE_PERCENT 75u // of the queue that one peer may have

// A password that is being verified.
struct attempt {
    struct list place; // in auth_file.attempts
    struct auth_file *owner;
    struct attempt *next; // in auth_file.found
    uint64_t question;
    uint64_t peer;
    enum password_result result;
};

struct auth_file {
    const struct hbmqtt_plugin_broker *broker;
    struct throttle *throttle;
    struct verifier *verifier;
    pthread_mutex_t lock; // of the next two, for shards, the teller and the main thread
    struct password_file *file;
    struct list attempts;
    _Atomic(struct attempt *) found; // a stack, the latest on top
    sem_t told;                      // how many were found, and one more at the end
    _Atomic bool ending;
    pthread_t teller;
};

static struct password_file *file_ref(struct auth_file *auth)
{
    (void)pthread_mutex_lock(&auth->lock);
    struct password_file *file = password_file_ref(auth->file);
    (void)pthread_mutex_unlock(&auth->lock);
    return file;
}

static void attempt_remove(struct attempt *attempt)
{
    struct auth_file *auth = attempt->owner;
    (void)pthread_mutex_lock(&auth->lock);
    list_remove(&attempt->place);
    (void)pthread_mutex_unlock(&auth->lock);
    free(attempt);
}

static struct attempt *attempt_add(struct auth_file *auth, uint64_t question, uint64_t peer)
{
    struct attempt *attempt = memory_require(sizeof *attempt);
    *attempt = (struct attempt){.owner = auth, .question = question, .peer = peer};
    list_init(&attempt->place);
    (void)pthread_mutex_lock(&auth->lock);
    list_append(&auth->attempts, &attempt->place);
    (void)pthread_mutex_unlock(&auth->lock);
    return attempt;
}

// On the thread of a worker.
static void attempt_found(void *owner, uint64_t id, enum password_result result)
{
    struct attempt *attempt = owner;
    struct auth_file *auth = attempt->owner;
    attempt->result = result;
    attempt->next = atomic_load_explicit(&auth->found, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&auth->found, &attempt->next, attempt, memory_order_release,
                                                  memory_order_relaxed))
        continue;
    (void)sem_post(&auth->told); // cannot overflow: there are fewer places
}

// The teller.

static int verdict_of(struct auth_file *auth, const struct attempt *attempt)
{
    switch (attempt->result) {
    case PASSWORD_RIGHT:
        throttle_succeed(auth->throttle, attempt->peer);
        return HBMQTT_ALLOW;
    case PASSWORD_WRONG:
        throttle_fail(auth->throttle, attempt->peer, clock_monotonic_ns());
        return HBMQTT_DENY;
    case PASSWORD_NOT_UNDERSTOOD:
        auth->broker->log(auth->broker, HBMQTT_PLUGIN_LOG_ERROR,
                          "libcrypt refuses the hash of a user who has tried to connect; make it anew with "
                          "hbmqtt_passwd");
        return HBMQTT_DENY;
    case PASSWORD_NO_MEMORY:
        break;
    }
    return HBMQTT_DENY | HBMQTT_UNAVAILABLE;
}

// All that was found, the oldest on top.
static struct attempt *take_found(struct auth_file *auth)
{
    struct attempt *found = atomic_exchange_explicit(&auth->found, NULL, memory_order_acquire);
    struct attempt *oldest = NULL;
    while (found != NULL) {
        struct attempt *next = found->next;
        found->next = oldest;
        oldest = found;
        found = next;
    }
    return oldest;
}

static void *teller_run(void *argument)
{
    struct auth_file *auth = argument;
    while (!auth->ending) {
        while (sem_wait(&auth->told) < 0)
            continue; // interrupted
        struct attempt *next;
        for (struct attempt *attempt = take_found(auth); attempt != NULL; attempt = next) {
            next = attempt->next;
            struct hbmqtt_plugin_answer answer = {.size = sizeof answer,
                                                  .verdict = verdict_of(auth, attempt)};
            (void)auth->broker->answer(auth->broker, attempt->question, &answer); // it may have come too late
            attempt_remove(attempt);
        }
    }
    return NULL;
}

// Beginning and end.

struct file_settings {
    const char *path;
    int64_t threads;
    int64_t queue_max;
};

static int read_settings(const struct hbmqtt_plugin_broker *broker,
                         const struct hbmqtt_plugin_setting *settings, struct file_settings *ret_read)
{
    static const char *const keys[] = {"password-file", "threads", "queue-max", NULL};
    *ret_read = (struct file_settings){NULL, THREADS_STANDARD, QUEUE_STANDARD};
    if (broker->setting_keys(broker, settings, keys) != 0 ||
        broker->setting_text_of(broker, settings, "password-file", &ret_read->path) < 0 ||
        broker->setting_integer_of(broker, settings, "threads", 1, VERIFIER_WORKERS_MAX, &ret_read->threads) <
            0 ||
        broker->setting_integer_of(broker, settings, "queue-max", 1, VERIFIER_QUEUE_MAX,
                                   &ret_read->queue_max) < 0)
        return -1;
    if (ret_read->path != NULL)
        return 0;
    broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "it needs the setting password-file");
    return -1;
}

// Returns NULL after a line of the log.
static struct password_file *load_file(const struct hbmqtt_plugin_broker *broker, const char *path)
{
    char line[PASSWORD_FILE_LINE_BYTES];
    struct password_file *file = NULL;
    int failed = password_file_load(path, &file, line);
    if (line[0] != '\0')
        broker->log(broker, failed ? HBMQTT_PLUGIN_LOG_ERROR : HBMQTT_PLUGIN_LOG_WARNING, "%s", line);
    return failed ? NULL : file;
}

static int start_threads(struct auth_file *auth, const struct file_settings *settings)
{
    const struct verifier_settings verifier = {
        .worker_count = (uint32_t)settings->threads,
        .queue_max = (uint32_t)settings->queue_max,
        .peer_max = (uint32_t)(settings->queue_max * PEER_SHARE_PERCENT / 100) + 1,
        .answer = attempt_found,
    };
    int failed = verifier_create(&verifier, &auth->verifier);
    if (failed)
        return failed;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before); // cannot fail with these arguments
    failed = -pthread_create(&auth->teller, NULL, teller_run, auth);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        verifier_destroy(auth->verifier);
    return failed;
}

static void auth_free(struct auth_file *auth)
{
    throttle_destroy(auth->throttle);
    password_file_unref(auth->file);
    (void)pthread_mutex_destroy(&auth->lock);
    (void)sem_destroy(&auth->told);
    free(auth);
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    const struct throttle_settings throttle = THROTTLE_STANDARD;
    struct file_settings read;
    if (read_settings(broker, settings, &read) != 0)
        return -1;
    struct password_file *file = load_file(broker, read.path);
    if (file == NULL)
        return -1;
    struct auth_file *auth = memory_require(sizeof *auth);
    *auth = (struct auth_file){.broker = broker, .file = file, .throttle = throttle_create(&throttle)};
    list_init(&auth->attempts);
    (void)pthread_mutex_init(&auth->lock, NULL); // cannot fail without attributes
    (void)sem_init(&auth->told, 0, 0);           // cannot fail with these arguments
    int failed = start_threads(auth, &read);
    if (failed) {
        broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "cannot start its threads: %s", strerror(-failed));
        auth_free(auth);
        return -1;
    }
    *ret_state = auth;
    return 0;
}

static void finish(void *state)
{
    struct auth_file *auth = state;
    verifier_destroy(auth->verifier);
    auth->ending = true;
    (void)sem_post(&auth->told);
    (void)pthread_join(auth->teller, NULL); // it was started, once
    struct list *node;
    while ((node = list_take_first(&auth->attempts)) != NULL)
        free(container_of(node, struct attempt, place)); // that no worker came to
    auth_free(auth);
}

// Threads and queue stay as they are; who is being verified is verified against the file of before.
static int reload(void *state, const struct hbmqtt_plugin_setting *settings)
{
    struct auth_file *auth = state;
    struct file_settings read;
    if (read_settings(auth->broker, settings, &read) != 0)
        return -1;
    struct password_file *file = load_file(auth->broker, read.path);
    if (file == NULL)
        return -1;
    (void)pthread_mutex_lock(&auth->lock);
    struct password_file *before = auth->file;
    auth->file = file;
    (void)pthread_mutex_unlock(&auth->lock);
    password_file_unref(before);
    return 0;
}

// The decision, on the threads of shards.

static int verify(struct auth_file *auth, uint64_t question, const struct hbmqtt_plugin_credentials *given)
{
    uint64_t peer = peer_key_of_text(given->session->peer);
    if (throttle_try(auth->throttle, peer, clock_monotonic_ns()) > 0)
        return HBMQTT_DENY | HBMQTT_UNAVAILABLE;
    struct password_file *file = file_ref(auth);
    struct password_entry entry = password_file_find(file, bytes_from_plugin(given->session->user_name));
    struct attempt *attempt = attempt_add(auth, question, peer);
    const struct verifier_request request = {.hash = entry.hash,
                                             .known = entry.known,
                                             .password = bytes_from_plugin(given->password),
                                             .peer = peer,
                                             .owner = attempt,
                                             .id = question};
    bool asked = verifier_ask(auth->verifier, &request);
    password_file_unref(file);
    if (asked)
        return HBMQTT_PENDING;
    attempt_remove(attempt);
    return HBMQTT_DENY | HBMQTT_UNAVAILABLE;
}

// Who names no user is not this plugin's to let in.
static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    if ((credentials->session->flags & HBMQTT_SESSION_HAS_USER_NAME) == 0)
        return HBMQTT_NO_OPINION;
    if ((credentials->flags & HBMQTT_CREDENTIALS_HAVE_PASSWORD) == 0)
        return HBMQTT_DENY;
    return verify(state, question, credentials);
}

const struct hbmqtt_plugin builtin_auth_file = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "auth_file",
    .version = HBMQTT_VERSION,
    .flags = HBMQTT_PLUGIN_INLINE,
    .init = init,
    .finish = finish,
    .reload = reload,
    .authenticate = authenticate,
};
