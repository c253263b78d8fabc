// SPDX-License-Identifier: MIT
#include "client/tools/headers.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

// libyaml reads the events of JSON, which is a part of YAML; what YAML has beyond JSON is refused here.

static int headers_fault(struct error *ret_error, const char *why)
{
    return error_set(ret_error, HBMQTT_ERROR_ARGUMENT, "--extra-headers: %s, as in {\"name\": \"value\"}",
                     why);
}

// Takes the next event, which the caller deletes.
static int next_event(yaml_parser_t *parser, yaml_event_t *ret_event, struct error *ret_error)
{
    if (yaml_parser_parse(parser, ret_event))
        return 0;
    *ret_event = (yaml_event_t){.type = YAML_NO_EVENT};
    return headers_fault(ret_error, "this is not JSON");
}

static int expect_event(yaml_parser_t *parser, yaml_event_type_t type, const char *why,
                        struct error *ret_error)
{
    yaml_event_t event;
    int status = next_event(parser, &event, ret_error);
    bool block =
        event.type == YAML_MAPPING_START_EVENT && event.data.mapping_start.style != YAML_FLOW_MAPPING_STYLE;
    if (status == 0 && (event.type != type || block))
        status = headers_fault(ret_error, why);
    yaml_event_delete(&event);
    return status;
}

// The text of a scalar, to be freed; NULL with *ret_error set.
static char *take_text(const yaml_event_t *event, struct error *ret_error)
{
    if (event->type != YAML_SCALAR_EVENT || event->data.scalar.style != YAML_DOUBLE_QUOTED_SCALAR_STYLE) {
        headers_fault(ret_error, "names and values must be texts");
        return NULL;
    }
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length) {
        headers_fault(ret_error, "a text holds a NUL character");
        return NULL;
    }
    char *copy = strdup(text);
    if (copy == NULL)
        error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    return copy;
}

static int read_text(yaml_parser_t *parser, const char **ret_text, struct error *ret_error)
{
    yaml_event_t event;
    int status = next_event(parser, &event, ret_error);
    if (status != 0)
        return status;
    *ret_text = take_text(&event, ret_error);
    yaml_event_delete(&event);
    return *ret_text == NULL ? ret_error->code : 0;
}

// Reads names and values up to the end of the object.
static int read_members(struct headers *headers, yaml_parser_t *parser, struct error *ret_error)
{
    for (;;) {
        yaml_event_t event;
        int status = next_event(parser, &event, ret_error);
        if (status != 0)
            return status;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        struct hbmqtt_header *header = &headers->list[headers->count];
        if (headers->count == HBMQTT_HEADERS_MAX)
            status = headers_fault(ret_error, "there are more than 64 members");
        else if ((header->name = take_text(&event, ret_error)) == NULL)
            status = ret_error->code;
        yaml_event_delete(&event);
        if (status != 0)
            return status;
        headers->count++;
        status = read_text(parser, &header->value, ret_error);
        if (status != 0)
            return status;
    }
}

static int read_object(struct headers *headers, yaml_parser_t *parser, struct error *ret_error)
{
    static const char whole[] = "it must be one JSON object";
    int status = expect_event(parser, YAML_STREAM_START_EVENT, whole, ret_error);
    if (status == 0)
        status = expect_event(parser, YAML_DOCUMENT_START_EVENT, whole, ret_error);
    if (status == 0)
        status = expect_event(parser, YAML_MAPPING_START_EVENT, whole, ret_error);
    if (status == 0)
        status = read_members(headers, parser, ret_error);
    if (status == 0)
        status = expect_event(parser, YAML_DOCUMENT_END_EVENT, whole, ret_error);
    if (status == 0)
        status = expect_event(parser, YAML_STREAM_END_EVENT, whole, ret_error);
    return status;
}

int headers_parse(struct headers *headers, const char *json, struct error *ret_error)
{
    *headers = (struct headers){.count = 0};
    if (json == NULL)
        return 0;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return error_set(ret_error, HBMQTT_ERROR_SYSTEM, "out of memory");
    yaml_parser_set_input_string(&parser, (const unsigned char *)json, strlen(json));
    int status = read_object(headers, &parser, ret_error);
    yaml_parser_delete(&parser);
    if (status != 0)
        headers_finish(headers);
    return status;
}

// The texts were made by strdup; only the public structure calls them constant.
static void text_free(const char *text)
{
    free((void *)(uintptr_t)text);
}

void headers_finish(struct headers *headers)
{
    for (uint32_t i = 0; i < headers->count; i++) {
        text_free(headers->list[i].name);
        text_free(headers->list[i].value);
    }
    headers->count = 0;
}
