/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which library each place in the program's code means, as far as it was found out before. The key
 * is a return address. Another object can come to the same address only by a dlopen, and then all
 * that is known here no longer holds.
 */
#ifndef SHIM_STUB_CALL_SITES_H
#define SHIM_STUB_CALL_SITES_H

#include "shim/stub/stub.h"

enum { STUB_SITE_UNKNOWN = -1 };

/* What was noted: a number, or STUB_SITE_UNKNOWN. */
int stub_site_get(enum shim_hook hook, const void *caller);
/* number: 0 to 254. */
void stub_site_set(enum shim_hook hook, const void *caller, unsigned number);
/* A library may have come. Async-signal-safe. */
void stub_sites_forget(void);

#endif
