// SPDX-License-Identifier: MIT
// An example: asks a web server who may connect and who may do what. Answers come when they come, on a thread
// of the plugin's own that runs libcurl; nobody waits meanwhile but the client that it is about.
//
//     plugins:
//       /usr/lib/x86_64-linux-gnu/hbmqtt/plugins/http.so:
//         authenticate-url: http://127.0.0.1:8080/auth # POST: client, user, password
//         topic-url: http://127.0.0.1:8080/topic       # POST: client, user, action, topic, qos
//         timeout-ms: 2000                             # of one request
//         connections: 8                               # at one time
//         remember: no                                 # whether what it says about a topic holds until the
//                                                      # client connects again
//
// Status 200 to 299 allows, 400 to 499 denies. With any other, or without an answer, the plugin has no
// opinion, which denies unless another plugin allows.
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <hbmqtt_plugin.h>

struct request {
    struct request *next;
    uint64_t question;
    char *body; // a form
    const char *url;
    int flags; // of the verdict
};

struct http {
    const struct hbmqtt_plugin_broker *broker;
    char *authenticate_url; // NULL: not asked
    char *topic_url;
    int64_t timeout_ms;
    int64_t connections;
    int remember;
    CURLM *multi;
    pthread_t thread;
    int has_thread;
    pthread_mutex_t lock; // of the following three
    struct request *first;
    struct request **last;
    int stop;
};

static void request_free(struct request *request)
{
    if (request->body != NULL)
        memset(request->body, 0, strlen(request->body)); // it may hold a password
    free(request->body);
    free(request);
}

// The form.

static int append(char **body, const char *name, const char *value, size_t length)
{
    char *escaped = length == 0 ? curl_easy_escape(NULL, "", 0) : curl_easy_escape(NULL, value, (int)length);
    size_t used = *body == NULL ? 0 : strlen(*body);
    size_t more = escaped == NULL ? 0 : strlen(name) + strlen(escaped) + 3;
    char *longer = escaped == NULL ? NULL : realloc(*body, used + more);
    if (longer != NULL) {
        (void)snprintf(longer + used, more, "%s%s=%s", used > 0 ? "&" : "", name, escaped); // fits
        *body = longer;
    }
    curl_free(escaped);
    return longer != NULL;
}

static int append_bytes(char **body, const char *name, struct hbmqtt_plugin_bytes bytes)
{
    return append(body, name, bytes.data, bytes.length);
}

static int append_text(char **body, const char *name, const char *text)
{
    return append(body, name, text, strlen(text));
}

// Hands a request to the thread, which takes the body. Returns the verdict for the broker.
static int ask(struct http *http, uint64_t question, const char *url, char *body, int flags)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL || body == NULL) {
        free(body);
        free(request);
        return HBMQTT_NO_OPINION;
    }
    *request = (struct request){.question = question, .body = body, .url = url, .flags = flags};
    (void)pthread_mutex_lock(&http->lock);
    *http->last = request;
    http->last = &request->next;
    (void)pthread_mutex_unlock(&http->lock);
    (void)curl_multi_wakeup(http->multi);
    return HBMQTT_PENDING;
}

static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    struct http *http = state;
    if (http->authenticate_url == NULL)
        return HBMQTT_NOT_CONCERNED;
    char *body = NULL;
    if (!append_bytes(&body, "client", credentials->session->client_id) ||
        !append_bytes(&body, "user", credentials->session->user_name) ||
        !append_bytes(&body, "password", credentials->password)) {
        free(body);
        return HBMQTT_NO_OPINION;
    }
    return ask(http, question, http->authenticate_url, body, 0);
}

static int topic_filtering(void *state, uint64_t question, const struct hbmqtt_plugin_access *access)
{
    struct http *http = state;
    if (http->topic_url == NULL)
        return HBMQTT_NOT_CONCERNED | HBMQTT_STABLE;
    const char *qos = access->qos == 0 ? "0" : access->qos == 1 ? "1" : "2";
    char *body = NULL;
    if (!append_bytes(&body, "client", access->session->client_id) ||
        !append_bytes(&body, "user", access->session->user_name) ||
        !append_text(&body, "action", access->action == HBMQTT_FILTER_PUBLISH ? "publish" : "subscribe") ||
        !append_bytes(&body, "topic", access->topic) || !append_text(&body, "qos", qos)) {
        free(body);
        return HBMQTT_NO_OPINION;
    }
    return ask(http, question, http->topic_url, body, http->remember ? HBMQTT_STABLE : 0);
}

// The thread.

static size_t discard(char *bytes, size_t size, size_t count, void *argument)
{
    return size * count; // the status says it all
}

static void answer(const struct http *http, const struct request *request, int verdict)
{
    const struct hbmqtt_plugin_answer said = {.size = sizeof said, .verdict = verdict};
    (void)http->broker->answer(http->broker, request->question, &said); // who does not wait any more has gone
}

// Returns 0 if it could not be begun.
static int begin(struct http *http, struct request *request)
{
    CURL *easy = curl_easy_init();
    if (easy == NULL)
        return 0;
    if (curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)http->timeout_ms) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK &&
        curl_multi_add_handle(http->multi, easy) == CURLM_OK)
        return 1;
    curl_easy_cleanup(easy);
    return 0;
}

