/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_UNIT_SANITIZED_H
#define TESTS_UNIT_SANITIZED_H

/*
 * For `.disabled` of tests that fork beside threads. AddressSanitizer's runtime leaves its
 * allocator's locks in the child as they were, so the child may wait forever for one.
 */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define FORK_IS_UNSAFE 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FORK_IS_UNSAFE 1
#endif
#ifndef FORK_IS_UNSAFE
#define FORK_IS_UNSAFE 0
#endif

#endif
