// SPDX-License-Identifier: MIT
// Whether the test program runs under a sanitizer that has memory of its own.
#ifndef TEST_SANITIZER_H
#define TEST_SANITIZER_H

#if defined(__has_feature)
#define SANITIZER_HAS(feature) __has_feature(feature)
#else
#define SANITIZER_HAS(feature) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || SANITIZER_HAS(address_sanitizer) ||     \
    SANITIZER_HAS(thread_sanitizer) || SANITIZER_HAS(memory_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#endif
