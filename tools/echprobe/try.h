/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One try of echprobe: the client (tools/echprobe/client.h) in a process of its own, with the shim
 * loaded as into any program.
 */
#ifndef TOOLS_ECHPROBE_TRY_H
#define TOOLS_ECHPROBE_TRY_H

#include "ech/wire.h"
#include "tools/echprobe/client.h"

struct probe_try {
    struct probe_client client;
    const char *library;          /* path of libechshim.so */
    const char *mode;             /* ECHSHIM_MODE */
    struct bytes ech_config_list; /* ECHSHIM_CONFIG_LIST for every name; empty: none is given */
};

/*
 * Runs it and waits. The document is the client's journal, with the shim's report line as "report".
 * Without that member the shim did not work in the process. NULL: the process could not be run, or
 * died; errno does not matter.
 */
json_t *probe_try_run(const struct probe_try *try);

/* The other half, for the new process: main calls it first. False: this is not such a process. */
bool probe_try_is_child(int argc, char **argv, int *status);

#endif
