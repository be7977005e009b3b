/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Something happens at one system call of the hello exchange, the rejection or the reconnect: an
 * interruption, a short count, a reset, a fork, a descriptor that is closed or reused. Each test
 * tries one kind at every call in turn, until the program makes no such call any more (steps.c).
 */
#include "checks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(steps, .fini = world_end, .timeout = 600);

/* With ECHSHIM_TEST_STEPS_EACH=N every Nth call is enough, for runs that are slow. */
static unsigned steps_each(void)
{
    const char *each = getenv("ECHSHIM_TEST_STEPS_EACH");
    unsigned long number = each != NULL ? strtoul(each, NULL, 10) : 1;
    return number > 0 && number < 100 ? (unsigned)number : 1;
}

enum { STEPS_MAX = 400, STEP_SECONDS = 20 };

static const char *const clients[] = {OWN_OPENSSL("patient"), OWN_OPENSSL("epoll"),
                                      OWN_GNUTLS("default"), OWN_GNUTLS("non-blocking")};
/* After a rejection these clients need a probe. */
static const char *const probing_clients[] = {OWN_OPENSSL("ffdhe")};

/* How the program has to end. */
enum ending {
    WELL,       /* as if nothing had happened */
    SOMEHOW,    /* well, or with its own error */
    WITH_ERROR, /* always: we cannot believe the server */
};

struct steps {
    struct world_options options;
    const char *kind;
    const char *mode;
    bool probe;
    const char *resolver; /* NULL: the system's */
    bool without_dns;     /* outside strict mode a failed look-up does not hide the name */
    enum ending ending;
};

static bool told(const struct world *world, const char *text)
{
    char *file = world_read(world, "steps", NULL);
    bool found = strstr(file, text) != NULL;
    free(file);
    return found;
}

/* One run. Gives false when the program did not reach that call. */
static bool try_step(struct world *world, const struct steps *steps, const char *client,
                     unsigned number)
{
    char variables[7][1200];
    char name[160];
    snprintf(name, sizeof name, "%s/steps", world->folder);
    remove(name);
    const char *runtime = getenv("ECHSHIM_TEST_PRELOAD");
    snprintf(variables[0], sizeof *variables, "STEPS_KIND=%s", steps->kind);
    snprintf(variables[1], sizeof *variables, "STEPS_AT=%u", number);
    snprintf(variables[2], sizeof *variables, "STEPS_FILE=%s", name);
    snprintf(variables[3], sizeof *variables, "ECHSHIM_MODE=%s", steps->mode);
    snprintf(variables[4], sizeof *variables, "LD_PRELOAD=%s %s %s/libsteps.so",
             runtime != NULL ? runtime : "", world->library, world->clients);
    snprintf(variables[5], sizeof *variables, "ECHSHIM_CONFIG_LIST=%s",
             steps->without_dns ? world->configs : "");
    snprintf(variables[6], sizeof *variables, "ECHSHIM_RESOLVER=%s",
             steps->resolver != NULL ? steps->resolver : "system");
    char *extra[] = {variables[0], variables[1], variables[2], variables[3],
                     variables[4], variables[5], variables[6], NULL};
    struct run_result result = world_shell(world, RUN_SHIM, extra, client);
    bool well = result.exit_code == 0 && strstr(result.out, "all is well") != NULL;
    bool reached = told(world, "reached ");
    char *file = world_read(world, "steps", NULL);
    cr_assert_not(result.timed_out, "%s at %u: %s hangs (%s)", steps->kind, number, client, file);
    cr_assert(result.exit_code == 0 || result.exit_code == 1,
              "%s at %u: %s ends with %d (%s)\n%.2000s", steps->kind, number, client,
              result.exit_code, file, result.err);
    if (steps->ending == WITH_ERROR) {
        cr_assert_not(well, "%s at %u: %s succeeds (%s)", steps->kind, number, client, file);
    } else {
        cr_assert(well || (steps->ending == SOMEHOW && reached), "%s at %u: %s fails (%s)\n%.2000s",
                  steps->kind, number, client, file, result.err);
    }
    cr_assert_null(strstr(file, "the child died"), "%s at %u: %s (%s)\n%.2000s", steps->kind,
                   number, client, file, result.err);
    cr_assert_null(strstr(file, "the child inherited"), "%s at %u: %s (%s)", steps->kind, number,
                   client, file);
    cr_assert(steps->ending == WITH_ERROR || strstr(file, "the child failed") == NULL,
              "%s at %u: %s (%s)\n%.2000s", steps->kind, number, client, file, result.err);
    cr_assert_null(strstr(file, "touched by"), "%s at %u: %s (%s)", steps->kind, number, client,
                   file);
    free(file);
    free(result.out);
    free(result.err);
    return reached;
}

