/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/engine/settings/list_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dns/host_name.h"
#include "ech/config.h"
#include "shim/engine/base/lock.h"

struct shim_list_file {
    enum shim_list_file_kind kind;
    char *path;
    bool settled;     /* `seen` tells the file that was read from any later one */
    struct stat seen; /* of what was read last */
    uint8_t *octets;  /* the list, or the text of the names; NULL: nothing was read yet */
    size_t length;    /* octets */
    char **names;     /* sorted; they point into the text */
    size_t name_count;
};

/* One lock for all files: they are few, and read seldom. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What one reading gave. */
struct content {
    uint8_t *octets;
    size_t length;
    char **names;
    size_t name_count;
};

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

/* The clock of a file system is coarse: a file that is younger may change again under the same
 * time. */
static bool is_settled(const struct stat *file)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > file->st_ctim.tv_sec + 1;
}

/* ---- what the text means ---- */

static bool take(struct content *content, const void *octets, size_t length)
{
    if (ech_config_list_check(bytes_of(octets, length)) != ECH_OK) {
        return false;
    }
    uint8_t *copy = malloc(length);
    if (copy == NULL) {
        return false;
    }
    memcpy(copy, octets, length);
    *content = (struct content){.octets = copy, .length = length};
    return true;
}

static bool take_decoded(struct content *content, gnutls_datum_t *decoded, int result)
{
    bool taken = result == GNUTLS_E_SUCCESS && take(content, decoded->data, decoded->size);
    gnutls_free(decoded->data);
    return taken;
}

/* PEM (RFC 9934, any private key in it is skipped), the octets, or Base64. */
static bool read_list(struct content *content, char *text, size_t length)
{
    gnutls_datum_t in = {.data = (unsigned char *)text, .size = (unsigned)length};
    gnutls_datum_t decoded = {0};
    if (take(content, text, length)) {
        return true;
    }
    if (strstr(text, "-----BEGIN") != NULL) {
        return take_decoded(content, &decoded,
                            gnutls_pem_base64_decode2("ECHCONFIG", &in, &decoded));
    }
    in.size = 0;
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL) {
            text[in.size++] = text[i];
        }
    }
    return in.size > 0 && take_decoded(content, &decoded, gnutls_base64_decode2(&in, &decoded));
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Makes the line the normal form of a name, in place. False: nothing stands there. */
static bool normal_line(char *line)
{
    char normal[DNS_HOST_SIZE];
    line[strcspn(line, "#\r")] = '\0';
    size_t blanks = strspn(line, " \t");
    size_t length = strcspn(line + blanks, " \t");
    memmove(line, line + blanks, length);
    line[length] = '\0';
    bool good = length > 0 && dns_host_normal(line, normal);
    if (good) {
        memcpy(line, normal, strlen(normal) + 1); /* never longer */
    }
    return good;
}

/* One name or pattern in each line; "#" begins a comment. */
static bool read_names(struct content *content, char *text, size_t length)
{
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n' ? 1 : 0;
    }
    char *copy = malloc(length + 1);
    char **names = reallocarray(NULL, lines, sizeof *names);
    if (copy == NULL || names == NULL || strlen(text) != length) {
        free(copy);
        free((void *)names);
        return false;
    }
    memcpy(copy, text, length + 1);
    size_t count = 0;
    char *rest = copy;
    char *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        if (normal_line(line)) {
            names[count++] = line;
        }
    }
    qsort((void *)names, count, sizeof *names, compare);
    *content = (struct content){
        .octets = (uint8_t *)copy, .length = length, .names = names, .name_count = count};
    return true;
}

/* ---- reading ---- */

static size_t bound_of(const struct shim_list_file *file)
{
    return file->kind == SHIM_FILE_OF_LIST ? SHIM_LIST_FILE_MAX : SHIM_NAMES_FILE_MAX;
}

