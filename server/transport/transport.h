// SPDX-License-Identifier: MIT
// The door of server/transport/: where connections come from, and one connection.
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include "server/transport/connection.h"
#include "server/transport/greeting.h"
#include "server/transport/layers.h"
#include "server/transport/listener.h"
#include "server/transport/listener_terms.h"
#include "server/transport/tls.h"

#endif
