// SPDX-License-Identifier: MIT
// The door of server/base/: what every part of the server stands on.
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>

#ifdef NDEBUG
#error "asserts stay on in release builds: configure with b_ndebug=false"
#endif

#include "server/base/clock.h"
#include "server/base/file.h"
#include "server/base/hash.h"
#include "server/base/list.h"
#include "server/base/log.h"
#include "server/base/memory.h"
#include "server/base/random.h"
#include "server/base/timer.h"

// The structure of type `type` whose member `member` is at `pointer`.
#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

#define WARN_UNUSED __attribute__((warn_unused_result))

#endif
