// SPDX-License-Identifier: MIT
// The door of harness/: brokers and clients under test, peers that speak to them in raw packets, faults
// between them, and cases that judge what they see. It shares nothing with the broker of this project.
#ifndef HARNESS_HARNESS_H
#define HARNESS_HARNESS_H

#include "harness/arena.h"
#include "harness/bytes.h"
#include "harness/certificate.h"
#include "harness/deadline.h"
#include "harness/packet.h"
#include "harness/peer.h"
#include "harness/process.h"
#include "harness/proxy.h"
#include "harness/random.h"
#include "harness/recipe.h"
#include "harness/runner.h"
#include "harness/stream.h"
#include "harness/timeline.h"
#include "harness/trial.h"
#include "harness/websocket.h"

#endif
