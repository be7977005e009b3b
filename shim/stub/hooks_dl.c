/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loader's functions. A program that takes SSL_connect from a handle would bypass a preload,
 * silently and in the clear. A library opened with RTLD_DEEPBIND would bind past it. A library in a
 * namespace of its own has a libc that no hook sees. All four functions look at their caller's
 * address (RTLD_NEXT, RUNPATH). So we reach the real ones by a jump that keeps the caller's frame
 * on top (thunks.h).
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "shim/stub/call_sites.h"
#include "shim/stub/handlers.h"
#include "shim/stub/locked.h"
#include "shim/stub/path.h"
#include "shim/stub/stub.h"
#include "shim/stub/symbol.h"
#include "shim/stub/text.h"
#include "shim/stub/thunks.h"

typedef void *dlsym_function(void *handle, const char *name);
typedef void *dlvsym_function(void *handle, const char *name, const char *version);

static enum shim_hook hook_of_name(const char *name)
{
    for (int hook = 0; hook < SHIM_HOOK_COUNT; hook++) {
        if (stub_text_equal(stub_hook_name((enum shim_hook)hook), name)) {
            return (enum shim_hook)hook;
        }
    }
    return SHIM_HOOK_COUNT;
}

/* ---- dlsym ---- */

/* A look-up by the program, and its answer without us. */
struct symbol_query {
    enum shim_hook hook;
    const char *version; /* NULL: dlsym */
    void *handle;
    const void *caller;
};

/* The answer that the caller would get without us, from another preload's dlsym if there is one.
 * Not for RTLD_NEXT, which depends on the caller. */
static void *ask(const struct symbol_query *asked)
{
    const char *name = stub_hook_name(asked->hook);
    if (asked->version != NULL) {
        dlvsym_function *next = (dlvsym_function *)stub_libc(SHIM_HOOK_dlvsym);
        return next != NULL ? next(asked->handle, name, asked->version) : NULL;
    }
    dlsym_function *next = (dlsym_function *)stub_libc(SHIM_HOOK_dlsym);
    return next != NULL ? next(asked->handle, name) : NULL;
}

/* The answer of another namespace: the function of its own stub, if it has one. */
static void *ask_namespace(const struct symbol_query *asked, const struct link_map *object)
{
    const struct link_map *first = stub_first_object(object);
    dlsym_function *theirs = NULL;
    if (stub_is_stub(first)) {
        theirs = (dlsym_function *)stub_symbol_of(first, "dlsym");
    }
    return theirs != NULL ? theirs(asked->handle, stub_hook_name(asked->hook)) : NULL;
}

/*
 * `real` is libc's function, or the next preload's. Returns the form of the hook that calls exactly
 * this function. So the caller gets what it asked for, with the guard in front, and preloads cannot
 * call each other in a circle.
 */
static void *hook_for_libc(enum shim_hook hook, void *real, const struct link_map *object)
{
    if (real == stub_libc(hook)) {
        return stub_hook_address(hook);
    }
    return stub_is_c_library(object) ? stub_hook_direct(hook) : NULL;
}

/* The hook to hand out, or NULL: then the real function answers. */
static void *replacement(const struct symbol_query *asked)
{
    void *real = ask(asked);
    const struct link_map *object = real != NULL ? stub_object_at(real) : NULL;
    if (object == NULL || object == stub_object()) {
        return NULL;
    }
    if (stub_first_object(object) != stub_first_object(stub_object())) {
        return ask_namespace(asked, object);
    }
    if (stub_hook_family(asked->hook) == SHIM_FAMILY_LIBC) {
        return hook_for_libc(asked->hook, real, object);
    }
    /* A function of that name in another kind of library is none of ours. */
    const struct shim_library *library = stub_library_at(stub_hook_family(asked->hook), real);
    return library != NULL ? stub_hook_for(library, asked->hook) : NULL;
}

/*
 * Does the loader's answer to RTLD_NEXT miss us? Interposers ask with RTLD_NEXT. If they stand
 * before us, they get our function. But a library that came by dlopen has a search list of its own,
 * without us. If the library has no function of this name itself, we answer as for its handle.
 */
static bool asks_past_us(struct symbol_query *asked)
{
    const struct link_map *object = stub_object_at(asked->caller);
    if (asked->version != NULL) {
        /* Our functions have no version, so the loader passes them over for one that has. */
        asked->handle = RTLD_DEFAULT;
        return true;
    }
    if (asked->handle == RTLD_DEFAULT) {
        return false;
    }
    if (object == NULL || stub_is_early(object) ||
        stub_symbol_of(object, stub_hook_name(asked->hook)) != NULL) {
        return false;
    }
    asked->handle = (void *)(uintptr_t)object; /* in glibc this is what a handle is */
    return true;
}

static void *look_up(void *handle, const char *name, const char *version, const void *caller)
{
    if (name == NULL || stub_inside()) {
        return NULL;
    }
    struct symbol_query asked = {.handle = handle, .version = version, .caller = caller};
    asked.hook = hook_of_name(name);
    if (asked.hook == SHIM_HOOK_COUNT || stub_hook_family(asked.hook) == SHIM_FAMILY_CRYPTO) {
        return NULL; /* a TLS library does not ask for keys by dlsym */
    }
    if ((handle == RTLD_NEXT || handle == RTLD_DEFAULT) && !asks_past_us(&asked)) {
        return NULL;
    }
    /* The caller may be another preload that our own function calls: it wants the real function. */
    const struct link_map *object = stub_object_at(caller);
    if (object != NULL && stub_calls_back(object, asked.hook)) {
        return NULL;
    }
    /* Read the settings only here, and never for a function of libc: its hook reads them when it is
     * called. A preload that is just starting asks for functions of libc. Reading the settings uses
     * much of libc, which that preload may have replaced without being ready. */
    bool is_libcs = stub_hook_family(asked.hook) == SHIM_FAMILY_LIBC;
    return (is_libcs ? stub_known_off() : stub_off()) ? NULL : replacement(&asked);
}

