/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Output into another program's process: only what the user asked for. Host names are the secret
 * that we protect, so only level debug logs them.
 */
#ifndef SHIM_ENGINE_STATE_LOG_H
#define SHIM_ENGINE_STATE_LOG_H

#include "shim/common/report.h"
#include "shim/engine/settings/settings.h"

/* Writes one line, by one write, to the log file or standard error. Does nothing if the settings
 * ask for a lower level. Keeps errno. */
__attribute__((format(printf, 3, 4))) void
shim_log(const struct shim_settings *settings, enum shim_log_level level, const char *format, ...);
/* Tells a problem with the settings themselves: always, on standard error. */
void shim_log_setting_problem(const char *text);

/*
 * Appends the line to the report that the settings name, by one write, or sends the entry to the
 * journal without waiting. Does nothing if no report is set. Makes the file with mode 0600 and
 * never follows a symbolic link to it. Logs failures (of the journal only the first) and never
 * passes them on. Keeps errno.
 */
void shim_report_append(const struct shim_settings *settings, const struct shim_report *report);

#endif
