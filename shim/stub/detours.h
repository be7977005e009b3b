/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A program that contains OpenSSL calls its functions past our hooks, even if it exports them. So
 * the stub puts a jump at the head of each such function before the program starts (detours.c), and
 * keeps the library here. All of this is constant once the stub's constructors ran.
 */
#ifndef SHIM_STUB_DETOURS_H
#define SHIM_STUB_DETOURS_H

#include <link.h>

#include "shim/common/abi.h"

/* ---- detour_table.c ---- */

struct stub_detour {
    enum shim_hook hook;
    void *function;   /* where the program calls it */
    void *trampoline; /* what the function did before */
};

/* One for each hook on OpenSSL, or fewer. */
enum { STUB_DETOURS_MAX = 48 };

struct stub_detours {
    const struct link_map *program;
    uintptr_t start; /* of the program's memory */
    uintptr_t end;
    struct stub_detour detours[STUB_DETOURS_MAX];
    size_t count;
};

/* Makes the program's library known. The detours are copied. */
void stub_detours_set(const struct stub_detours *detours);
/* The program exports OpenSSL, but the shim did not change it: because of a function (NULL: of none
 * in particular), why. Static storage. */
void stub_detours_refuse(const char *function, const char *why);

/* The library within the program; NULL: there are no detours. */
struct shim_library *stub_detours_library(void);
/* The same, if `caller` (a hook's return address) says that the hook was reached by a detour. */
struct shim_library *stub_detours_library_of(const void *caller);
/* Are there detours, and does an address lie in the program? */
bool stub_detours_contain(const void *address);
/* Is this handle the program's library? */
bool stub_detours_has_handle(const void *handle);
/* A function that the program exports, as it was without detours; NULL: there is none. */
void *stub_detours_symbol(const char *name);
/* Why there are no detours, though the program exports OpenSSL; NULL: nothing was refused. Sets
 * *function as above. */
const char *stub_detours_refused(const char **function);

/* ---- detour_enter.c ---- */

/* What a detour jumps to, with the hook's address on the stack above the caller's return address.
 * A hook that it calls has `stub_detour_return` as its own return address. */
extern const char stub_detour_enter[] __attribute__((visibility("hidden")));
extern const char stub_detour_return[] __attribute__((visibility("hidden")));
/* The return address of the program's own call. `frame`: __builtin_dwarf_cfa() of a hook that a
 * detour called. */
const void *stub_detour_caller(const void *frame);

#endif
