/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dns/io.h"
#include "shim/common/passing_call.h"
#include "tools/common/background.h"
#include "tools/echshim/supervisor/filter.h"
#include "tools/echshim/supervisor/supervisor.h"
#include "tools/echshim/supervisor/target.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static int link_to_supervisor = -1; /* a socket */
static struct shim_supervision supervision;

/* The supervisor reads this to see whether it may read our memory. */
static const uint32_t sample = 0x65636873;

static enum supervisor_start impossible(const char **why, const char *text)
{
    *why = text;
    return SUPERVISOR_IMPOSSIBLE;
}

/* ---- the supervisor's side ---- */

/* What the supervisor says first. */
struct hello {
    pid_t process;
    bool can_read; /* the memory of the launcher */
};

struct role {
    struct supervisor supervisor;
    int link;
    pid_t launcher;
};

/* Receives the listener; -1: the launcher has ended, or gave up. */
static int receive_listener(int link)
{
    char nothing;
    struct iovec part = {.iov_base = &nothing, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int listener = -1;
    if (recvmsg(link, &message, MSG_CMSG_CLOEXEC) != 1) {
        return -1;
    }
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        memcpy(&listener, CMSG_DATA(header), sizeof listener);
    }
    return listener;
}

static bool can_read(pid_t launcher)
{
    uint32_t read = 0;
    return supervisor_target_read(&launcher, (uintptr_t)&sample, &read, sizeof read) ==
               SUPERVISOR_READ &&
           read == sample;
}

static void supervise(void *context)
{
    struct role *role = context;
    struct hello hello = {.process = getpid(), .can_read = can_read(role->launcher)};
    char again;
    if (send(role->link, &hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello) {
        return;
    }
    if (!hello.can_read) {
        if (recv(role->link, &again, 1, 0) != 1) {
            return;
        }
        hello.can_read = can_read(role->launcher);
        if (send(role->link, &hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello) {
            return;
        }
    }
    role->supervisor.listener = receive_listener(role->link);
    (void)close(role->link);
    if (role->supervisor.listener >= 0) {
        supervisor_serve(&role->supervisor);
        /* Nothing that was held lives any more, so nothing reads these files. */
        relay_folder_remove(&role->supervisor.lead.folder);
    }
}

/* ---- the launcher's side: before the filter ---- */

static bool hear(struct hello *hello, const char **why)
{
    if (recv(link_to_supervisor, hello, sizeof *hello, 0) != sizeof *hello) {
        *why = "its process does not answer";
        return false;
    }
    return true;
}

/* With Yama (ptrace_scope 1) only a process that we name may read our memory, besides our
 * ancestors. */
static bool introduce(const char **why)
{
    struct hello hello;
    if (!hear(&hello, why)) {
        return false;
    }
    supervision.supervisor = (int)hello.process;
    (void)prctl(PR_SET_PTRACER, (unsigned long)hello.process, 0, 0, 0);
    if (!hello.can_read) {
        (void)send(link_to_supervisor, "", 1, MSG_NOSIGNAL);
        if (!hear(&hello, why)) {
            return false;
        }
    }
    if (!hello.can_read) {
        *why = "a process may not read the memory of another one here (ptrace_scope)";
    }
    return hello.can_read;
}

/* Is there an outer supervisor that does what ours would? In strict mode it must refuse all of our
 * ports. Else ours would be for Go programs alone. */
static bool is_held_already(const struct supervisor_policy *policy)
{
    bool leads = false;
    if (!policy->strict) {
        return !policy->relay && shim_supervisor_lives(&leads) && leads;
    }
    for (size_t i = 0; i < policy->port_count; i++) {
        if (!shim_supervisor_holds(policy->ports[i])) {
            return false;
        }
    }
    return policy->port_count > 0 && !policy->every_port;
}

enum supervisor_start supervisor_begin(const struct supervisor *supervisor, const char **why)
{
    int ends[2];
    struct role role = {.supervisor = *supervisor, .launcher = getpid()};
    if (is_held_already(&supervisor->policy)) {
        return SUPERVISOR_HELD_ALREADY;
    }
    if (!supervisor_kernel_serves()) {
        return impossible(why, "this kernel has no seccomp notification (it comes with Linux 5.5)");
    }
    if (!dns_io_random(&supervision.pass, sizeof supervision.pass) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return impossible(why, strerror(errno));
    }
    role.link = ends[1];
    role.supervisor.pass = supervision.pass;
    link_to_supervisor = ends[0];
    const struct supervisor_lead *lead = &supervisor->lead;
    const int kept[] = {ends[1], supervisor->teller.fd, lead->link, lead->listener,
                        lead->listener_ipv6};
    bool started = background_start(supervise, &role, kept, sizeof kept / sizeof *kept);
    int problem = errno;
    (void)close(ends[1]);
    if (!started) {
        supervisor_dismiss();
        return impossible(why, strerror(problem));
    }
    return SUPERVISOR_STARTED;
}

void supervisor_dismiss(void)
{
    (void)close(link_to_supervisor);
    link_to_supervisor = -1;
}

/* ---- the filter ---- */

/* Returns the listener, or -1 with errno. */
static int install(const struct shim_pass *pass)
{
    /* Without WAIT_KILLABLE_RECV (Linux 5.19) a signal may interrupt a call that waits for us. */
    static const unsigned long flags[] = {
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW |
            SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_SPEC_ALLOW};
    struct sock_filter code[SUPERVISOR_FILTER_MAX];
    const struct sock_fprog program = {.len = (unsigned short)supervisor_filter(pass, code),
                                       .filter = code};
    long listener = -1;
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], &program);
        if (listener >= 0 || errno != EINVAL) {
            break;
        }
    }
    return (int)listener;
}

