/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Belongs to another preload, and looks up libc's functions for it. */
#include <dlfcn.h>
#include <stddef.h>

void *helper_find(const char *name);
void *helper_find(const char *name)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY);
    return libc != NULL ? dlsym(libc, name) : NULL;
}
