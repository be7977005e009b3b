/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Some functions of nettle are hooks of the stub (shim/common/hooks.def). The engine's own calls
 * must not go there, so the linker hands them to the functions in own_nettle.c (--wrap, Makefile),
 * which call the engine's own nettle.
 */
#ifndef SHIM_ENGINE_BASE_OWN_NETTLE_H
#define SHIM_ENGINE_BASE_OWN_NETTLE_H

/* Call once, before any of these functions. `find`: the loader's own dlsym. */
void shim_own_nettle_start(void *(*find)(void *handle, const char *name));

#endif
