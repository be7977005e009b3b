/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked statically: no library is loaded into it. */
int main(void)
{
    return 0;
}