static void begin_all(struct http *http)
{
    (void)pthread_mutex_lock(&http->lock);
    struct request *next = http->first;
    http->first = NULL;
    http->last = &http->first;
    (void)pthread_mutex_unlock(&http->lock);
    while (next != NULL) {
        struct request *request = next;
        next = request->next;
        if (!begin(http, request)) {
            answer(http, request, HBMQTT_NO_OPINION);
            request_free(request);
        }
    }
}

static void end(struct http *http, CURL *easy, CURLcode result)
{
    struct request *request = NULL;
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&request); // these cannot fail
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (result != CURLE_OK)
        http->broker->log(http->broker, HBMQTT_PLUGIN_LOG_WARNING, "%s: %s", request->url,
                          curl_easy_strerror(result));
    if (result == CURLE_OK && status >= 200 && status < 300)
        answer(http, request, HBMQTT_ALLOW | request->flags);
    else if (result == CURLE_OK && status >= 400 && status < 500)
        answer(http, request, HBMQTT_DENY | request->flags);
    else
        answer(http, request, HBMQTT_NO_OPINION);
    (void)curl_multi_remove_handle(http->multi, easy);
    curl_easy_cleanup(easy);
    request_free(request);
}

static int stopped(struct http *http)
{
    (void)pthread_mutex_lock(&http->lock);
    int stop = http->stop;
    (void)pthread_mutex_unlock(&http->lock);
    return stop;
}

static void *run(void *argument)
{
    struct http *http = argument;
    int running = 0;
    while (!stopped(http) || running > 0) {
        begin_all(http);
        (void)curl_multi_perform(http->multi, &running); // what fails comes as a message
        int left;
        for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left)) != NULL;)
            if (message->msg == CURLMSG_DONE)
                end(http, message->easy_handle, message->data.result);
        if (!stopped(http) || running > 0)
            (void)curl_multi_poll(http->multi, NULL, 0, 1000, NULL); // until something comes, or a wake
    }
    return NULL;
}

// From the beginning to the end.

static void finish(void *state)
{
    struct http *http = state;
    if (http->has_thread) {
        (void)pthread_mutex_lock(&http->lock);
        http->stop = 1;
        (void)pthread_mutex_unlock(&http->lock);
        (void)curl_multi_wakeup(http->multi);
        (void)pthread_join(http->thread, NULL); // after timeout_ms at the latest
    }
    while (http->first != NULL) {
        struct request *request = http->first;
        http->first = request->next;
        request_free(request);
    }
    curl_multi_cleanup(http->multi);
    (void)pthread_mutex_destroy(&http->lock);
    free(http->authenticate_url);
    free(http->topic_url);
    free(http);
    curl_global_cleanup();
}

// Returns 0 if there is no such setting, -1 if it is wrong.
static int read_url(const struct http *http, const struct hbmqtt_plugin_setting *settings, const char *key,
                    char **ret_url)
{
    const char *text = NULL;
    int given = http->broker->setting_text_of(http->broker, settings, key, &text);
    if (given <= 0)
        return given;
    *ret_url = strdup(text);
    return *ret_url == NULL ? -1 : 1;
}

static int read_settings(struct http *http, const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"authenticate-url", "topic-url", "timeout-ms",
                                       "connections",      "remember",  NULL};
    const struct hbmqtt_plugin_broker *broker = http->broker;
    http->timeout_ms = 2000;
    http->connections = 8;
    if (broker->setting_keys(broker, settings, keys) != 0 ||
        read_url(http, settings, "authenticate-url", &http->authenticate_url) < 0 ||
        read_url(http, settings, "topic-url", &http->topic_url) < 0 ||
        broker->setting_integer_of(broker, settings, "timeout-ms", 1, 600000, &http->timeout_ms) < 0 ||
        broker->setting_integer_of(broker, settings, "connections", 1, 1024, &http->connections) < 0 ||
        broker->setting_flag_of(broker, settings, "remember", &http->remember) < 0)
        return -1;
    if (http->authenticate_url != NULL || http->topic_url != NULL)
        return 0;
    broker->log(broker, HBMQTT_PLUGIN_LOG_ERROR, "it needs an authenticate-url or a topic-url");
    return -1;
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -1;
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return -1;
    http->broker = broker;
    http->last = &http->first;
    (void)pthread_mutex_init(&http->lock, NULL); // cannot fail without attributes
    http->multi = curl_multi_init();
    if (http->multi != NULL && read_settings(http, settings) == 0) {
        (void)curl_multi_setopt(http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)http->connections);
        http->has_thread = pthread_create(&http->thread, NULL, run, http) == 0;
    }
    if (!http->has_thread) {
        finish(http);
        return -1;
    }
    *ret_state = http;
    return 0;
}

const struct hbmqtt_plugin hbmqtt_plugin_descriptor = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "http",
    .version = "1.0",
    .flags = HBMQTT_PLUGIN_INLINE, // it only puts a request into a queue
    .filters = HBMQTT_FILTER_PUBLISH | HBMQTT_FILTER_SUBSCRIBE,
    .init = init,
    .finish = finish,
    .authenticate = authenticate,
    .topic_filtering = topic_filtering,
};
