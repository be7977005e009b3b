/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include "../criterion_start.h"
#include "../dispositions.h"
#include "require.h"
#include "world_place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct world the_world;

/* ---- peers ---- */

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* Waits until a line with `text` is complete in the file, and gives the line. */
static void await_line(const char *name, const char *text, pid_t pid, char *line, size_t size)
{
    for (int tries = 0; tries < 5000; tries++) {
        int status;
        FILE *in = fopen(name, "re");
        while (in != NULL && fgets(line, (int)size, in) != NULL) {
            if (strstr(line, text) != NULL && strchr(line, '\n') != NULL) {
                fclose(in);
                *strchr(line, '\n') = '\0';
                return;
            }
        }
        if (in != NULL) {
            fclose(in);
        }
        require(waitpid(pid, &status, WNOHANG) == 0, "a peer ended early; it wrote to %s: %s", name,
                line);
        pause_ms(2);
    }
    require(false, "a peer did not get ready within ten seconds: %s", name);
}

static pid_t spawn(struct world *world, const char *name, const char *ready, char *const argv[],
                   char *line, size_t size)
{
    char out[256];
    require(world->child_count < (size_t)WORLD_CHILDREN);
    snprintf(out, sizeof out, "%s/%s.out", world->folder, name);
    pid_t parent = getpid();
    pid_t pid = fork();
    require(pid >= 0);
    if (pid == 0) {
        usual_dispositions();
        int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd < 0 || getppid() != parent || dup2(fd, 1) < 0 || dup2(fd, 2) < 0) {
            _exit(126);
        }
        execvp(argv[0], argv);
        dprintf(2, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    world->children[world->child_count++] = pid;
    if (ready != NULL) {
        await_line(out, ready, pid, line, size);
    }
    return pid;
}

pid_t world_spawn(struct world *world, const char *name, const char *ready, char *const argv[])
{
    char line[512] = "";
    return spawn(world, name, ready, argv, line, sizeof line);
}

static void format_identity(const struct world *world, char *out, size_t size, const char *name,
                            const char *file)
{
    snprintf(out, size, "%s=%s/%s.pem=%s/%s.key", name, world->pki, file, world->pki, file);
}

void world_start_server(struct world *world, const struct world_options *options)
{
    char program[300];
    char inner[700];
    char public[700];
    char cover[700];
    char files[5][160];
    char *listen = options->direct ? RELAY_ADDRESS : "127.0.0.2:0";
    char *argv[24 + WORLD_ARGUMENTS];
    size_t argc = 0;
    snprintf(program, sizeof program, "%s/../peers/ech_server", world->pki);
    format_identity(world, inner, sizeof inner, INNER_NAME,
                    options->inner_certificate ? options->inner_certificate : "inner");
    format_identity(world, public, sizeof public, PUBLIC_NAME,
                    options->public_certificate ? options->public_certificate : "public");
    snprintf(files[0], sizeof files[0], "%s/server.log", world->folder);
    snprintf(files[1], sizeof files[1], "%s/configs", world->folder);
    snprintf(files[2], sizeof files[2], "%s/retry_configs", world->folder);
    snprintf(files[3], sizeof files[3], "%s/www", world->folder);
    mkdir(files[3], 0700);
    snprintf(files[4], sizeof files[4], "%s/ech_key", world->folder);
    char *const fixed[] = {
        program,  "--listen", listen,   "--cert",     inner,    "--cert",
        public,   "--log",    files[0], "--configs",  files[1], "--retry-configs",
        files[2], "--root",   files[3], "--save-key", files[4]};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        argv[argc++] = fixed[i];
    }
    if (options->hello_retry) {
        argv[argc++] = "--groups";
        argv[argc++] = "P-384";
    }
    if (options->stale_config) {
        argv[argc++] = "--stale";
        argv[argc++] = "9";
    }
    if (options->cover_certificate != NULL) {
        format_identity(world, cover, sizeof cover, COVER_NAME, options->cover_certificate);
        argv[argc++] = "--cert";
        argv[argc++] = cover;
    }
    if (options->tls12) {
        argv[argc++] = "--tls12";
    }
    for (size_t i = 0; options->server_arguments[i] != NULL; i++) {
        argv[argc++] = (char *)(size_t)options->server_arguments[i];
    }
    argv[argc] = NULL;
    char line[256] = "";
    if (options->server_without_ech) {
        /* An old config: we start a server that makes it, and end that server. */
        pid_t pid = spawn(world, "old-server", "listening ", argv, line, sizeof line);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        world->child_count--;
        argv[argc++] = "--no-ech";
        argv[argc] = NULL;
    }
    spawn(world, "server", "listening ", argv, line, sizeof line);
    snprintf(world->server_address, sizeof world->server_address, "%.63s",
             line + strlen("listening "));
    char *configs = world_read(world, "configs", NULL);
    snprintf(world->configs, sizeof world->configs, "%.*s", (int)strcspn(configs, "\n"), configs);
}

