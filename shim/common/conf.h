/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings as text, from the ECHSHIM_* variables and the configuration files (echshim.conf(5)),
 * and which of them counts for a host. shim/engine/settings knows what the values mean. The stub
 * reads them once in a process. From then on they are constant, and reading takes no lock and no
 * memory, so the wire guard may read them.
 */
#ifndef SHIM_COMMON_CONF_H
#define SHIM_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "ech/wire.h"

/* The value of outer_name that stands for the usual one. No host has such a name. */
#define SHIM_CONF_USUAL_OUTER_NAME "public_name"

/* The keys of a file; each is the variable ECHSHIM_KEY too. */
enum shim_conf_key {
    SHIM_CONF_MODE,
    SHIM_CONF_PORTS,
    SHIM_CONF_RESOLVER,
    SHIM_CONF_CONFIG_LIST,
    SHIM_CONF_OUTER_NAME,
    SHIM_CONF_RETRY,
    SHIM_CONF_GREASE,
    SHIM_CONF_PRIVATE, /* keys up to this one may also stand in a host's section */
    SHIM_CONF_CA_FILE,
    SHIM_CONF_RESOLVER_PROXY,
    SHIM_CONF_TIMEOUT_MS,
    SHIM_CONF_CACHE,
    SHIM_CONF_LOG,
    SHIM_CONF_LOG_FILE,
    SHIM_CONF_REPORT,
    SHIM_CONF_DETOURS,
    SHIM_CONF_RELAY, /* of files only: no variable counts */
    SHIM_CONF_GO,
    SHIM_CONF_KEYS
};

/* "ECHSHIM_MODE" and "mode"; static storage. */
const char *shim_conf_variable(enum shim_conf_key key);
const char *shim_conf_key_name(enum shim_conf_key key);
/* The key of a name; SHIM_CONF_KEYS: there is none. */
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
    bool inherited;     /* from another user's file, by SHIM_CONF_INHERITED */
    unsigned closeness; /* of a program's section; 0: not this process, else the higher wins */
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
    struct shim_conf_entry *entries; /* in the order of reading: later entries win */
    size_t entry_count;
    struct shim_conf_section **sections;
    size_t section_count;
    char *files[SHIM_CONF_FILES]; /* paths of those that were read */
    size_t file_count;
    char *inherited; /* "ECHSHIM_INHERITED=..." for what this process executes, or NULL */
    /* A file, or a part of it, could not be understood. It may have asked for strict mode. So every
     * host is strict, unless the environment or a locked section says otherwise. */
    bool broken;
    /* One sentence each, with file and line. Further problems are not kept. */
    char *problems[SHIM_CONF_PROBLEMS];
    size_t problem_count;
};

void shim_conf_free(struct shim_conf *conf);

/*
 * Adds the variables that are set and not empty, before or after any file. ECH_ERR_NOMEM: some are
 * missing, and the conf counts as broken.
 */
ECH_MUST_USE enum ech_status
shim_conf_add_environment(struct shim_conf *conf,
                          const char *(*get)(void *context, const char *variable), void *context);

/* What a file may do: */
enum shim_conf_trust {
    SHIM_CONF_USER,        /* lock nothing */
    SHIM_CONF_SYSTEM,      /* lock sections: root's own file */
    SHIM_CONF_LOCKED_ONLY, /* lock sections, and only these count */
};

/*
 * Parses a file's text (shim/common/conf_parse.c). Problems go into conf->problems. ECH_ERR_NOMEM:
 * some of it is missing, and the conf counts as broken.
 */
ECH_MUST_USE enum ech_status shim_conf_add_file(struct shim_conf *conf, const char *path,
                                                struct bytes text, enum shim_conf_trust trust);
/* Notes a problem of a file; the conf counts as broken. line 0: none. */
void shim_conf_problem(struct shim_conf *conf, const char *file, unsigned line, const char *text);

/*
 * Loads the files and the environment of this process (shim/common/conf_load.c), for `program`: an
 * absolute path that is about to be executed, or NULL for this process itself. Sections of the
 * programs that started it count too, the nearest first. ECH_ERR_NOMEM as above.
 */
ECH_MUST_USE enum ech_status shim_conf_load(struct shim_conf *conf, const char *program);
/* Loads this file alone (echshim --check-config), with all sections, also of other programs. */
ECH_MUST_USE enum ech_status shim_conf_load_file(struct shim_conf *conf, const char *path);

/*
 * What another user's file said of strict mode (shim/common/conf_inherited.c). inherit: adds the
 * value of the variable (NULL: none), except what `user` itself said. A value that cannot be
 * understood means strict for all hosts. hand_on, which comes first: makes the variable for what
 * this process executes, to be freed by the caller, or NULL. `file` is the path of the user's own
 * file; `broken`: it could not be understood.
 */
#define SHIM_CONF_INHERITED "ECHSHIM_INHERITED"
ECH_MUST_USE enum ech_status shim_conf_inherit(struct shim_conf *conf, const char *value,
                                               uid_t user);
char *shim_conf_hand_on(const struct shim_conf *conf, const char *file, bool broken,
                        const char *value, uid_t user);

/* Does a section's pattern ("example.org", "*.example.org", "*") match a host? Ignores case, and a
 * dot at the host's end. */
bool shim_conf_host_matches(const char *pattern, const char *host);

/*
 * The value that counts; NULL: there is none. The ranks are: locked section, environment, strict
 * mode from another user's file, file. Within a rank the more special section wins: host, program,
 * default. For hosts, a whole name wins before a pattern, and the longer pattern before the
 * shorter. Among equals the later one wins. `host` NULL: for no host in particular.
 */
const struct shim_conf_entry *shim_conf_winner(const struct shim_conf *conf, enum shim_conf_key key,
                                               const char *host);
/* Does a host's section have a value of this key that could count? */
bool shim_conf_has_hosts(const struct shim_conf *conf, enum shim_conf_key key);
/* Its value, or NULL. */
const char *shim_conf_value(const struct shim_conf *conf, enum shim_conf_key key, const char *host);

#endif
