/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECHConfigLists that were set by hand. `entry` is NULL where the setting is missing. */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_LIST_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_LIST_H

#include "shim/engine/settings/settings.h"

/* The lists for all hosts, by name. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status
shim_settings_config_list(struct shim_settings *settings,
                          const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry);
/* The list for one host, without a name. *list stays NULL if the value cannot be used, which is
 * told. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status
shim_settings_host_config(const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry, uint8_t **list, size_t *length);
/* What holds for a host (name in its normal form): false if its list is not usable; the list may be
 * empty. */
bool shim_settings_static_config(const struct shim_settings *settings, const char *host,
                                 struct bytes *list);
void shim_settings_config_list_free(struct shim_settings *settings);

#endif
