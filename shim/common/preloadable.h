/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does LD_PRELOAD reach what this file executes? The stub asks before an exec, the launcher before
 * it starts a program. Async-signal-safe: no memory, no locks, only system calls.
 */
#ifndef SHIM_COMMON_PRELOADABLE_H
#define SHIM_COMMON_PRELOADABLE_H

#include <stdbool.h>

#include "shim/common/executable.h"

enum shim_preloadable {
    SHIM_PRELOADABLE_YES,
    SHIM_PRELOADABLE_MISSING, /* no such file: the exec itself will say so */
    SHIM_PRELOADABLE_SCRIPT,  /* only from shim_preloadable_step: its interpreter decides */
    SHIM_PRELOADABLE_FORMAT,  /* neither ELF nor a script with #!; a shell may run it */
    SHIM_PRELOADABLE_LOADER,  /* only from shim_preloadable_step: the program in its arguments
                                 decides */
    SHIM_PRELOADABLE_STATIC,
    SHIM_PRELOADABLE_GO,     /* Go's own TLS makes system calls without libc */
    SHIM_PRELOADABLE_SETUID, /* it would run with another user's or group's rights: secure execution
                              */
    SHIM_PRELOADABLE_CAPABILITIES,
    SHIM_PRELOADABLE_MACHINE, /* another architecture than ours */
    SHIM_PRELOADABLE_LIBC,    /* the loader of another C library, for which the shim is not built */
    SHIM_PRELOADABLE_BROKEN,  /* ELF with a header that is wrong */
    SHIM_PRELOADABLE_CHAIN,   /* a chain of more interpreters than the kernel follows */
    SHIM_PRELOADABLE_UNREADABLE /* it cannot be read */
};

/* Looks at one file alone. `folder` and `path` are as for openat; AT_EMPTY_PATH in `flags` means
 * the descriptor `folder` itself. Keeps errno. */
enum shim_preloadable shim_preloadable_step(int folder, const char *path, int flags,
                                            struct shim_executable *image);

/* Looks at a program that the dynamic loader loads: it has the loader's rights, not its own. */
enum shim_preloadable shim_preloadable_loaded(const char *path, struct shim_executable *image);

/*
 * The program in the arguments of the dynamic loader ("ld.so --library-path X PROGRAM ..."). NULL:
 * it runs none, or searches the library path for it. argv[0] is the loader's own name; argv NULL:
 * not known.
 */
const char *shim_preloadable_loader_program(char *const argv[]);

/* The same for the program that runs in the end: after a chain of scripts, or loaded by a loader
 * with these arguments. Never SCRIPT or LOADER. */
enum shim_preloadable shim_preloadable_at(int folder, const char *path, int flags,
                                          char *const argv[], struct shim_executable *image);

/* May a program of this kind run where a supervisor holds it? Not one that gains rights, nor one
 * that cannot be looked at. */
bool shim_preloadable_can_be_held(enum shim_preloadable reach);

/*
 * The launcher has set no_new_privs for its filter. So a setuid program will run without its
 * rights, which its user did not ask for. From now on it counts as if it got them.
 */
void shim_preloadable_ignore_no_new_privs(void);

/* "it is statically linked", ...: static storage; NULL: nothing is in the way. */
const char *shim_preloadable_text(enum shim_preloadable reach);

/*
 * Does an environment block preload a library of this name? As for the loader, the last LD_PRELOAD
 * counts, and blanks and colons separate. NULL is an empty block.
 */
bool shim_preloadable_preloads(char *const environment[], const char *library);
/* The value that the loader or getenv would find: of the last LD_PRELOAD, but of the first variable
 * of any other name. NULL: there is none. */
const char *shim_preloadable_value(char *const environment[], const char *name);

#endif
