/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_CLIENTS_SOAK_H
#define TESTS_PRELOAD_CLIENTS_SOAK_H

/* One process, many handshakes, all outcomes in turn. Called as PROGRAM CAFILE COUNT [THREADS];
 * ends with 1 when a handshake had an unexpected outcome, or left something behind. The test
 * (test_soak.c) has a server at each of the addresses. */

#include <stdbool.h>

#define SOAK_ZONE "soak.example.org"

struct soak_way {
    const char *outcome; /* the outcome that most of them report */
    const char *name;    /* a format; a number makes each name different */
    const char *address;
    bool fails;
    bool tls12; /* no TLS 1.3 is offered */
};

enum { SOAK_WAYS = 8 };
static const struct soak_way soak_ways[SOAK_WAYS] = {
    {"accepted", "accepted%u." SOAK_ZONE, "127.0.1.1", false, false},
    {"accepted", "hello-retry%u." SOAK_ZONE, "127.0.1.2", false, false},
    {"accepted", "stale%u." SOAK_ZONE, "127.0.1.3", false, false},
    {"disabled", "disabled%u." SOAK_ZONE, "127.0.1.4", false, false},
    {"rejected", "impostor%u." SOAK_ZONE, "127.0.1.5", true, false},
    {"failed", "reset%u." SOAK_ZONE, "127.0.1.6", true, false},
    {"grease", "no-record%u.example.org", "127.0.1.1", false, false},
    {"plain", "tls12-%u." SOAK_ZONE, "127.0.1.1", false, true},
};

/* The name that the server's certificate must have, whatever the request named. */
#define SOAK_CERTIFIED "any." SOAK_ZONE

/* One library: what is made once, and one whole handshake over a connected socket. */
void soak_open(const char *ca);
bool soak_handshake(const char *name, bool tls12, int fd);

#endif
