/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The program's signal handlers (shim/common/handlers.h). All functions are async-signal-safe. */
#ifndef SHIM_STUB_HANDLERS_H
#define SHIM_STUB_HANDLERS_H

#include <signal.h>

#include "shim/common/handlers.h"

/* For the engine. NULL in a namespace of dlmopen: there may always be handlers, for the program's
 * own are set where this stub has no hooks. */
struct shim_handlers *stub_handlers(void);

/* The program is about to set a handler for this signal. Waits a moment for threads that hold
 * nothing back now. */
void stub_handler_comes(int number);
/* That handler may interrupt itself (SA_NODEFER). */
void stub_handler_undeferred(void);
/* Code has come, or will come, that may set handlers past our hooks: in this namespace, or in
 * another one. */
void stub_handlers_look_again(void);
void stub_handlers_unknown(void);

#endif
