/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "lore.h"

void lore_give_fd(struct lore *lore, int fd)
{
	FUZZ_CHECK(fd >= 0 && lore->n_fds < LORE_FDS);
	lore->fds[lore->n_fds++] = fd;
	lore->given_fds = lore->n_fds;
}

static void set_bytes(struct lore_bytes *bytes, const void *data, size_t size)
{
	bytes->size = size < LORE_SIZE ? size : LORE_SIZE;
	if (size > 0)
		memcpy(bytes->data, data, bytes->size);
}

void lore_give_array(struct lore *lore, const void *data, size_t size)
{
	FUZZ_CHECK(lore->n_arrays < LORE_ARRAYS);
	set_bytes(&lore->arrays[lore->n_arrays++], data, size);
	lore->given_arrays = lore->n_arrays;
}

void lore_give_string(struct lore *lore, const char *text)
{
	FUZZ_CHECK(lore->n_strings < LORE_STRINGS);
	set_bytes(&lore->strings[lore->n_strings++], text, strlen(text));
	lore->given_strings = lore->n_strings;
}

/* The place for one more: a free one, or that of the oldest that was not given. */
static unsigned place(unsigned *n, unsigned max, unsigned given, unsigned *next)
{
	if (*n < max)
		return (*n)++;
	return given + (*next)++ % (max - given);
}

void lore_hear_fd(struct lore *lore, int fd)
{
	bool is_new = lore->n_fds < LORE_FDS;
	unsigned i = place(&lore->n_fds, LORE_FDS, lore->given_fds, &lore->next_fd);
	if (!is_new)
		close(lore->fds[i]);
	lore->fds[i] = fd;
}

void lore_hear_array(struct lore *lore, const void *data, size_t size)
{
	unsigned i = place(&lore->n_arrays, LORE_ARRAYS, lore->given_arrays, &lore->next_array);
	set_bytes(&lore->arrays[i], data, size);
}

void lore_hear_string(struct lore *lore, const void *data, size_t size)
{
	unsigned i = place(&lore->n_strings, LORE_STRINGS, lore->given_strings, &lore->next_string);
	set_bytes(&lore->strings[i], data, size);
}

void lore_finish(struct lore *lore)
{
	for (unsigned i = 0; i < lore->n_fds; i++)
		close(lore->fds[i]);
	lore->n_fds = 0;
}
