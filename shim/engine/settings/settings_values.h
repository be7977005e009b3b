/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The meaning of single values. `entry` is NULL where nobody says anything.
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

#endif
