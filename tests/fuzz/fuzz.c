/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t max, size_t *size)
{
	const uint8_t *bytes = input->data;
	*size = input->left < max ? input->left : max;
	input->data += *size;
	input->left -= *size;
	return bytes;
}

static uint64_t number(struct fuzz_input *input, size_t size)
{
	uint64_t value = 0;
	size_t n;
	const uint8_t *bytes = fuzz_bytes(input, size, &n);
	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)bytes[i] << (8 * i);
	return value;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
	return (uint8_t)number(input, 1);
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
	return (uint16_t)number(input, 2);
}

uint32_t fuzz_u32(struct fuzz_input *input)
{
	return (uint32_t)number(input, 4);
}

uint64_t fuzz_u64(struct fuzz_input *input)
{
	return number(input, 8);
}

void fuzz_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: this is not so: %s\n", file, line, what);
	abort();
}

/* The number of open fds, and perhaps a line for each of them. */
static int count_fds(bool print)
{
	int n = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/fd");
	FUZZ_CHECK(dir);
	while ((entry = readdir(dir))) {
		char path[300], target[256] = "";
		snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		if (print && readlink(path, target, sizeof(target) - 1) > 0)
			fprintf(stderr, "fd %s: %s\n", entry->d_name, target);
		n++;
	}
	closedir(dir);
	return n;
}

void fuzz_check_fds(void)
{
	static int first;
	int now = count_fds(false);
	if (!first)
		first = now;
	if (now != first)
		count_fds(true);
	FUZZ_CHECK(now == first);
}

/*
 * The fixtures and fakes of the tests judge with libcheck, which wants to be in a test of its own.
 * Here a judgement ends the program.
 */
void _mark_point(const char *file, int line) {}

void _ck_assert_failed(const char *file, int line, const char *expression, const char *message, ...)
{
	va_list args;
	fprintf(stderr, "%s:%d: %s ", file, line, expression);
	va_start(args, message);
	if (message)
		vfprintf(stderr, message, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}
