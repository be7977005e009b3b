/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The meaning of single values. `entry` is NULL where the setting is missing.
 */
#ifndef SHIM_ENGINE_SETTINGS_SETTINGS_VALUES_H
#define SHIM_ENGINE_SETTINGS_SETTINGS_VALUES_H

#include "shim/engine/settings/settings.h"

/* Tells that `value`, all or part of the entry's value, cannot be used, and what happens instead.
 * */
void shim_settings_problem(const struct shim_settings_problems *problems,
                           const struct shim_conf_entry *entry, const char *value,
                           const char *then);

/* False: the word is unknown, and the mode is strict. */
bool shim_settings_mode(const struct shim_settings_problems *problems,
                        const struct shim_conf_entry *entry, enum shim_mode *mode);
/* The outer name, borrowed from the entry; NULL: the usual one. False: the value cannot be used. */
bool shim_settings_outer_name(const struct shim_settings_problems *problems,
                              const struct shim_conf_entry *entry, const char **outer_name);
/* on or off. Another word is told, and `usual` is taken. */
bool shim_settings_switch(const struct shim_settings_problems *problems,
                          const struct shim_conf_entry *entry, bool usual);
/* Adds a resolver. ECH_ERR_NOMEM. */
ECH_MUST_USE enum ech_status shim_settings_resolver(struct shim_settings *settings,
                                                    const struct shim_settings_problems *problems,
                                                    const struct shim_conf_entry *entry,
                                                    size_t *index);
/* Adds to the watched ports. */
void shim_settings_ports(struct shim_settings *settings,
                         const struct shim_settings_problems *problems,
                         const struct shim_conf_entry *entry);

#endif
