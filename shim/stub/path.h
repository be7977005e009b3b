/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the stub lay when the program began. LD_PRELOAD and LD_LIBRARY_PATH may be relative to a
 * folder that the program has left, and the program may change its root.
 */
#ifndef SHIM_STUB_PATH_H
#define SHIM_STUB_PATH_H

#include <stdbool.h>

#define STUB_ENGINE_NAME "libechshim-engine.so"

/* The absolute paths of the stub, and of the engine that lies beside it; NULL: not known. */
const char *stub_path(void);
const char *stub_engine_path(void);
/*
 * Is the folder of that path still the one that the stub came from, and "/" the root that the
 * program began with? If not, the path may name another file.
 */
bool stub_folder_is_same(void);
bool stub_root_is_same(void);

#endif
