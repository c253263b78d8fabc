// SPDX-License-Identifier: MIT
// The certificates of a run: an authority, and a server for localhost and 127.0.0.1 that it vouches for.
#ifndef HARNESS_CERTIFICATE_H
#define HARNESS_CERTIFICATE_H

#include <stdbool.h>

// Writes ca.pem, server.pem and server.key into a directory. False when that does not work.
bool certificates_write(const char *directory);

#endif
