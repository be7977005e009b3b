/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/serve.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "shim/common/address.h"
#include "shim/common/supervision.h"
#include "tools/echshim/supervisor/filter.h"
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

/* A newer kernel may write more than our header knows. */
struct room {
    struct seccomp_notif *notification;
    struct seccomp_notif_resp *response;
    size_t notification_size;
    size_t response_size;
};

static bool make_room(struct room *room)
{
    struct seccomp_notif_sizes sizes = {0};
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) {
        return false;
    }
    *room = (struct room){.notification_size = sizes.seccomp_notif,
                          .response_size = sizes.seccomp_notif_resp};
    if (room->notification_size < sizeof *room->notification) {
        room->notification_size = sizeof *room->notification;
    }
    if (room->response_size < sizeof *room->response) {
        room->response_size = sizeof *room->response;
    }
    room->notification = calloc(1, room->notification_size);
    room->response = calloc(1, room->response_size);
    return room->notification != NULL && room->response != NULL;
}

static bool image_answers(const struct supervisor *supervisor, pid_t task,
                          const struct seccomp_data *call, const struct supervisor_memory *memory)
{
    const struct supervisor_calls *numbers = supervisor_calls_of(call->arch);
    char *maps = supervisor_target_maps(task);
    bool answers =
        maps != NULL && numbers != NULL &&
        supervisor_image_answers(maps, call->instruction_pointer, numbers->word == sizeof(uint32_t),
                                 &supervisor->stubs, &supervisor->pass, memory);
    free(maps);
    return answers;
}

static void answer_question(const struct supervisor *supervisor, uint16_t port,
                            struct seccomp_notif_resp *response)
{
    bool holds = supervisor->policy.strict && supervisor_policy_watches(&supervisor->policy, port);
    response->val = holds ? SHIM_SUPERVISOR_HOLDS : SHIM_SUPERVISOR_LETS_GO;
}

/* The process may have ended, and its number may be another's by now. Then nothing that we read was
 * about this call. */
static bool still_waits(const struct supervisor *supervisor, uint64_t id)
{
    return ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/* Leads the connection to the relay. False: it cannot be led. */
static bool led(struct supervisor *supervisor, const struct seccomp_notif *notification, int fd,
                const struct sockaddr_storage *destination, struct seccomp_notif_resp *response)
{
    pid_t task = (pid_t)notification->pid;
    int copy = supervisor_copy_socket(task, fd);
    if (copy < 0) {
        return false;
    }
    bool can = still_waits(supervisor, notification->id) &&
               supervisor_lead(&supervisor->lead, copy, task, destination, &response->error);
    (void)close(copy);
    return can;
}

static enum supervisor_decision decide(struct supervisor *supervisor,
                                       const struct seccomp_notif *notification,
                                       struct seccomp_notif_resp *response,
                                       struct sockaddr_storage *destination)
{
    pid_t task = (pid_t)notification->pid;
    int fd = -1;
    const struct supervisor_memory memory = {supervisor_target_read, &task};
    struct supervisor_facts facts = {.look = supervisor_look_at(&notification->data, &memory,
                                                                supervisor_policy_watches,
                                                                &supervisor->policy, destination)};
    if (facts.look == SUPERVISOR_LOOK_WATCHED) {
        facts.answers = image_answers(supervisor, task, &notification->data, &memory);
        facts.can_be_led =
            supervisor_policy_leads(&supervisor->policy,
                                    shim_address_port((const struct sockaddr *)destination)) &&
            supervisor_is_connect(&notification->data, &memory, &fd);
    }
    enum supervisor_decision decision = supervisor_decide(&supervisor->policy, &facts);
    if (decision == SUPERVISOR_LEAD && !led(supervisor, notification, fd, destination, response)) {
        facts.can_be_led = false;
        decision = supervisor_decide(&supervisor->policy, &facts);
    }
    return decision;
}

static void judge(struct supervisor *supervisor, const struct seccomp_notif *notification,
                  struct seccomp_notif_resp *response)
{
    struct sockaddr_storage destination = {.ss_family = AF_UNSPEC};
    enum supervisor_decision decision = decide(supervisor, notification, response, &destination);
    const struct supervisor_news news = {.task = (pid_t)notification->pid,
                                         .refused = decision == SUPERVISOR_REFUSE,
                                         .reason = "unreachable_tls",
                                         .destination = &destination};
    if (decision == SUPERVISOR_REFUSE) {
        response->error = -EACCES;
    } else if (decision != SUPERVISOR_LEAD) { /* of what is led, the relay tells */
        response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    if ((decision == SUPERVISOR_REFUSE || decision == SUPERVISOR_PASS_AND_TELL) &&
        still_waits(supervisor, notification->id)) {
        supervisor_tell(&supervisor->teller, &news);
    }
}

/* Called when a call waits. So this does not block, even if the call is gone by now. */
static void serve_call(struct supervisor *supervisor, struct room *room)
{
    uint16_t port;
    memset(room->notification, 0, room->notification_size);
    memset(room->response, 0, room->response_size);
    if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, room->notification) != 0) {
        return;
    }
    room->response->id = room->notification->id;
    if (supervisor_is_question(&room->notification->data, &port)) {
        answer_question(supervisor, port, room->response);
    } else {
        judge(supervisor, room->notification, room->response);
    }
    /* ENOENT: the call is gone, by a signal or the end of its process. */
    (void)ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SEND, room->response);
}

/* ---- the loop ---- */

void supervisor_serve(struct supervisor *supervisor)
{
    static struct room room;
    struct epoll_event event = {.events = EPOLLIN};
    int loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0 || !make_room(&room) ||
        epoll_ctl(loop, EPOLL_CTL_ADD, supervisor->listener, &event) != 0) {
        return;
    }
    for (;;) {
        int count = epoll_wait(loop, &event, 1, -1);
        if (count == 1 && (event.events & EPOLLIN) != 0) {
            serve_call(supervisor, &room);
        } else if (count == 1 || (count < 0 && errno != EINTR)) {
            break; /* EPOLLHUP: nothing runs under the filter any more */
        }
    }
    free(room.notification);
    free(room.response);
}
