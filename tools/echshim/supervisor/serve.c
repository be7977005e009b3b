/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/serve.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "shim/common/address.h"
#include "shim/common/supervision.h"
#include "tools/echshim/supervisor/asks.h"
#include "tools/echshim/supervisor/engine.h"
#include "tools/echshim/supervisor/filter.h"
#include "tools/echshim/supervisor/leading.h"
#include "tools/echshim/supervisor/names.h"
#include "tools/echshim/supervisor/notify.h"
#include "tools/echshim/supervisor/pool.h"
#include "tools/echshim/supervisor/target.h"

bool supervisor_kernel_serves(void)
{
    struct utsname name;
    char *rest = NULL;
    uint32_t action = SECCOMP_RET_USER_NOTIF;
    if (uname(&name) != 0) {
        return false;
    }
    unsigned long major = strtoul(name.release, &rest, 10);
    unsigned long minor = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 0;
    bool new_enough = major > 5 || (major == 5 && minor >= 5);
    /* Another error comes again when the filter is installed, and says more there. */
    return new_enough && (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 ||
                          (errno != EOPNOTSUPP && errno != ENOSYS));
}

/* ---- one call ---- */

/* A call, and what is known of it. */
struct seen {
    uint64_t id;
    pid_t task;
    struct sockaddr_storage destination;
    int fd; /* of connect */
    struct supervisor_facts facts;
};

/* What lives in the process that makes the call? */
static void look_into(const struct supervisor *supervisor, const struct seccomp_data *call,
                      const struct supervisor_memory *memory, struct seen *seen)
{
    const struct supervisor_calls *numbers = supervisor_calls_of(call->arch);
    struct supervisor_facts *facts = &seen->facts;
    char *maps = supervisor_target_maps(seen->task);
    if (maps != NULL && numbers != NULL) {
        facts->answers = supervisor_image_answers(maps, call->instruction_pointer,
                                                  numbers->word == sizeof(uint32_t),
                                                  &supervisor->stubs, &supervisor->pass, memory);
        facts->asks = !facts->answers && supervisor_image_asks(maps, &supervisor->pass, memory);
    }
    free(maps);
}

static void answer_question(const struct supervisor *supervisor, uint16_t port, uint64_t id)
{
    bool holds = supervisor->policy.strict && supervisor_policy_watches(&supervisor->policy, port);
    bool leads = port == 0 && supervisor->place != NULL;
    supervisor_notify_answer(id,
                             leads   ? SHIM_SUPERVISOR_LEADS
                             : holds ? SHIM_SUPERVISOR_HOLDS
                                     : SHIM_SUPERVISOR_LETS_GO,
                             0);
}

static void look(const struct supervisor *supervisor, const struct seccomp_notif *notification,
                 struct seen *seen)
{
    const struct seccomp_data *call = &notification->data;
    *seen = (struct seen){.id = notification->id,
                          .task = (pid_t)notification->pid,
                          .destination = {.ss_family = AF_UNSPEC},
                          .fd = -1};
    const struct supervisor_memory memory = {supervisor_target_read, &seen->task};
    struct supervisor_facts *facts = &seen->facts;
    facts->look = supervisor_look_at(call, &memory, supervisor_policy_watches, &supervisor->policy,
                                     &seen->destination);
    if (facts->look == SUPERVISOR_LOOK_WATCHED) {
        look_into(supervisor, call, &memory, seen);
        facts->port = shim_address_port((const struct sockaddr *)&seen->destination);
        facts->connects = supervisor_is_connect(call, &memory, &seen->fd);
        facts->can_be_led =
            facts->connects && supervisor_policy_leads(&supervisor->policy, facts->port);
    }
}

/* Makes the call, but to the relay or to our own DNS. False: it cannot be led there. */
static bool led(const struct seen *seen, enum supervisor_decision where)
{
    int error = 0;
    if (where == SUPERVISOR_LEAD) {
        return supervisor_leading_take(&(struct supervisor_leading){
            .id = seen->id, .task = seen->task, .fd = seen->fd, .destination = seen->destination});
    }
    int copy = supervisor_copy_socket(seen->task, seen->fd);
    if (copy < 0) {
        return false;
    }
    bool can = supervisor_notify_waits(seen->id) &&
               supervisor_names_lead(copy, seen->task, &seen->destination, &error);
    (void)close(copy);
    if (can) {
        supervisor_notify_answer(seen->id, 0, -error);
    }
    return can;
}

