// SPDX-License-Identifier: MIT
// The door of proto/: the MQTT 3.1, 3.1.1 and 5.0 protocol, and what it may be wrapped in, as pure functions
// over the caller's bytes.
//
// Nothing in this folder allocates, does I/O, reads a clock, logs, or keeps a global. Everything decoded is a
// view into the bytes that were given and lives as long as they do.
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include "proto/bytes.h"     // views, bounded cursors
#include "proto/frame.h"     // where one packet ends in a stream
#include "proto/inflight.h"  // packet identifiers and the QoS 1 and 2 exchanges
#include "proto/packet.h"    // the packets themselves
#include "proto/property.h"  // MQTT 5.0 properties
#include "proto/proxy.h"     // who is behind a proxy
#include "proto/reason.h"    // reason codes
#include "proto/topic.h"     // topic names, filters, matching
#include "proto/utf8.h"      // what a text field may hold
#include "proto/websocket.h" // the server's side of WebSocket

#endif
