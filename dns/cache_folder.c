/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dns/cache_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dns/cache.h"

#define SWEPT "swept" /* this file's time of modification is the time of the last sweep */
#define TEMPORARY "new."

enum {
    NAME_SIZE = 32,
    SWEEP_MAX = 4 * DNS_FOLDER_SETS * DNS_FOLDER_WAYS, /* bound on the names that are looked at */
    TEMPORARY_S = 600, /* writing never takes this long: the writer has died */
    OTHERS = S_IRWXG | S_IRWXO,
    OPEN_FLAGS = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
};

static uint64_t system_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
}

void dns_cache_folder_init(struct dns_cache_folder *folder, const char *path,
                           bool (*random)(void *out, size_t len))
{
    *folder = (struct dns_cache_folder){.path = path, .now_s = system_now_s, .random = random};
}

/* ---- the folder ---- */

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | OPEN_FLAGS);
}

static const char *folder_problem(int dir)
{
    struct stat status;
    if (dir < 0) {
        switch (errno) {
        case ELOOP:
        case ENOTDIR:
            return "it is no folder, or a symbolic link";
        case ENOENT:
            return "it is not there and cannot be made";
        default:
            return "it cannot be opened";
        }
    }
    if (fstat(dir, &status) != 0) {
        return "it cannot be opened";
    }
    if (status.st_uid != geteuid()) {
        return "it belongs to another user";
    }
    return (status.st_mode & OTHERS) != 0 ? "others have rights in it; its mode must be 0700"
                                          : NULL;
}

/* Opens the folder, which must be ours alone; -1: there is none. */
static int folder_open(const struct dns_cache_folder *folder, bool make, const char **problem)
{
    int dir = open_folder(folder->path);
    if (dir < 0 && errno == ENOENT && make) {
        (void)mkdir(folder->path, S_IRWXU);
        dir = open_folder(folder->path);
    }
    *problem = folder_problem(dir);
    if (dir >= 0 && *problem != NULL) {
        (void)close(dir);
        dir = -1;
    }
    return dir;
}

const char *dns_cache_folder_problem(const struct dns_cache_folder *folder)
{
    int saved = errno;
    const char *problem;
    int dir = folder_open(folder, true, &problem);
    if (dir >= 0) {
        (void)close(dir);
    }
    errno = saved;
    return problem;
}

/* ---- one file ---- */

/* Removes a file of ours. It may be another file by now; that does no harm, since the folder is
 * ours alone. */
static void discard(int dir, const char *name)
{
    struct stat status;
    if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_uid == geteuid() &&
        !S_ISDIR(status.st_mode)) {
        (void)unlinkat(dir, name, 0);
    }
}

enum slot_state {
    SLOT_EMPTY,
    SLOT_SAME,    /* a live answer for the key */
    SLOT_OTHER,   /* one for another key */
    SLOT_BAD,     /* ours, but not usable */
    SLOT_FOREIGN, /* not ours to touch, or we cannot tell what it is */
};

struct slot {
    enum slot_state state;
    uint64_t expires_s;           /* of SLOT_SAME and SLOT_OTHER */
    struct dns_endpoints *answer; /* of SLOT_SAME: one reference */
};

static enum slot_state state_of_failure(int error)
{
    switch (error) {
    case ENOENT:
        return SLOT_EMPTY;
    case ELOOP:  /* a symbolic link */
    case ENXIO:  /* a socket */
    case EACCES: /* a file that its owner may not read */
        return SLOT_BAD;
    default:
        return SLOT_FOREIGN;
    }
}

/* Is it a file as we write them? SLOT_SAME: yes. A file without a name was replaced after we opened
 * it. It is still whole, and the file that has the name now must not be removed because of it. */
static enum slot_state state_of_file(const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || status->st_uid != geteuid()) {
        return SLOT_FOREIGN;
    }
    return (status->st_mode & OTHERS) == 0 && status->st_nlink <= 1 && status->st_size > 0 &&
                   status->st_size <= DNS_STORED_MAX
               ? SLOT_SAME
               : SLOT_BAD;
}

static bool read_whole(int fd, uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t got = read(fd, out, len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return false;
        }
        out += got;
        len -= (size_t)got;
    }
    return true;
}

/* The answer is from the future, or would live longer than any answer may: a clock has jumped. */
static bool is_live(const struct dns_stored *stored, uint64_t now_s)
{
    uint64_t max = stored->answer != NULL && stored->answer->result != DNS_FOUND
                       ? DNS_CACHE_NEGATIVE_TTL_MAX
                       : DNS_CACHE_TTL_MAX;
    return stored->stored_s <= now_s && now_s < stored->expires_s &&
           stored->expires_s - stored->stored_s <= max;
}

