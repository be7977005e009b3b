/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/common/background.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/common/compat.h"

static void close_others(const int kept[], size_t count)
{
    unsigned first = 0;
    for (;;) {
        unsigned next = UINT_MAX;
        for (size_t i = 0; i < count; i++) {
            if (kept[i] >= 0 && (unsigned)kept[i] >= first && (unsigned)kept[i] < next) {
                next = (unsigned)kept[i];
            }
        }
        if (next > first) {
            (void)syscall(SYS_close_range, first, next - 1, 0);
        }
        if (next == UINT_MAX) {
            return;
        }
        first = next + 1;
    }
}

static void become(background_run *run, void *context, const int kept[], size_t count)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)setsid();
    close_others(kept, count);
    if (chdir("/") == 0) {
        run(context);
    }
    _exit(0);
}

/* Would this process get grandchildren without a parent as its own children? */
static bool adopts(void)
{
    int reaper = 0;
    return getpid() == 1 || (prctl(PR_GET_CHILD_SUBREAPER, &reaper, 0, 0, 0) == 0 && reaper != 0);
}

/* A child that sends no signal at its end is one that wait and its kin pass over (clone(2),
 * __WCLONE). */
static bool start_unseen(background_run *run, void *context, const int kept[], size_t count)
{
    long pid = syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0) {
        become(run, context, kept, count);
    }
    return pid > 0;
}

bool background_start(background_run *run, void *context, const int kept[], size_t count)
{
    if (adopts()) {
        return start_unseen(run, context, kept, count);
    }
    pid_t between = fork();
    if (between == 0) {
        pid_t process = fork();
        if (process == 0) {
            become(run, context, kept, count);
        }
        _exit(process < 0);
    }
    int status = 1;
    while (between > 0 && waitpid(between, &status, 0) < 0 && errno == EINTR) {
    }
    return between > 0 && status == 0;
}
