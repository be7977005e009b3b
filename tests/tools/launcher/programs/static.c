/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked statically: it loads no library. */
int main(void)
{
    return 0;
}
