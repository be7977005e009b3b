/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ECHConfigLists that were set by hand. `entry` is NULL where the setting is missing. */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_LIST_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_LIST_H

#include "shim/engine/settings/list_file.h"
#include "shim/engine/settings/settings.h"

/* The lists for all hosts, by name. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status
shim_settings_config_list(struct shim_settings *settings,
                          const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry);
/* The list for one host, without a name, or the *file with it. Both stay NULL if the value cannot
 * be used, which is told. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status
shim_settings_host_config(const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry, uint8_t **list, size_t *length,
                          struct shim_list_file **file);
/* What holds for a host: false if its list is not usable. The list may be empty; with *file, it is
 * what that file holds when it is used. */
bool shim_settings_static_config(const struct shim_settings *settings, const char *host,
                                 struct bytes *list, struct shim_list_file **file);
void shim_settings_config_list_free(struct shim_settings *settings);

#endif
