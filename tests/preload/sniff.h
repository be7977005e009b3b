/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_PRELOAD_SNIFF_H
#define TESTS_PRELOAD_SNIFF_H

/* Everything that goes to port 53 in the network of this test's world, whatever the address, IPv4
 * and IPv6, UDP and TCP: as an observer on the link sees it. */

/* Starts; before the programs do, after world_start. */
void sniff_start(void);

/* DNS queries over UDP so far that ask for this name, of this type; NULL any name, 0 any type. */
unsigned sniff_queries(const char *name, unsigned type);

/* The same for this name and all below it, of any type. */
unsigned sniff_queries_below(const char *name);

/* Packets so far of any kind, TCP included. */
unsigned sniff_packets(void);

/* The place among the queries of the first one for this name and type, from 0; -1: there was none.
 */
int sniff_place(const char *name, unsigned type);

#endif
