/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The report: one JSON line for each handshake (design, section 9).
 */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ech/hpke.h"
#include "ech/wire.h"
#include "shim/settings.h"

/* What is told of one handshake. Strings are borrowed; NULL becomes null. */
struct shim_report {
    const char *library; /* "openssl" or "gnutls" */
    const char *host;    /* the name that the application asked for */
    int port;            /* 0: not known, becomes null */
    enum shim_mode mode;
    const char *outcome;  /* accepted, grease, plain, disabled, refused, rejected, failed */
    const char *reason;   /* a fixed word */
    const char *source;   /* dns, static, retry_configs, none */
    const char *resolver; /* as text, where one was asked */
    bool has_config;      /* then the four that follow say something */
    struct bytes public_name;
    uint8_t config_id;
    struct ech_hpke_suite suite;
    bool hello_retry_request;
    unsigned retries;
    size_t hello_bytes_inner; /* octets; 0: none was made */
    size_t hello_bytes_outer;
    uint64_t lookup_us; /* microseconds that the search for a config took */
    uint64_t hello_us;  /* microseconds from ClientHelloOuter to the judged ServerHello */
};

/* Who reports, and when; arguments, so that the line can be tested. */
struct shim_report_origin {
    uint64_t time_ms; /* since 1970, UTC */
    int pid;
    const char *program; /* path of the executable */
};

/* Writes the line, with its newline, to `w`. Any octets in the strings give valid JSON. */
ECH_MUST_USE enum ech_status shim_report_encode(struct writer *w, const struct shim_report *report,
                                                const struct shim_report_origin *origin);

/* Once, before the first line: notes which file a descriptor of the settings is, so that no other
 * one is written to. */
void shim_report_start(const struct shim_settings *settings);

/*
 * Appends the line to the report that the settings name, by one write; does nothing without one.
 * The file is made with mode 0600 and never followed through a symbolic link. Failures are logged,
 * never passed on. errno is kept.
 */
void shim_report_append(const struct shim_settings *settings, const struct shim_report *report);

#endif
