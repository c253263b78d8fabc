// SPDX-License-Identifier: MIT
// Mosquitto's ACL file:
//
//     # a comment, on a line of its own
//     topic read public/#                  for anonymous clients, up to the first `user`
//     user alice
//     topic [read|write|readwrite|deny] FILTER
//     pattern [read|write|readwrite|deny] FILTER
//
// `topic` lines are for the user above them, `pattern` lines for everybody, with %u and %c. Without a word
// for it, access is readwrite. Reading means subscribing and receiving, writing publishing; with a file all
// three are restricted. Filters and names may have blanks within, but not at their ends.
//
// What mosquitto 2.0 decides otherwise, with the same file:
//   - It takes any SUBSCRIBE and only withholds messages. Here a SUBSCRIBE needs every topic of its filter.
//   - It asks `pattern` lines only where no `topic` line has decided, so that `pattern deny` cannot take what
//     a `topic` line gives. Here every denial counts.
//   - Who has '+' or '#' in a name gets nothing from any `pattern` line. Here it is those that the name would
//     stand in.
//   - It puts in names with '/', and names that begin with '$' anywhere. Here see acl.h.
//   - `topic read` alone allows a topic called read. Here it is a fault.
#ifndef ACCESS_ACL_FILE_H
#define ACCESS_ACL_FILE_H

#include "server/access/acl.h"

#define ACL_FILE_BYTES_MAX   16777216u // a longer file is refused
#define ACL_FILE_ERROR_BYTES 512u      // room that holds every line of ret_error

// Adds the rules of a file to the builder and restricts all actions. Returns 0, or a negative errno with one
// line in ret_error that says what is wrong, where, and what was expected; then the builder may hold a part
// of the file and is good for acl_builder_destroy only.
WARN_UNUSED int acl_file_load(struct acl_builder *builder, const char *path, char *ret_error,
                              size_t error_size);

// The same with the bytes of a file. `name` stands for it in ret_error.
WARN_UNUSED int acl_file_parse(struct acl_builder *builder, struct bytes text, const char *name,
                               char *ret_error, size_t error_size);

#endif