static void start_relay(struct world *world, const struct world_options *options)
{
    char program[300];
    char record[160];
    char delay[16];
    char listen[32] = RELAY_ADDRESS;
    char line[64] = "";
    snprintf(program, sizeof program, "%s/../peers/relay", world->pki);
    snprintf(record, sizeof record, "%s/wire", world->folder);
    snprintf(delay, sizeof delay, "%u", options->delay_ms);
    if (world->shared != NULL) {
        snprintf(listen, sizeof listen, "127.0.0.1:%u", place_usual_port());
    } else if (options->port != 0) {
        snprintf(listen, sizeof listen, "127.0.0.1:%u", options->port);
    }
    mkdir(record, 0700);
    char *const argv[] = {program,    "--listen", listen,       "--to", world->server_address,
                          "--record", record,     "--delay-ms", delay,  NULL};
    spawn(world, "relay", "listening ", argv, line, sizeof line);
    world->port = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
}

/* Starts the ECH server in front of unbound, and its relay. */
static void start_resolver(struct world *world, const struct world_options *options)
{
    char programs[2][300];
    char identities[2][700];
    char files[3][160];
    char address[64];
    bool tls = options->resolver_ech == RESOLVER_ECH_TLS;
    char *argv[24 + WORLD_ARGUMENTS];
    size_t argc = 0;
    snprintf(programs[0], sizeof programs[0], "%s/../peers/ech_server", world->pki);
    snprintf(programs[1], sizeof programs[1], "%s/../peers/relay", world->pki);
    format_identity(world, identities[0], sizeof identities[0], "dns.example", "resolver");
    format_identity(world, identities[1], sizeof identities[1], PUBLIC_NAME, "public");
    snprintf(files[0], sizeof files[0], "%s/resolver.log", world->folder);
    snprintf(files[1], sizeof files[1], "%s/resolver-configs", world->folder);
    snprintf(files[2], sizeof files[2], "%s/resolver-wire", world->folder);
    mkdir(files[2], 0700);
    char *const fixed[] = {
        programs[0],   "--listen",     "127.0.0.2:0",
        "--cert",      identities[0],  "--cert",
        identities[1], "--log",        files[0],
        "--configs",   files[1],       "--idle-ms",
        "200",         "--forward",    tls ? DNS_ADDRESS ":53" : DNS_ADDRESS ":443",
        "--alpn",      tls ? "" : "h2"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        argv[argc++] = fixed[i];
    }
    for (size_t i = 0; options->resolver_arguments[i] != NULL; i++) {
        argv[argc++] = (char *)(size_t)options->resolver_arguments[i];
    }
    argv[argc] = NULL;
    char line[256] = "";
    spawn(world, "resolver-server", "listening ", argv, line, sizeof line);
    snprintf(address, sizeof address, "%.63s", line + strlen("listening "));
    char *const relay[] = {programs[1], "--listen", tls ? "127.0.0.54:853" : "127.0.0.54:443",
                           "--to",      address,    "--record",
                           files[2],    NULL};
    world_spawn(world, "resolver-relay", "listening ", relay);
}

