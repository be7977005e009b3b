/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/echshim/modules.h"

#include <fts.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OF_NODE ".node"
#define OF_PYTHON ".so"

enum {
    FILES_MAX = 200000, /* a folder with more is searched only in part */
    DEPTH_MAX = 16,
};

struct search {
    modules_found *found;
    void *context;
    unsigned left; /* files that may still be looked at */
};

/* ---- a folder ---- */

static bool is_module(const char *name, size_t length, const char *ending)
{
    size_t size = strlen(ending);
    return length > size && strcmp(name + length - size, ending) == 0;
}

/* Symbolic links are not followed, so there is no circle. */
static void search_folder(struct search *search, char *folder, const char *ending, int depth)
{
    FTS *tree = fts_open((char *[]){folder, NULL}, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
    const FTSENT *entry = NULL;
    while (tree != NULL && search->left > 0 && (entry = fts_read(tree)) != NULL) {
        search->left--;
        if (entry->fts_info == FTS_D && entry->fts_level >= depth) {
            (void)fts_set(tree, (FTSENT *)(uintptr_t)entry, FTS_SKIP);
        } else if ((entry->fts_info == FTS_F || entry->fts_info == FTS_NSOK) &&
                   is_module(entry->fts_name, entry->fts_namelen, ending)) {
            search->found(search->context, entry->fts_path);
        }
    }
    if (tree != NULL) {
        (void)fts_close(tree);
    }
}

/* Cuts the path before its last part. False: nothing would be left. */
static bool cut(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return false;
    }
    *slash = '\0';
    return true;
}

static bool has(const char *folder, const char *name, char out[PATH_MAX])
{
    int length = snprintf(out, PATH_MAX, "%s/%s", folder, name);
    return length > 0 && length < PATH_MAX && access(out, F_OK) == 0;
}

/* ---- a package of Node.js ---- */

/* A package finds what it depends on in the folders node_modules on the way up. */
static void search_dependency(struct search *search, const char *package, const char *name)
{
    char folder[PATH_MAX];
    char beside[PATH_MAX];
    char part[PATH_MAX];
    (void)snprintf(folder, sizeof folder, "%s", package);
    (void)snprintf(part, sizeof part, "node_modules/%s", name);
    while (cut(folder)) {
        if (has(folder, part, beside)) {
            search_folder(search, beside, OF_NODE, DEPTH_MAX);
            return;
        }
    }
}

static void search_package(struct search *search, char *folder)
{
    static const char *const kinds[] = {"dependencies", "optionalDependencies"};
    char path[PATH_MAX];
    (void)has(folder, "package.json", path);
    json_t *package = json_load_file(path, 0, NULL);
    search_folder(search, folder, OF_NODE, DEPTH_MAX);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *name;
        json_t *version;
        json_object_foreach(json_object_get(package, kinds[i]), name, version)
        {
            search_dependency(search, folder, name);
        }
    }
    json_decref(package);
}

/* ---- the program ---- */

static bool is_of_system(const char *folder)
{
    static const char *const folders[] = {"/bin",      "/sbin",          "/usr/bin",
                                          "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"};
    bool system = false;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        system = system || strcmp(folder, folders[i]) == 0;
    }
    return system;
}

void modules_find(const struct program *program, modules_found *found, void *context)
{
    char folder[PATH_MAX];
    char package[PATH_MAX];
    char path[PATH_MAX];
    struct search search = {.found = found, .context = context, .left = FILES_MAX};
    bool script = program->chain[0].image.kind == SHIM_EXECUTABLE_SCRIPT;
    if (realpath(program->path, folder) == NULL || !cut(folder)) {
        return;
    }
    if (!script) {
        if (!is_of_system(folder)) {
            search_folder(&search, folder, OF_NODE, 1);
        }
        return;
    }
    memcpy(package, folder, sizeof package);
    do {
        if (has(package, "package.json", path)) {
            search_package(&search, package);
            return;
        }
        if (has(package, "pyvenv.cfg", path)) {
            search_folder(&search, package, OF_PYTHON, DEPTH_MAX);
            return;
        }
    } while (cut(package));
}
