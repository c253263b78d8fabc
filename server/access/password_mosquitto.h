// SPDX-License-Identifier: MIT
// The hashes of mosquitto_passwd(1). As password_verify and password_hash.
#ifndef ACCESS_PASSWORD_MOSQUITTO_H
#define ACCESS_PASSWORD_MOSQUITTO_H

#include "server/access/password.h"

WARN_UNUSED enum password_result mosquitto_verify(const char *hash, const struct password_form *form,
                                                  struct bytes password);
WARN_UNUSED const char *mosquitto_hash(enum password_scheme scheme, uint32_t rounds, struct bytes password,
                                       char *ret_text);

#endif
