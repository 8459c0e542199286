/* SPDX-License-Identifier: MIT */
#include "fail_alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "fail_where.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

static _Atomic unsigned countdown;
static _Atomic bool happened;

void fail_alloc_at(unsigned n)
{
	atomic_store(&happened, false);
	atomic_store(&countdown, n);
}

bool fail_alloc_happened(void)
{
	return atomic_load(&happened);
}

static bool fails(void)
{
	unsigned left = fail_counts() ? atomic_load(&countdown) : 0;
	while (left > 0 && !atomic_compare_exchange_weak(&countdown, &left, left - 1))
		continue;
	if (left != 1)
		return false;
	atomic_store(&happened, true);
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* Where it is wrapped; the sum is the caller's to get right, in a test. */
void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return fails() ? NULL : __real_realloc(old, n * size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}
