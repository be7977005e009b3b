/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/go_running.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/echshim/detour/running.h"
#include "tools/echshim/go/plan.h"
#include "tools/echshim/view.h"

/* ---- what the files say ---- */

/* A file as it was when it was read. */
struct known {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
    enum go_way way;
    struct go_plan plan;
};

static bool is_same(const struct known *known, const struct stat *status)
{
    return known->inode != 0 && known->device == status->st_dev && known->inode == status->st_ino &&
           known->size == status->st_size && known->changed.tv_sec == status->st_ctim.tv_sec &&
           known->changed.tv_nsec == status->st_ctim.tv_nsec;
}

/* NULL: it cannot be led. Nobody may write a file while it is executed. */
static const struct go_plan *plan_of(pid_t thread)
{
    enum { KNOWN_MAX = 16 };
    static struct known files[KNOWN_MAX];
    static unsigned next;
    char path[64];
    struct stat status;
    struct view view;
    (void)snprintf(path, sizeof path, "/proc/%d/exe", (int)thread);
    if (stat(path, &status) != 0) {
        return NULL;
    }
    for (unsigned i = 0; i < KNOWN_MAX; i++) {
        if (is_same(&files[i], &status)) {
            return files[i].way == GO_WAY_READY ? &files[i].plan : NULL;
        }
    }
    if (!view_open(&view, path)) {
        return NULL;
    }
    struct known *file = &files[next++ % KNOWN_MAX];
    *file = (struct known){.device = status.st_dev,
                           .inode = status.st_ino,
                           .size = status.st_size,
                           .changed = status.st_ctim};
    file->way = go_plan_read(&file->plan, view.octets, view.length);
    view_close(&view);
    return file->way == GO_WAY_READY ? &file->plan : NULL;
}

/* As the launcher asks its own environment. What cannot be read has no such variable. */
static bool is_only_fips(pid_t thread, const struct go_plan *plan)
{
    static const char key[] = "GODEBUG=";
    char path[64];
    char *line = NULL;
    size_t size = 0;
    const char *value = NULL;
    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)thread);
    FILE *file = fopen(path, "re");
    while (file != NULL && value == NULL && getdelim(&line, &size, '\0', file) > 0) {
        value = strncmp(line, key, strlen(key)) == 0 ? line + strlen(key) : NULL;
    }
    bool found = go_plan_only_fips(plan, value);
    if (file != NULL) {
        (void)fclose(file);
    }
    free(line);
    return found;
}

/* ---- placing ---- */

struct work {
    pid_t thread;
    const struct go_plan *plan;
    const struct shim_pass *pass;
    running_release *release;
    void *context;
    enum running_result result;
};

static void *place(void *context)
{
    struct work *work = context;
    work->result =
        running_place(work->thread, work->plan, work->pass, work->release, work->context);
    return NULL;
}

/* With the end of a thread the kernel lets go of all that it traces. */
static enum running_result place_in_own_thread(struct work *work)
{
    pthread_t thread;
    work->result = RUNNING_AGAIN;
    if (pthread_create(&thread, NULL, place, work) == 0) {
        (void)pthread_join(thread, NULL);
    }
    return work->result;
}

enum supervisor_placed go_running_place(pid_t thread, const struct shim_pass *pass,
                                        running_release *release, void *context)
{
    /* The plans are shared, and the code is made in one place. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    enum running_result result = RUNNING_NEVER;
    (void)pthread_mutex_lock(&lock);
    const struct go_plan *plan = plan_of(thread);
    if (plan != NULL && !is_only_fips(thread, plan)) {
        struct work work = {
            .thread = thread, .plan = plan, .pass = pass, .release = release, .context = context};
        result = place_in_own_thread(&work);
    }
    (void)pthread_mutex_unlock(&lock);
    return result == RUNNING_PLACED  ? SUPERVISOR_PLACED
           : result == RUNNING_AGAIN ? SUPERVISOR_NOT_YET
                                     : SUPERVISOR_NEVER;
}
