/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the stub remembers of the places in a program's code, until a library may have come. */
#include "shim/stub/call_sites.h"

#include <criterion/criterion.h>

static const void *site(unsigned number)
{
    return (const void *)(0x400000 + (uintptr_t)number * 4);
}

Test(call_sites, each_place_and_hook_for_itself)
{
    cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_read, site(1)), STUB_SITE_UNKNOWN);
    stub_site_set(SHIM_HOOK_SSL_read, site(1), 2);
    stub_site_set(SHIM_HOOK_SSL_write, site(1), 0);
    cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_read, site(1)), 2);
    cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_write, site(1)), 0);
    cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_read, site(2)), STUB_SITE_UNKNOWN);
}

Test(call_sites, are_forgotten_with_the_next_library)
{
    stub_site_set(SHIM_HOOK_SSL_read, site(1), 2);
    stub_sites_forget();
    cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_read, site(1)), STUB_SITE_UNKNOWN);
    stub_site_set(SHIM_HOOK_SSL_read, site(1), 3);
    cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_read, site(1)), 3);
}

/* More places than there is room: an older one is forgotten, and none gets another's number. */
Test(call_sites, more_than_there_is_room)
{
    enum { PLACES = 5000 };
    for (unsigned i = 0; i < PLACES; i++) {
        stub_site_set(SHIM_HOOK_SSL_read, site(i), i % 200);
        cr_assert_eq(stub_site_get(SHIM_HOOK_SSL_read, site(i)), (int)(i % 200));
    }
    for (unsigned i = 0; i < PLACES; i++) {
        int number = stub_site_get(SHIM_HOOK_SSL_read, site(i));
        cr_assert(number == STUB_SITE_UNKNOWN || number == (int)(i % 200));
    }
}
