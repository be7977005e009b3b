/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/echshim/echshim.h"
#include "tools/echshim/supervisor/target.h"

/* ---- finding the library ---- */

static bool is_there(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static bool own_folder(char out[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", out, PATH_MAX - 1);
    if (length <= 0) {
        return false;
    }
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    *slash = '\0';
    return true;
}

/* What the loader replaces $LIB by, after a slash: "/lib/x86_64-linux-gnu" in Debian, "/lib64"
 * elsewhere. No function tells this, so we take the folder of libc. */
static bool loaders_lib(char *out, size_t size)
{
    Dl_info info;
    if (dladdr((const void *)setenv, &info) == 0 || info.dli_fname == NULL) {
        return false;
    }
    const char *lib = strstr(info.dli_fname, "/lib");
    const char *name = strrchr(info.dli_fname, '/');
    if (lib == NULL || name <= lib || (size_t)(name - lib) >= size) {
        return false;
    }
    memcpy(out, lib, (size_t)(name - lib));
    out[name - lib] = '\0';
    return true;
}

/* If the library is installed for more than one architecture, in the loader's folders under one
 * prefix, $LIB lets each program's loader choose. */
static void choose_by_loader(char path[PATH_MAX])
{
    char lib[PATH_MAX];
    char pattern[2 * PATH_MAX];
    size_t folder = (size_t)(strrchr(path, '/') - path);
    if (!loaders_lib(lib, sizeof lib) || folder < strlen(lib) ||
        strncmp(path + folder - strlen(lib), lib, strlen(lib)) != 0) {
        return;
    }
    size_t prefix = folder - strlen(lib);
    bool deep = strchr(lib + 1, '/') != NULL;
    (void)snprintf(pattern, sizeof pattern, "%.*s%s/" LIBRARY_NAME, (int)prefix, path,
                   deep ? "/lib/*" : "/lib*");
    glob_t found;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
        if (found.gl_pathc > 1 && prefix + sizeof "/$LIB/" LIBRARY_NAME <= PATH_MAX) {
            memcpy(path + prefix, "/$LIB/" LIBRARY_NAME, sizeof "/$LIB/" LIBRARY_NAME);
        }
        globfree(&found);
    }
}

bool library_find(char out[PATH_MAX])
{
    static const char *const beside[] = {"", "/../lib"};
    char folder[PATH_MAX];
    char found[2 * PATH_MAX] = "";
    if (own_folder(folder)) {
        for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
            (void)snprintf(found, sizeof found, "%s%s/%s", folder, beside[i], LIBRARY_NAME);
            if (is_there(found)) {
                break;
            }
        }
    }
    if (!is_there(found)) {
        (void)snprintf(found, sizeof found, "%s/%s", SHIM_LIBDIR, LIBRARY_NAME);
    }
    char *real = is_there(found) ? realpath(found, NULL) : NULL;
    if (real == NULL || strlen(real) >= PATH_MAX) {
        say(ECHSHIM, "%s is neither beside echshim nor in %s", LIBRARY_NAME, SHIM_LIBDIR);
        free(real);
        return false;
    }
    memcpy(out, real, strlen(real) + 1);
    free(real);
    if (strpbrk(out, " :") != NULL) {
        say(ECHSHIM, "LD_PRELOAD cannot name %s: there is a blank or a colon in it", out);
        return false;
    }
    choose_by_loader(out);
    return true;
}

bool library_covers(const char *library, const struct shim_executable *image)
{
    struct shim_executable own;
    shim_executable_own(&own);
    return image->elf_class != own.elf_class && strstr(library, "/$LIB/") != NULL;
}

/* ---- LD_PRELOAD ---- */

/*
 * A loader of musl reads LD_PRELOAD, too, and ends a program that cannot use a library of glibc.
 * But it replaces no $LIB: it finds no file of this name, and goes on. For glibc's loader the dots
 * lead back to "/"; too many of them do no harm.
 */
static const char hidden[] = "/usr/$LIB/../../../..";
enum { OTHER_MAX = PATH_MAX + sizeof hidden };

/* Where programs of musl may be executed: `musl` says so, or a loader is there. */
static bool hide(const char *library, bool musl, char out[OTHER_MAX])
{
    char lib[PATH_MAX];
    char folder[2 * PATH_MAX];
    struct stat status;
    glob_t found;
    if (glob("/lib/ld-musl-*", GLOB_NOSORT, NULL, &found) == 0) {
        musl = true;
        globfree(&found);
    }
    if (!musl || strstr(library, "/$LIB/") != NULL || !loaders_lib(lib, sizeof lib)) {
        return false;
    }
    (void)snprintf(folder, sizeof folder, "/usr%s", lib);
    if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return false;
    }
    (void)snprintf(out, OTHER_MAX, "%s%s", hidden, library);
    return true;
}

/* What a path in LD_PRELOAD means. */
static const char *shown(const char *path)
{
    size_t length = strlen(hidden);
    return strncmp(path, hidden, length) == 0 ? path + length : path;
}

