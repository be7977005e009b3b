/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/detours.h"
#include "shim/stub/symbol.h"

static struct stub_detours all; /* program NULL: there are none */
static struct shim_library library;
static const char *refused_function;
static const char *refused_why;

static void *without_detour(void *function)
{
    for (size_t i = 0; i < all.count; i++) {
        if (all.detours[i].function == function) {
            return all.detours[i].trampoline;
        }
    }
    return function;
}

void stub_detours_set(const struct stub_detours *detours)
{
    all = *detours;
    /* The program calls the library from the same mapping, so no range of addresses is the library
     * alone: base and end stay equal. In glibc a handle is the link map. */
    library.family = SHIM_FAMILY_OPENSSL;
    library.handle = (void *)(uintptr_t)all.program;
    for (size_t i = 0; i < all.count; i++) {
        library.fn[all.detours[i].hook] = all.detours[i].trampoline;
    }
}

void stub_detours_refuse(const char *function, const char *why)
{
    refused_function = function;
    refused_why = why;
}

struct shim_library *stub_detours_library(void)
{
    return all.program != NULL ? &library : NULL;
}

struct shim_library *stub_detours_library_of(const void *caller)
{
    return caller == stub_detour_return ? stub_detours_library() : NULL;
}

bool stub_detours_contain(const void *address)
{
    return all.program != NULL && (uintptr_t)address >= all.start && (uintptr_t)address < all.end;
}

bool stub_detours_has_handle(const void *handle)
{
    return all.program != NULL && handle == library.handle;
}

void *stub_detours_symbol(const char *name)
{
    return without_detour(stub_symbol_of(all.program, name));
}

const char *stub_detours_refused(const char **function)
{
    *function = refused_function;
    return refused_why;
}
