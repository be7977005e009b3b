/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which recognized library this thread last began a handshake with. Only reports use it: nothing is
 * decided by it. */
#ifndef SHIM_STUB_HANDSHAKING_H
#define SHIM_STUB_HANDSHAKING_H

#include "shim/common/tls_libraries.h"

/* A handshake by this family begins; SHIM_FAMILY_LIBC: there is none any more. */
void stub_handshake_by(enum shim_family family);
/* The family of the handshake; SHIM_FAMILY_LIBC: none. A later call gives none. Async-signal-safe.
 */
enum shim_family stub_handshake_seen(void);

#endif