/* no_new_privs takes setuid programs their rights, so it is set only if the kernel asks for it:
 * root's processes do not need it. */
static int install_as_anybody(struct shim_supervision *about)
{
    int listener = install(&about->pass);
    if (listener < 0 && errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        about->no_new_privs = true;
        listener = install(&about->pass);
    }
    return listener;
}

/* The filter holds sendmsg already, so this call carries the pass. The supervisor need not have
 * read the message when the program makes its first call: the call waits. */
static bool hand_over(int listener)
{
    struct iovec part = {.iov_base = (char[]){0}, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
    return shim_passing_call(&supervision.pass, SYS_sendmsg, link_to_supervisor, (long)&message,
                             MSG_NOSIGNAL, 0) == 1;
}

static const char *why_not_installed(int problem)
{
    bool leads;
    if (problem != EBUSY) {
        return strerror(problem);
    }
    return shim_supervisor_lives(&leads)
               ? "another echshim around it has a supervisor with other settings, and only one can "
                 "be there"
               : "another program holds this one already, and only one can (seccomp notification)";
}

enum supervisor_start supervisor_hold(const struct supervisor_policy *policy, const char **why)
{
    char value[SHIM_SUPERVISION_SIZE];
    if (!introduce(why)) {
        supervisor_dismiss();
        return SUPERVISOR_IMPOSSIBLE;
    }
    supervision.relay = policy->relay;
    int listener = install_as_anybody(&supervision);
    if (listener < 0) {
        int problem = errno;
        supervisor_dismiss();
        return problem == EBUSY && is_held_already(policy)
                   ? SUPERVISOR_HELD_ALREADY
                   : impossible(why, why_not_installed(problem));
    }
    /* From here on a failure leaves a filter without a listener: its calls fail with ENOSYS. */
    bool handed = hand_over(listener);
    supervisor_dismiss();
    (void)close(listener);
    shim_supervision_write(&supervision, value);
    return handed && setenv("ECHSHIM_SUPERVISOR", value, 1) == 0
               ? SUPERVISOR_STARTED
               : impossible(why, "its process does not answer");
}

bool supervisor_is_possible(const struct supervisor_policy *policy, const char **why)
{
    if (is_held_already(policy)) {
        return true;
    }
    if (!supervisor_kernel_serves()) {
        *why = "this kernel has no seccomp notification (it comes with Linux 5.5)";
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        struct shim_supervision trial = {.supervisor = 0};
        _exit(install_as_anybody(&trial) >= 0 ? 0 : errno);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return true;
    }
    *why = child > 0 && WIFEXITED(status) ? why_not_installed(WEXITSTATUS(status))
                                          : "the filter cannot be tried";
    return false;
}