static struct slot judge(struct bytes octets, const struct dns_cache_key *key, uint64_t now_s)
{
    struct dns_stored stored;
    enum ech_status status = dns_stored_parse(octets, key, &stored);
    if (status == ECH_ERR_NOMEM) {
        return (struct slot){.state = SLOT_FOREIGN};
    }
    if (status != ECH_OK || !is_live(&stored, now_s)) {
        dns_endpoints_free(stored.answer);
        return (struct slot){.state = SLOT_BAD};
    }
    if (stored.answer != NULL) {
        stored.answer->ttl = (uint32_t)(stored.expires_s - now_s);
    }
    return (struct slot){.state = stored.answer != NULL ? SLOT_SAME : SLOT_OTHER,
                         .expires_s = stored.expires_s,
                         .answer = stored.answer};
}

static struct slot read_slot(int dir, const char *name, const struct dns_cache_key *key,
                             uint64_t now_s)
{
    struct stat status;
    struct slot slot = {.state = SLOT_FOREIGN};
    int fd = openat(dir, name, O_RDONLY | OPEN_FLAGS);
    if (fd < 0) {
        slot.state = state_of_failure(errno);
        return slot;
    }
    if (fstat(fd, &status) == 0) {
        slot.state = state_of_file(&status);
    }
    if (slot.state == SLOT_SAME) {
        size_t size = (size_t)status.st_size;
        uint8_t *octets = malloc(size);
        slot.state = SLOT_FOREIGN;
        if (octets != NULL && read_whole(fd, octets, size)) {
            slot = judge(bytes_of(octets, size), key, now_s);
        }
        free(octets);
    }
    (void)close(fd);
    return slot;
}

/* ---- the files of one key ---- */

static bool set_of(const struct dns_cache_key *key, unsigned *set)
{
    uint8_t digest[DNS_STORED_DIGEST];
    uint16_t number;
    if (dns_cache_key_digest(key, digest) != ECH_OK) {
        return false;
    }
    struct reader r = rd_of(bytes_of(digest, sizeof digest));
    if (!rd_u16(&r, &number)) {
        return false;
    }
    *set = number % DNS_FOLDER_SETS;
    return true;
}

static void slot_name(char name[NAME_SIZE], unsigned set, unsigned way)
{
    (void)snprintf(name, NAME_SIZE, "%03x.%u", set, way);
}

static struct dns_endpoints *get(const struct dns_cache_folder *folder, int dir,
                                 const struct dns_cache_key *key)
{
    unsigned set;
    if (!set_of(key, &set)) {
        return NULL;
    }
    for (unsigned way = 0; way < DNS_FOLDER_WAYS; way++) {
        char name[NAME_SIZE];
        slot_name(name, set, way);
        struct slot slot = read_slot(dir, name, key, folder->now_s());
        if (slot.state == SLOT_BAD) {
            discard(dir, name);
        }
        if (slot.state == SLOT_SAME) {
            return slot.answer;
        }
    }
    return NULL;
}

struct dns_endpoints *dns_cache_folder_get(const struct dns_cache_folder *folder,
                                           const struct dns_cache_key *key)
{
    int saved = errno;
    const char *problem;
    struct dns_endpoints *answer = NULL;
    int dir = folder_open(folder, false, &problem);
    if (dir >= 0) {
        answer = get(folder, dir, key);
        (void)close(dir);
    }
    errno = saved;
    return answer;
}

/* ---- storing an answer ---- */

/* The slot with the lowest rank gets the new answer. */
static uint64_t rank_of(const struct slot *slot)
{
    switch (slot->state) {
    case SLOT_SAME:
        return 0;
    case SLOT_EMPTY:
    case SLOT_BAD:
        return 1;
    case SLOT_OTHER:
        return slot->expires_s > 2 ? slot->expires_s : 2;
    case SLOT_FOREIGN:
        break;
    }
    return UINT64_MAX;
}

static bool choose(const struct dns_cache_folder *folder, int dir, const struct dns_cache_key *key,
                   char chosen[NAME_SIZE])
{
    unsigned set;
    uint64_t best = UINT64_MAX;
    if (!set_of(key, &set)) {
        return false;
    }
    for (unsigned way = 0; way < DNS_FOLDER_WAYS; way++) {
        char name[NAME_SIZE];
        slot_name(name, set, way);
        struct slot slot = read_slot(dir, name, key, folder->now_s());
        dns_endpoints_free(slot.answer);
        if (rank_of(&slot) < best) {
            best = rank_of(&slot);
            memcpy(chosen, name, sizeof name);
        }
    }
    return best < UINT64_MAX;
}

