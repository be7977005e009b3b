/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/common/preloadable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    CHAIN_MAX = 5,         /* files in a chain of interpreters: the kernel refuses the sixth */
    MOUNT_NOSUID = 0x0002, /* ST_NOSUID of f_flags */
};

static size_t read_file(void *context, uint64_t offset, void *out, size_t length)
{
    int fd = *(const int *)context;
    size_t got = 0;
    if (offset > INT64_MAX) {
        return 0;
    }
    while (got < length) {
        ssize_t count = pread(fd, (char *)out + got, length - got, (off_t)(offset + got));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        got += (size_t)count;
    }
    return got;
}

/*
 * The kernel asks for secure execution (AT_SECURE) if the effective user or group after the exec is
 * not the real one (cap_bprm_creds_from_file), even if it was so before.
 */
/* Set once, at the start. */
static bool no_new_privs_ignored;

void shim_preloadable_ignore_no_new_privs(void)
{
    no_new_privs_ignored = true;
}

static bool keeps_rights(void)
{
    return !no_new_privs_ignored && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static bool changes_user(int fd, const struct stat *file)
{
    uid_t user = geteuid();
    gid_t group = getegid();
    struct statfs mount;
    bool honoured =
        !keeps_rights() && (fstatfs(fd, &mount) != 0 || (mount.f_flags & MOUNT_NOSUID) == 0);
    if (honoured && (file->st_mode & S_ISUID) != 0) {
        user = file->st_uid;
    }
    if (honoured && (file->st_mode & S_ISGID) != 0 && (file->st_mode & S_IXGRP) != 0) {
        group = file->st_gid;
    }
    return user != getuid() || group != getgid();
}

/* For root, capabilities do not mean secure execution. */
static bool gains_capabilities(int fd)
{
    return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* musl's loaders have such names on every architecture. */
static bool is_other_libc(const char *loader)
{
    const char *slash = strrchr(loader, '/');
    return strncmp(slash != NULL ? slash + 1 : loader, "ld-musl", strlen("ld-musl")) == 0;
}

/* Whatever rights it runs with. */
static enum shim_preloadable reach_of_image(const struct shim_executable *image)
{
    struct shim_executable own;
    shim_executable_own(&own);
    if (image->kind == SHIM_EXECUTABLE_BROKEN) {
        return SHIM_PRELOADABLE_BROKEN;
    }
    if (image->kind == SHIM_EXECUTABLE_STATIC) {
        return SHIM_PRELOADABLE_STATIC;
    }
    if (image->machine != own.machine || image->elf_class != own.elf_class ||
        image->elf_data != own.elf_data) {
        return SHIM_PRELOADABLE_MACHINE;
    }
    if (image->kind == SHIM_EXECUTABLE_LOADER) {
        return SHIM_PRELOADABLE_LOADER;
    }
    if (image->go) {
        return SHIM_PRELOADABLE_GO;
    }
    return is_other_libc(image->interpreter) ? SHIM_PRELOADABLE_LIBC : SHIM_PRELOADABLE_YES;
}

static enum shim_preloadable reach_of_elf(const struct shim_executable *image, int fd,
                                          const struct stat *status)
{
    if (changes_user(fd, status)) {
        return SHIM_PRELOADABLE_SETUID;
    }
    return gains_capabilities(fd) ? SHIM_PRELOADABLE_CAPABILITIES : reach_of_image(image);
}

static int open_at(int folder, const char *path, int flags)
{
    /* O_NONBLOCK: do not wait for a FIFO or a device. */
    int how = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    if (path[0] == '\0' && (flags & AT_EMPTY_PATH) != 0) {
        char link[sizeof "/proc/self/fd/" + 12] = "/proc/self/fd/";
        size_t at = strlen(link);
        char digits[12];
        size_t count = 0;
        for (unsigned rest = (unsigned)folder; count == 0 || rest != 0; rest /= 10) {
            digits[count++] = (char)('0' + rest % 10);
        }
        while (count > 0) {
            link[at++] = digits[--count];
        }
        link[at] = '\0';
        return open(link, how);
    }
    return openat(folder, path, how);
}

static enum shim_preloadable look(int fd, struct shim_executable *image)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return SHIM_PRELOADABLE_MISSING;
    }
    shim_executable_parse(image, read_file, &fd);
    switch (image->kind) {
    case SHIM_EXECUTABLE_OTHER:
        return SHIM_PRELOADABLE_FORMAT;
    case SHIM_EXECUTABLE_SCRIPT:
        return SHIM_PRELOADABLE_SCRIPT;
    default:
        return reach_of_elf(image, fd, &status);
    }
}

enum shim_preloadable shim_preloadable_step(int folder, const char *path, int flags,
                                            struct shim_executable *image)
{
    int saved = errno;
    enum shim_preloadable reach;
    *image = (struct shim_executable){.kind = SHIM_EXECUTABLE_OTHER};
    int fd = open_at(folder, path, flags);
    if (fd >= 0) {
        reach = look(fd, image);
        (void)close(fd);
    } else {
        reach = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG
                    ? SHIM_PRELOADABLE_MISSING
                    : SHIM_PRELOADABLE_UNREADABLE;
    }
    errno = saved;
    return reach;
}

