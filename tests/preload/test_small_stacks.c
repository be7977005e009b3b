/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handshakes on threads with small stacks. Where the library itself gets by, the shim gets by too,
 * whatever happens to the handshake, and with a chain of RSA-4096 certificates. */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(small_stacks, .fini = world_end, .timeout = 240);

/* Stack sizes in KiB: the smallest possible (PTHREAD_STACK_MIN), the step, the largest. */
enum { SMALLEST = 16, STEP = 4, LARGEST = 128 };

static bool goes(struct world *world, enum run_mode mode, char *const extra[], const char *library,
                 int size, const char *said)
{
    char command[400];
    snprintf(command, sizeof command, "%s/small_stack " INNER_NAME " 443 \"$CA\" %s %d",
             world->clients, library, size);
    struct run_result result = world_shell(world, mode, extra, command);
    return result.exit_code == 0 && strstr(result.out, said) != NULL;
}

static int smallest(struct world *world, enum run_mode mode, char *const extra[],
                    const char *library, const char *said)
{
    int size = SMALLEST;
    while (size < LARGEST && !goes(world, mode, extra, library, size, said)) {
        size += STEP;
    }
    return size;
}

static void check(const struct world_options *options, const char *library, char *const extra[],
                  const char *said)
{
    struct world *world = world_start(options);
    int without = smallest(world, RUN_PLAIN, NULL, library, "went through");
    int with = smallest(world, RUN_SHIM, extra, library, said);
    printf("%s: %d KiB without the shim, %d KiB with it\n", library, without, with);
    cr_assert_leq(with, without, "%d KiB without the shim, %d KiB with it", without, with);
}

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define LONG_CHAIN "public-rsa4096"

#define SMALL_STACKS(library)                                                                      \
    Test(small_stacks, library##_accepted)                                                         \
    {                                                                                              \
        check(NULL, #library, NULL, "went through");                                               \
    }                                                                                              \
    Test(small_stacks, library##_retried)                                                          \
    {                                                                                              \
        check(&(struct world_options){.stale_config = true, .public_certificate = LONG_CHAIN},     \
              #library, NULL, "went through");                                                     \
    }                                                                                              \
    Test(small_stacks, library##_rejected)                                                         \
    {                                                                                              \
        check(&(struct world_options){.stale_config = true, .public_certificate = LONG_CHAIN},     \
              #library, EXTRA("ECHSHIM_RETRY=off"), "was stopped");                                \
    }                                                                                              \
    Test(small_stacks, library##_disabled)                                                         \
    {                                                                                              \
        check(                                                                                     \
            &(struct world_options){.server_without_ech = true, .public_certificate = LONG_CHAIN}, \
            #library, NULL, "went through");                                                       \
    }                                                                                              \
    Test(small_stacks, library##_without_a_record)                                                 \
    {                                                                                              \
        check(&(struct world_options){.no_https_record = true}, #library, NULL, "went through");   \
    }                                                                                              \
    Test(small_stacks, library##_encrypted_resolver)                                               \
    {                                                                                              \
        check(NULL, #library, EXTRA("ECHSHIM_RESOLVER=" DNS_TLS), "went through");                 \
    }

SMALL_STACKS(openssl)
SMALL_STACKS(gnutls)
