// SPDX-License-Identifier: MIT
// A user or a group of the system as the file names it.
#ifndef CONFIG_IDENTITY_H
#define CONFIG_IDENTITY_H

#include <stdbool.h>

// A name, or a number that fits; whether there is such a user is for whoever looks it up.
bool identity_valid(const char *text);

#endif