static void format_resolver_record(const struct world *world, const struct world_options *options,
                                   char *out, size_t size)
{
    *out = '\0';
    if (options->resolver_ech != NO_RESOLVER_ECH) {
        bool tls = options->resolver_ech == RESOLVER_ECH_TLS;
        const char *configs = world_read(world, "resolver-configs", NULL);
        snprintf(out, size,
                 "  local-data: '%sdns.example. 60 IN HTTPS 1 dns.example. port=%s ech=\"%.*s\"'\n"
                 "  http-notls-downstream: yes\n",
                 tls ? "_853._https." : "", tls ? "853" : "443", (int)strcspn(configs, "\n"),
                 configs);
    }
}

/* The HTTPS record of the server behind the relay. */
static void format_record(const struct world *world, const struct world_options *options, char *out,
                          size_t size)
{
    char prefix[32] = "";
    *out = '\0';
    bool usual = world->port == HTTPS_PORT;
    if (!usual) {
        snprintf(prefix, sizeof prefix, "_%u._https.", world->port);
    }
    if (!options->no_https_record) {
        snprintf(out, size, "  local-data: '%s" INNER_NAME ". 60 IN HTTPS 1 %s %s ech=\"%s\"'\n",
                 prefix, usual ? "." : INNER_NAME ".", usual ? "alpn=\"http/1.1\"" : "",
                 world->configs);
    }
}

/* The addresses that unbound listens on. */
static void format_listeners(struct world *world, char *out, size_t size)
{
    if (world->shared != NULL) {
        unsigned port = place_free_port();
        snprintf(out, size, "  interface: 127.0.0.1@%u\n  tls-port: %u\n", port, port);
        snprintf(world->resolver, sizeof world->resolver, "tls://127.0.0.1:%u#dns.example", port);
    } else {
        snprintf(out, size,
                 "  interface: " DNS_ADDRESS "@53\n  interface: " DNS_ADDRESS "@853\n"
                 "  interface: " DNS_ADDRESS "@443\n  tls-port: 853\n  https-port: 443\n");
    }
}

static void start_dns(struct world *world, const struct world_options *options)
{
    char config[160];
    char record[1200] = "";
    char zone[1400] = "";
    char resolver_record[1200];
    char listeners[200];
    format_listeners(world, listeners, sizeof listeners);
    format_resolver_record(world, options, resolver_record, sizeof resolver_record);
    format_record(world, options, record, sizeof record);
    if (options->dns_zone != NULL) {
        snprintf(zone, sizeof zone,
                 "  local-zone: '%s.' redirect\n"
                 "  local-data: '%s. 60 IN HTTPS 1 . alpn=\"http/1.1\" ech=\"%s\"'\n",
                 options->dns_zone, options->dns_zone, world->configs);
    }
    snprintf(config, sizeof config, "%s/unbound.conf", world->folder);
    place_write(config,
                "server:\n"
                "  username: ''\n  chroot: ''\n  directory: '%s'\n  pidfile: ''\n"
                "  use-syslog: no\n  logfile: ''\n  verbosity: 1\n  num-threads: 1\n"
                /* It shuffles the ports that it may ask from, one call for randomness each, and
                   takes memory in advance for each question that it may have to ask: a third of
                   the time that it takes to start. */
                "  outgoing-port-avoid: 0-65535\n  outgoing-port-permit: 40000-40999\n"
                "  outgoing-range: 64\n  num-queries-per-thread: 32\n"
                "%s"
                "  tls-service-key: '%s/resolver.key'\n  tls-service-pem: '%s/resolver.pem'\n"
                "  access-control: 127.0.0.0/8 allow\n  do-not-query-localhost: no\n"
                "  module-config: 'iterator'\n  trust-anchor-signaling: no\n"
                "  local-zone: '.' static\n"
                "  local-data: '" INNER_NAME ". 60 IN A 127.0.0.1'\n"
                "  local-data: '" PUBLIC_NAME ". 60 IN A 127.0.0.1'\n"
                "  local-data: 'plain.example.org. 60 IN A 127.0.0.1'\n"
                "  local-data: 'dns.example. 60 IN A " DNS_ADDRESS "'\n"
                "%s%s%s%s"
                "remote-control:\n  control-enable: no\n",
                world->folder, listeners, world->pki, world->pki, record, resolver_record, zone,
                options->dns_lines != NULL ? options->dns_lines : "");
    /* Debian does not have it in the PATH of ordinary users. */
    const char *path = getenv("PATH");
    char wider[4096];
    snprintf(wider, sizeof wider, "%s:/usr/sbin:/sbin", path != NULL ? path : "/usr/bin:/bin");
    setenv("PATH", wider, 1);
    char *const argv[] = {"unbound", "-d", "-c", config, NULL};
    world_spawn(world, "unbound", "start of service", argv);
}

