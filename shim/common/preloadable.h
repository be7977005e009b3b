/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Does LD_PRELOAD reach what this file executes? Asked by the stub before an exec and by the
 * launcher before it starts a program. Async-signal-safe: no memory, no locks, only system calls.
 */
#ifndef SHIM_COMMON_PRELOADABLE_H
#define SHIM_COMMON_PRELOADABLE_H

#include <stdbool.h>

#include "shim/common/executable.h"

enum shim_preloadable {
    SHIM_PRELOADABLE_YES,
    SHIM_PRELOADABLE_MISSING, /* no such file: the exec itself will say so */
    SHIM_PRELOADABLE_SCRIPT,  /* of one step alone: its interpreter decides */
    SHIM_PRELOADABLE_FORMAT,  /* neither ELF nor a script with #!: for a shell, if for anybody */
    SHIM_PRELOADABLE_LOADER,  /* of one step alone: the program that it is told to load decides */
    SHIM_PRELOADABLE_STATIC,
    SHIM_PRELOADABLE_GO,     /* its TLS is Go's own, and makes system calls past libc */
    SHIM_PRELOADABLE_SETUID, /* it would run with another user's or group's rights: secure execution
                              */
    SHIM_PRELOADABLE_CAPABILITIES,
    SHIM_PRELOADABLE_MACHINE, /* another architecture than ours */
    SHIM_PRELOADABLE_LIBC,    /* the loader of another C library, for which the shim is not built */
    SHIM_PRELOADABLE_BROKEN,  /* ELF with a header that is wrong */
    SHIM_PRELOADABLE_CHAIN, /* interpreters of interpreters, more of them than the kernel follows */
    SHIM_PRELOADABLE_UNREADABLE /* nobody can tell */
};

/* One file by itself. `folder` and `path` as for openat; AT_EMPTY_PATH in `flags`: the descriptor
 * `folder` itself. Keeps errno. */
enum shim_preloadable shim_preloadable_step(int folder, const char *path, int flags,
                                            struct shim_executable *image);

/* A program that the dynamic loader is told to load: its rights are the loader's. */
enum shim_preloadable shim_preloadable_loaded(const char *path, struct shim_executable *image);

/*
 * The program among the arguments of the dynamic loader ("ld.so --library-path X PROGRAM ..."), or
 * NULL: none is run, or one that is looked for in the library path. argv[0] is the loader's own
 * name; argv NULL: not known.
 */
const char *shim_preloadable_loader_program(char *const argv[]);

/* The same for what is run in the end: behind a chain of scripts, and what a loader, with these
 * arguments, loads. Never SCRIPT or LOADER. */
enum shim_preloadable shim_preloadable_at(int folder, const char *path, int flags,
                                          char *const argv[], struct shim_executable *image);

/* "it is statically linked", ...: static storage; NULL where nothing is in the way. */
const char *shim_preloadable_text(enum shim_preloadable reach);

/*
 * Does an environment block hand a library of this name on by LD_PRELOAD? The value of the last
 * one counts, as for the loader; blanks and colons separate. NULL is an empty block.
 */
bool shim_preloadable_preloads(char *const environment[], const char *library);
/* The value that the loader and getenv would find: of the last LD_PRELOAD, of the first of any
 * other name. NULL if there is none. */
const char *shim_preloadable_value(char *const environment[], const char *name);

#endif
