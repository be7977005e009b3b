/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What ECH adds to the hello of a real program, in octets, and that its length says nothing of the
 * name or of a usual ALPN list: the same for names of 1 to 46 octets, and the same as with GREASE.
 * Where TLS 1.3 alone is offered, a name of 46 octets shows, and with GREASE as well.
 */
#include "checks.h"
#include "wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(hello_octets, .fini = world_end, .timeout = 120);

/* A name in other letters, and one of 46 octets. */
static const char *const names[] = {"a", "xn--bcher-kva.xn--fiqs8s",
                                    "forty-six.octets-of-a-name.which-is.example.or"};
enum { NAMES = sizeof names / sizeof *names };

enum { OPENSSL_FLOOR = 192, POST_QUANTUM_FLOOR = 256, GNUTLS_FLOOR = 160, TLS13_FLOOR = 128 };

struct client {
    const char *format; /* of a command, with a place for the name */
    size_t floor;       /* the least octets of the inner hello */
    size_t alike;       /* so many of the names do not show */
};

static void run(struct world *world, enum run_mode mode, char *setting, const char *list,
                const char *command)
{
    char lists[1200];
    (void)snprintf(lists, sizeof lists, "ECHSHIM_CONFIG_LIST=%s", list);
    struct run_result result = world_shell(world, mode, (char *[]){setting, lists, NULL}, command);
    cr_assert_not(result.timed_out);
    cr_assert_not_null(strstr(result.out, "hello from "), "%s: %s%s", command, result.out,
                       result.err);
}

/* The three hellos for one name. */
static void check_pair(const struct wire_hello hellos[3], const char *name)
{
    const struct wire_hello *ech = &hellos[0];
    const struct wire_hello *grease = &hellos[1];
    cr_assert_eq(wire_outer_ech(ech).payload_length, wire_outer_ech(grease).payload_length,
                 "%s: %zu, GREASE %zu", name, wire_outer_ech(ech).payload_length,
                 wire_outer_ech(grease).payload_length);
    /* The outer hello has public_name in place of the name. */
    cr_assert_eq(ech->length + strlen(name), grease->length + strlen(PUBLIC_NAME));
}

/* The payload has the tag besides, and the extension 46 octets (RFC 9849, 5). */
enum { TAG = 16, BESIDE = 46, POST_QUANTUM = 1024 };

static void check_added(const struct wire_hello hellos[3], const char *name, size_t floor)
{
    size_t added = hellos[1].length - hellos[2].length;
    cr_assert_eq(wire_outer_ech(&hellos[0]).payload_length, floor + TAG, "%s: %zu", name,
                 wire_outer_ech(&hellos[0]).payload_length);
    cr_assert_eq(added, floor + TAG + BESIDE, "%s: %zu octets are added", name, added);
}

static void check(const struct client *client)
{
    static struct wire_hello hellos[WIRE_HELLOS];
    char command[600];
    struct world *world = world_start(NULL);
    for (size_t i = 0; i < NAMES; i++) {
        (void)snprintf(command, sizeof command, client->format, names[i]);
        run(world, RUN_SHIM, "ECHSHIM_MODE=strict", world->configs, command);
        run(world, RUN_SHIM, "ECHSHIM_MODE=grease", world->configs, command);
        run(world, RUN_PLAIN, "ECHSHIM_MODE=off", world->configs, command);
    }
    cr_assert_eq(wire_hellos(world, hellos), (size_t)3 * NAMES);
    /* In which release the program runs, only its hello tells. */
    bool post_quantum = hellos[2].length > POST_QUANTUM && client->floor == OPENSSL_FLOOR;
    size_t floor = post_quantum ? POST_QUANTUM_FLOOR : client->floor;
    for (size_t i = 0; i < NAMES; i++) {
        check_pair(&hellos[3 * i], names[i]);
        if (i < client->alike) {
            check_added(&hellos[3 * i], names[i], floor);
        }
    }
}

#define SEND "printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' | "
#define OPENSSL SEND "openssl s_client -quiet -servername %s -connect 127.0.0.1:443 "
#define GNUTLS SEND "gnutls-cli --insecure --sni-hostname %s 127.0.0.1 "

#define OCTETS(name, command, floor, names)                                                        \
    Test(hello_octets, ech_40_ech_100_##name)                                                      \
    {                                                                                              \
        check(&(struct client){(command), (floor), (names)});                                      \
    }                                                                                              \
    struct world

OCTETS(openssl, OPENSSL, OPENSSL_FLOOR, NAMES);
OCTETS(openssl_two_protocols, OPENSSL "-alpn h2,http/1.1", OPENSSL_FLOOR, NAMES);
OCTETS(openssl_three_protocols, OPENSSL "-alpn h3,h2,http/1.1", OPENSSL_FLOOR, NAMES);
OCTETS(openssl_old_protocol, OPENSSL "-alpn h2,http/1.1,http/1.0", OPENSSL_FLOOR, NAMES - 1);
OCTETS(openssl_tls13_alone, OPENSSL "-tls1_3 -alpn h2,http/1.1", TLS13_FLOOR, NAMES - 1);
OCTETS(gnutls, GNUTLS, GNUTLS_FLOOR, NAMES);
OCTETS(gnutls_two_protocols, GNUTLS "--alpn h2 --alpn http/1.1", GNUTLS_FLOOR, NAMES);
OCTETS(gnutls_three_protocols, GNUTLS "--alpn h3 --alpn h2 --alpn http/1.1", GNUTLS_FLOOR, NAMES);
OCTETS(gnutls_old_protocol, GNUTLS "--alpn h2 --alpn http/1.1 --alpn http/1.0", GNUTLS_FLOOR,
       NAMES - 1);
OCTETS(gnutls_tls13_alone,
       GNUTLS "--alpn h2 --alpn http/1.1 --priority NORMAL:-VERS-ALL:+VERS-TLS1.3", TLS13_FLOOR,
       NAMES - 1);