/* The whole file with a NUL behind it; NULL with *problem. */
static char *read_all(int fd, size_t length, const char **problem)
{
    char *text = malloc(length + 1);
    size_t used = 0;
    if (text == NULL) {
        *problem = "there is no memory for it";
        return NULL;
    }
    while (used < length) {
        ssize_t got = read(fd, text + used, length - used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    if (used != length) {
        free(text);
        *problem = "it changes while it is read";
        return NULL;
    }
    text[length] = '\0';
    return text;
}

/* Reads the open file. NULL: *content was made; else why not. */
static const char *read_open(const struct shim_list_file *file, int fd, struct stat *seen,
                             struct content *content)
{
    struct stat after;
    const char *problem = NULL;
    if (fstat(fd, seen) != 0 || !S_ISREG(seen->st_mode)) {
        return "it is not a file";
    }
    if (seen->st_size == 0 || (uint64_t)seen->st_size > bound_of(file)) {
        return seen->st_size == 0 ? "it is empty" : "it is too large";
    }
    char *text = read_all(fd, (size_t)seen->st_size, &problem);
    if (text == NULL) {
        return problem;
    }
    if (fstat(fd, &after) != 0 || !same_file(seen, &after)) {
        problem = "it changes while it is read";
    } else if (file->kind == SHIM_FILE_OF_LIST) {
        problem = read_list(content, text, (size_t)seen->st_size)
                      ? NULL
                      : "no ECHConfigList is in it, as PEM, as Base64 or as octets";
    } else {
        problem = read_names(content, text, (size_t)seen->st_size) ? NULL : "it is no text";
    }
    free(text);
    return problem;
}

/* Reads the file if it is another one than before. Keeps what was read if there is nothing better.
 * Needs the lock. */
static const char *refresh(struct shim_list_file *file)
{
    struct stat now;
    struct content content = {0};
    if (file->settled && stat(file->path, &now) == 0 && same_file(&now, &file->seen)) {
        return NULL;
    }
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return "it cannot be opened";
    }
    const char *problem = read_open(file, fd, &now, &content);
    (void)close(fd);
    if (problem == NULL) {
        free(file->octets);
        free((void *)file->names);
        file->octets = content.octets;
        file->length = content.length;
        file->names = content.names;
        file->name_count = content.name_count;
        file->seen = now;
        file->settled = is_settled(&now);
    }
    return problem;
}

/* ---- the interface ---- */

static void begin(struct shim_list_file *file, struct shim_hold *hold)
{
    int saved = errno;
    shim_lock(&lock, hold);
    if (!shim_hold_locked()) {
        (void)refresh(file);
    }
    errno = saved;
}

static char *absolute_path(const char *path, size_t length)
{
    char folder[PATH_MAX] = "";
    char *absolute = NULL;
    bool relative = length == 0 || path[0] != '/';
    if (relative && getcwd(folder, sizeof folder) == NULL) {
        folder[0] = '\0';
    }
    if (asprintf(&absolute, "%s%s%.*s", folder, relative ? "/" : "", (int)length, path) < 0) {
        return NULL;
    }
    return absolute;
}

struct shim_list_file *shim_list_file_new(enum shim_list_file_kind kind, const char *path,
                                          size_t length, const char **problem)
{
    struct shim_list_file *file = calloc(1, sizeof *file);
    struct shim_hold hold;
    if (file == NULL || (file->path = absolute_path(path, length)) == NULL) {
        free(file);
        return NULL;
    }
    file->kind = kind;
    shim_lock(&lock, &hold);
    *problem = refresh(file);
    shim_unlock(&lock, &hold);
    return file;
}

void shim_list_file_free(struct shim_list_file *file)
{
    if (file != NULL) {
        free(file->octets);
        free((void *)file->names);
        free(file->path);
        free(file);
    }
}

bool shim_list_file_get(struct shim_list_file *file, uint8_t **list, size_t *length)
{
    struct shim_hold hold;
    begin(file, &hold);
    *list = file->octets != NULL ? malloc(file->length) : NULL;
    if (*list != NULL) {
        memcpy(*list, file->octets, file->length);
        *length = file->length;
    }
    shim_unlock(&lock, &hold);
    return *list != NULL;
}

bool shim_names_file_usable(struct shim_list_file *file)
{
    struct shim_hold hold;
    begin(file, &hold);
    bool usable = file->octets != NULL;
    shim_unlock(&lock, &hold);
    return usable;
}

bool shim_names_file_has(struct shim_list_file *file, const char *line)
{
    struct shim_hold hold;
    shim_lock(&lock, &hold);
    bool has = file->name_count > 0 && bsearch(&line, (const void *)file->names, file->name_count,
                                               sizeof *file->names, compare) != NULL;
    shim_unlock(&lock, &hold);
    return has;
}

void shim_list_files_before_fork(void)
{
    (void)pthread_mutex_lock(&lock);
}

void shim_list_files_after_fork(void)
{
    (void)pthread_mutex_unlock(&lock);
}
