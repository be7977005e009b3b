/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that ECHSHIM_CONFIG_LIST names: with an ECHConfigList, or with names of hosts. They may
 * change while the program runs, so each use asks for the file's times. What was read last counts
 * on if the file is gone, or cannot be understood, or changes while it is read, and in a program
 * that has locked itself in. Many threads may use the same object.
 */
#ifndef SHIM_ENGINE_SETTINGS_LIST_FILE_H
#define SHIM_ENGINE_SETTINGS_LIST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ech/status.h"

enum {
    SHIM_LIST_FILE_MAX = 1 << 17,  /* octets of a file with an ECHConfigList */
    SHIM_NAMES_FILE_MAX = 1 << 24, /* octets of a file with names */
};

enum shim_list_file_kind { SHIM_FILE_OF_LIST, SHIM_FILE_OF_NAMES };

struct shim_list_file;

/* Reads the file, too. A relative path starts from the folder that is current now. *problem: why
 * nothing could be read, as half a sentence; else NULL. NULL: no memory. */
ECH_MUST_USE struct shim_list_file *shim_list_file_new(enum shim_list_file_kind kind,
                                                       const char *path, size_t length,
                                                       const char **problem);
/* NULL does nothing. */
void shim_list_file_free(struct shim_list_file *file);

/* A copy of the ECHConfigList, which the caller frees; checked, with its length prefix. False: none
 * has ever been there, or there is no memory. */
ECH_MUST_USE bool shim_list_file_get(struct shim_list_file *file, uint8_t **list, size_t *length);

/* Is there anything that was read? */
ECH_MUST_USE bool shim_names_file_usable(struct shim_list_file *file);
/* Does this very line ("example.org", "*.example.org") stand in the file of names? In the normal
 * form of names. */
ECH_MUST_USE bool shim_names_file_has(struct shim_list_file *file, const char *line);

/* For pthread_atfork. */
void shim_list_files_before_fork(void);
void shim_list_files_after_fork(void);

#endif
