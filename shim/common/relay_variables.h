/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The variables by which programs learn of the relay's authority (docs/relay.md). The launcher sets
 * them; the stub takes them out of the environment of a program that needs no relay, and puts them
 * back for what that program executes. Async-signal-safe.
 */
#ifndef SHIM_COMMON_RELAY_VARIABLES_H
#define SHIM_COMMON_RELAY_VARIABLES_H

#include <stdbool.h>
#include <stddef.h>

/* The folder with the files, as a variable. A value that was replaced stands in a variable of its
 * own, with this before its name. */
#define SHIM_RELAY_FOLDER "ECHSHIM_RELAY_FOLDER"
#define SHIM_RELAY_REPLACED "ECHSHIM_REPLACED_"

enum shim_relay_contents {
    SHIM_RELAY_ANCHORS, /* PEM: the anchors that the variable replaces, and the authority */
    SHIM_RELAY_EXTRA,   /* PEM: the authority; the program adds it to its own */
    SHIM_RELAY_JAVA,    /* options for Java, which name a key store */
};

struct shim_relay_variable {
    const char *name;
    const char *file; /* in the folder */
    enum shim_relay_contents contents;
};

enum { SHIM_RELAY_VARIABLES = 9 };

extern const struct shim_relay_variable shim_relay_variables[SHIM_RELAY_VARIABLES];

/*
 * Writes "NAME=VALUE" for a variable. `replaced` is the value that it had, or NULL. Returns its
 * length without the NUL; the text is cut if that is not less than `size`.
 */
size_t shim_relay_variable_write(const struct shim_relay_variable *variable, const char *folder,
                                 const char *replaced, char *out, size_t size);

#endif
