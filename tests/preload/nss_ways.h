/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_NSS_WAYS_H
#define TESTS_PRELOAD_NSS_WAYS_H

/* The client of NSS, by a mode of tests/preload/clients/nss_client.c, and how it ends. */
#define CLIENT(mode) "\"$CLIENTS/nss_client\" " INNER_NAME " 443 \"$CA\" " mode " \"$PKI\""
#define WELL "all is well"

#define EXTRA(...) ((char *[]){__VA_ARGS__, NULL})
#define STRICT "ECHSHIM_MODE=strict"

/* One for each way to begin and to wait. */
static const char *const ways[] = {CLIENT("send"),       CLIENT("write"),    CLIENT("force"),
                                   CLIENT("poll"),       CLIENT("own-poll"), CLIENT("own-layer"),
                                   CLIENT("force-poll"), CLIENT("dribble"),  CLIENT("stutter")};
enum { WAYS = sizeof ways / sizeof *ways };

#endif
