// SPDX-License-Identifier: MIT
// JSON Web Tokens in the example plugin. An input is a password as it comes, or, behind a byte 1, the claims
// of a token that is signed here, so that it gets past the signature.
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/plugin/settings.h"
#include "test/fuzz.h"

#define SECRET        "a secret that only this program has"
#define HEADER        "eyJhbGciOiJIUzI1NiJ9." // {"alg":"HS256"}
#define CLAIMS_MAX    4096u
#define ENCODED(size) (((size) + 2) / 3 * 4 + 1)

static struct hbmqtt_plugin_broker broker;
static void *state;
static bool answered;

static int answer(const struct hbmqtt_plugin_broker *table, uint64_t question,
                  const struct hbmqtt_plugin_answer *said)
{
    if (said->verdict != HBMQTT_ALLOW || said->user_name.length == 0)
        fuzz_fail("an answer that names nobody");
    answered = true;
    return 0;
}

static void __attribute__((format(printf, 3, 4)))
say_nothing(const struct hbmqtt_plugin_broker *table, int level, const char *format, ...)
{
}

// The plugin with a secret in a file that is nowhere.
static void begin(void)
{
    char path[64];
    int file = memfd_create("secret", MFD_CLOEXEC);
    if (file < 0 || write(file, SECRET, strlen(SECRET)) != (ssize_t)strlen(SECRET))
        fuzz_fail("no file for the secret");
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", file); // fits
    settings_offer(&broker);
    broker.answer = answer;
    broker.log = say_nothing;
    struct hbmqtt_plugin_setting *settings = setting_create_map();
    setting_add(settings, "secret-file", setting_create_text(path));
    if (hbmqtt_plugin_descriptor.init(&broker, settings, &state) != 0)
        fuzz_fail("the plugin does not begin");
    setting_destroy(settings);
    (void)close(file); // it was read
}

static size_t encode(char *to, const uint8_t *bytes, size_t length)
{
    size_t written = (size_t)EVP_EncodeBlock((unsigned char *)to, bytes, (int)length);
    for (size_t i = 0; i < written; i++)
        to[i] = (char)(to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
    while (written > 0 && to[written - 1] == '=')
        written--;
    return written;
}

static size_t make_token(char *token, const uint8_t *claims, size_t length)
{
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned int signature_length = 0;
    size_t used = strlen(HEADER);
    memcpy(token, HEADER, used);
    used += encode(token + used, claims, length);
    if (HMAC(EVP_sha256(), SECRET, (int)strlen(SECRET), (unsigned char *)token, used, signature,
             &signature_length) == NULL)
        fuzz_fail("no signature");
    token[used++] = '.';
    return used + encode(token + used, signature, signature_length);
}

static int ask(const char *password, size_t length)
{
    const struct hbmqtt_plugin_session session = {.size = sizeof session, .peer = "", .listener = ""};
    const struct hbmqtt_plugin_credentials credentials = {
        .size = sizeof credentials, .session = &session, .password = {password, length}};
    answered = false;
    int verdict = hbmqtt_plugin_descriptor.authenticate(state, 1, &credentials);
    if (verdict != HBMQTT_NO_OPINION && verdict != HBMQTT_DENY && verdict != HBMQTT_PENDING)
        fuzz_fail("no verdict of its own");
    if (answered != (verdict == HBMQTT_PENDING))
        fuzz_fail("what it says is not what it does");
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char token[sizeof HEADER + ENCODED(CLAIMS_MAX) + ENCODED(EVP_MAX_MD_SIZE) + 1];
    if (state == NULL)
        begin();
    if (size > 0 && size <= CLAIMS_MAX && data[0] == 1)
        (void)ask(token, make_token(token, data + 1, size - 1)); // whether it is allowed, the claims say
    else if (ask((const char *)data, size) == HBMQTT_PENDING)
        fuzz_fail("let in without a signature");
    return 0;
}
