/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks a server that rejected ECH once more what it has to say, on a connection of our own
 * (ech/probe.h).
 */
#ifndef SHIM_ENGINE_SESSION_REJECTION_PROBE_H
#define SHIM_ENGINE_SESSION_REJECTION_PROBE_H

#include "ech/exchange.h"
#include "shim/engine/sockets/reconnect.h"

enum shim_rejection_probe_result {
    SHIM_PROBE_RETRY_CONFIGS, /* authenticated: *retry_configs */
    SHIM_PROBE_DISABLED,      /* authenticated: ECH is securely disabled */
    SHIM_PROBE_ACCEPTED, /* this server accepts the config (its fleet disagrees): worth one more try
                            with it */
    SHIM_PROBE_FAILED,   /* nothing is proven */
};

struct shim_rejection_probe {
    /* The application's connection: the probe goes to its peer, with its options. NULL for
     * shim_rejection_probe_over. */
    const struct shim_old_connection *old;
    struct bytes hello; /* from ech_exchange_probe_hello */
    const struct ech_config_choice *choice;
    struct ech_exchange_options options;
    unsigned timeout_ms; /* bound on the whole probe */
};

/* Blocks. Writes what the server said to *retry_configs, which the caller frees (wr_free) in any
 * case. */
enum shim_rejection_probe_result shim_rejection_probe_run(const struct shim_rejection_probe *probe,
                                                          struct writer *retry_configs);

/* The same over a connected socket (shim/engine/sockets/own_socket.h), which stays the caller's, as
 * does *retry_configs, an empty writer. */
enum shim_rejection_probe_result shim_rejection_probe_over(const struct shim_rejection_probe *probe,
                                                           int fd, struct writer *retry_configs);

#endif