enum shim_preloadable shim_preloadable_loaded(const char *path, struct shim_executable *image)
{
    enum shim_preloadable reach = shim_preloadable_step(AT_FDCWD, path, 0, image);
    switch (reach) {
    case SHIM_PRELOADABLE_SETUID:
    case SHIM_PRELOADABLE_CAPABILITIES:
        reach = reach_of_image(image);
        break;
    default:
        break;
    }
    /* The loader itself refuses what is no program. */
    return reach == SHIM_PRELOADABLE_SCRIPT || reach == SHIM_PRELOADABLE_FORMAT ||
                   reach == SHIM_PRELOADABLE_LOADER
               ? SHIM_PRELOADABLE_MISSING
               : reach;
}

const char *shim_preloadable_loader_program(char *const argv[])
{
    static const char *const with_value[] = {
        "--library-path",         "--inhibit-rpath",    "--audit", "--preload", "--argv0",
        "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"};
    if (argv == NULL || argv[0] == NULL) {
        return NULL;
    }
    size_t at = 1;
    while (argv[at] != NULL && strncmp(argv[at], "--", 2) == 0) {
        bool value = false;
        for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++) {
            value = value || strcmp(argv[at], with_value[i]) == 0;
        }
        at += value && argv[at + 1] != NULL ? 2 : 1;
    }
    return argv[at] != NULL && strchr(argv[at], '/') != NULL ? argv[at] : NULL;
}

enum shim_preloadable shim_preloadable_at(int folder, const char *path, int flags,
                                          char *const argv[], struct shim_executable *image)
{
    char interpreter[SHIM_EXECUTABLE_LINE];
    enum shim_preloadable reach = shim_preloadable_step(folder, path, flags, image);
    for (int i = 1; i < CHAIN_MAX && reach == SHIM_PRELOADABLE_SCRIPT; i++) {
        memcpy(interpreter, image->interpreter, sizeof interpreter);
        reach = shim_preloadable_step(AT_FDCWD, interpreter, 0, image);
        argv = NULL; /* they are the script's */
    }
    if (reach == SHIM_PRELOADABLE_LOADER) {
        const char *program = shim_preloadable_loader_program(argv);
        reach = program != NULL ? shim_preloadable_loaded(program, image) : SHIM_PRELOADABLE_YES;
    }
    return reach == SHIM_PRELOADABLE_SCRIPT ? SHIM_PRELOADABLE_CHAIN : reach;
}

bool shim_preloadable_can_be_held(enum shim_preloadable reach)
{
    switch (reach) {
    case SHIM_PRELOADABLE_YES: /* but its environment keeps the stub out */
    case SHIM_PRELOADABLE_STATIC:
    case SHIM_PRELOADABLE_GO:
    case SHIM_PRELOADABLE_MACHINE:
    case SHIM_PRELOADABLE_LIBC:
        return true;
    case SHIM_PRELOADABLE_MISSING:
    case SHIM_PRELOADABLE_SCRIPT:
    case SHIM_PRELOADABLE_FORMAT:
    case SHIM_PRELOADABLE_LOADER:
    case SHIM_PRELOADABLE_SETUID:
    case SHIM_PRELOADABLE_CAPABILITIES:
    case SHIM_PRELOADABLE_BROKEN:
    case SHIM_PRELOADABLE_CHAIN:
    case SHIM_PRELOADABLE_UNREADABLE:
        break;
    }
    return false;
}

const char *shim_preloadable_text(enum shim_preloadable reach)
{
    switch (reach) {
    case SHIM_PRELOADABLE_STATIC:
        return "it is statically linked";
    case SHIM_PRELOADABLE_GO:
        return "it is a Go program, and Go's TLS uses no library";
    case SHIM_PRELOADABLE_SETUID:
        return "it runs with other rights than its caller's (setuid or setgid)";
    case SHIM_PRELOADABLE_CAPABILITIES:
        return "it has file capabilities";
    case SHIM_PRELOADABLE_MACHINE:
        return "it is for another architecture";
    case SHIM_PRELOADABLE_LIBC:
        return "it uses another C library (musl)";
    case SHIM_PRELOADABLE_BROKEN:
        return "its ELF header is wrong";
    case SHIM_PRELOADABLE_CHAIN:
        return "its interpreter is a script, and so on without end";
    case SHIM_PRELOADABLE_UNREADABLE:
        return "it cannot be read to see what it is";
    case SHIM_PRELOADABLE_YES:
    case SHIM_PRELOADABLE_MISSING:
    case SHIM_PRELOADABLE_SCRIPT:
    case SHIM_PRELOADABLE_FORMAT:
    case SHIM_PRELOADABLE_LOADER:
        break;
    }
    return NULL;
}

const char *shim_preloadable_value(char *const environment[], const char *name)
{
    const char *value = NULL;
    size_t length = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=') {
            value = environment[i] + length + 1;
            if (strcmp(name, "LD_PRELOAD") != 0) {
                break;
            }
        }
    }
    return value;
}

bool shim_preloadable_preloads(char *const environment[], const char *library)
{
    const char *list = shim_preloadable_value(environment, "LD_PRELOAD");
    size_t wanted = strlen(library);
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, " :");
        if (length >= wanted && strncmp(list + length - wanted, library, wanted) == 0 &&
            (length == wanted || list[length - wanted - 1] == '/')) {
            return true;
        }
        list += length + (list[length] != '\0');
    }
    return false;
}
