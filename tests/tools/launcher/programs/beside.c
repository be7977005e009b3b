/* SPDX-License-Identifier: LGPL-2.1-or-later */
const char *beside_word(void);
const char *beside_word(void)
{
    return "found";
}