/* A sanitizer's runtime must be the first library of all, or it gives up. */
static bool comes_first(const char *name, size_t length)
{
    static const char *const runtimes[] = {"libasan.", "libtsan.", "liblsan.", "libubsan.",
                                           "libclang_rt."};
    while (length > 0 && memchr(name, '/', length) != NULL) {
        const char *slash = memchr(name, '/', length);
        length -= (size_t)(slash + 1 - name);
        name = slash + 1;
    }
    for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++) {
        if (length > strlen(runtimes[i]) && strncmp(name, runtimes[i], strlen(runtimes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/*
 * Before the other libraries, so that we see what the program asks for and not what another
 * interposer made of it (the real address, not a proxy's); but after those that must be first.
 */
bool library_preload(const char *library, bool musl)
{
    const char *list = getenv("LD_PRELOAD");
    if (list == NULL) {
        list = "";
    }
    if (shim_preloadable_preloads(environ, LIBRARY_NAME)) {
        return true; /* put there by an outer launcher, or the user; the shim must not be loaded
                        twice */
    }
    size_t at = strspn(list, " :");
    for (size_t length = strcspn(list + at, " :"); length > 0 && comes_first(list + at, length);
         length = strcspn(list + at, " :")) {
        at += length;
        at += strspn(list + at, " :");
    }
    char other[OTHER_MAX];
    if (hide(library, musl, other)) {
        library = other;
    }
    char *value = malloc(strlen(list) + strlen(library) + 3);
    bool set = false;
    if (value != NULL) {
        bool between = at > 0 && list[at - 1] != ' ' && list[at - 1] != ':';
        (void)sprintf(value, "%.*s%s%s%s%s", (int)at, list, between ? ":" : "", library,
                      list[at] != '\0' ? ":" : "", list + at);
        set = setenv("LD_PRELOAD", value, 1) == 0;
    }
    free(value);
    if (!set) {
        say(ECHSHIM, "there is no memory for LD_PRELOAD");
    }
    return set;
}

/* ---- which files the stub is ---- */

/* The kernel's own name for a file in /proc/PID/maps. What stat says differs from it in some file
 * systems (btrfs, overlayfs). */
static bool name_in_maps(const char *path, struct supervisor_file *file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *maps = NULL;
    bool named = false;
    void *map = fd >= 0 ? mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (map != MAP_FAILED) {
        maps = supervisor_target_maps(getpid());
        named = maps != NULL && supervisor_file_at(maps, (uintptr_t)map, file);
        (void)munmap(map, 1);
    }
    free(maps);
    if (fd >= 0) {
        (void)close(fd);
    }
    return named;
}

static void add_stub(struct supervisor_stubs *stubs, const char *path)
{
    if (stubs->count < SUPERVISOR_STUBS_MAX && name_in_maps(path, &stubs->file[stubs->count])) {
        stubs->count++;
    }
}

/* Adds what a path means, in which the loader replaces $LIB. */
static void add_stubs(struct supervisor_stubs *stubs, const char *path)
{
    char pattern[PATH_MAX];
    glob_t found;
    const char *lib = strstr(path, "/$LIB/");
    if (lib == NULL) {
        add_stub(stubs, path);
        return;
    }
    for (int deep = 0; deep <= 1; deep++) {
        int length = snprintf(pattern, sizeof pattern, "%.*s%s%s", (int)(lib - path), path,
                              deep ? "/lib/*" : "/lib*", lib + strlen("/$LIB"));
        if (length > 0 && length < PATH_MAX && glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
            for (size_t i = 0; i < found.gl_pathc; i++) {
                add_stub(stubs, found.gl_pathv[i]);
            }
            globfree(&found);
        }
    }
}

void library_stubs(const char *library, struct supervisor_stubs *stubs)
{
    const char *list = getenv("LD_PRELOAD");
    stubs->count = 0;
    add_stubs(stubs, library);
    while (list != NULL && *list != '\0') {
        char path[PATH_MAX];
        size_t length = strcspn(list, " :");
        (void)snprintf(path, sizeof path, "%.*s", (int)length, list);
        const char *meant = shown(path);
        if (strstr(meant, "/" LIBRARY_NAME) != NULL && strcmp(meant, library) != 0) {
            add_stubs(stubs, meant);
        }
        list += length + (list[length] != '\0');
    }
}

const char *library_engine(const char *library)
{
    static char found[3 * PATH_MAX];
    char lib[PATH_MAX];
    const char *variable = strstr(library, "/$LIB/");
    size_t folder = (size_t)(strrchr(library, '/') - library);
    if (variable != NULL && loaders_lib(lib, sizeof lib)) {
        (void)snprintf(found, sizeof found, "%.*s%s/" ENGINE_NAME, (int)(variable - library),
                       library, lib);
    } else {
        (void)snprintf(found, sizeof found, "%.*s/" ENGINE_NAME, (int)folder, library);
    }
    if (!is_there(found)) {
        (void)snprintf(found, sizeof found, "%s/" ENGINE_NAME, SHIM_LIBDIR);
    }
    return is_there(found) ? found : NULL;
}