/* ---- the world ---- */

static void find_what_was_built(struct world *world)
{
    char self[PATH_MAX] = "";
    char tools[PATH_MAX] = "";
    const char *library = getenv("ECHSHIM_TEST_LIBRARY");
    const char *build = getenv("ECHSHIM_TEST_BUILD");
    require(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    *strrchr(self, '/') = '\0';
    require(realpath(build != NULL ? build : "build", tools) != NULL,
            "the tests run in the top folder, after make");
    if (library != NULL) {
        snprintf(world->library, sizeof world->library, "%.255s", library);
    } else {
        snprintf(world->library, sizeof world->library, "%.230s/libechshim.so", self);
    }
    const char *clients = getenv("ECHSHIM_TEST_CLIENTS"); /* built with another library */
    if (clients != NULL) {
        snprintf(world->clients, sizeof world->clients, "%.255s", clients);
    } else {
        snprintf(world->clients, sizeof world->clients, "%.230s/clients", tools);
    }
    snprintf(world->pki, sizeof world->pki, "%.230s/pki", tools);
    snprintf(world->ca, sizeof world->ca, "%.230s/pki/ca.pem", tools);
}

struct world *world_start(const struct world_options *options)
{
    static const struct world_options usual;
    struct world *world = &the_world;
    options = options != NULL ? options : &usual;
    find_what_was_built(world);
    world_check_library();
    const char *forbidden = place_enter();
    if (forbidden != NULL && !options->may_share) {
        world_absent(forbidden);
    }
    world->shared = forbidden;
    world->port = options->port != 0 ? options->port : HTTPS_PORT;
    snprintf(world->resolver, sizeof world->resolver, "system");
    const char *base = getenv("TMPDIR");
    snprintf(world->folder, sizeof world->folder, "%.90s/echshim-test.XXXXXX",
             base != NULL ? base : "/tmp");
    require(mkdtemp(world->folder) != NULL, "%s: %s", world->folder, strerror(errno));
    if (world->shared != NULL) {
        place_furnish_shared(world);
    } else {
        if (getenv("ECHSHIM_TEST_KEEP") == NULL) {
            place_in_memory(world->folder);
        }
        place_furnish(world);
    }
    (options->start_server != NULL ? options->start_server : world_start_server)(world, options);
    if (!options->direct) {
        start_relay(world, options);
    }
    if (options->resolver_ech != NO_RESOLVER_ECH) {
        start_resolver(world, options);
    }
    start_dns(world, options);
    return world;
}

static int remove_entry(const char *name, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    remove(name);
    return 0;
}

void world_end(void)
{
    struct world *world = &the_world;
    for (size_t i = 0; i < world->child_count; i++) {
        kill(world->children[i], SIGKILL);
        waitpid(world->children[i], NULL, 0);
    }
    world->child_count = 0;
    if (world->folder[0] == '\0') {
        return;
    }
    if (getenv("ECHSHIM_TEST_KEEP") != NULL) {
        fprintf(stderr, "kept: %s\n", world->folder);
        return;
    }
    if (world->shared == NULL) {
        place_leave(world->folder);
    }
    nftw(world->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

char *world_read(const struct world *world, const char *name, size_t *len)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", world->folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status = {0};
    char *text = NULL;
    size_t have = 0;
    if (fd < 0 || fstat(fd, &status) != 0 || (text = malloc((size_t)status.st_size + 1)) == NULL) {
        text = calloc(1, 1);
    } else {
        ssize_t got;
        while (have < (size_t)status.st_size &&
               (got = read(fd, text + have, (size_t)status.st_size - have)) > 0) {
            have += (size_t)got;
        }
        text[have] = '\0';
    }
    if (fd >= 0) {
        close(fd);
    }
    if (len != NULL) {
        *len = have;
    }
    return text;
}
