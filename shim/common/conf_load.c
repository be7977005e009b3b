/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the configuration files, and which of their program sections are for this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common/conf.h"

#define SYSTEM_FILE "/etc/echshim.conf"

enum { TEXT_MAX = 1024 * 1024, ANCESTORS = 16 };

/* ---- files ---- */

static bool others_may_write(const struct stat *status)
{
    return (status->st_mode & S_IWOTH) != 0;
}

/* How far a file is trusted; false after a problem. */
static bool judge(struct shim_conf *conf, const char *path, const struct stat *status)
{
    if (!S_ISREG(status->st_mode)) {
        shim_conf_problem(conf, path, 0, "not a file");
    } else if (status->st_size > TEXT_MAX) {
        shim_conf_problem(conf, path, 0, "larger than 1 MiB");
    } else if (status->st_uid != 0 && status->st_uid != geteuid()) {
        shim_conf_problem(conf, path, 0, "not used, because it belongs to another user");
    } else if (others_may_write(status)) {
        shim_conf_problem(conf, path, 0, "not used, because every user may write to it");
    } else {
        return true;
    }
    return false;
}

static bool may_lock(const struct stat *status)
{
    return status->st_uid == 0 && (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static char *read_all(int fd, size_t size, size_t *length)
{
    char *text = malloc(size + 1);
    ssize_t part = 1;
    *length = 0;
    while (text != NULL && part != 0 && *length <= size) {
        part = read(fd, text + *length, size + 1 - *length);
        if (part > 0) {
            *length += (size_t)part;
        } else if (part < 0 && errno != EINTR) {
            free(text);
            return NULL;
        }
    }
    return text;
}

/*
 * Does the path lead through a folder of another user that we may not search? A process that
 * changed its user still has the first user's HOME. Services have homes that are hidden from them
 * (systemd's ProtectHome). What lies there is not for us.
 */
static bool is_in_a_foreign_folder(const char *path)
{
    char folder[PATH_MAX];
    struct stat status;
    for (size_t i = 1; i < sizeof folder && path[i] != '\0'; i++) {
        if (path[i] != '/') {
            continue;
        }
        memcpy(folder, path, i);
        folder[i] = '\0';
        if (faccessat(AT_FDCWD, folder, X_OK, AT_EACCESS) != 0) {
            return errno == EACCES && stat(folder, &status) == 0 && status.st_uid != geteuid();
        }
    }
    return false;
}

/* For this process there is no file. */
static bool is_missing(const char *path, int error)
{
    return error == ENOENT || error == ENOTDIR || (error == EACCES && is_in_a_foreign_folder(path));
}

/* May the file be missing? */
enum presence { MAY_BE_MISSING, MUST_BE_THERE };

static enum ech_status add_path(struct shim_conf *conf, const char *path, enum presence presence,
                                enum shim_conf_trust trust)
{
    struct stat status;
    /* O_NONBLOCK: if it is a pipe, do not wait for a writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        int error = errno;
        if (presence == MUST_BE_THERE || !is_missing(path, error)) {
            shim_conf_problem(conf, path, 0, strerror(error));
        }
        return ECH_OK;
    }
    enum ech_status result = ECH_OK;
    if (fstat(fd, &status) != 0) {
        shim_conf_problem(conf, path, 0, strerror(errno));
    } else if (judge(conf, path, &status)) {
        size_t length = 0;
        char *text = read_all(fd, (size_t)status.st_size, &length);
        if (text == NULL) {
            shim_conf_problem(conf, path, 0, "cannot be read");
        } else if (length != (size_t)status.st_size) {
            shim_conf_problem(conf, path, 0, "changed while it was read");
        } else {
            /* Only root's file may lock. In another one a lock is reported as a problem. */
            if (trust == SHIM_CONF_SYSTEM && !may_lock(&status)) {
                trust = SHIM_CONF_USER;
            }
            if (trust != SHIM_CONF_LOCKED_ONLY || may_lock(&status)) {
                result = shim_conf_add_file(conf, path, bytes_of(text, length), trust);
            }
        }
        free(text);
    }
    (void)close(fd);
    return result;
}

/* False: there is no such folder, or its name is too long. */
static bool users_file(char out[PATH_MAX])
{
    const char *folder = secure_getenv("XDG_CONFIG_HOME");
    const char *home = secure_getenv("HOME");
    int length = -1;
    if (folder != NULL &&
        *folder == '/') { /* the XDG specification says to ignore a relative one */
        length = snprintf(out, PATH_MAX, "%s/echshim/echshim.conf", folder);
    } else if (home != NULL && *home == '/') {
        length = snprintf(out, PATH_MAX, "%s/.config/echshim/echshim.conf", home);
    }
    return length > 0 && length < PATH_MAX;
}

/* ---- which program this is ---- */

struct program {
    char path[PATH_MAX];
    dev_t device; /* of the file; 0 and 0 if it could not be looked at */
    ino_t inode;
};

static bool is_program(const struct program *program, const char *pattern)
{
    struct stat status;
    if (strchr(pattern, '/') == NULL) {
        const char *slash = strrchr(program->path, '/');
        return fnmatch(pattern, slash != NULL ? slash + 1 : program->path, 0) == 0;
    }
    /* Or the pattern names the same file differently, as /usr/bin/vi does. */
    return fnmatch(pattern, program->path, FNM_PATHNAME) == 0 ||
           (program->inode != 0 && stat(pattern, &status) == 0 &&
            status.st_dev == program->device && status.st_ino == program->inode);
}