/* Only a connection waits for a detour: a datagram is no TLS of Go's. */
static bool may_be_led_late(const struct supervisor_facts *facts)
{
    return facts->look == SUPERVISOR_LOOK_WATCHED && facts->connects && !facts->answers &&
           !facts->asks;
}

static void judge(void *context, const struct seccomp_notif *notification)
{
    struct supervisor *supervisor = context;
    struct seen seen;
    look(supervisor, notification, &seen);
    if (may_be_led_late(&seen.facts) && supervisor_late_take(notification)) {
        return;
    }
    enum supervisor_decision decision = supervisor_decide(&supervisor->policy, &seen.facts);
    if (decision == SUPERVISOR_LEAD || decision == SUPERVISOR_ANSWER_NAMES) {
        if (led(&seen, decision)) {
            return; /* of what goes to the relay, the relay tells */
        }
        seen.facts.can_be_led = false;
        decision = decision == SUPERVISOR_LEAD ? supervisor_decide(&supervisor->policy, &seen.facts)
                                               : supervisor_decide_unled(&supervisor->policy);
    }
    const struct supervisor_news news = {.task = seen.task,
                                         .refused = decision == SUPERVISOR_REFUSE,
                                         .reason = "unreachable_tls",
                                         .destination = &seen.destination};
    if (decision != SUPERVISOR_PASS && supervisor_notify_waits(seen.id)) {
        supervisor_tell(&supervisor->teller, &news);
    }
    if (decision == SUPERVISOR_REFUSE) {
        supervisor_notify_answer(seen.id, 0, EACCES);
    } else {
        supervisor_notify_continue(seen.id);
    }
}

static void serve_call(struct supervisor *supervisor)
{
    uint16_t port;
    const struct seccomp_notif *notification = supervisor_notify_take();
    if (notification == NULL) {
        return;
    }
    if (supervisor_is_question(&notification->data, &port)) {
        answer_question(supervisor, port, notification->id);
    } else if (!supervisor_asks_take(notification)) {
        judge(supervisor, notification);
    }
}

/* ---- the loop ---- */

static bool watch(int loop, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return fd >= 0 && epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* False: nothing runs under the filter any more (EPOLLHUP). */
static bool serve_event(struct supervisor *supervisor, int loop, const struct epoll_event *event)
{
    if (event->data.fd == supervisor->listener) {
        if ((event->events & EPOLLIN) == 0) {
            return false;
        }
        serve_call(supervisor);
    } else if (event->data.fd == supervisor->lead.link) {
        supervisor_leading_hear(); /* after the relay's end, this link is of no more use */
        if ((event->events & (EPOLLHUP | EPOLLERR)) != 0) {
            (void)epoll_ctl(loop, EPOLL_CTL_DEL, supervisor->lead.link, NULL);
        }
    } else if (event->data.fd == supervisor_pool_event()) {
        supervisor_pool_finish();
    } else {
        (void)supervisor_names_serve(event->data.fd);
    }
    return true;
}

static int patience(void)
{
    int asks = supervisor_asks_patience();
    int leading = supervisor_leading_patience();
    return asks < 0 || (leading >= 0 && leading < asks) ? leading : asks;
}

void supervisor_serve(struct supervisor *supervisor)
{
    struct epoll_event event;
    int loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0 || !supervisor_notify_start(supervisor->listener) ||
        !watch(loop, supervisor->listener) || !watch(loop, supervisor_pool_event())) {
        return;
    }
    supervisor_engine_set(supervisor->engine, supervisor->conf);
    supervisor_asks_start(&supervisor->teller, supervisor->policy.strict);
    supervisor_late_start(supervisor->place, &supervisor->pass, judge, supervisor);
    supervisor_names_start(loop);
    supervisor_leading_start(&supervisor->lead);
    (void)watch(loop, supervisor->lead.link);
    for (;;) {
        int count = epoll_wait(loop, &event, 1, patience());
        if ((count == 1 && !serve_event(supervisor, loop, &event)) ||
            (count < 0 && errno != EINTR)) {
            break;
        }
        supervisor_asks_sweep(false);
        supervisor_leading_sweep();
    }
    supervisor_asks_sweep(true);
}
