/* SPDX-License-Identifier: MIT */
#ifndef UTIL_UTF8_H
#define UTIL_UTF8_H

#include <stdbool.h>

/* Whether @text is UTF-8 in its shortest form, without surrogates: what the protocol asks for. */
bool utf8_valid(const char *text);

#endif
