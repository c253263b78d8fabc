// SPDX-License-Identifier: MIT
// An example: lets clients in who show a JSON Web Token (RFC 7519) as their password. Who they are, a claim
// of the token says, whatever user name the CONNECT has.
//
//     plugins:
//       /usr/lib/x86_64-linux-gnu/hbmqtt/plugins/jwt.so:
//         public-key-file: /etc/hbmqtt/issuer.pem   # RS256; or
//         secret-file: /etc/hbmqtt/secret           # HS256: its bytes without the line end
//         user-claim: sub                           # this is the default
//         issuer: https://login.example             # if given, `iss` has to be this,
//         audience: broker                          # and `aud` this, or a list with it
//         leeway-s: 0                               # by which clocks may differ
//
// A token without an expiry is refused. A password that does not look like a token is none of the plugin's
// business, so that others can look at it. What it needs is on the processor only: it is inline.
#include <jansson.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hbmqtt_plugin.h>

#define SECRET_BYTES_MAX 4096
#define SECRET_BYTES_MIN 32 // as long as the hash (RFC 7518, 3.2)
#define RSA_BITS_MIN     2048
#define TEXT_BYTES       256

struct jwt {
    const struct hbmqtt_plugin_broker *broker;
    unsigned char secret[SECRET_BYTES_MAX];
    size_t secret_length; // 0: no HS256
    EVP_PKEY *public_key; // NULL: no RS256
    char user_claim[TEXT_BYTES];
    char issuer[TEXT_BYTES]; // "": any
    char audience[TEXT_BYTES];
    int64_t leeway_s;
};

// The three parts of a token, and what the third one signs.
struct token {
    struct hbmqtt_plugin_bytes header;
    struct hbmqtt_plugin_bytes claims;
    struct hbmqtt_plugin_bytes signature;
    struct hbmqtt_plugin_bytes signed_part;
};

// A character of this Base64 as OpenSSL's has it. What is of the other one is of neither.
static unsigned char standard(char character)
{
    if (character == '-')
        return '+';
    if (character == '_')
        return '/';
    return strchr("+/= \t\r\n", character) != NULL ? '!' : (unsigned char)character;
}

// Base64 with '-' and '_' and without padding (RFC 7515, 2). Returns the bytes, which the caller frees, and
// an end mark behind them; NULL if it is something else.
static unsigned char *decode(struct hbmqtt_plugin_bytes text, size_t *ret_length)
{
    size_t padded = (text.length + 3) / 4 * 4;
    if (text.length == 0 || text.length % 4 == 1 || padded > INT_MAX)
        return NULL;
    unsigned char *from = malloc(padded);
    unsigned char *to = malloc(padded / 4 * 3 + 1);
    int length = -1;
    if (from != NULL && to != NULL) {
        for (size_t i = 0; i < padded; i++)
            from[i] = i < text.length ? standard(text.data[i]) : '=';
        length = EVP_DecodeBlock(to, from, (int)padded);
    }
    free(from);
    if (length < 0) {
        free(to);
        return NULL;
    }
    *ret_length = (size_t)length - (padded - text.length);
    to[*ret_length] = '\0';
    return to;
}

static json_t *decode_json(struct hbmqtt_plugin_bytes text)
{
    size_t length = 0;
    unsigned char *bytes = decode(text, &length);
    if (bytes == NULL)
        return NULL;
    json_t *json = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

// Returns 0 if there are not three parts.
static int split(struct hbmqtt_plugin_bytes password, struct token *ret_token)
{
    const char *first = memchr(password.data, '.', password.length);
    const char *end = password.data + password.length;
    const char *second = first == NULL ? NULL : memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL)
        return 0;
    *ret_token = (struct token){
        .header = {password.data, (size_t)(first - password.data)},
        .claims = {first + 1, (size_t)(second - first - 1)},
        .signature = {second + 1, (size_t)(end - second - 1)},
        .signed_part = {password.data, (size_t)(second - password.data)},
    };
    return 1;
}

static int verify_hs256(const struct jwt *jwt, const struct token *token, const unsigned char *signature,
                        size_t length)
{
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned int expected_length = 0;
    if (HMAC(EVP_sha256(), jwt->secret, (int)jwt->secret_length,
             (const unsigned char *)token->signed_part.data, token->signed_part.length, expected,
             &expected_length) == NULL)
        return 0;
    return length == expected_length && CRYPTO_memcmp(signature, expected, length) == 0;
}

