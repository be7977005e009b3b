/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/lead.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Copies: the program may change its environment. Constant after the constructor. */
static char leader[PATH_MAX];
static bool is_leader;

__attribute__((constructor)) static void find_leader(void)
{
    char own[PATH_MAX];
    int saved = errno;
    const char *path = secure_getenv("ECHSHIM_LEADER");
    if (path == NULL || path[0] != '/' || strlen(path) >= sizeof leader) {
        return;
    }
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    is_leader = strcmp(own, path) == 0;
    memcpy(leader, path, strlen(path) + 1);
    errno = saved;
}

const char *stub_leader(void)
{
    return leader[0] != '\0' ? leader : NULL;
}

bool stub_is_leader(void)
{
    return is_leader;
}

/* A path without a slash would be searched for. */
bool stub_leads(const char *path, const struct shim_executable *image, char *const argv[])
{
    return leader[0] != '\0' && !is_leader && image->go && strchr(path, '/') != NULL &&
           argv != NULL && argv[0] != NULL;
}

void stub_lead_arguments(char *out[], const char *path, bool quiet, char *const argv[])
{
    static char lead[] = "--lead";
    static char end[] = "--";
    static char hush[] = "--quiet";
    *out++ = argv[0];
    *out++ = lead;
    if (quiet) {
        *out++ = hush;
    }
    *out++ = end;
    *out++ = (char *)(uintptr_t)path;
    for (size_t i = 1; argv[i] != NULL; i++) {
        *out++ = argv[i];
    }
    *out = NULL;
}
