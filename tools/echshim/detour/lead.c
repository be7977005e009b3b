/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/detour/lead.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/common/background.h"
#include "tools/echshim/detour/place.h"

struct role {
    struct go_plan plan;
    struct shim_pass pass;
    int link;
    pid_t program;
    bool trial; /* it ends at once, and the kernel detaches it */
};

/* What the leader says: first its number, then whether it traces. */
struct word {
    pid_t leader;
    int problem; /* errno, or 0 */
};

/* ---- the leader ---- */

/* One stop of the program. False: the work is done, or there is nothing more to do. */
static bool handle_stop(const struct role *role, int status, bool *executed)
{
    int event = status >> 16;
    int number = WSTOPSIG(status);
    const char *why;
    if (event == PTRACE_EVENT_EXEC) {
        /* The system call must end before another one can be made; it does at the next stop. */
        *executed = ptrace(PTRACE_INTERRUPT, role->program, NULL, NULL) == 0;
        number = 0;
    } else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
        return ptrace(PTRACE_LISTEN, role->program, NULL, NULL) == 0; /* stopped by a signal */
    } else if (event == PTRACE_EVENT_STOP && *executed) {
        /* Without its detours the program is not led, so the supervisor holds it. */
        (void)go_place_undisturbed(role->program, &role->plan, &role->pass, &why);
        (void)ptrace(PTRACE_DETACH, role->program, NULL, NULL);
        return false;
    } else if (event != 0) {
        number = 0;
    }
    return ptrace(PTRACE_CONT, role->program, NULL, (unsigned long)number) == 0;
}

static void follow(const struct role *role)
{
    bool executed = false;
    bool goes_on = true;
    while (goes_on) {
        int status;
        pid_t got = waitpid(role->program, &status, __WALL);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        goes_on =
            got == role->program && WIFSTOPPED(status) && handle_stop(role, status, &executed);
    }
}

static void run_leader(void *context)
{
    const struct role *role = context;
    struct word word = {.leader = getpid()};
    char allowed;
    if (send(role->link, &word, sizeof word, MSG_NOSIGNAL) != sizeof word ||
        recv(role->link, &allowed, 1, 0) != 1) {
        return;
    }
    if (ptrace(PTRACE_SEIZE, role->program, NULL, PTRACE_O_TRACEEXEC) != 0) {
        word.problem = errno;
    }
    if (send(role->link, &word, sizeof word, MSG_NOSIGNAL) == sizeof word && word.problem == 0 &&
        !role->trial) {
        (void)close(role->link);
        follow(role);
    }
}

/* ---- the launcher ---- */

static bool hear(int link, struct word *word)
{
    return recv(link, word, sizeof *word, 0) == sizeof *word;
}

static bool begin(struct role *role, const char **why)
{
    int ends[2];
    struct word word = {.problem = EPIPE};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        *why = strerror(errno);
        return false;
    }
    role->link = ends[1];
    bool started = background_start(run_leader, role, &role->link, 1);
    (void)close(ends[1]);
    if (started && hear(ends[0], &word)) {
        /* Yama lets only a process trace us that we name. */
        (void)prctl(PR_SET_PTRACER, (unsigned long)word.leader, 0, 0, 0);
        if (send(ends[0], "", 1, MSG_NOSIGNAL) != 1 || !hear(ends[0], &word)) {
            word.problem = EPIPE;
        }
    }
    (void)close(ends[0]);
    *why = word.problem == EPERM || word.problem == EACCES
               ? "a process may not trace another one here (ptrace)"
               : strerror(word.problem);
    return word.problem == 0;
}

bool lead_begin(const struct go_plan *plan, const struct shim_pass *pass, const char **why)
{
    struct role role = {.plan = *plan, .pass = *pass, .program = getpid()};
    return begin(&role, why);
}

bool lead_is_possible(const char **why)
{
    struct role role = {.program = getpid(), .trial = true};
    bool possible = begin(&role, why);
    (void)prctl(PR_SET_PTRACER, 0, 0, 0, 0);
    return possible;
}
