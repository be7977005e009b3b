/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "endpoints.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "checks.h"

struct scene *scene_start(const char *first, const char *second, const char *const lines[])
{
    static struct scene the_scene;
    struct scene *scene = &the_scene;
    scene->world = world_start(NULL);
    if (first != NULL) {
        pool_start(scene->world, &scene->pools[0], "one", first);
    }
    if (second != NULL) {
        pool_start(scene->world, &scene->pools[1], "two", second);
    }
    zone_start(scene->world, lines,
               (const struct pool *const[]){&scene->pools[0], &scene->pools[1]});
    return scene;
}

struct run_result scene_run(const struct scene *scene, const char *mode, const char *command)
{
    char variable[64];
    snprintf(variable, sizeof variable, "ECHSHIM_MODE=%s", mode);
    return world_shell(scene->world, RUN_SHIM, (char *[]){ZONE, variable, NULL}, command);
}

void expect_there(struct scene *scene, const struct pool *pool, unsigned count)
{
    cr_assert_eq(pool_accepted(scene->world, pool, count), count);
    cr_assert_eq(pool_wire_count(scene->world, pool, INNER_NAME), 0u, "the name is on the wire");
    cr_assert_eq(pool_wire_count(scene->world, pool, PUBLIC_NAME), count);
    cr_assert_eq(world_report_count(scene->world, "accepted"), count);
    expect_silence(scene->world);
}
