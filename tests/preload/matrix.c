/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "matrix.h"

#include "../facts.h"

void matrix_check(const struct matrix_row *row, enum run_mode mode, bool hello_retry)
{
    struct world *world = world_start(&(struct world_options){.hello_retry = hello_retry});
    struct run_result result = world_shell(world, mode, NULL, row->command);
    expect_exit(&result, 0, row->says);
    if (mode == RUN_SHIM) {
        world_expect_accepted(world, row->connections);
    } else {
        world_expect_visible(world, row->connections);
    }
    unsigned retries = world_log_count(world, "hrr", hello_retry ? 1 : 0);
    if (hello_retry) {
        cr_assert_geq(retries, 1, "the server asked for no second hello");
    } else if (strstr(row->command, "nss_client") == NULL || !fact_nss_other_share()) {
        cr_assert_eq(retries, 0, "the server asked for %u second hellos", retries);
    }
}
