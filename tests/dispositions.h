/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets the signal dispositions that a program started from a terminal has. The tests may have been
 * started otherwise: in the background of a shell, which ignores SIGINT and SIGQUIT, or by nohup.
 */
#ifndef TESTS_DISPOSITIONS_H
#define TESTS_DISPOSITIONS_H

#include <signal.h>
#include <stddef.h>

/* Call it in the child of a fork, before exec. */
static inline void usual_dispositions(void)
{
    for (int number = 1; number < 32; number++) {
        (void)signal(number, SIG_DFL);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

#endif
