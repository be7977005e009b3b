/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/supervisor/notify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A newer kernel may write more than our header knows. */
static struct {
    int listener;
    struct seccomp_notif *notification;
    struct seccomp_notif_resp *response;
    size_t notification_size;
    size_t response_size;
} room;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

bool supervisor_notify_start(int listener)
{
    struct seccomp_notif_sizes sizes = {0};
    if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) != 0) {
        return false;
    }
    room.listener = listener;
    room.notification_size = larger(sizes.seccomp_notif, sizeof *room.notification);
    room.response_size = larger(sizes.seccomp_notif_resp, sizeof *room.response);
    room.notification = calloc(1, room.notification_size);
    room.response = calloc(1, room.response_size);
    return room.notification != NULL && room.response != NULL;
}

/* Called when a call waits. So this does not block, even if the call is gone by now. */
const struct seccomp_notif *supervisor_notify_take(void)
{
    memset(room.notification, 0, room.notification_size);
    return ioctl(room.listener, SECCOMP_IOCTL_NOTIF_RECV, room.notification) == 0
               ? room.notification
               : NULL;
}

bool supervisor_notify_waits(uint64_t id)
{
    return ioctl(room.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static void answer(uint64_t id, int64_t value, int error, uint32_t flags)
{
    memset(room.response, 0, room.response_size);
    room.response->id = id;
    room.response->val = value;
    room.response->error = -error;
    room.response->flags = flags;
    /* ENOENT: the call is gone, by a signal or the end of its process. */
    (void)ioctl(room.listener, SECCOMP_IOCTL_NOTIF_SEND, room.response);
}

void supervisor_notify_answer(uint64_t id, int64_t value, int error)
{
    answer(id, error != 0 ? 0 : value, error, 0);
}

void supervisor_notify_continue(uint64_t id)
{
    answer(id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

void supervisor_notify_begin_anew(uint64_t id)
{
    enum { ERESTARTNOINTR = 513 }; /* linux/errno.h of the kernel: programs never see it */
    struct seccomp_notif_resp *response = calloc(1, room.response_size);
    if (response != NULL) {
        response->id = id;
        response->error = -ERESTARTNOINTR;
        (void)ioctl(room.listener, SECCOMP_IOCTL_NOTIF_SEND, response);
    }
    free(response);
}
