/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "accept_peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *or_none(const char *extensions)
{
    return (char *)(size_t)(extensions != NULL ? extensions : "none");
}

char *accept_peer_start(struct world *world, const struct accept_peer *peer)
{
    static char setting[1200];
    char program[300];
    char certificate[300];
    char key[300];
    char configs[200];
    const char *identity = peer->rejects ? "public" : "inner";
    snprintf(program, sizeof program, "%s/../peers/accept_server", world->pki);
    snprintf(certificate, sizeof certificate, "%s/%s.pem", world->pki, identity);
    snprintf(key, sizeof key, "%s/%s.key", world->pki, identity);
    snprintf(configs, sizeof configs, "%s/accept_configs", world->folder);
    /* Without this variable the Criterion inside the server does not take it for a test process. */
    char *const server[] = {"env",
                            "-u",
                            "BXFI_MAP",
                            program,
                            "127.0.0.3:443",
                            certificate,
                            key,
                            configs,
                            peer->rejects ? "reject" : "accept",
                            or_none(peer->retry_request),
                            or_none(peer->server_hello),
                            or_none(peer->encrypted_extensions),
                            NULL};
    world_spawn(world, "accept", "listening ", server);
    char *list = world_read(world, "accept_configs", NULL);
    snprintf(setting, sizeof setting, "ECHSHIM_CONFIG_LIST=%.*s", (int)strcspn(list, "\n"), list);
    free(list);
    return setting;
}

void accept_peer_expect(struct world *world, const char *end)
{
    char *text = NULL;
    const char *line = NULL;
    for (int tries = 0; tries < 400; tries++) {
        free(text);
        text = world_read(world, "accept.out", NULL);
        line = strchr(text, '\n');
        if (line != NULL && strchr(line + 1, '\n') != NULL) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
    }
    cr_assert(line != NULL && strcmp(line + 1, end) == 0, "the server says: %s", text);
    free(text);
}