static int verify_rs256(const struct jwt *jwt, const struct token *token, const unsigned char *signature,
                        size_t length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int verified =
        context != NULL && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, jwt->public_key) == 1 &&
        EVP_DigestVerify(context, signature, length, (const unsigned char *)token->signed_part.data,
                         token->signed_part.length) == 1;
    EVP_MD_CTX_free(context);
    return verified;
}

// The algorithm is what the key is for: what the token names has to be the same, and says no more.
static int verify(const struct jwt *jwt, const struct token *token)
{
    json_t *header = decode_json(token->header);
    const char *algorithm = json_string_value(json_object_get(header, "alg"));
    size_t length = 0;
    unsigned char *signature = decode(token->signature, &length);
    int verified = 0;
    if (algorithm == NULL || signature == NULL || json_object_get(header, "crit") != NULL)
        verified = 0;
    else if (strcmp(algorithm, "HS256") == 0 && jwt->secret_length > 0)
        verified = verify_hs256(jwt, token, signature, length);
    else if (strcmp(algorithm, "RS256") == 0 && jwt->public_key != NULL)
        verified = verify_rs256(jwt, token, signature, length);
    free(signature);
    json_decref(header);
    return verified;
}

static int is_for_audience(const json_t *audience, const char *wanted)
{
    const char *one = json_string_value(audience);
    if (one != NULL)
        return strcmp(one, wanted) == 0;
    for (size_t i = 0; i < json_array_size(audience); i++) {
        const char *entry = json_string_value(json_array_get(audience, i));
        if (entry != NULL && strcmp(entry, wanted) == 0)
            return 1;
    }
    return 0;
}

// NULL, or what is wrong, for the log.
static const char *fault_of(const struct jwt *jwt, const json_t *claims)
{
    double now = (double)time(NULL);
    double leeway = (double)jwt->leeway_s;
    const json_t *expiry = json_object_get(claims, "exp");
    const json_t *begin = json_object_get(claims, "nbf");
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    if (!json_is_number(expiry))
        return "it has no expiry";
    if (now >= json_number_value(expiry) + leeway)
        return "it has expired";
    if (begin != NULL && (!json_is_number(begin) || now < json_number_value(begin) - leeway))
        return "it does not hold yet";
    if (jwt->issuer[0] != '\0' && (issuer == NULL || strcmp(issuer, jwt->issuer) != 0))
        return "it is from another issuer";
    if (jwt->audience[0] != '\0' && !is_for_audience(json_object_get(claims, "aud"), jwt->audience))
        return "it is for another audience";
    if (json_string_length(json_object_get(claims, jwt->user_claim)) == 0)
        return "it names no user";
    return NULL;
}

static int judge_claims(const struct jwt *jwt, uint64_t question, const struct hbmqtt_plugin_session *session,
                        const json_t *claims)
{
    const char *fault = claims == NULL ? "its claims are no JSON" : fault_of(jwt, claims);
    if (fault != NULL) {
        jwt->broker->log(jwt->broker, HBMQTT_PLUGIN_LOG_DEBUG, "token of client '%.*s' at %s: %s",
                         (int)session->client_id.length, session->client_id.data, session->peer, fault);
        return HBMQTT_DENY;
    }
    const json_t *user = json_object_get(claims, jwt->user_claim);
    const struct hbmqtt_plugin_answer answer = {
        .size = sizeof answer,
        .verdict = HBMQTT_ALLOW,
        .user_name = {json_string_value(user), json_string_length(user)},
    };
    return jwt->broker->answer(jwt->broker, question, &answer) == 0 ? HBMQTT_PENDING : HBMQTT_DENY;
}

static int authenticate(void *state, uint64_t question, const struct hbmqtt_plugin_credentials *credentials)
{
    const struct jwt *jwt = state;
    struct token token;
    if (credentials->password.length == 0 || !split(credentials->password, &token))
        return HBMQTT_NO_OPINION;
    if (!verify(jwt, &token)) {
        jwt->broker->log(jwt->broker, HBMQTT_PLUGIN_LOG_DEBUG,
                         "token of client '%.*s' at %s: not signed by the issuer",
                         (int)credentials->session->client_id.length, credentials->session->client_id.data,
                         credentials->session->peer);
        return HBMQTT_DENY;
    }
    json_t *claims = decode_json(token.claims);
    int verdict = judge_claims(jwt, question, credentials->session, claims);
    json_decref(claims);
    return verdict;
}