static void check(const struct steps *steps)
{
    const char *const *programs = steps->probe ? probing_clients : clients;
    size_t count = steps->probe ? sizeof probing_clients / sizeof *probing_clients
                                : sizeof clients / sizeof *clients;
    unsigned cases = 0;
    struct world *world = world_start(&steps->options);
    world->run_seconds = STEP_SECONDS;
    /* The handshake is the same as in other tests: one program of each library is enough. */
    for (size_t i = 0; i < count; i += steps->resolver != NULL ? count - 1 : 1) {
        unsigned number = 1;
        while (try_step(world, steps, programs[i], number)) {
            number += steps_each();
            cases++;
            cr_assert_leq(number, STEPS_MAX, "%s never ends", programs[i]);
        }
        cr_assert_gt(number, 1, "%s: nothing happened to %s", steps->kind, programs[i]);
    }
    if (!steps->options.server_without_ech) {
        world_expect_hidden(world);
    }
    fprintf(stderr, "steps: %u cases of %s\n", cases, steps->kind);
}

#define STEPS(name, what, end, ...)                                                                \
    Test(steps, name##_##what)                                                                     \
    {                                                                                              \
        check(&(struct steps){.kind = #what, .ending = end, __VA_ARGS__});                         \
    }                                                                                              \
    struct steps

/* Tests each kind in one kind of handshake. */
#define EVERY_KIND(name, harmless, harmful, ...)                                                   \
    STEPS(name, interrupted, harmless, __VA_ARGS__);                                               \
    STEPS(name, again, harmless, __VA_ARGS__);                                                     \
    STEPS(name, short, harmless, __VA_ARGS__);                                                     \
    STEPS(name, fork, harmless, __VA_ARGS__);                                                      \
    STEPS(name, fails, harmful, __VA_ARGS__);                                                      \
    STEPS(name, hangup, harmful, __VA_ARGS__);                                                     \
    STEPS(name, close, harmful, __VA_ARGS__);                                                      \
    STEPS(name, reuse, harmful, __VA_ARGS__)

EVERY_KIND(hello_retry, WELL, SOMEHOW, .mode = "strict", .options = {.hello_retry = true});
EVERY_KIND(retry, WELL, SOMEHOW, .mode = "strict",
           .options = {.stale_config = true, .hello_retry = true});
EVERY_KIND(disabled, WELL, SOMEHOW, .mode = "opportunistic",
           .options = {.server_without_ech = true});
EVERY_KIND(probe, WELL, SOMEHOW, .mode = "strict", .probe = true,
           .options = {.stale_config = true});
EVERY_KIND(impostor, WITH_ERROR, WITH_ERROR, .mode = "opportunistic", .without_dns = true,
           .options = {.stale_config = true, .public_certificate = "public-stranger"});
/* The shim opens the connection to the resolver, uses it, and leaves it behind. */
EVERY_KIND(over_tls, WELL, SOMEHOW, .mode = "strict", .resolver = DNS_TLS);
EVERY_KIND(over_https, WELL, SOMEHOW, .mode = "strict", .resolver = DNS_HTTPS);
