// SPDX-License-Identifier: MIT
// Why a ring cannot be had, in one line for the person who has to change it.
#ifndef RING_RING_DIAGNOSIS_H
#define RING_RING_DIAGNOSIS_H

#include "server/ring/ring.h"

void ring_diagnose(int error, char ret_error[RING_ERROR_BYTES]);

#endif
