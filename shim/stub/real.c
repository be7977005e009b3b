/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The loader's objects, and the real functions of libc behind our hooks. */
#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>

#include "shim/stub/detours.h"
#include "shim/stub/stub.h"
#include "shim/stub/symbol.h"
#include "shim/stub/text.h"

static const char *const hook_names[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = #name,
#include "shim/common/hooks.def"
#undef HOOK
};

static const uint8_t hook_families[SHIM_HOOK_COUNT] = {
#define HOOK(name, family) [SHIM_HOOK_##name] = SHIM_FAMILY_##family,
#include "shim/common/hooks.def"
#undef HOOK
};

const char *stub_hook_name(enum shim_hook hook)
{
    return hook_names[hook];
}

enum shim_family stub_hook_family(enum shim_hook hook)
{
    return (enum shim_family)hook_families[hook];
}

typedef void *dlsym_function(void *handle, const char *name);

/* ---- the objects that the program started with ---- */

/* dladdr looks through every symbol of the object for the nearest one: tens of microseconds in
 * libcrypto. _dl_find_object takes no lock, and needs glibc 2.35. */
const struct link_map *stub_object_and_base(const void *address, const void **base)
{
#if __GLIBC_PREREQ(2, 35)
    struct dl_find_object found;
    if (_dl_find_object((void *)(uintptr_t)address, &found) != 0) {
        return NULL;
    }
    *base = found.dlfo_map_start;
    return found.dlfo_link_map;
#else
    Dl_info info;
    struct link_map *found = NULL;
    if (dladdr1(address, &info, (void **)&found, RTLD_DL_LINKMAP) == 0) {
        return NULL;
    }
    *base = info.dli_fbase;
    return found;
#endif
}

/*
 * The loader's list begins with the program. The preloads follow, then what these need, in the
 * order of the loader's search. These objects are never unloaded, so walking over them takes no
 * lock. Objects that dlopen brings come at the end.
 */
const struct link_map *stub_object(void)
{
    static _Atomic(const struct link_map *) own;
    const struct link_map *object = atomic_load_explicit(&own, memory_order_relaxed);
    if (object == NULL) {
        object = stub_object_at((const void *)stub_object);
        atomic_store_explicit(&own, object, memory_order_relaxed);
    }
    return object;
}

const struct link_map *stub_object_at(const void *address)
{
    const void *base = NULL;
    return stub_object_and_base(address, &base);
}

const struct link_map *stub_first_object(const struct link_map *object)
{
    while (object != NULL && object->l_prev != NULL) {
        object = object->l_prev;
    }
    return object;
}

static bool is_named(const struct link_map *object, const char *name)
{
    return stub_text_begins(stub_base_name(object->l_name), name);
}

/* Before glibc 2.34 the C library had several files. */
bool stub_is_c_library(const struct link_map *object)
{
    return is_named(object, "libc.so.") || is_named(object, "libpthread.so.") ||
           is_named(object, "libdl.so.");
}

bool stub_is_stub(const struct link_map *object)
{
    return object != NULL && is_named(object, "libechshim.so");
}

bool stub_is_early(const struct link_map *object)
{
    static _Atomic(const struct link_map *) last;
    const struct link_map *end = atomic_load_explicit(&last, memory_order_relaxed);
    const struct link_map *at = stub_object();
    if (end == NULL) { /* our constructor asks first */
        for (end = at; end->l_next != NULL; end = end->l_next) {
        }
        atomic_store_explicit(&last, end, memory_order_relaxed);
    }
    for (at = stub_first_object(at); at != object && at != end; at = at->l_next) {
    }
    return at == object;
}

bool stub_calls_back(const struct link_map *object, enum shim_hook hook)
{
    const struct link_map *at = stub_object();
    for (at = at != NULL ? at->l_next : NULL; at != NULL && !stub_is_c_library(at);
         at = at->l_next) {
        if (at == object) {
            return stub_symbol_of(at, hook_names[hook]) != NULL;
        }
    }
    return false;
}

/* The function of the first C library in a list of objects, wherever the library stands there. */
static void *find_in_c_library_of(const struct link_map *first, const char *name)
{
    void *found = NULL;
    for (const struct link_map *at = first; at != NULL && found == NULL; at = at->l_next) {
        found = stub_is_c_library(at) ? stub_symbol_of(at, name) : NULL;
    }
    return found;
}

static void *find_in_c_library(const char *name)
{
    return find_in_c_library_of(stub_first_object(stub_object()), name);
}

/* What dlsym(RTLD_NEXT) would give. */
static void *find_next(const char *name)
{
    const struct link_map *at = stub_object();
    void *found = NULL;
    for (at = at != NULL ? at->l_next : NULL; at != NULL && found == NULL; at = at->l_next) {
        found = stub_symbol_of(at, name);
        if (is_named(at, "libc.so.")) {
            break;
        }
    }
    return found != NULL ? found : find_in_c_library(name);
}

static void *remembered(_Atomic(void *) *memory, void *(*find)(const char *name), const char *name)
{
    static const char nothing[1];
    void *function = atomic_load_explicit(memory, memory_order_relaxed);
    if (function == NULL) {
        function = find(name);
        atomic_store_explicit(memory, function != NULL ? function : (void *)(uintptr_t)nothing,
                              memory_order_relaxed);
    }
    return function != nothing ? function : NULL;
}

void *stub_libc(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_next, hook_names[hook]);
}

/* Finds the function among the preloads before us. The program's own function of that name may be
 * anything, so it is left out. */
static void *find_front(const char *name)
{
    const struct link_map *at = stub_first_object(stub_object());
    void *found = NULL;
    for (at = at->l_next; at != NULL && at != stub_object() && found == NULL; at = at->l_next) {
        found = stub_symbol_of(at, name);
    }
    return found != NULL ? found : find_next(name);
}

void *stub_libc_front(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_front, hook_names[hook]);
}

void *stub_libc_own(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_in_c_library, hook_names[hook]);
}

void *stub_first_libc(const char *name)
{
    return find_in_c_library_of(_r_debug.r_map, name);
}

/* ---- the loader's functions ---- */

/*
 * glibc 2.26 to 2.33: the loader calls the first namespace's C library when a look-up fails. The
 * C library of another namespace waits for that call in vain, and the loader ends the process (bug
 * 24772). The first one's functions do the same for us: they take our namespace from the address
 * of their caller.
 */
static void *find_in_first_namespace(const char *name)
{
    void *found = stub_first_libc(name);
    return found != NULL ? found : find_in_c_library(name);
}

static void *loader_function(enum shim_hook hook)
{
    static _Atomic(void *) found[SHIM_HOOK_COUNT];
    return remembered(&found[hook], find_in_first_namespace, hook_names[hook]);
}

const char *stub_real_dlerror(void)
{
    static _Atomic(void *) found;
    __typeof__(&dlerror) function =
        (__typeof__(&dlerror))remembered(&found, find_in_first_namespace, "dlerror");
    return function != NULL ? function() : NULL;
}

void *stub_real_dlsym(void *handle, const char *name)
{
    if (stub_detours_has_handle(handle)) {
        return stub_detours_symbol(name);
    }
    dlsym_function *function = (dlsym_function *)loader_function(SHIM_HOOK_dlsym);
    return function != NULL ? function(handle, name) : NULL;
}

void *stub_real_dlopen(const char *file, int mode)
{
    __typeof__(&dlopen) function = (__typeof__(&dlopen))loader_function(SHIM_HOOK_dlopen);
    return function != NULL ? function(file, mode) : NULL;
}
