/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/handshakes.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tools/echshim/supervisor/target.h"

/* A handshake takes no longer; and no more of them are remembered. */
enum { LONGEST_US = 60 * 1000000, HANDSHAKES_MAX = 4096 };

struct handshake {
    struct handshake *next;
    pid_t process;
    int fd; /* of its connection; -1: not known */
    uint64_t begun_us;
    char program[SUPERVISOR_PROGRAM_SIZE]; /* it may be gone when this is told */
    struct shim_given_config given;
};

static struct handshake *first;
static struct handshake **end = &first;
static unsigned count;

static void tell(struct supervisor_teller *teller, struct handshake *handshake)
{
    supervisor_tell_handshake(teller, handshake->process, handshake->program,
                              &handshake->given.report);
}

static void forget(struct handshake **place)
{
    struct handshake *handshake = *place;
    *place = handshake->next;
    if (end == &handshake->next) {
        end = place;
    }
    free(handshake);
    count--;
}

/* The strings of the copy have to lie in the copy. */
static void copy(struct shim_given_config *to, const struct shim_given_config *from)
{
    *to = *from;
    to->report.host = from->report.host != NULL ? to->host : NULL;
    to->report.resolver = from->report.resolver != NULL ? to->resolver : NULL;
    if (from->report.has_config) {
        to->report.public_name.data = to->list + (from->report.public_name.data - from->list);
    }
}

static void tell_failed(struct supervisor_teller *teller, struct handshake **place)
{
    (*place)->given.report.outcome = "failed";
    (*place)->given.report.reason = "unfinished";
    tell(teller, *place);
    forget(place);
}

static void end_earlier(struct supervisor_teller *teller, pid_t process, int fd)
{
    struct handshake **place = &first;
    while (fd >= 0 && *place != NULL) {
        if ((*place)->process == process && (*place)->fd == fd) {
            tell_failed(teller, place);
        } else {
            place = &(*place)->next;
        }
    }
}

void supervisor_handshakes_begin(struct supervisor_teller *teller, pid_t task, int fd,
                                 const struct shim_given_config *given, uint64_t now_us)
{
    pid_t process = supervisor_target_process(task);
    end_earlier(teller, process, fd);
    struct handshake *handshake = count < HANDSHAKES_MAX ? calloc(1, sizeof *handshake) : NULL;
    if (handshake == NULL) {
        return;
    }
    handshake->process = process;
    handshake->fd = fd;
    handshake->begun_us = now_us;
    supervisor_target_program(task, handshake->program, sizeof handshake->program);
    copy(&handshake->given, given);
    *end = handshake;
    end = &handshake->next;
    count++;
}

bool supervisor_handshakes_end(struct supervisor_teller *teller, pid_t task, int fd,
                               const char *host, bool accepted, uint64_t now_us)
{
    pid_t process = supervisor_target_process(task);
    for (struct handshake **place = &first; *place != NULL; place = &(*place)->next) {
        struct handshake *handshake = *place;
        if (handshake->process == process && handshake->fd == fd &&
            dns_host_equal(handshake->given.host, host)) {
            struct shim_report *report = &handshake->given.report;
            report->hello_us = now_us - handshake->begun_us;
            report->outcome = accepted ? "accepted" : "rejected";
            report->reason = accepted ? NULL : "rejected";
            tell(teller, handshake);
            forget(place);
            return true;
        }
    }
    return false;
}

bool supervisor_handshakes_any(void)
{
    return first != NULL;
}

void supervisor_handshakes_sweep(struct supervisor_teller *teller, uint64_t now_us, bool all)
{
    struct handshake **place = &first;
    while (*place != NULL) {
        struct handshake *handshake = *place;
        bool over = all || now_us - handshake->begun_us > LONGEST_US ||
                    (kill(handshake->process, 0) != 0 && errno == ESRCH);
        if (over) {
            tell_failed(teller, place);
        } else {
            place = &handshake->next;
        }
    }
}
