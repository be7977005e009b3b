/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/stub/stub.h"

struct identity {
    dev_t device;
    ino_t inode; /* 0: not known */
};

struct place {
    char path[PATH_MAX]; /* "": not known */
    char engine[PATH_MAX];
    char folder_path[PATH_MAX];
    struct identity folder;
    struct identity root;
};

static atomic_bool known;

static struct identity identity_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0
               ? (struct identity){.device = status.st_dev, .inode = status.st_ino}
               : (struct identity){0};
}

static bool is_same(struct identity a, struct identity b)
{
    return a.inode != 0 && a.device == b.device && a.inode == b.inode;
}

/* A line of /proc/PID/maps: "BEGIN-END PERMISSIONS OFFSET DEVICE INODE   PATH". */
static bool take_line(const char *line, uintptr_t address, char out[PATH_MAX])
{
    static const char deleted[] = " (deleted)";
    char *end;
    uintptr_t first = strtoul(line, &end, 16);
    uintptr_t last = *end == '-' ? strtoul(end + 1, &end, 16) : 0;
    const char *path = strchr(line, '/');
    if (address < first || address >= last || path == NULL) {
        return false;
    }
    size_t length = strlen(path);
    size_t tail = sizeof deleted - 1;
    if (length > tail && strcmp(path + length - tail, deleted) == 0) {
        length -= tail;
    }
    (void)snprintf(out, PATH_MAX, "%.*s", (int)length, path);
    return true;
}

/* The kernel knows the file by its absolute path, whatever name it was loaded by. */
static bool find_in_maps(char out[PATH_MAX])
{
    char text[PATH_MAX + 256];
    size_t have = 0;
    bool found = false;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && !found) {
        ssize_t got = read(fd, text + have, sizeof text - 1 - have);
        if (got <= 0) {
            break;
        }
        have += (size_t)got;
        text[have] = '\0';
        char *line = text;
        for (char *end = strchr(line, '\n'); end != NULL && !found; end = strchr(line, '\n')) {
            *end = '\0';
            found = take_line(line, (uintptr_t)stub_path, out);
            line = end + 1;
        }
        have -= (size_t)(line - text);
        memmove(text, line, have);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return found;
}

static void find_place(struct place *place)
{
    const struct link_map *object = stub_object();
    if (object == NULL) {
        return;
    }
    if (object->l_name[0] == '/') {
        (void)snprintf(place->path, sizeof place->path, "%s", object->l_name);
    } else if (!find_in_maps(place->path)) {
        place->path[0] = '\0';
    }
    const char *slash = strrchr(place->path, '/');
    size_t length = slash != NULL ? (size_t)(slash - place->path) + 1 : 0;
    if (length + sizeof STUB_ENGINE_NAME > sizeof place->engine) {
        length = 0;
        place->path[0] = '\0';
    }
    if (length > 0) {
        memcpy(place->folder_path, place->path, length);
        memcpy(place->engine, place->path, length);
        memcpy(place->engine + length, STUB_ENGINE_NAME, sizeof STUB_ENGINE_NAME);
        place->folder = identity_of(place->folder_path);
    }
    place->root = identity_of("/");
}

/* Two threads may fill this in at the same time: they write the same octets, so none has to
 * wait. */
static const struct place *our_place(void)
{
    static struct place the_place;
    if (!atomic_load_explicit(&known, memory_order_acquire)) {
        int saved = errno;
        find_place(&the_place);
        atomic_store_explicit(&known, true, memory_order_release);
        errno = saved;
    }
    return &the_place;
}

const char *stub_path(void)
{
    return our_place()->path[0] != '\0' ? our_place()->path : NULL;
}

const char *stub_engine_path(void)
{
    return stub_path() != NULL ? our_place()->engine : NULL;
}

bool stub_folder_is_same(void)
{
    return stub_path() != NULL &&
           is_same(our_place()->folder, identity_of(our_place()->folder_path));
}

bool stub_root_is_same(void)
{
    return is_same(our_place()->root, identity_of("/"));
}

__attribute__((constructor)) static void find_early(void)
{
    (void)our_place();
    (void)stub_is_early(stub_object());
}
