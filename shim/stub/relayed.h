/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program under echshim --relay (docs/relay.md). If the shim reaches its TLS, it gets neither the
 * relay nor the variables by which programs learn of the relay's authority. The stub judges when it
 * starts, and goes by what lies in the process then; modules that come later are judged when they
 * connect.
 */
#ifndef SHIM_STUB_RELAYED_H
#define SHIM_STUB_RELAYED_H

#include <stdbool.h>
#include <stddef.h>

/* Is there TLS in this process that the relay is for: none that is hooked, and some that is not? */
bool stub_needs_relay(void);

/* Does the caller lie in a module, loaded at any time, with TLS that nothing reaches? Its own
 * connections go to the relay, also from a program that needs none for itself. For a caller that
 * was not seen before it asks the loader. */
bool stub_is_unreached(const void *caller);

/* Takes the relay's variables out of environ. Called in a constructor, before the program has
 * threads. */
void stub_hide_relay(void);

/* What a program that is executed gets: room for the variables, and the variables. */
enum { STUB_RELAY_ROOM = 16 };

/* Must the variables be put back for what this process executes? */
bool stub_hides_relay(void);
/* Adds them to a block of `count` variables with room for STUB_RELAY_ROOM more. What the program
 * has set to another value stays. Returns the new count. Async-signal-safe. */
size_t stub_add_relay(char **block, size_t count);

#endif
