/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_LORE_H
#define TESTS_FUZZ_LORE_H

#include "peer.h"

/* Between peer.c and lore.c: what was heard. @fd is taken. */
void lore_hear_fd(struct lore *lore, int fd);
void lore_hear_array(struct lore *lore, const void *data, size_t size);
void lore_hear_string(struct lore *lore, const void *data, size_t size);

#endif