void *stub_on_dlsym(struct stub_call *call)
{
    call->target = stub_libc(SHIM_HOOK_dlsym);
    return look_up((void *)call->arguments[0], (const char *)call->arguments[1], NULL,
                   call->caller);
}

void *stub_on_dlvsym(struct stub_call *call)
{
    call->target = stub_libc(SHIM_HOOK_dlvsym);
    return look_up((void *)call->arguments[0], (const char *)call->arguments[1],
                   (const char *)call->arguments[2], call->caller);
}

/* ---- dlopen ---- */

static void drop_deepbind(uintptr_t *flags)
{
    if ((*flags & RTLD_DEEPBIND) != 0 && !stub_inside() && !stub_off()) {
        *flags &= ~(uintptr_t)RTLD_DEEPBIND;
    }
}

void *stub_on_dlopen(struct stub_call *call)
{
    call->target = stub_libc(SHIM_HOOK_dlopen);
    stub_sites_forget();
    stub_handlers_look_again();
    drop_deepbind(&call->arguments[1]);
    return NULL;
}

/* ---- dlmopen ---- */

/*
 * Each namespace has a C library that counts its pthread keys from 0, but a thread has one table of
 * values for all of them. So a library in one namespace takes the value of a library in another for
 * its own: OpenSSL crashes with GnuTLS's. The engine uses GnuTLS, therefore the keys of a new
 * namespace begin behind those of the earlier ones.
 */
static void keep_keys_apart(void *copy)
{
    enum { KEYS = 48 }; /* glibc has room for 16 namespaces, with 1,024 keys in each */
    static atomic_uint namespaces = 1;
    __typeof__(&pthread_key_create) create =
        (__typeof__(&pthread_key_create))stub_real_dlsym(copy, "pthread_key_create");
    pthread_key_t key;
    unsigned behind = KEYS * atomic_fetch_add(&namespaces, 1);
    while (create != NULL && create(&key, NULL) == 0 && key + 1 < behind) {
    }
}

static void *end_at_once(void *argument)
{
    return argument;
}

/*
 * The first C library does not see the threads that a namespace's C library starts. As long as it
 * has started none itself, it takes the process for one of a single thread, and gives a lock back
 * without a look for others who wait (glibc 2.34 and later; before, these two functions are not in
 * it). The loader and the engine use its locks: two threads of a namespace that resolve a name
 * would wait for ever, as those of curl 8.23 did. So the first C library starts a thread, once,
 * which does nothing; not in a program that has locked itself in, since clone may end that.
 */
static void tell_of_threads(void)
{
    static atomic_bool told;
    __typeof__(&pthread_create) create =
        (__typeof__(&pthread_create))stub_first_libc("pthread_create");
    __typeof__(&pthread_join) join = (__typeof__(&pthread_join))stub_first_libc("pthread_join");
    sigset_t all;
    sigset_t before;
    pthread_t thread;
    if (create == NULL || join == NULL || stub_locked() || atomic_exchange(&told, true)) {
        return;
    }
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) == 0) {
        if (create(&thread, NULL, end_at_once, NULL) == 0) {
            (void)join(thread, NULL);
        }
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
}

/*
 * Makes a namespace that begins with a copy of the stub. A namespace has a C library of its own,
 * which no hook of this stub sees. The first object in it stands before all later ones, as
 * LD_PRELOAD does here. False: the copy cannot be loaded.
 */
static bool make_namespace(Lmid_t *made)
{
    __typeof__(&dlmopen) real = (__typeof__(&dlmopen))stub_libc_own(SHIM_HOOK_dlmopen);
    const char *path = stub_path();
    if (real == NULL || path == NULL || !stub_folder_is_same()) {
        return false;
    }
    void *copy = real(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL);
    if (copy == NULL) {
        (void)dlerror(); /* the program did not make that call */
        return false;
    }
    keep_keys_apart(copy);
    tell_of_threads();
    return dlinfo(copy, RTLD_DI_LMID, made) == 0;
}

/* Gives the real function a name that no file has. It fails, and its message says why. */
static void refuse_namespace(struct stub_call *call)
{
    static const char why[] =
        "/(libechshim: the shim cannot be loaded into a namespace of its own)";
    call->arguments[0] = LM_ID_BASE;
    call->arguments[1] = (uintptr_t)why;
    call->arguments[2] = RTLD_NOW;
}

void *stub_on_dlmopen(struct stub_call *call)
{
    Lmid_t made;
    call->target = stub_libc(SHIM_HOOK_dlmopen);
    stub_handlers_unknown();
    drop_deepbind(&call->arguments[2]);
    if ((Lmid_t)call->arguments[0] != LM_ID_NEWLM || stub_inside() || stub_off()) {
        return NULL;
    }
    if (make_namespace(&made)) {
        call->arguments[0] = (uintptr_t)made;
    } else if (stub_strict_somewhere()) {
        refuse_namespace(call);
    }
    return NULL;
}

STUB_THUNK(dlmopen, 3)
STUB_THUNK(dlsym, 2)
STUB_THUNK(dlvsym, 3)
STUB_THUNK(dlopen, 2)
