/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's notifications (seccomp_unotify(2)): one thread takes them and answers them. */
#ifndef TOOLS_ECHSHIM_SUPERVISOR_NOTIFY_H
#define TOOLS_ECHSHIM_SUPERVISOR_NOTIFY_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

/* Call first, once. False: this kernel has none. */
bool supervisor_notify_start(int listener);

/* Takes the call that waits; borrowed until the next one. NULL: it is gone by now. */
const struct seccomp_notif *supervisor_notify_take(void);

/* Does the call still wait? Its process may have ended, and its number may be another's by now:
 * then nothing that we read was about this call. */
bool supervisor_notify_waits(uint64_t id);

/* The call returns this value, or fails with this error (0: none); or the kernel makes it. A call
 * that is gone is no error. */
void supervisor_notify_answer(uint64_t id, int64_t value, int error);
void supervisor_notify_continue(uint64_t id);
/* The kernel begins the call anew when its thread goes on: a stop of it must be pending (ptrace).
 * Any thread may call this. */
void supervisor_notify_begin_anew(uint64_t id);

#endif