// Settings.

static int fail(const struct jwt *jwt, const char *what, const char *path)
{
    jwt->broker->log(jwt->broker, HBMQTT_PLUGIN_LOG_ERROR, "%s: %s", path, what);
    return -1;
}

static int read_secret(struct jwt *jwt, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(jwt, "the secret cannot be opened", path);
    jwt->secret_length = fread(jwt->secret, 1, sizeof jwt->secret, file);
    int whole = feof(file);
    (void)fclose(file); // it was only read
    while (jwt->secret_length > 0 && strchr("\r\n", jwt->secret[jwt->secret_length - 1]) != NULL)
        jwt->secret_length--;
    if (!whole || jwt->secret_length < SECRET_BYTES_MIN)
        return fail(jwt, "a secret has 32 to 4095 bytes", path);
    return 0;
}

static int read_public_key(struct jwt *jwt, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(jwt, "the public key cannot be opened", path);
    jwt->public_key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    (void)fclose(file); // it was only read
    if (jwt->public_key == NULL || EVP_PKEY_get_base_id(jwt->public_key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bits(jwt->public_key) < RSA_BITS_MIN)
        return fail(jwt, "expected a public key of RSA with at least 2048 bits, in PEM", path);
    return 0;
}

static int read_text(const struct jwt *jwt, const struct hbmqtt_plugin_setting *settings, const char *key,
                     char ret_text[TEXT_BYTES])
{
    const char *text = NULL;
    int given = jwt->broker->setting_text_of(jwt->broker, settings, key, &text);
    if (given > 0 && snprintf(ret_text, TEXT_BYTES, "%s", text) >= TEXT_BYTES)
        return fail(jwt, "this setting is too long", key);
    return given < 0 ? -1 : 0;
}

static int read_settings(struct jwt *jwt, const struct hbmqtt_plugin_setting *settings)
{
    static const char *const keys[] = {"public-key-file", "secret-file", "user-claim", "issuer",
                                       "audience",        "leeway-s",    NULL};
    const struct hbmqtt_plugin_broker *broker = jwt->broker;
    const char *secret = NULL;
    const char *key = NULL;
    memcpy(jwt->user_claim, "sub", sizeof "sub");
    if (broker->setting_keys(broker, settings, keys) != 0 ||
        broker->setting_text_of(broker, settings, "secret-file", &secret) < 0 ||
        broker->setting_text_of(broker, settings, "public-key-file", &key) < 0 ||
        broker->setting_integer_of(broker, settings, "leeway-s", 0, 3600, &jwt->leeway_s) < 0 ||
        read_text(jwt, settings, "user-claim", jwt->user_claim) < 0 ||
        read_text(jwt, settings, "issuer", jwt->issuer) < 0 ||
        read_text(jwt, settings, "audience", jwt->audience) < 0)
        return -1;
    if (secret == NULL && key == NULL)
        return fail(jwt, "one of them has to be given", "secret-file, public-key-file");
    if (secret != NULL && read_secret(jwt, secret) != 0)
        return -1;
    return key == NULL ? 0 : read_public_key(jwt, key);
}

static void finish(void *state)
{
    struct jwt *jwt = state;
    EVP_PKEY_free(jwt->public_key);
    OPENSSL_cleanse(jwt->secret, sizeof jwt->secret);
    free(jwt);
}

static int init(const struct hbmqtt_plugin_broker *broker, const struct hbmqtt_plugin_setting *settings,
                void **ret_state)
{
    struct jwt *jwt = calloc(1, sizeof *jwt);
    if (jwt == NULL)
        return -1;
    jwt->broker = broker;
    if (read_settings(jwt, settings) != 0) {
        finish(jwt);
        return -1;
    }
    *ret_state = jwt;
    return 0;
}

const struct hbmqtt_plugin hbmqtt_plugin_descriptor = {
    .abi = HBMQTT_PLUGIN_ABI,
    .size = sizeof(struct hbmqtt_plugin),
    .name = "jwt",
    .version = "1.0",
    .flags = HBMQTT_PLUGIN_INLINE,
    .init = init, // without reload: new settings begin anew, and nothing has to be locked
    .finish = finish,
    .authenticate = authenticate,
};
