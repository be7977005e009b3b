/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/sockets/epoll_copy.h"

#include <criterion/criterion.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

Test(epoll_copy, reads_what_the_kernel_writes)
{
    struct epoll_line line;
    cr_assert(shim_epoll_parse_line("tfd:        5 events:       19 data: ffffffff00000007  pos:0 "
                                    "ino:61 sdev:f\n",
                                    &line));
    cr_assert_eq(line.target, 5);
    cr_assert_eq(line.events, 0x19);
    cr_assert_eq(line.data, 0xffffffff00000007);
    cr_assert(line.has_inode && line.inode == 0x61);
    cr_assert(shim_epoll_parse_line("tfd:        5 events:       19 data: 7\n", &line));
    cr_assert_not(line.has_inode, "older kernels do not say it");
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
    struct epoll_line line;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cr_assert_not(shim_epoll_parse_line(lines[i], &line), "%s", lines[i]);
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

/* dup2 drops the registration; it is restored with its data and its flags. */
Test(epoll_copy, a_registration_outlives_dup2)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    int old = eventfd(0, 0);
    int fresh = eventfd(1, 0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = 0x1234567890abcdef}};
    cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, old, &event), 0);
    struct epoll_registrations registrations;
    shim_epoll_take(old, &registrations);
    cr_assert_eq(registrations.count, 1);
    cr_assert_eq(dup2(fresh, old), old);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 0, "it is out of the set");
    shim_epoll_restore(old, &registrations);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 1);
    cr_assert_eq(event.data.u64, 0x1234567890abcdef);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 0, "it is edge-triggered as before");
}

/* Open by dup or in a child: its events no longer concern the program's connection. */
Test(epoll_copy, an_old_file_that_stays_open_is_out_of_the_set)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    int old = eventfd(1, 0);
    int copy = dup(old);
    int fresh = eventfd(0, 0);
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = 7}};
    cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, old, &event), 0);
    struct epoll_registrations registrations;
    shim_epoll_take(old, &registrations);
    cr_assert_eq(dup2(fresh, old), old);
    shim_epoll_restore(old, &registrations);
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 0, "the old file is still in the set");
    cr_assert_eq(write(fresh, &(uint64_t){1}, sizeof(uint64_t)), (ssize_t)sizeof(uint64_t));
    cr_assert_eq(epoll_wait(set, &event, 1, 0), 1);
    cr_assert_eq(event.data.u64, 7);
    cr_assert_eq(close(copy), 0);
}

static int socket_with(uint32_t events, uint64_t data, int set)
{
    struct epoll_event event = {.events = events, .data = {.u64 = data}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
    return fd;
}

/* Like a process that shares the set with its parent. */
static int somebody_elses_number(int set)
{
    int theirs = socket_with(EPOLLIN, 1, set);
    cr_assert_geq(dup(theirs), 0);
    cr_assert_eq(close(theirs), 0);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(fd, theirs, "the number is free again");
    return fd;
}

Test(epoll_copy, the_number_of_another_file_is_left_alone)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    int fd = somebody_elses_number(set);
    struct epoll_registrations registrations;
    shim_epoll_take(fd, &registrations);
    cr_assert_eq(registrations.count, 0);
    struct epoll_event events[2];
    cr_assert_eq(epoll_wait(set, events, 2, 0), 1, "theirs is in the set as before");
    cr_assert_eq(events[0].data.u64, 1);
}

Test(epoll_copy, of_two_files_with_one_number_it_takes_the_own)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    int fd = somebody_elses_number(set);
    struct epoll_event event = {.events = EPOLLOUT, .data = {.u64 = 2}};
    cr_assert_eq(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    struct epoll_registrations registrations;
    shim_epoll_take(fd, &registrations);
    cr_assert_eq(registrations.count, 1);
    cr_assert_eq(registrations.registered[0].data, 2);
    cr_assert_eq(registrations.registered[0].events & (EPOLLIN | EPOLLOUT), EPOLLOUT);
}
