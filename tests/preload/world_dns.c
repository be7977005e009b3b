/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include "require.h"

#include <stdio.h>

enum { OPTIONS = 12 };

void world_relay_dns(struct world *world, const char *const options[])
{
    char program[300];
    char name[200];
    char *argv[OPTIONS + 8] = {program, "--listen", RELAYED_DNS_ADDRESS ":53", "--to",
                               DNS_ADDRESS ":53"};
    size_t count = 5;
    for (size_t i = 0; options[i] != NULL && i < OPTIONS; i++) {
        argv[count++] = (char *)(size_t)options[i];
    }
    argv[count] = NULL;
    snprintf(program, sizeof program, "%s/../peers/dns_relay", world->pki);
    world_spawn(world, "dns-relay", "listening ", argv);
    snprintf(name, sizeof name, "%s/resolv.conf", world->folder);
    FILE *out = fopen(name, "we");
    require(out != NULL, "%s", name);
    fputs("nameserver " RELAYED_DNS_ADDRESS "\n", out);
    fclose(out);
}
