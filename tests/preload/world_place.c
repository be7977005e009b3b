/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world_place.h"

#include "../own_mounts.h"
#include "require.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

void place_write(const char *name, const char *format, ...)
{
    FILE *out = fopen(name, "we");
    require(out != NULL, "%s: %s", name, strerror(errno));
    va_list arguments;
    va_start(arguments, format);
    vfprintf(out, format, arguments);
    va_end(arguments);
    require(fclose(out) == 0, "%s: %s", name, strerror(errno));
}

/* ---- namespaces ---- */

static void start_loopback(void)
{
    struct ifreq loopback = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    require(ioctl(fd, SIOCGIFFLAGS, &loopback) == 0);
    loopback.ifr_flags |= IFF_UP;
    require(ioctl(fd, SIOCSIFFLAGS, &loopback) == 0, "lo: %s", strerror(errno));
    close(fd);
}

/* Mounts first: on their own they change nothing. We cannot make a user namespace here, because
 * Criterion's test processes have a second thread; without root make runs the tests under unshare
 * -r. */
const char *place_enter(void)
{
    if (!own_mounts() || unshare(CLONE_NEWNET) != 0) {
        return own_mounts_refusal(errno);
    }
    start_loopback();
    return NULL;
}

/* With what is mounted below `from`: in a user namespace these mounts cannot be left behind. */
static void bind_to(const char *from, const char *to)
{
    require(mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0, "%s on %s: %s", from, to,
            strerror(errno));
}

/* Shows one of our folders under the same name in the other root. */
static void bind_to_root(const char *root, const char *folder)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s%s", root, folder);
    char *at = name + strlen(root) + 1;
    do {
        at = strchrnul(at, '/');
        char kept = *at;
        *at = '\0';
        require(mkdir(name, 0755) == 0 || errno == EEXIST, "%s: %s", name, strerror(errno));
        *at = kept;
    } while (*at++ != '\0');
    bind_to(folder, name);
}

/* The mounts in the other root end with the namespace. */
void world_enter_root(const struct world *world, const char *root)
{
    char folder[PATH_MAX];
    char proc[PATH_MAX];
    require(realpath(".", folder) != NULL);
    bind_to_root(root, folder);
    snprintf(folder, sizeof folder, "%s", world->folder);
    *strrchr(folder, '/') = '\0';
    bind_to_root(root, folder);
    bind_to_root(root, "/dev");
    snprintf(proc, sizeof proc, "%s/proc", root);
    require(mount("proc", proc, "proc", 0, NULL) == 0, "%s: %s", proc, strerror(errno));
}

/* Prepares another release of the system for the programs. */
static void furnish_root(struct world *world)
{
    char name[PATH_MAX];
    const char *root = getenv("ECHSHIM_TEST_CHROOT");
    if (root == NULL) {
        return;
    }
    require(realpath(root, name) != NULL && strlen(name) < sizeof world->root, "%s: %s", root,
            strerror(errno));
    snprintf(world->root, sizeof world->root, "%.255s", name);
    world_enter_root(world, world->root);
}

static const struct {
    const char *name;
    const char *text;
} replaced[] = {{"/etc/hosts", "127.0.0.1 localhost\n"},
                {"/etc/resolv.conf", "nameserver " DNS_ADDRESS "\noptions timeout:2\n"},
                {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"}};
enum { REPLACED = sizeof replaced / sizeof *replaced };

static void replace_file(const struct world *world, const char *target, const char *text)
{
    char ours[256];
    char theirs[PATH_MAX];
    snprintf(ours, sizeof ours, "%s/%s", world->folder, strrchr(target, '/') + 1);
    place_write(ours, "%s", text);
    if (realpath(target, theirs) != NULL) {
        bind_to(ours, theirs);
    }
    if (world->root[0] != '\0') {
        snprintf(theirs, sizeof theirs, "%s%s", world->root, target);
        bind_to(ours, theirs);
    }
}

void place_furnish(struct world *world)
{
    furnish_root(world);
    for (size_t i = 0; i < REPLACED; i++) {
        replace_file(world, replaced[i].name, replaced[i].text);
    }
}

void place_in_memory(const char *folder)
{
    struct statfs where;
    if (statfs(folder, &where) == 0 && where.f_type != TMPFS_MAGIC) {
        (void)mount("tmpfs", folder, "tmpfs", 0, "mode=0700");
    }
}

void place_leave(const char *folder)
{
    for (size_t i = 0; i < REPLACED; i++) {
        umount2(replaced[i].name, MNT_DETACH);
    }
    (void)umount2(folder, MNT_DETACH);
}

/* ---- this machine's loopback ---- */

#define WRAPPER "libnss_wrapper.so"

void place_furnish_shared(struct world *world)
{
    char name[192];
    void *wrapper = dlopen(WRAPPER, RTLD_LAZY);
    require(wrapper != NULL,
            WRAPPER " is not installed, by which programs find names without a change of "
                    "/etc/hosts (Debian: libnss-wrapper)");
    (void)dlclose(wrapper);
    snprintf(name, sizeof name, "%s/hosts", world->folder);
    place_write(name, "127.0.0.1 localhost " INNER_NAME "\n");
}

/* Gives 0 if it cannot listen on the port. */
static unsigned try_port(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool free_one = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
                    listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)&address, &len) == 0;
    (void)close(fd);
    return free_one ? ntohs(address.sin_port) : 0;
}

unsigned place_usual_port(void)
{
    return try_port(HTTPS_PORT);
}

unsigned place_free_port(void)
{
    unsigned port = try_port(0);
    require(port != 0, "no port of 127.0.0.1: %s", strerror(errno));
    return port;
}
