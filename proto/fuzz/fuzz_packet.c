// SPDX-License-Identifier: MIT
// Decoding a stream of packets: nothing is read outside of it, and what decodes comes through a round trip as
// it was.
//
//     input: version (one byte), a stream
#include "proto/packet.h"
#include "proto/test/round_trip.h"
#include "test/fuzz.h"

static void properties_walk(struct bytes list)
{
    // Any bytes, as if they were a checked list.
    struct property property;
    uint32_t left = list.length;
    while (property_next(&list, &property)) {
        if (list.length >= left || property_type(property.id) < 0)
            fuzz_fail("a property was taken off that was not there");
        left = list.length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint8_t version = (uint8_t)(MQTT_VERSION_3_1 + data[0] % 3);
    struct bytes stream = {data + 1, (uint32_t)size - 1};
    struct frame frame;
    properties_walk(stream);
    while (frame_read(stream, UINT32_MAX, &frame) == FRAME_READY) {
        uint8_t reason;
        const char *fault = round_trip_fault(&frame, version, &reason);
        if (fault != NULL)
            fuzz_fail(fault);
        stream = (struct bytes){stream.data + frame.size, stream.length - frame.size};
    }
    return 0;
}
