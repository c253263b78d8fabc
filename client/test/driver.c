// SPDX-License-Identifier: MIT
// Makes the calls of libhbmqtt that its arguments name, for a server that judges the client: hbmqtt_driver
// URL WORD...
//
//     id=X  keep  keepalive=N  user=X  password=X  will:QOS:TOPIC:TEXT  ca=FILE     options, wherever they
//     stand connect  disconnect  publish:QOS:TOPIC:TEXT  retain:QOS:TOPIC:TEXT lines:QOS:TOPIC a message for
//     each line of standard input, all under way at once subscribe:QOS:FILTER,FILTER   unsubscribe:FILTER
//     deliver                       prints what comes, until the connection ends
//
// Ends with 1 and a line when a call fails.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/hbmqtt.h"

struct driver {
    const char *url;
    struct hbmqtt_options options;
    struct hbmqtt_message will;
    struct hbmqtt_client *client;
};

// Cuts "2:topic:text" up; the message borrows from it.
static struct hbmqtt_message message_of(char *text)
{
    struct hbmqtt_message message = {.size = sizeof message, .qos = (uint8_t)(*text - '0')};
    char *topic = text + 2;
    char *payload = strchr(topic, ':');
    if (payload != NULL)
        *payload++ = '\0';
    message.topic = topic;
    message.payload = payload;
    message.payload_length = payload == NULL ? 0 : strlen(payload);
    return message;
}

static int publish_lines(struct driver *driver, char *text)
{
    struct hbmqtt_message message = message_of(text);
    char line[1024];
    int status = 0;
    // Unbuffered, so that what waits is always visible at the descriptor.
    (void)setvbuf(stdin, NULL, _IONBF, 0);
    while (status == 0 && (status = hbmqtt_wait_readable(driver->client, 0, -1)) == 0 &&
           fgets(line, sizeof line, stdin) != NULL) {
        message.payload = line;
        message.payload_length = strcspn(line, "\n");
        status = hbmqtt_publish_start(driver->client, &message, NULL);
    }
    return status == 0 ? hbmqtt_flush(driver->client) : status;
}

static int subscribe(struct driver *driver, char *text)
{
    struct hbmqtt_subscription subscriptions[8] = {0};
    size_t count = 0;
    char *rest = NULL;
    for (char *filter = strtok_r(text + 2, ",", &rest); filter != NULL && count < 8;
         filter = strtok_r(NULL, ",", &rest)) {
        subscriptions[count].filter = filter;
        subscriptions[count++].qos = (uint8_t)(*text - '0');
    }
    return hbmqtt_subscribe(driver->client, subscriptions, count, NULL);
}

static int deliver(struct driver *driver)
{
    const struct hbmqtt_message *message = NULL;
    int status;
    while ((status = hbmqtt_deliver(driver->client, -1, &message)) == 0) {
        printf("%.*s\n", (int)message->payload_length, (const char *)message->payload);
        fflush(stdout);
    }
    return status == HBMQTT_ERROR_LOST ? 0 : status;
}

static int connect_client(struct driver *driver)
{
    driver->client = hbmqtt_create(&driver->options);
    return driver->client == NULL ? HBMQTT_ERROR_SYSTEM : hbmqtt_connect(driver->client, driver->url, NULL);
}

// The value of "name=value" or "name:value"; NULL when the word begins otherwise.
static char *value_of(char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 ? word + length : NULL;
}

// Returns whether the word is an option.
static bool take_option(struct driver *driver, char *word)
{
    char *value;
    if ((value = value_of(word, "id=")) != NULL)
        driver->options.client_id = value;
    else if ((value = value_of(word, "ca=")) != NULL)
        driver->options.ca_file = value;
    else if ((value = value_of(word, "keepalive=")) != NULL)
        driver->options.keepalive_s = (uint16_t)strtoul(value, NULL, 10);
    else if ((value = value_of(word, "user=")) != NULL)
        driver->options.user_name = value;
    else if ((value = value_of(word, "password=")) != NULL) {
        driver->options.password = value;
        driver->options.password_length = strlen(value);
    } else if ((value = value_of(word, "will:")) != NULL) {
        driver->will = message_of(value);
        driver->will.retain = true;
        driver->options.will = &driver->will;
    } else if (strcmp(word, "keep") == 0)
        driver->options.clean_session = false;
    else
        return false;
    return true;
}

static int make_call(struct driver *driver, char *word)
{
    char *value;
    struct hbmqtt_message message;
    if (strcmp(word, "connect") == 0)
        return connect_client(driver);
    if (strcmp(word, "disconnect") == 0)
        return hbmqtt_disconnect(driver->client, NULL);
    if (strcmp(word, "deliver") == 0)
        return deliver(driver);
    if ((value = value_of(word, "lines:")) != NULL)
        return publish_lines(driver, value);
    if ((value = value_of(word, "subscribe:")) != NULL)
        return subscribe(driver, value);
    if ((value = value_of(word, "unsubscribe:")) != NULL)
        return hbmqtt_unsubscribe(driver->client, (const char *const[]){value}, 1, NULL);
    bool retain = (value = value_of(word, "retain:")) != NULL;
    if (!retain && (value = value_of(word, "publish:")) == NULL)
        return HBMQTT_ERROR_ARGUMENT;
    message = message_of(value);
    message.retain = retain;
    return hbmqtt_publish(driver->client, &message, NULL);
}

int main(int count, char **arguments)
{
    struct driver driver = {.url = count > 1 ? arguments[1] : ""};
    hbmqtt_options_init(&driver.options, sizeof driver.options);
    int status = 0, calls = 0;
    for (int i = 2; i < count; i++)
        if (!take_option(&driver, arguments[i]))
            arguments[calls++] = arguments[i];
    for (int i = 0; i < calls && status == 0; i++)
        if ((status = make_call(&driver, arguments[i])) != 0)
            fprintf(stderr, "hbmqtt_driver: %s: %s\n", hbmqtt_error_name(status),
                    driver.client == NULL ? "" : hbmqtt_error_text(driver.client));
    hbmqtt_destroy(driver.client);
    return status == 0 ? 0 : 1;
}
