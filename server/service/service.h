// SPDX-License-Identifier: MIT
// The door of server/service/: what a broker that runs as a service has to do with the system. Who starts it
// passes it sockets (activation) and wants to hear of it (notify); and it gives up what it no longer needs,
// first the rights of its user (privileges), then the system calls that it never makes (sandbox).
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "server/service/activation.h"
#include "server/service/notify.h"
#include "server/service/privileges.h"
#include "server/service/sandbox.h"

#define SERVICE_ERROR_BYTES 512u // room that holds every line of ret_error

#endif
