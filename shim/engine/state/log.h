/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Output into somebody else's process: only what was asked for. Host names are the secret that is
 * protected here: they are logged at level debug only.
 */
#ifndef SHIM_ENGINE_STATE_LOG_H
#define SHIM_ENGINE_STATE_LOG_H

#include "shim/common/report.h"
#include "shim/engine/settings/settings.h"

/* One line, by one write, to the log file or standard error; nothing if the settings' level is
 * lower. errno is kept. */
__attribute__((format(printf, 3, 4))) void
shim_log(const struct shim_settings *settings, enum shim_log_level level, const char *format, ...);
/* A problem with the settings themselves: always said, on standard error. */
void shim_log_setting_problem(const char *text);

/*
 * Appends the line to the report that the settings name, by one write, or sends the entry to the
 * journal without waiting; does nothing without one. The file is made with mode 0600 and never
 * followed through a symbolic link. Failures are logged (of the journal the first), never passed
 * on. errno is kept.
 */
void shim_report_append(const struct shim_settings *settings, const struct shim_report *report);

#endif
