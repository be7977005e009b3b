/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The report: one JSON line, or one entry of the journal, for each handshake (docs/architecture.md,
 * The report).
 */
#ifndef SHIM_COMMON_REPORT_H
#define SHIM_COMMON_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ech/hpke.h"
#include "ech/wire.h"
#include "shim/common/mode.h"

/* What is told of one handshake. Strings are borrowed; NULL becomes null. */
struct shim_report {
    const char *library; /* "openssl", "gnutls" or "nss" */
    const char *host;    /* the name that the application asked for */
    int port;            /* 0: not known, becomes null */
    enum shim_mode mode;
    const char *outcome;  /* accepted, grease, plain, disabled, refused, rejected, failed */
    const char *reason;   /* a fixed word */
    const char *source;   /* dns, static, retry_configs, none */
    const char *resolver; /* as text, where one was asked */
    bool has_config;      /* then the five that follow say something */
    struct bytes public_name;
    struct bytes outer_name; /* what the wire showed in its place; empty: nothing */
    uint8_t config_id;
    struct ech_hpke_suite suite;
    bool hello_retry_request;
    unsigned retries;
    size_t hello_bytes_inner; /* octets; 0: none was made */
    size_t hello_bytes_outer;
    uint64_t lookup_us; /* microseconds that the search for a config took */
    uint64_t hello_us;  /* microseconds from ClientHelloOuter to the judged ServerHello */
};

/* Who reports, and when. These are arguments, so that tests can set them. */
struct shim_report_origin {
    uint64_t time_ms; /* since 1970, UTC */
    int pid;
    const char *program; /* path of the executable */
    unsigned long lost;  /* earlier lines of this process that could not be written */
};

enum shim_field_kind { SHIM_FIELD_NONE, SHIM_FIELD_TEXT, SHIM_FIELD_NUMBER, SHIM_FIELD_TRUTH };

/* One field of the report; NONE is what JSON calls null. */
struct shim_field {
    const char *name;
    enum shim_field_kind kind;
    struct bytes text; /* borrowed; any octets */
    uint64_t number;   /* of NUMBER; of TRUTH 0 or 1 */
};

/* Every field, in the order of the report. */
enum shim_report_field {
#define FIELD(name, value) SHIM_REPORT_##name,
#include "shim/common/report_fields.def"
#undef FIELD
    SHIM_REPORT_FIELDS
};

enum {
    SHIM_REPORT_MAX = 16384, /* octets of a report, however it is written */
    SHIM_TIME_SIZE = 40,
    SHIM_DECIMAL_MAX = 20
};

/* Do not copy it: the field "time" points into it. */
struct shim_report_fields {
    struct shim_field field[SHIM_REPORT_FIELDS]; /* by enum shim_report_field */
    size_t count;                                /* without SHIM_REPORT_lost if no line was lost */
    char time[SHIM_TIME_SIZE];
};

/* All fields, in the order of the report; every way to write a report takes them from here. */
void shim_report_collect(struct shim_report_fields *out, const struct shim_report *report,
                         const struct shim_report_origin *origin);

/*
 * Write a report and give its length in octets, 0 if it is larger than `size`. Any octets in the
 * fields give valid JSON, one line with its newline; and a valid entry of the journal's native
 * protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL), in which a field is ECHSHIM_ and its name, and
 * those of kind NONE are left out.
 */
size_t shim_report_json(const struct shim_report_fields *fields, char *out, size_t size);
size_t shim_report_journal(const struct shim_report_fields *fields, char *out, size_t size);

/* The journal knows our entries by this; it never changes (journalctl MESSAGE_ID=...). */
#define SHIM_REPORT_MESSAGE_ID "4575195f3aa7426aaea9b4c9635aebf5"

/* Writes a number in decimal and gives the length, at most SHIM_DECIMAL_MAX. */
size_t shim_decimal(char *out, uint64_t value);

#endif
