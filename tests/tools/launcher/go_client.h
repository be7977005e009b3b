/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_TOOLS_LAUNCHER_GO_CLIENT_H
#define TESTS_TOOLS_LAUNCHER_GO_CLIENT_H

/* hey, a Go program that makes many handshakes. ECHSHIM_TEST_GO names another file of it. */

#include <stdbool.h>

const char *go_client(void);

/* What --inspect with this option says of it: "go", "held", or "" if it is no Go program or not
 * there. */
const char *go_client_way(const char *option);

/* Does the launcher switch on its ECH? Some releases have a Go without ECH, or no hey: then this
 * says that the test is skipped. */
bool go_client_is_led(const char *suite);

#endif
