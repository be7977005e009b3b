/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A world of endpoints: an origin at 127.0.0.1:443, up to two pools beside it, and their zone. */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include "pools.h"

#define A_RECORD INNER_NAME " 60 IN A 127.0.0.1"
#define HTTPS INNER_NAME " 60 IN HTTPS "

/* The zone's records; the origin's address is among them. */
#define ZONE_OF(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        A_RECORD, __VA_ARGS__, NULL                                                                \
    }

struct scene {
    struct world *world;
    struct pool pools[2];
};

/* Starts a world with up to two pools at these addresses (NULL: none), and a zone. There is one
 * scene in a process. */
struct scene *scene_start(const char *first, const char *second, const char *const lines[]);

/* Runs the command under the shim. */
struct run_result scene_run(const struct scene *scene, const char *mode, const char *command);

/* This pool accepted `count` handshakes, and no other server got an octet. */
void expect_there(struct scene *scene, const struct pool *pool, unsigned count);

#endif
