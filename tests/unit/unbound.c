/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unbound.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/tls_responder.h"

static const char *const files[] = {"unbound.conf", "zone", "key.pem", "chain.pem"};

static const char config[] =
    "server:\n"
    "  directory: \"%s\"\n"
    "  chroot: \"\"\n  username: \"\"\n  pidfile: \"\"\n  use-syslog: no\n"
    "  do-daemonize: no\n  verbosity: 0\n  do-not-query-localhost: no\n"
    "  module-config: \"iterator\"\n  num-threads: 1\n  qname-minimisation: no\n"
    /* Few questions at a time: for each it takes memory, and shuffles ports. */
    "  outgoing-range: 64\n  num-queries-per-thread: 32\n"
    /* unbound sends nothing off this machine. */
    "  local-zone: \".\" always_nxdomain\n"
    "  local-zone: \"example.\" transparent\n  local-zone: \"upstream.\" transparent\n"
    "%s"
    "  interface: 127.0.0.1@%u\n";

static const char secure_config[] = "  interface: 127.0.0.1@%u\n  interface: 127.0.0.1@%u\n"
                                    "  tls-port: %u\n  https-port: %u\n"
                                    "  tls-service-key: \"key.pem\"\n"
                                    "  tls-service-pem: \"chain.pem\"\n";

static const char zone_config[] = "auth-zone:\n  name: \"example.\"\n  zonefile: \"zone\"\n"
                                  "  for-upstream: yes\n  for-downstream: no\n"
                                  "  fallback-enabled: no\n"
                                  "remote-control:\n  control-enable: no\n";

static const char zone_head[] = "$ORIGIN example.\n$TTL 60\n@ 3600 SOA ns a 1 2 3 4 77\n"
                                "@ NS ns\nns A 127.0.0.1\n";

/* A port that is free for TCP and UDP. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    int udp = -1;
    int tcp;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    do {
        if (udp >= 0) {
            close(udp);
        }
        udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        address.sin_port = 0;
        cr_assert_eq(bind(udp, (struct sockaddr *)&address, sizeof address), 0);
        cr_assert_eq(getsockname(udp, (struct sockaddr *)&address, &len), 0);
        tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int taken = bind(tcp, (struct sockaddr *)&address, sizeof address);
        close(tcp);
        tcp = taken;
    } while (tcp != 0);
    close(udp);
    return ntohs(address.sin_port);
}

static const char *path_of(const struct unbound *u, const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", u->folder, name);
    return path;
}

static void write_files(const struct unbound *u, const struct unbound_options *options)
{
    FILE *file = fopen(path_of(u, "zone"), "w");
    cr_assert_not_null(file);
    (void)fprintf(file, "%s%s", zone_head, options->zone == NULL ? "" : options->zone);
    fclose(file);
    file = fopen(path_of(u, "unbound.conf"), "w");
    cr_assert_not_null(file);
    (void)fprintf(file, config, u->folder, options->server == NULL ? "" : options->server, u->port);
    if (options->secure) {
        (void)fprintf(file, secure_config, u->tls_port, u->https_port, u->tls_port, u->https_port);
    }
    (void)fprintf(file, "%s", zone_config);
    if (options->upstream != 0) {
        (void)fprintf(file, "stub-zone:\n  name: \"upstream.\"\n  stub-addr: 127.0.0.1@%u\n",
                      options->upstream);
    }
    fclose(file);
}

static void save_identity(const struct unbound *u)
{
    char key[128];
    (void)snprintf(key, sizeof key, "%s", path_of(u, "key.pem"));
    client_save_identity(path_of(u, "chain.pem"), key);
}

/* Whether something listens. unbound does after it has read the zone. */
static bool listens(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static const char *program(void)
{
    static const char *const paths[] = {"/usr/sbin/unbound", "/usr/local/sbin/unbound",
                                        "/usr/bin/unbound"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (access(paths[i], X_OK) == 0) {
            return paths[i];
        }
    }
    return NULL;
}

bool unbound_start(struct unbound *u, const struct unbound_options *options)
{
    const char *path = program();
    *u = (struct unbound){.folder = "/tmp/echshim-unbound-XXXXXX"};
    if (path == NULL) {
        return false;
    }
    cr_assert_not_null(mkdtemp(u->folder));
    u->port = free_port();
    u->tls_port = free_port();
    u->https_port = free_port();
    write_files(u, options);
    if (options->secure) {
        save_identity(u);
    }
    const char *configuration = path_of(u, "unbound.conf");
    u->process = fork();
    if (u->process == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* unbound announces its start at any verbosity. */
        (void)!freopen("/dev/null", "w", stderr);
        (void)execl(path, path, "-d", "-c", configuration, (char *)NULL);
        _exit(127);
    }
    bool ready = false;
    for (unsigned i = 0; i < 100 && !ready; i++) {
        usleep(50000);
        ready = listens(u->port);
    }
    cr_assert(ready, "unbound does not start");
    return true;
}

void unbound_stop(struct unbound *u)
{
    if (u->process > 0) {
        kill(u->process, SIGTERM);
        waitpid(u->process, NULL, 0);
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
            unlink(path_of(u, files[i]));
        }
        rmdir(u->folder);
    }
}
