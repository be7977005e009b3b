/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files by which the program learns of the authority: certificates only, in a folder that only
 * this user can enter. */
#ifndef TOOLS_RELAY_TRUST_FILES_H
#define TOOLS_RELAY_TRUST_FILES_H

#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdbool.h>

/* Makes the folder and a file for each of shim/common/relay_variables.h. What our environment names
 * in these variables stays in the files. False with errno. */
bool relay_trust_files_write(const gnutls_datum_t *authority, char folder[PATH_MAX]);

#endif
