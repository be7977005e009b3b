/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim/stub/locked.h"

atomic_bool stub_locked_state;

bool stub_locked_now(void)
{
    return stub_locked();
}