static void set_time(int fd, uint64_t time_s)
{
    struct timespec times[2] = {{.tv_sec = (time_t)time_s}, {.tv_sec = (time_t)time_s}};
    (void)futimens(fd, times);
}

/* Writing more than the program's limit would kill it by SIGXFSZ. */
static bool may_write(size_t len)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && len <= limit.rlim_cur;
}

/* Not write(): that name is a hook of the library that loaded us. */
static bool write_file(int fd, struct bytes octets)
{
    return pwrite(fd, octets.data, octets.len, 0) == (ssize_t)octets.len;
}

static void store(const struct dns_cache_folder *folder, int dir, const char *name,
                  struct bytes octets, uint64_t expires_s)
{
    char temporary[NAME_SIZE];
    uint64_t random;
    if (!may_write(octets.len) || !folder->random(&random, sizeof random)) {
        return;
    }
    (void)snprintf(temporary, sizeof temporary, TEMPORARY "%016" PRIx64, random);
    int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | OPEN_FLAGS, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        return;
    }
    bool whole = write_file(fd, octets);
    set_time(fd, expires_s);
    whole = close(fd) == 0 && whole;
    if (!whole || renameat(dir, temporary, dir, name) != 0) {
        (void)unlinkat(dir, temporary, 0);
    }
}

static void put(const struct dns_cache_folder *folder, int dir, const struct dns_cache_key *key,
                struct dns_endpoints *answer)
{
    char name[NAME_SIZE];
    uint64_t now_s = folder->now_s();
    const struct dns_stored stored = {
        .stored_s = now_s, .expires_s = now_s + dns_endpoints_lifetime(answer), .answer = answer};
    struct writer w;
    wr_init(&w, DNS_STORED_MAX);
    if (dns_stored_encode(&w, key, &stored) == ECH_OK && choose(folder, dir, key, name)) {
        store(folder, dir, name, wr_view(&w), stored.expires_s);
    }
    wr_free(&w);
}

/* ---- removing old files ---- */

static bool is_slot_name(const char *name)
{
    return strlen(name) == 5 && strspn(name, "0123456789abcdef") == 3 && name[3] == '.' &&
           name[4] >= '0' && name[4] < '0' + DNS_FOLDER_WAYS;
}

static bool is_temporary_name(const char *name)
{
    size_t prefix = strlen(TEMPORARY);
    return strncmp(name, TEMPORARY, prefix) == 0 && strlen(name) == prefix + 16 &&
           strspn(name + prefix, "0123456789abcdef") == 16;
}

static uint64_t time_of(int dir, const char *name)
{
    struct stat status;
    return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mtim.tv_sec > 0
               ? (uint64_t)status.st_mtim.tv_sec
               : 0;
}

static void sweep_one(int dir, const char *name, uint64_t now_s)
{
    bool temporary = is_temporary_name(name);
    if (!temporary && !is_slot_name(name)) {
        return;
    }
    uint64_t until_s = time_of(dir, name) + (temporary ? TEMPORARY_S : 0);
    if (until_s <= now_s || until_s > now_s + DNS_CACHE_TTL_MAX + TEMPORARY_S) {
        discard(dir, name);
    }
}

/* False: another process has just begun, or this one could not note that it does. */
static bool note_sweep(int dir, uint64_t now_s)
{
    uint64_t last_s = time_of(dir, SWEPT);
    if (last_s <= now_s && now_s - last_s < DNS_FOLDER_SWEEP_S) {
        return false;
    }
    int fd = openat(dir, SWEPT, O_WRONLY | O_CREAT | OPEN_FLAGS, S_IRUSR | S_IWUSR);
    if (fd < 0) {
        discard(dir, SWEPT);
        return false;
    }
    set_time(fd, now_s);
    (void)close(fd);
    return true;
}

static void sweep_if_due(int dir, uint64_t now_s)
{
    if (!note_sweep(dir, now_s)) {
        return;
    }
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | OPEN_FLAGS);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    if (names == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    const struct dirent *entry = readdir(names);
    for (unsigned i = 0; i < SWEEP_MAX && entry != NULL; i++) {
        sweep_one(dir, entry->d_name, now_s);
        entry = readdir(names);
    }
    (void)closedir(names);
}

void dns_cache_folder_put(const struct dns_cache_folder *folder, const struct dns_cache_key *key,
                          struct dns_endpoints *answer)
{
    int saved = errno;
    const char *problem;
    int dir = folder_open(folder, true, &problem);
    if (dir >= 0) {
        put(folder, dir, key, answer);
        sweep_if_due(dir, folder->now_s());
        (void)close(dir);
    }
    errno = saved;
}
