/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pools.h"
#include "require.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static char *allocated(const char *format, const char *a, const char *b)
{
    char *text = NULL;
    require(asprintf(&text, format, a, b) > 0);
    return text;
}

/* The address that this peer listens on. */
static char *address_of(const struct world *world, const char *peer)
{
    char *file = allocated("%s%s", peer, ".out");
    char *text = world_read(world, file, NULL);
    char *line = strstr(text, "listening ");
    require(line != NULL, "%s", text);
    line += strlen("listening ");
    line[strcspn(line, "\n")] = '\0';
    return line;
}

void pool_start(struct world *world, struct pool *pool, const char *name, const char *address)
{
    char *peers = allocated("%s/../peers%s", world->pki, "");
    char *server = allocated("server-%s%s", name, "");
    char *relay = allocated("relay-%s%s", name, "");
    char *record = allocated("%s/wire-%s", world->folder, name);
    char *configs = allocated("configs-%s%s", name, "");
    pool->name = name;
    mkdir(record, 0700);
    char *own =
        allocated("%s/%s", world->pki, pool->certificate != NULL ? pool->certificate : "inner");
    char *inner = allocated("%s.pem=%s.key", own, own);
    char *public = allocated("%s/public.pem=%s/public.key", world->pki, world->pki);
    char *const arguments[] = {allocated("%s/%s", peers, "ech_server"),
                               "--listen",
                               "127.0.0.2:0",
                               "--cert",
                               allocated("%s=%s", INNER_NAME, inner),
                               "--cert",
                               allocated("%s=%s", PUBLIC_NAME, public),
                               "--log",
                               allocated("%s/log-%s", world->folder, name),
                               "--configs",
                               allocated("%s/configs-%s", world->folder, name),
                               NULL};
    world_spawn(world, server, "listening ", arguments);
    char *text = world_read(world, configs, NULL);
    snprintf(pool->configs, sizeof pool->configs, "%.*s", (int)strcspn(text, "\n"), text);
    char *const carried[] = {allocated("%s/%s", peers, "relay"),
                             "--listen",
                             (char *)(size_t)address,
                             "--to",
                             address_of(world, server),
                             "--record",
                             record,
                             NULL};
    world_spawn(world, relay, "listening ", carried);
}

unsigned pool_accepted(struct world *world, const struct pool *pool, unsigned at_least)
{
    char *log = allocated("log-%s%s", pool->name, "");
    unsigned count = 0;
    for (int tries = 0; tries < 400; tries++) {
        char *text = world_read(world, log, NULL);
        count = text_count(text, "\"accepted\":true");
        free(text);
        if (count >= at_least) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    return count;
}

static unsigned count_wire(const struct world *world, const struct pool *pool, const char *text)
{
    char *pattern = allocated("%s/wire-%s/*.c2s", world->folder, pool->name);
    glob_t found = {0};
    unsigned count = 0;
    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t len;
        char *octets = world_read(world, found.gl_pathv[i] + strlen(world->folder) + 1, &len);
        count += text == NULL || memmem(octets, len, text, strlen(text)) != NULL;
        free(octets);
    }
    globfree(&found);
    return count;
}

unsigned pool_connections(const struct world *world, const struct pool *pool)
{
    return count_wire(world, pool, NULL);
}

unsigned pool_wire_count(const struct world *world, const struct pool *pool, const char *text)
{
    return count_wire(world, pool, text);
}

/* ---- the zone ---- */

static const char *config_named(const struct world *world, const struct pool *const pools[],
                                char which)
{
    if (which == '0') {
        return world->configs;
    }
    return which == '-' ? "AAj+CgAEAAAAAA==" : pools[which - '1']->configs;
}

/* Writes a line of the zone, with the configs filled in. */
static void put_line(FILE *out, const struct world *world, const char *line,
                     const struct pool *const pools[])
{
    fputs("  local-data: '", out);
    for (const char *at = line; *at != '\0'; at++) {
        if (at[0] == '{' && at[1] != '\0' && at[2] == '}') {
            fputs(config_named(world, pools, at[1]), out);
            at += 2;
        } else {
            fputc(*at, out);
        }
    }
    fputs("'\n", out);
}

void zone_start(struct world *world, const char *const lines[], const struct pool *const pools[])
{
    char *config = allocated("%s/zone.conf%s", world->folder, "");
    FILE *out = fopen(config, "we");
    require(out != NULL);
    fprintf(out,
            "server:\n  username: ''\n  chroot: ''\n  directory: '%s'\n  pidfile: ''\n"
            "  use-syslog: no\n  logfile: ''\n  verbosity: 1\n  log-queries: yes\n"
            "  num-threads: 1\n  interface: 127.0.0.55@53\n  interface: 127.0.0.55@853\n"
            "  tls-port: 853\n  tls-service-key: '%s/resolver.key'\n"
            "  tls-service-pem: '%s/resolver.pem'\n  access-control: 127.0.0.0/8 allow\n"
            "  do-not-query-localhost: no\n  module-config: 'iterator'\n"
            "  trust-anchor-signaling: no\n  local-zone: '.' static\n",
            world->folder, world->pki, world->pki);
    for (size_t i = 0; lines[i] != NULL; i++) {
        put_line(out, world, lines[i], pools);
    }
    fputs("remote-control:\n  control-enable: no\n", out);
    require(fclose(out) == 0);
    char *const argv[] = {"unbound", "-d", "-c", config, NULL};
    world_spawn(world, "zone", "start of service", argv);
}

unsigned zone_questions(const struct world *world, const char *name)
{
    char *asked = allocated(" %s. %s", name, "");
    char *text = world_read(world, "zone.out", NULL);
    unsigned count = text_count(text, asked);
    free(text);
    return count;
}
