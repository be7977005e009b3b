/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A line of the report, for people: for the table, the live view and the page. Lines come from
 * programs: a field may be missing, of another type, or harmful for a terminal. All texts here are
 * printable ASCII.
 */
#ifndef TOOLS_ECHSHIM_SHOW_HANDSHAKE_H
#define TOOLS_ECHSHIM_SHOW_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    HANDSHAKE_LINE = 16384, /* octets of a line that is read */
    HANDSHAKE_TEXT = 256,
    HANDSHAKE_OUTCOMES = 16
};

struct handshake {
    int64_t time_ms;              /* since 1970, UTC; -1: not told */
    char time[16];                /* of the day, UTC: 17:01:49.934; "-" */
    char program[HANDSHAKE_TEXT]; /* without its folder; "-" */
    char host[HANDSHAKE_TEXT];    /* with its port, unless that is 443; "-" */
    char outcome[HANDSHAKE_TEXT]; /* the word; "-" */
    char why[HANDSHAKE_TEXT];     /* the reason in words; "-" */
    char public_name[HANDSHAKE_TEXT];
    char suite[HANDSHAKE_TEXT]; /* X25519/SHA256/AES-128-GCM; "-" */
    char octets[24];            /* of the hello on the wire; "-" */
    char lookup[24];            /* time, with its unit; "-" */
    char hello[24];
    long long pid;  /* -1: not told */
    long long lost; /* lines that this process could not write before; 0 */
};

/* Reads a line. False: it is not one of ours. */
bool handshake_read(const char *line, struct handshake *out);

/* How many lines a process could not write, by its own count, which only grows. */
struct loss {
    long long pid;
    long long lines;
};

/* What is counted of all lines. Begin with zeros; summary_free at the end. */
struct summary {
    size_t count;
    size_t outcomes[HANDSHAKE_OUTCOMES]; /* by the index of shim_outcome */
    struct loss *losses;
    size_t loss_count;
    bool unclean; /* a line was not one of ours, or there was no memory for its loss */
};

void summary_add(struct summary *summary, const struct handshake *handshake);
long long summary_lost(const struct summary *summary);
/* "2 handshakes: 1 accepted, 1 grease", cut to `size`. */
void summary_write(const struct summary *summary, char *out, size_t size);
void summary_free(struct summary *summary);

enum colour { COLOUR_GOOD, COLOUR_CLEAR, COLOUR_BAD };
/* Of an outcome: the name was hidden, it went out in the clear, or the program got an error. */
enum colour handshake_colour(const char *outcome);
/* The sequence that begins a colour on a terminal. */
const char *colour_on(enum colour colour);
#define COLOUR_OFF "\033[0m"

#endif
