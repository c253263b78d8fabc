// SPDX-License-Identifier: MIT
// The rules of topic-check, in the forms of the original and ours:
//
//     acl:
//       alice: [a/b, c/#]
//       anonymous: public/#
//       '*': [{deny: secret/#}, {allow: '#'}]
//       '@operators': [ops/#]
//     groups:
//       operators: [alice, bob]
//
// amqtt documents such maps also as lists of maps with one key each; both are taken.
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "server/config/key.h"

// Readers of the rows of KEY_OF_ACL, whose base is struct config.
document_read read_acl;
document_read read_subscribe_acl;
document_read read_publish_acl;
document_read read_receive_acl;
document_read read_groups;

// Judges the rules when all of them are known. Returns 0, or -EINVAL with the document's message written.
WARN_UNUSED int rules_complete(struct document *document, struct reading *reading);

#endif
