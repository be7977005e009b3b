/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Octets of an old connection in front of those of a new one, cut at every place. */
#include "shim/engine/session/stale.h"

#include <criterion/criterion.h>
#include <string.h>

/* What comes in pieces of `size` octets and is not skipped. */
static size_t pass(const uint8_t *octets, size_t length, size_t size, uint8_t *out)
{
    struct shim_stale stale;
    size_t passed = 0;
    shim_stale_begin(&stale);
    for (size_t at = 0; at < length; at += size) {
        struct bytes in = {octets + at, length - at < size ? length - at : size};
        if (stale.skipping) {
            if (!shim_stale_skip(&stale, &in)) {
                continue;
            }
            memcpy(out + passed, stale.head, stale.length);
            passed += stale.length;
        }
        memcpy(out + passed, in.data, in.len);
        passed += in.len;
    }
    return passed;
}

static const uint8_t server_hello[] = {22, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3, 7};
static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
/* A whole record, and the beginning of another. */
static const uint8_t old[] = {20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 4, 22, 22, 3, 21, 23, 3, 3, 2, 0, 22};

static void check(const uint8_t *fresh, size_t length)
{
    uint8_t octets[64];
    uint8_t out[64];
    for (size_t cut = 0; cut <= sizeof old; cut++) {
        memcpy(octets, old, cut);
        memcpy(octets + cut, fresh, length);
        for (size_t size = 1; size <= cut + length; size++) {
            size_t passed = pass(octets, cut + length, size, out);
            cr_assert_eq(passed, length, "cut %zu, pieces of %zu: %zu", cut, size, passed);
            cr_assert_arr_eq(out, fresh, length);
        }
    }
}

Test(stale, a_server_hello_behind_old_records)
{
    check(server_hello, sizeof server_hello);
}

Test(stale, an_alert_behind_old_records)
{
    check(alert, sizeof alert);
}

Test(stale, what_never_ends_is_given_up)
{
    static uint8_t zeros[SHIM_STALE_MAX + 16];
    static uint8_t out[sizeof zeros];
    cr_assert_eq(pass(zeros, SHIM_STALE_MAX, 1000, out), 0u);
    cr_assert_gt(pass(zeros, sizeof zeros, 1000, out), 0u);
}
