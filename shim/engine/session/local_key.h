/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The secret of this process for local configs (ech/local_config.h). Made when first needed, and
 * made anew in the child of a fork: parent and child never share one.
 */
#ifndef SHIM_ENGINE_SESSION_LOCAL_KEY_H
#define SHIM_ENGINE_SESSION_LOCAL_KEY_H

#include "ech/local_config.h"

/* Copies it; wipe the copy. False: randomness failed, and *key is not set. */
bool shim_local_key_copy(struct ech_local_key *key);

void shim_local_key_before_fork(void);
void shim_local_key_after_fork(void);
/* In the child, before shim_local_key_after_fork: forgets the parent's secret. */
void shim_local_key_leave(void);

#endif