/* Notes a program that started this process, `distance` steps away (0: this process). */
static void note_program(struct shim_conf *conf, const struct program *program, unsigned distance)
{
    for (size_t i = 0; i < conf->section_count; i++) {
        struct shim_conf_section *section = conf->sections[i];
        if (section->kind == SHIM_CONF_PROGRAM && section->closeness == 0 &&
            is_program(program, section->pattern)) {
            unsigned exact = strpbrk(section->pattern, "*?[") == NULL;
            unsigned whole = strchr(section->pattern, '/') != NULL;
            section->closeness = (ANCESTORS + 1 - distance) * 4 + exact * 2 + whole;
        }
    }
}

static bool look_at(struct program *program, const char *link)
{
    struct stat status;
    ssize_t length = readlink(link, program->path, sizeof program->path - 1);
    program->path[length > 0 ? length : 0] = '\0';
    bool seen = stat(link, &status) == 0;
    program->device = seen ? status.st_dev : 0;
    program->inode = seen ? status.st_ino : 0;
    return length > 0;
}

/* The parent of a process; 0: not known. In /proc/PID/stat it follows the program's name, which may
 * hold any character. */
static pid_t parent_of(pid_t pid)
{
    char path[64];
    char text[512];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    text[length > 0 ? length : 0] = '\0';
    const char *behind = strrchr(text, ')');
    if (behind == NULL || strlen(behind) < 5) {
        return 0;
    }
    long parent = strtol(behind + 4, NULL, 10); /* ") S 123" */
    return parent > 0 && parent <= INT_MAX ? (pid_t)parent : 0;
}

static void find_programs(struct shim_conf *conf, const char *executed)
{
    struct program program;
    bool wanted = false;
    for (size_t i = 0; i < conf->section_count; i++) {
        wanted = wanted || conf->sections[i]->kind == SHIM_CONF_PROGRAM;
    }
    if (!wanted) {
        return;
    }
    if (executed == NULL) {
        (void)look_at(&program, "/proc/self/exe");
    } else {
        struct stat status;
        bool seen = stat(executed, &status) == 0;
        program =
            (struct program){.device = seen ? status.st_dev : 0, .inode = seen ? status.st_ino : 0};
        if (realpath(executed, program.path) == NULL) {
            (void)snprintf(program.path, sizeof program.path, "%s", executed);
        }
    }
    note_program(conf, &program, 0);
    pid_t pid = getppid();
    for (unsigned distance = 1; distance <= ANCESTORS && pid > 1; distance++) {
        char link[64];
        (void)snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
        if (look_at(&program, link)) {
            note_program(conf, &program, distance);
        }
        pid = parent_of(pid);
    }
}

/* ---- loading all files ---- */

static const char *from_environment(void *context, const char *variable)
{
    (void)context;
    return secure_getenv(variable);
}

/* A path in the environment is relative to the folder that the program begins in. The program may
 * leave that folder before we use the path. In files all paths are absolute. */
static enum ech_status make_absolute(struct shim_conf *conf)
{
    char folder[PATH_MAX];
    for (size_t i = 0; i < conf->entry_count; i++) {
        struct shim_conf_entry *entry = &conf->entries[i];
        if (!shim_conf_is_path(entry->key, entry->value) || entry->value[0] == '/') {
            continue;
        }
        if (getcwd(folder, sizeof folder) == NULL || folder[0] != '/') {
            /* The folder is gone or out of reach. Below /dev/null, which is no folder, nothing will
             * be found later either. */
            (void)snprintf(folder, sizeof folder, "/dev/null");
        }
        size_t size = strlen(folder) + strlen(entry->value) + 2;
        char *whole = malloc(size);
        if (whole == NULL) {
            conf->broken = true;
            return ECH_ERR_NOMEM;
        }
        (void)snprintf(whole, size, "%s/%s", strcmp(folder, "/") != 0 ? folder : "", entry->value);
        free(entry->value);
        entry->value = whole;
    }
    return ECH_OK;
}

enum ech_status shim_conf_load(struct shim_conf *conf, const char *program)
{
    int saved = errno;
    char path[PATH_MAX] = "";
    const char *instead = secure_getenv("ECHSHIM_CONF");
    bool named = instead != NULL && *instead != '\0';
    *conf = (struct shim_conf){0};
    enum ech_status status = shim_conf_add_environment(conf, from_environment, NULL);
    if (status == ECH_OK) {
        status = make_absolute(conf);
    }
    if (status == ECH_OK) {
        status = add_path(conf, SYSTEM_FILE, MAY_BE_MISSING,
                          named ? SHIM_CONF_LOCKED_ONLY : SHIM_CONF_SYSTEM);
    }
    bool broken = conf->broken;
    if (status == ECH_OK && named) {
        status = add_path(conf, instead, MUST_BE_THERE, SHIM_CONF_USER);
    } else if (status == ECH_OK && users_file(path)) {
        status = add_path(conf, path, MAY_BE_MISSING, SHIM_CONF_USER);
    }
    find_programs(conf, program);
    if (status == ECH_OK) {
        const char *inherited = secure_getenv(SHIM_CONF_INHERITED);
        bool users_broken = conf->broken && !broken && !named;
        conf->inherited =
            shim_conf_hand_on(conf, named ? "" : path, users_broken, inherited, geteuid());
        status = shim_conf_inherit(conf, inherited, geteuid());
    }
    errno = saved;
    return status;
}

enum ech_status shim_conf_load_file(struct shim_conf *conf, const char *path)
{
    *conf = (struct shim_conf){0};
    return add_path(conf, path, MUST_BE_THERE, SHIM_CONF_SYSTEM);
}
