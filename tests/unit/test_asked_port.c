/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <criterion/criterion.h>
#include <stdio.h>

#include "shim/engine/endpoint/asked_port.h"

Test(asked_port, the_port_of_a_name)
{
    uint16_t port;
    cr_assert_not(shim_asked_port("a.example", &port));
    shim_asked_note("a.example", 443);
    cr_assert(shim_asked_port("A.example.", &port));
    cr_assert_eq(port, 443);
    cr_assert_not(shim_asked_port("b.example", &port));
    shim_asked_note("a.example", 8443);
    cr_assert(shim_asked_port("a.example", &port));
    cr_assert_eq(port, 8443);
}

/* With many names the table forgets some, but never confuses two. */
Test(asked_port, many_names)
{
    char name[32];
    uint16_t port;
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "n%u.example", i);
        shim_asked_note(name, (uint16_t)(1 + i));
    }
    unsigned known = 0;
    for (unsigned i = 0; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "n%u.example", i);
        if (shim_asked_port(name, &port)) {
            known++;
            cr_assert_eq(port, 1 + i);
        }
    }
    cr_assert_gt(known, 100u);
}
