/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plug-in that does TLS; its program does not know libssl. */
#include "openssl_client.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

int plugin_fetch(const struct target *target);
int plugin_resolve_in_threads(const struct target *target);

int plugin_fetch(const struct target *target)
{
    fetch_plainly(target);
    return 0;
}

/* ---- two threads resolve a name at the same time, as in curl 8.23 ---- */

enum { RESOLVERS = 2, TURNS = 300 };
static atomic_uint arrived;

static void *resolve(void *argument)
{
    const struct target *target = argument;
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    (void)atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) % RESOLVERS != 0) {
    }
    if (getaddrinfo(target->host, "443", &hints, &list) != 0) {
        return argument;
    }
    freeaddrinfo(list);
    return NULL;
}

int plugin_resolve_in_threads(const struct target *target)
{
    int errors = 0;
    for (int turn = 0; turn < TURNS && errors == 0; turn++) {
        pthread_t threads[RESOLVERS];
        for (int i = 0; i < RESOLVERS; i++) {
            errors += pthread_create(&threads[i], NULL, resolve, (void *)(uintptr_t)target) != 0;
        }
        for (int i = 0; i < RESOLVERS && errors == 0; i++) {
            void *failed = NULL;
            errors += pthread_join(threads[i], &failed) != 0 || failed != NULL;
        }
    }
    return errors;
}
