/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Report, log and standard error of this process, for the stub and the engine alike
 * (shim/stub/guest_output.h). Everything here is async-signal-safe once the settings were read.
 */
#ifndef SHIM_STUB_OUTPUT_H
#define SHIM_STUB_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

/*
 * Reads where report and log go, and notes what standard error and fd:N are: at the start of the
 * process, before the program can have put something else there.
 */
void stub_output_settle(void);

/* Is a report asked for, as a file or a descriptor; by the journal? */
bool stub_report_wanted(void);
bool stub_report_to_journal(void);
/* A line of the report. False with errno: it was not written. */
bool stub_report_line(const void *octets, size_t length);
/* Lines of the report that this process could not write so far. */
unsigned long stub_report_lost(void);
/* Counts a report that was sent to the journal and did not arrive. */
void stub_report_count_lost(void);

/* A line of the log, whatever its level; to ECHSHIM_LOG_FILE or standard error. */
void stub_log_line(const struct iovec *parts, int count);
/* Writes a complaint on standard error, even if no log is asked for: settings that cannot be used,
 * no engine. False: it could not be written. */
bool stub_complain(const struct iovec *parts, int count);

/*
 * From now on nothing is written: the program has given up the system calls for it (seccomp). Lines
 * are dropped and counted.
 */
void stub_output_stop(void);
bool stub_output_stopped(void);

#endif
