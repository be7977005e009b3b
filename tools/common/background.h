/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processes that outlive the exec of the one that started them: the launcher's watcher and its
 * supervisor. The program that is executed must find no child that it has not made. So these are
 * grandchildren whose parent has ended.
 */
#ifndef TOOLS_COMMON_BACKGROUND_H
#define TOOLS_COMMON_BACKGROUND_H

#include <stdbool.h>
#include <stddef.h>

typedef void background_run(void *context);

/*
 * Starts a process that is not our child, in a session of its own. It keeps these descriptors (-1:
 * none) and no others, blocks all signals, calls run(context) and ends. False with errno.
 */
bool background_start(background_run *run, void *context, const int kept[], size_t count);

#endif
