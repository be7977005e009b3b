/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The trust store that the user's options for Java name: our options take its place, so what is in
 * it has to be in ours. */
#ifndef TOOLS_RELAY_JAVA_STORE_H
#define TOOLS_RELAY_JAVA_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "ech/wire.h"

/*
 * The value of the system property (-DNAME=VALUE) in options that are written as in
 * JAVA_TOOL_OPTIONS: words between white space, in which either quote keeps white space. The last
 * one counts, as in Java. False: it is not there, or longer than `size`. Pure.
 */
bool relay_java_property(const char *options, const char *name, char *out, size_t size);

/* Gives each trusted certificate (DER) of the store that the options name to `take`. False: they
 * name none, it cannot be read (Java could not, either), or `take` gave false. */
bool relay_java_store_read(const char *options, bool (*take)(void *context, struct bytes der),
                           void *context);

#endif
