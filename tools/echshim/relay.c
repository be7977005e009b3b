/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/common/relay_variables.h"
#include "tools/common/background.h"
#include "tools/echshim/supervisor/relay_link.h"

#define RELAY_NAME "echshim-relay"

enum { START_MS = 20000, HOSTS_MAX = 64, QUEUE = 4096 };

bool relay_is_wanted(const struct program *program, const struct options *options)
{
    return options->relay || conf_relay(program);
}

/* ---- sockets ---- */

/* A socket that listens on a port of the kernel's choice; -1. */
static int listen_on(int family, uint16_t *port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } address = {.ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address.ipv4;
    const int on = 1;
    if (family == AF_INET6) {
        address.ipv6 =
            (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        length = sizeof address.ipv6;
    }
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (bind(fd, &address.any, length) != 0 || listen(fd, QUEUE) != 0 ||
        getsockname(fd, &address.any, &length) != 0) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(family == AF_INET6 ? address.ipv6.sin6_port : address.ipv4.sin_port);
    return fd;
}

/* ---- the relay's process ---- */

struct role {
    const struct program *program;
    const struct options *options;
    const struct supervisor_lead *lead;
    int link; /* the relay's end */
    int report;
    char path[PATH_MAX];
};

static bool find_relay(char out[PATH_MAX])
{
    static const char *const places[] = {"", "/../libexec", "/../lib/libechshim"};
    char own[PATH_MAX];
    char found[2 * PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    char *slash = length > 0 ? memrchr(own, '/', (size_t)length) : NULL;
    if (slash == NULL) {
        return false;
    }
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int size = snprintf(found, sizeof found, "%s%s/%s", own, places[i], RELAY_NAME);
        if (size < PATH_MAX && access(found, X_OK) == 0) {
            memcpy(out, found, (size_t)size + 1);
            return true;
        }
    }
    return false;
}

static void keep_open(int fd)
{
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFD, 0);
    }
}

/* The program's settings hold for the relay, which makes the program's connections. LD_PRELOAD has
 * the library already. */
static bool set_environment(const struct role *role)
{
    return conf_to_environment(role->program) && unsetenv("ECHSHIM_LAUNCHER") == 0 &&
           unsetenv("ECHSHIM_SUPERVISOR") == 0 && unsetenv(SHIM_RELAY_FOLDER) == 0;
}

static void become_relay(void *context)
{
    const struct role *role = context;
    static char strict[] = "strict";
    static char opportunistic[] = "opportunistic";
    struct supervisor_policy policy;
    char numbers[3][16];
    char *arguments[HOSTS_MAX + 8] = {(char[]){RELAY_NAME}};
    const int descriptors[] = {role->link, role->lead->listener, role->lead->listener_ipv6};
    size_t count = 1;
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        (void)snprintf(numbers[i], sizeof numbers[i], "%d", descriptors[i]);
        keep_open(descriptors[i]);
        arguments[count++] = numbers[i];
    }
    keep_open(role->report);
    conf_policy(role->program, &policy);
    const char *more = role->options->relay_ca;
    arguments[count++] = policy.strict ? strict : opportunistic;
    arguments[count++] = (char *)(uintptr_t)(more != NULL ? more : "");
    static char *hosts;
    hosts = role->options->relay_hosts != NULL ? strdup(role->options->relay_hosts) : NULL;
    for (char *host; count < sizeof arguments / sizeof *arguments - 1 &&
                     (host = strsep(&hosts, ",")) != NULL;) {
        arguments[count++] = host;
    }
    if (set_environment(role)) {
        (void)execve(role->path, arguments, environ);
    }
}

static int report_descriptor(const struct program *program)
{
    char *place = conf_report_place(program);
    int fd = place != NULL && strncmp(place, "fd:", 3) == 0 ? (int)strtol(place + 3, NULL, 10) : -1;
    free(place);
    return fd;
}

static bool start(struct role *role)
{
    const int kept[] = {role->link, role->lead->listener, role->lead->listener_ipv6, role->report};
    return background_start(become_relay, role, kept, sizeof kept / sizeof *kept);
}

/* ---- the launcher ---- */

static bool wait_until_ready(struct supervisor_lead *lead, const char **why)
{
    static struct relay_ready ready;
    struct pollfd wait = {.fd = lead->link, .events = POLLIN};
    if (poll(&wait, 1, START_MS) != 1 ||
        recv(lead->link, &ready, sizeof ready, 0) != sizeof ready) {
        *why = "its process does not answer";
        return false;
    }
    ready.text[sizeof ready.text - 1] = '\0';
    if (!ready.good) {
        *why = ready.text;
        return false;
    }
    if (!relay_folder_note(&lead->folder, ready.text)) {
        *why = "its folder is not its own";
        return false;
    }
    return true;
}

bool relay_begin(const struct program *program, const struct options *options,
                 struct supervisor_lead *lead, const char **why)
{
    int ends[2];
    struct role role = {
        .program = program, .options = options, .lead = lead, .report = report_descriptor(program)};
    *lead = (struct supervisor_lead){.link = -1, .listener = -1, .listener_ipv6 = -1};
    if (!find_relay(role.path)) {
        *why = RELAY_NAME " is not installed";
        return false;
    }
    lead->listener = listen_on(AF_INET, &lead->port);
    lead->listener_ipv6 = listen_on(AF_INET6, &lead->port_ipv6);
    if (lead->listener < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        *why = strerror(errno);
        relay_leave(lead);
        return false;
    }
    lead->link = ends[0];
    role.link = ends[1];
    bool started = start(&role);
    *why = strerror(errno);
    (void)close(ends[1]);
    if (!started || !wait_until_ready(lead, why)) {
        relay_leave(lead);
        return false;
    }
    return true;
}

void relay_leave(struct supervisor_lead *lead)
{
    int *const all[] = {&lead->link, &lead->listener, &lead->listener_ipv6};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (*all[i] >= 0) {
            (void)close(*all[i]);
            *all[i] = -1;
        }
    }
}

/* ---- variables ---- */

static bool set_variable(const struct shim_relay_variable *variable, const char *folder)
{
    char name[128];
    const char *replaced = getenv(variable->name);
    size_t length = shim_relay_variable_write(variable, folder, replaced, NULL, 0);
    char *text = malloc(length + 1);
    (void)snprintf(name, sizeof name, "%s%s", SHIM_RELAY_REPLACED, variable->name);
    if (text == NULL || (replaced != NULL && setenv(name, replaced, 1) != 0)) {
        free(text);
        return false;
    }
    (void)shim_relay_variable_write(variable, folder, replaced, text, length + 1);
    bool set = setenv(variable->name, text + strlen(variable->name) + 1, 1) == 0;
    free(text);
    return set;
}

bool relay_set_variables(const struct supervisor_lead *lead)
{
    bool set = setenv(SHIM_RELAY_FOLDER, lead->folder.path, 1) == 0;
    for (size_t i = 0; set && i < SHIM_RELAY_VARIABLES; i++) {
        set = set_variable(&shim_relay_variables[i], lead->folder.path);
    }
    return set;
}
