/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/epoll_copy.h"

#include <criterion/criterion.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

Test(epoll_copy, reads_what_the_kernel_writes)
{
    int target;
    uint32_t events;
    uint64_t data;
    cr_assert(shim_epoll_parse_line("tfd:        5 events:       19 data: ffffffff00000007  pos:0 "
                                    "ino:61 sdev:f\n",
                                    &target, &events, &data));
    cr_assert_eq(target, 5);
    cr_assert_eq(events, 0x19);
    cr_assert_eq(data, 0xffffffff00000007);
}

Test(epoll_copy, takes_nothing_else_for_a_registration)
{
    static const char *const lines[] = {
        "",
        "pos:\t0\n",
        "flags:\t02\n",
        "tfd:\n",
        "tfd: 5 events: 19\n",
        "tfd: x events: 19 data: 5\n",
        "tfd: 99999999999 events: 19 data: 5\n",
        "tfd: 5 events: 1ffffffff data: 5\n",
        "inotify wd:1 tfd: 5 events: 19 data: 5\n",
    };
    int target;
    uint32_t events;
    uint64_t data;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_assert_not(shim_epoll_parse_line(lines[i], &target, &events, &data), "%s", lines[i]);
    }
}

Test(epoll_copy, names_of_descriptors)
{
    cr_assert_eq(shim_descriptor_named("0"), 0);
    cr_assert_eq(shim_descriptor_named("1023"), 1023);
    cr_assert_eq(shim_descriptor_named("."), -1);
    cr_assert_eq(shim_descriptor_named(".."), -1);
    cr_assert_eq(shim_descriptor_named("5x"), -1);
}

/* What dup2 drops is there again, with its data and its flags. */
Test(epoll_copy, a_registration_outlives_dup2)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    int old = eventfd(0, 0);
    int fresh = eventfd(1, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = 0x1234567890abcdef}};
    cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, old, &event), 0);
    struct epoll_registrations registrations;
    shim_epoll_note(old, &registrations);
    cr_assert_eq(registrations.count, 1);
    cr_assert_eq(dup2(fresh, old), old);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 0, "dup2 dropped it");
    shim_epoll_restore(old, &registrations);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 1);
    cr_assert_eq(event.data.u64, 0x1234567890abcdef);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 0, "it is edge-triggered as before");
}
