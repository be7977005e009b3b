/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hooks on exec and its kin. The launcher wants to know of a program that will not have the shim;
 * in strict mode that program is not run. The hooks also hand on what the user's own file says of
 * strict mode, because the program may run as another user. Otherwise each is the real function.
 * All of them may run between fork (or vfork) and exec. So they take no memory and no lock, and
 * write nothing that a parent would see, except errno.
 *
 * They do not see system calls made without libc, nor what a program without the stub executes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/compat.h"
#include "shim/stub/launcher_proof.h"
#include "shim/stub/lead.h"
#include "shim/stub/locked.h"
#include "shim/stub/relayed.h"
#include "shim/stub/supervised.h"

#define REAL_OR(name, failure)                                                                     \
    __typeof__(&name) real = (__typeof__(&name))stub_libc(SHIM_HOOK_##name);                       \
    if (real == NULL) {                                                                            \
        errno = ENOSYS;                                                                            \
        return failure;                                                                            \
    }

/* Why a program that starts with this environment will not have the shim; NULL: it will. */
static const char *environment_problem(char *const environment[], enum stub_follow follow)
{
    if (!shim_preloadable_preloads(environment, STUB_LIBRARY_NAME)) {
        return "LD_PRELOAD is taken out of its environment";
    }
    if (follow >= STUB_FOLLOW_STRICT &&
        (shim_preloadable_value(environment, "ECHSHIM_LAUNCHER") == NULL ||
         shim_preloadable_value(environment, "ECHSHIM_MODE") == NULL)) {
        return "the shim's settings are taken out of its environment";
    }
    return NULL;
}

/* The stub for the other word size is there if the launcher wrote $LIB into the path. */
static bool has_other_library(const struct shim_executable *image, char *const environment[])
{
    struct shim_executable own;
    shim_executable_own(&own);
    const char *list = shim_preloadable_value(environment, "LD_PRELOAD");
    return image->elf_class != own.elf_class && list != NULL &&
           strstr(list, "$LIB/" STUB_LIBRARY_NAME) != NULL;
}

/* What becomes of a program that will not have the shim. */
static enum stub_unreached becomes_of(enum shim_preloadable reach, bool go, enum stub_follow follow)
{
    if (follow == STUB_FOLLOW_WARN) {
        return STUB_UNREACHED_RUNS;
    }
    if (follow == STUB_FOLLOW_STRICT || !shim_preloadable_can_be_held(reach) || !stub_is_held()) {
        return STUB_UNREACHED_REFUSED;
    }
    return go && stub_leader() != NULL ? STUB_UNREACHED_LED : STUB_UNREACHED_HELD;
}

/* What is executed in the end. */
struct choice {
    bool led;            /* the launcher, in the place of the program at `path` */
    char path[PATH_MAX]; /* only if led */
};

/* May the launcher run it instead? */
static bool leads(const char *path, enum shim_preloadable reach,
                  const struct shim_executable *image, char *const argv[],
                  char *const environment[])
{
    return (reach == SHIM_PRELOADABLE_GO || reach == SHIM_PRELOADABLE_STATIC) &&
           stub_following() != STUB_FOLLOW_STRICT && stub_leads(path, image, argv) &&
           environment_problem(environment, stub_following()) == NULL;
}

/* False: do not execute it, errno is set. `choice` NULL: it cannot be led. */
static bool allows_at(int folder, const char *path, int flags, char *const argv[],
                      char *const environment[], struct choice *choice)
{
    enum stub_follow follow = stub_following();
    bool looks = follow != STUB_FOLLOW_NO || (choice != NULL && stub_leader() != NULL);
    if (!looks || path == NULL || stub_inside() || stub_is_leader()) {
        return true;
    }
    bool strict = follow >= STUB_FOLLOW_STRICT;
    if (stub_locked()) {
        /* Looking at the file, and reporting it, takes system calls that may end the program. */
        errno = strict ? EPERM : errno;
        return !strict;
    }
    struct shim_executable image;
    enum shim_preloadable reach = shim_preloadable_at(folder, path, flags, argv, &image);
    if (choice != NULL && leads(path, reach, &image, argv, environment) &&
        strlen(path) < sizeof choice->path) {
        choice->led = true;
        memcpy(choice->path, path, strlen(path) + 1);
        return true;
    }
    if (follow == STUB_FOLLOW_NO || reach == SHIM_PRELOADABLE_MISSING ||
        (reach == SHIM_PRELOADABLE_MACHINE && has_other_library(&image, environment))) {
        return true;
    }
    const char *why = shim_preloadable_text(reach);
    if (why == NULL) {
        why = environment_problem(environment, follow);
    }
    if (why == NULL) {
        return true;
    }
    enum stub_unreached what = becomes_of(reach, image.go, follow);
    bool runs_held = what == STUB_UNREACHED_HELD || what == STUB_UNREACHED_LED;
    if (!runs_held || follow != STUB_FOLLOW_HOLD_QUIETLY) {
        stub_tell_unreached(path[0] != '\0' ? path : "a program given by descriptor", why, what);
    }
    if (what == STUB_UNREACHED_REFUSED) {
        errno = EPERM;
    }
    if (runs_held) {
        stub_name_reader(); /* nothing in that program could */
    }
    return what != STUB_UNREACHED_REFUSED;
}

static bool allows(const char *path, char *const argv[], char *const environment[],
                   struct choice *choice)
{
    return allows_at(AT_FDCWD, path, 0, argv, environment, choice);
}

/* Finds the file that execvp would take: the first in PATH that may be executed. */
static bool search(const char *name, char out[PATH_MAX])
{
    const char *path = getenv("PATH");
    size_t length = strlen(name);
    if (path == NULL) {
        path = "/bin:/usr/bin";
    }
    for (;;) {
        size_t folder = strcspn(path, ":");
        size_t slash = folder > 0;
        if (folder + slash + length < PATH_MAX) {
            memcpy(out, path, folder);
            out[folder] = '/';
            memcpy(out + folder + slash, name, length + 1);
            struct stat status;
            if (stat(out, &status) == 0 && S_ISREG(status.st_mode) &&
                faccessat(AT_FDCWD, out, X_OK, AT_EACCESS) == 0) {
                return true;
            }
        }
        if (path[folder] == '\0') {
            return false;
        }
        path += folder + 1;
    }
}

static bool allows_search(const char *name, char *const argv[], char *const environment[],
                          struct choice *choice)
{
    if ((stub_following() == STUB_FOLLOW_NO && stub_leader() == NULL) || name == NULL ||
        *name == '\0') {
        return true;
    }
    if (strchr(name, '/') != NULL || stub_locked()) {
        return allows(name, argv, environment, choice);
    }
    char path[PATH_MAX];
    int saved = errno;
    bool found = search(name, path);
    errno = saved;
    return !found || allows(path, argv, environment, choice);
}

/* ---- what the new program inherits (shim/common/conf_inherited.c) ---- */

/* Sets the variable for programs that pass environ on as it is. */
__attribute__((constructor)) static void hand_on(void)
{
    int saved = errno;
    char *inherited = stub_conf()->inherited;
    if (inherited != NULL) {
        (void)putenv(inherited);
    }
    errno = saved;
}

/* Is the variable missing in an environment that a program made by itself? */
static bool lacks_inherited(char *const environment[])
{
    return stub_conf()->inherited != NULL && environment != NULL &&
           shim_preloadable_preloads(environment, STUB_LIBRARY_NAME) &&
           shim_preloadable_value(environment, SHIM_CONF_INHERITED) == NULL;
}

/* How much room the new program's environment needs; 0: it is right as it is. */
static size_t room_of(char *const environment[])
{
    size_t count = 0;
    if (environment == NULL || (!lacks_inherited(environment) && !stub_hides_relay())) {
        return 0;
    }
    while (environment[count] != NULL) {
        count++;
    }
    return count + STUB_RELAY_ROOM + 2;
}

/* Fills in a block of that room. */
static void fill(char **block, char *const environment[])
{
    size_t count = 0;
    for (; environment[count] != NULL; count++) {
        block[count] = environment[count];
    }
    if (lacks_inherited(environment)) {
        block[count++] = stub_conf()->inherited;
    }
    block[count] = NULL;
    if (stub_hides_relay()) {
        (void)stub_add_relay(block, count);
    }
}

/* Declares `handed`: the environment, with the variables that are missing; on the stack. */
#define HAND_ON(environment)                                                                       \
    char *const *handed = (environment);                                                           \
    size_t room = room_of(handed);                                                                 \
    if (room > 0) {                                                                                \
        char **block = __builtin_alloca(room * sizeof *block);                                     \
        fill(block, handed);                                                                       \
        handed = block;                                                                            \
    }

/* Declares `executed` and `given`: the program, or the launcher in its place; on the stack. */
#define CHOOSE(program, arguments)                                                                 \
    const char *executed = (program);                                                              \
    char *const *given = (arguments);                                                              \
    if (choice.led) {                                                                              \
        size_t count = 1;                                                                          \
        while (given[count - 1] != NULL) {                                                         \
            count++;                                                                               \
        }                                                                                          \
        char **block = __builtin_alloca((count + STUB_LEAD_ARGUMENTS) * sizeof *block);            \
        stub_lead_arguments(block, choice.path, is_quiet(), given);                                \
        executed = stub_leader();                                                                  \
        given = block;                                                                             \
    }

/* The launcher says nothing if the outer one was told so. */
static bool is_quiet(void)
{
    return stub_following() == STUB_FOLLOW_NO || stub_following() == STUB_FOLLOW_HOLD_QUIETLY;
}

/* ---- the hooks ---- */

SHIM_EXPORT int execve(const char *path, char *const argv[], char *const environment[])
{
    REAL_OR(execve, -1)
    HAND_ON(environment)
    struct choice choice = {.led = false};
    if (!allows(path, argv, environment, &choice)) {
        return -1;
    }
    CHOOSE(path, argv)
    return real(executed, given, handed);
}

SHIM_EXPORT int execv(const char *path, char *const argv[])
{
    REAL_OR(execv, -1)
    if (stub_hides_relay()) {
        return execve(path, argv, environ);
    }
    struct choice choice = {.led = false};
    if (!allows(path, argv, environ, &choice)) {
        return -1;
    }
    CHOOSE(path, argv)
    return real(executed, given);
}

SHIM_EXPORT int execvp(const char *file, char *const argv[])
{
    REAL_OR(execvp, -1)
    if (stub_hides_relay()) {
        return execvpe(file, argv, environ);
    }
    struct choice choice = {.led = false};
    if (!allows_search(file, argv, environ, &choice)) {
        return -1;
    }
    CHOOSE(file, argv)
    return real(executed, given);
}

SHIM_EXPORT int execvpe(const char *file, char *const argv[], char *const environment[])
{
    REAL_OR(execvpe, -1)
    HAND_ON(environment)
    struct choice choice = {.led = false};
    if (!allows_search(file, argv, environment, &choice)) {
        return -1;
    }
    CHOOSE(file, argv)
    return real(executed, given, handed);
}

SHIM_EXPORT int fexecve(int fd, char *const argv[], char *const environment[])
{
    REAL_OR(fexecve, -1)
    HAND_ON(environment)
    return allows_at(fd, "", AT_EMPTY_PATH, argv, environment, NULL) ? real(fd, argv, handed) : -1;
}

/* glibc has execveat since 2.34. With an earlier one, a program that asks whether there is one
 * finds ours. */
static int kernels_execveat(int folder, const char *path, char *const argv[],
                            char *const environment[], int flags)
{
    REAL_OR(syscall, -1)
    return (int)real(SYS_execveat, folder, path, argv, environment, flags);
}

SHIM_EXPORT int execveat(int folder, const char *path, char *const argv[],
                         char *const environment[], int flags)
{
    __typeof__(&execveat) real = (__typeof__(&execveat))stub_libc(SHIM_HOOK_execveat);
    real = real != NULL ? real : kernels_execveat;
    HAND_ON(environment)
    return allows_at(folder, path, flags, argv, environment, NULL)
               ? real(folder, path, argv, handed, flags)
               : -1;
}

/* For the three functions with a list of arguments: counts them, and makes an array on the
 * stack. */
#define ARGUMENTS_FROM(first)                                                                      \
    va_list list;                                                                                  \
    size_t count = 1;                                                                              \
    va_start(list, first);                                                                         \
    for (const char *next = first; next != NULL; next = va_arg(list, const char *)) {              \
        count++;                                                                                   \
    }                                                                                              \
    va_end(list);                                                                                  \
    char **argv = __builtin_alloca(count * sizeof *argv);                                          \
    va_start(list, first);                                                                         \
    argv[0] = (char *)(uintptr_t)first;                                                            \
    for (size_t i = 1; i < count; i++) {                                                           \
        argv[i] = va_arg(list, char *);                                                            \
    }

SHIM_EXPORT int execl(const char *path, const char *first, ...)
{
    ARGUMENTS_FROM(first)
    va_end(list);
    return execv(path, argv);
}

SHIM_EXPORT int execle(const char *path, const char *first, ...)
{
    ARGUMENTS_FROM(first)
    char *const *environment = va_arg(list, char *const *);
    va_end(list);
    return execve(path, argv, environment);
}

SHIM_EXPORT int execlp(const char *file, const char *first, ...)
{
    ARGUMENTS_FROM(first)
    va_end(list);
    return execvp(file, argv);
}

SHIM_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                            const posix_spawnattr_t *attributes, char *const argv[],
                            char *const environment[])
{
    REAL_OR(posix_spawn, ENOSYS)
    HAND_ON(environment)
    struct choice choice = {.led = false};
    if (!allows(path, argv, environment, &choice)) {
        return EPERM;
    }
    CHOOSE(path, argv)
    return real(pid, executed, actions, attributes, given, handed);
}

SHIM_EXPORT int posix_spawnp(pid_t *pid, const char *file,
                             const posix_spawn_file_actions_t *actions,
                             const posix_spawnattr_t *attributes, char *const argv[],
                             char *const environment[])
{
    REAL_OR(posix_spawnp, ENOSYS)
    HAND_ON(environment)
    struct choice choice = {.led = false};
    if (!allows_search(file, argv, environment, &choice)) {
        return EPERM;
    }
    CHOOSE(file, argv)
    return real(pid, executed, actions, attributes, given, handed);
}

/* libc starts the shell by an internal call that no hook sees, with the environment as it is
 * then. */
SHIM_EXPORT int system(const char *command)
{
    REAL_OR(system, -1)
    return command == NULL || allows("/bin/sh", NULL, environ, NULL) ? real(command) : -1;
}

SHIM_EXPORT FILE *popen(const char *command, const char *type)
{
    REAL_OR(popen, NULL)
    return allows("/bin/sh", NULL, environ, NULL) ? real(command, type) : NULL;
}
