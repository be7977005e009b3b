/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/output.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "shim/common/journal.h"
#include "shim/stub/guest_output.h"
#include "shim/stub/stub.h"

static struct shim_output report = SHIM_OUTPUT_NOWHERE;
static struct shim_output log_file = SHIM_OUTPUT_NOWHERE;
static struct shim_output standard_error = SHIM_OUTPUT_NOWHERE;
static bool to_journal;
static atomic_bool stopped;

/* Two threads may run this at the same time: they write the same octets. */
static void set_report(const char *value)
{
    if (value == NULL || *value == '\0') {
        return;
    }
    if (strcmp(value, SHIM_REPORT_TO_JOURNAL) == 0) {
        (void)stub_libc(SHIM_HOOK_sendmsg);
        (void)stub_libc(SHIM_HOOK_write);
        to_journal = true;
        return;
    }
    if (strncmp(value, "fd:", 3) != 0) {
        report.path = value;
        return;
    }
    int fd = 0;
    for (const char *digit = value + 3; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || fd > (INT_MAX - 9) / 10) {
            return; /* the engine reports that it is no descriptor */
        }
        fd = fd * 10 + (*digit - '0');
    }
    if (value[3] != '\0') {
        shim_output_to_descriptor(&report, fd);
    }
}

void stub_output_settle(void)
{
    const char *file = stub_setting(SHIM_CONF_LOG_FILE);
    /* Look them up now: a signal handler must not. */
    (void)stub_libc(SHIM_HOOK_writev);
    (void)stub_libc(SHIM_HOOK_sendmsg);
    shim_output_to_descriptor(&standard_error, STDERR_FILENO);
    log_file.path = file != NULL && *file != '\0' ? file : NULL;
    set_report(stub_setting(SHIM_CONF_REPORT));
}

void stub_output_stop(void)
{
    atomic_store_explicit(&stopped, true, memory_order_relaxed);
}

bool stub_output_stopped(void)
{
    return atomic_load_explicit(&stopped, memory_order_relaxed);
}

static bool put(struct shim_output *output, const struct iovec *parts, int count)
{
    const struct shim_output_calls real = {
        .writev = (__typeof__(&writev))stub_libc(SHIM_HOOK_writev),
        .sendmsg = (__typeof__(&sendmsg))stub_libc(SHIM_HOOK_sendmsg),
    };
    if (stub_output_stopped() || real.writev == NULL || real.sendmsg == NULL) {
        (void)atomic_fetch_add_explicit(&output->lost, 1, memory_order_relaxed);
        errno = EPERM;
        return false;
    }
    return shim_output_line(output, &real, parts, count);
}

bool stub_report_wanted(void)
{
    return report.path != NULL || report.fd >= 0;
}

bool stub_report_to_journal(void)
{
    return to_journal;
}

bool stub_report_line(const void *octets, size_t length)
{
    const struct iovec line = {.iov_base = (void *)(uintptr_t)octets, .iov_len = length};
    return put(&report, &line, 1);
}

unsigned long stub_report_lost(void)
{
    return atomic_load_explicit(&report.lost, memory_order_relaxed);
}

void stub_report_count_lost(void)
{
    (void)atomic_fetch_add_explicit(&report.lost, 1, memory_order_relaxed);
}

void stub_log_line(const struct iovec *parts, int count)
{
    (void)put(log_file.path != NULL ? &log_file : &standard_error, parts, count);
}

bool stub_complain(const struct iovec *parts, int count)
{
    return put(&standard_error, parts, count);
}
