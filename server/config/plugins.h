// SPDX-License-Identifier: MIT
// The lists of plugins: those of the file, with settings, and those of auth and topic-check, which say what
// is asked there. A plugin is a name that hbmqtt has for one of its own, the dotted name of such a class in
// hbmqtt or amqtt, the path of a shared object, or the name of one in the directory of plugins.
#ifndef CONFIG_PLUGINS_H
#define CONFIG_PLUGINS_H

#include "server/config/key.h"

// Readers of rows, whose base is struct config.
document_read plugins_read;
document_read plugins_read_of_auth;
document_read plugins_read_of_topic_check;

#endif
