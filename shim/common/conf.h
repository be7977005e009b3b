/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a setting comes from: the ECHSHIM_* variables and the configuration files
 * (echshim.conf(5)), as text, and which of them counts for a host. What a value means is
 * shim/settings's affair. Read once in a process, by the stub, and constant from then on: looking
 * into it takes no lock and no memory, so that the wire guard may.
 */
#ifndef SHIM_COMMON_CONF_H
#define SHIM_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ech/wire.h"

/* The keys of a file; each is the variable ECHSHIM_KEY too. */
enum shim_conf_key {
    SHIM_CONF_MODE,
    SHIM_CONF_PORTS,
    SHIM_CONF_RESOLVER,
    SHIM_CONF_CONFIG_LIST,
    SHIM_CONF_RETRY,
    SHIM_CONF_GREASE,
    SHIM_CONF_PRIVATE, /* the keys up to this one may stand in a section of a host too */
    SHIM_CONF_CA_FILE,
    SHIM_CONF_TIMEOUT_MS,
    SHIM_CONF_CACHE,
    SHIM_CONF_LOG,
    SHIM_CONF_LOG_FILE,
    SHIM_CONF_REPORT,
    SHIM_CONF_KEYS
};

/* "ECHSHIM_MODE" and "mode"; static storage. */
const char *shim_conf_variable(enum shim_conf_key key);
const char *shim_conf_key_name(enum shim_conf_key key);
/* SHIM_CONF_KEYS: there is no key of this name. */
enum shim_conf_key shim_conf_key_of(const char *name);

/* Is this value of the key the path of a file or folder? */
bool shim_conf_is_path(enum shim_conf_key key, const char *value);

enum shim_conf_kind { SHIM_CONF_DEFAULT, SHIM_CONF_PROGRAM, SHIM_CONF_HOST };

struct shim_conf_section {
    enum shim_conf_kind kind;
    char *pattern; /* of a host or a program; else NULL */
    const char *file;
    unsigned line;
    bool locked;
    bool inherited;     /* of another user's file, by SHIM_CONF_INHERITED */
    unsigned closeness; /* of a program: 0, it is none of this process; else the higher wins */
};

/* One value. Owned by the conf. */
struct shim_conf_entry {
    enum shim_conf_key key;
    char *value;
    const struct shim_conf_section *section; /* NULL: the environment */
    unsigned line;                           /* of section->file */
};

enum { SHIM_CONF_FILES = 2, SHIM_CONF_PROBLEMS = 32 };

struct shim_conf {
    struct shim_conf_entry *entries; /* in the order of reading: later ones win */
    size_t entry_count;
    struct shim_conf_section **sections;
    size_t section_count;
    char *files[SHIM_CONF_FILES]; /* paths of those that were read */
    size_t file_count;
    char *inherited; /* "ECHSHIM_INHERITED=..." for what this process executes, or NULL */
    /* A file, or a part of it, could not be understood. It may have asked for strict mode, so
     * strict is the mode, for every host, where neither environment nor a locked section says
     * otherwise. */
    bool broken;
    /* One sentence each, with file and line; what comes after so many is not kept. */
    char *problems[SHIM_CONF_PROBLEMS];
    size_t problem_count;
};

void shim_conf_free(struct shim_conf *conf);

/*
 * Adds the variables that are set and not empty, before or after any file. ECH_ERR_NOMEM: not all
 * of them; the conf counts as broken.
 */
ECH_MUST_USE enum ech_status
shim_conf_add_environment(struct shim_conf *conf,
                          const char *(*get)(void *context, const char *variable), void *context);

/* What a file may do. */
enum shim_conf_trust {
    SHIM_CONF_USER,        /* lock nothing */
    SHIM_CONF_SYSTEM,      /* lock sections: root's own file */
    SHIM_CONF_LOCKED_ONLY, /* the same, and nothing else of it counts */
};

/*
 * Parses a file's text (shim/common/conf_parse.c). Problems go into conf->problems. ECH_ERR_NOMEM:
 * not all of it could be kept; the conf counts as broken.
 */
ECH_MUST_USE enum ech_status shim_conf_add_file(struct shim_conf *conf, const char *path,
                                                struct bytes text, enum shim_conf_trust trust);
/* Notes a problem of a file; the conf counts as broken. line 0: none. */
void shim_conf_problem(struct shim_conf *conf, const char *file, unsigned line, const char *text);

/*
 * The files and the environment of this process (shim/common/conf_load.c), for `program`, an
 * absolute path that is about to be executed, or NULL for this process itself; sections of programs
 * that started it, the nearest first, count too. ECH_ERR_NOMEM as above.
 */
ECH_MUST_USE enum ech_status shim_conf_load(struct shim_conf *conf, const char *program);
/* Only this file (echshim --check-config): every section, also those of other programs. */
ECH_MUST_USE enum ech_status shim_conf_load_file(struct shim_conf *conf, const char *path);

/*
 * What another user's file said of strict mode (shim/common/conf_inherited.c). inherit: takes over
 * the value of the variable, NULL for none, but for what `user` itself said. What cannot be
 * understood is strict for all hosts. hand_on, before that: the variable for what is executed, to
 * be freed, or NULL; `file` is the path of the user's own file, and `broken` says that it could not
 * be understood.
 */
#define SHIM_CONF_INHERITED "ECHSHIM_INHERITED"
ECH_MUST_USE enum ech_status shim_conf_inherit(struct shim_conf *conf, const char *value,
                                               uid_t user);
char *shim_conf_hand_on(const struct shim_conf *conf, const char *file, bool broken,
                        const char *value, uid_t user);

/* Does a section's pattern ("example.org", "*.example.org", "*") fit a host, without case and
 * without a dot at its end? */
bool shim_conf_host_matches(const char *pattern, const char *host);

/*
 * The value that counts: of a locked section before the environment before what another user's file
 * said of strict mode before a file; among those of
 * one rank the more special one (host before program before default; a host by its whole name
 * before a pattern, the longer pattern first); among equals the later one. host NULL: for no host
 * in particular. NULL: nobody says anything.
 */
const struct shim_conf_entry *shim_conf_winner(const struct shim_conf *conf, enum shim_conf_key key,
                                               const char *host);
/* Does a section of a host say anything about this key that could count? */
bool shim_conf_has_hosts(const struct shim_conf *conf, enum shim_conf_key key);
/* Its value, or NULL. */
const char *shim_conf_value(const struct shim_conf *conf, enum shim_conf_key key, const char *host);

#endif
