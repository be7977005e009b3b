/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What shim/engine/settings/settings.c and shim/engine/settings/settings_host.c share: the meaning
 * of single values. `entry` is NULL where nobody says anything.
 */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_VALUES_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_VALUES_H

#include "shim/engine/settings/settings.h"

/* Tells that `value`, all or a part of what the entry says, cannot be used, and what is done. */
void shim_settings_problem(const struct shim_settings_problems *problems,
                           const struct shim_conf_entry *entry, const char *value,
                           const char *then);

/* False: the word is unknown, and the mode strict. */
bool shim_settings_mode(const struct shim_settings_problems *problems,
                        const struct shim_conf_entry *entry, enum shim_mode *mode);
/* on or off; another word is told, and `usual` taken. */
bool shim_settings_switch(const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry, bool usual);
/* Adds a resolver. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status shim_settings_resolver(struct shim_settings *settings,
                                                    const struct shim_settings_problems *problems,
                                                    const struct shim_conf_entry *entry,
                                                    size_t *index);
/* Adds to the ports that are watched. */
void shim_settings_ports(struct shim_settings *settings,
                         const struct shim_settings_problems *problems,
                         const struct shim_conf_entry *entry);
/* A checked ECHConfigList, to be freed. ECH_ERR_DECODE: not a list; ECH_ERR_NOMEM, which is nothing
 * to blame the value for. */
ECH_MUST_USE enum ech_status shim_settings_base64(const char *base64, size_t base64_length,
                                                  uint8_t **list, size_t *length);

/* ---- shim/engine/settings/settings_list.c: configs by hand ---- */

/* For all hosts, with names. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status
shim_settings_config_list(struct shim_settings *settings,
                          const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry);
/* For one host, without a name. *list stays NULL if it cannot be used, which is told.
 * ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status
shim_settings_host_config(const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry, uint8_t **list, size_t *length);
/* What holds for a host in its normal form: usable, and the list, which may be empty. */
bool shim_settings_static_config(const struct shim_settings *settings, const char *host,
                                 struct bytes *list);
void shim_settings_config_list_free(struct shim_settings *settings);

/* What the sections of hosts say. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status shim_settings_hosts(struct shim_settings *settings,
                                                 const struct shim_settings_problems *problems);
void shim_settings_hosts_free(struct shim_settings *settings);

#endif
