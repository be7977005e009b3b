/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_SNIFF_H
#define TESTS_PRELOAD_SNIFF_H

/* Sees everything that goes to port 53 in this world's network, to any address, over IPv4 and IPv6,
 * UDP and TCP: what an observer on the link sees. */

/* Call after world_start, and before the programs run. */
void sniff_start(void);

/* The number of DNS queries over UDP so far for this name and type. NULL: any name; 0: any type. */
unsigned sniff_queries(const char *name, unsigned type);

/* The same for this name and all names below it, of any type. */
unsigned sniff_queries_below(const char *name);

/* The number of packets so far, TCP included. */
unsigned sniff_packets(void);

/* The place of the first query for this name and type among all queries, from 0; -1: there was
 * none. */
int sniff_place(const char *name, unsigned type);

#endif
