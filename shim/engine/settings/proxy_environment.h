/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The proxies that the environment names (https_proxy and the like).
 */
#ifndef SHIM_ENGINE_SETTINGS_PROXY_ENVIRONMENT_H
#define SHIM_ENGINE_SETTINGS_PROXY_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Is the host one of them? Then *port gets its port, host order. */
bool shim_proxy_of_environment(const char *host, uint16_t *port);

/* Does the environment name a proxy for HTTPS? */
bool shim_proxy_in_environment(void);

/* The same as shim_proxy_of_environment for one value:
 * "[scheme://][user[:password]@]host[:port][/...]". Pure. */
bool shim_proxy_value_names(const char *value, const char *host, uint16_t *port);

#endif
