/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a configuration file sets for single hosts. */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_HOST_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_HOST_H

#include "shim/engine/settings/settings.h"

/* Reads the sections. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status shim_settings_hosts(struct shim_settings *settings,
                                                 const struct shim_settings_problems *problems);
void shim_settings_hosts_free(struct shim_settings *settings);

#endif
