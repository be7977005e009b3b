/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_TUNNEL_H
#define TESTS_PRELOAD_TUNNEL_H

/* A world with a proxy on a port that is not watched: what the program asks the proxy for counts.
 * It leads port 443 to the world's server, past the relay that records; the zone is served over
 * plain DNS or TLS. */

#include "world.h"

#define TUNNEL_PROXY "127.0.0.6:3128"

/* With the proxy at TUNNEL_PROXY. */
struct world *tunnel_start(const struct world_options *options);
/* One more proxy. `password`: "user:pass", or NULL. */
void tunnel_proxy_start(struct world *world, const char *name, const char *address,
                        const char *password);

enum tunnel_configs { FROM_PLAIN_DNS, FROM_ENCRYPTED_DNS, BY_HAND };

struct tunnel_run {
    struct run_result result;
    unsigned on_wire; /* connections of this run that show the name */
    char *report;
};

/* Runs a command under the shim, with a report of its own. */
struct tunnel_run tunnel_try(struct world *world, const char *mode, enum tunnel_configs configs,
                             const char *command);
/* How often `part` stands in `text`. */
unsigned tunnel_lines_with(const char *text, const char *part);
/* The report of the run has a line for the name with this outcome. */
void tunnel_expect_line(const struct tunnel_run *run, const char *outcome, const char *reason);

/* In every mode, with a config from every source. `asks`: the program itself asks plain DNS for the
 * name, so our question may come on top. */
void tunnel_check_in(struct world *world, const char *command, bool asks);
/* The same in a new world. */
void tunnel_check(const char *command, bool asks);

#endif
