/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

/*
 * In libFuzzer's place: runs the fuzzer on the files and folders of files that are named, each file
 * once, and prints TAP. What goes wrong ends the program, after the name of the file.
 *
 *	replay-NAME PATH...
 */
#define MAX_SIZE (1024 * 1024)
#define SECONDS 20

static const char *current = "no file";

static void print_current(void)
{
	static const char words[] = "# while this file was run: ";
	if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0 ||
		write(STDERR_FILENO, current, strlen(current)) < 0 ||
		write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
}

/* abort(), or nothing has happened for too long. */
static void handle_signal(int number)
{
	print_current();
	signal(number, SIG_DFL);
	raise(number);
}

/* The sanitizers of gcc and clang call this before they end the program. */
void __asan_on_error(void);
__attribute__((visibility("default"))) void __asan_on_error(void)
{
	print_current();
}

static int run_file(const char *path)
{
	static uint8_t data[MAX_SIZE];
	FILE *file = fopen(path, "re");
	if (!file) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		return -1;
	}
	size_t size = fread(data, 1, sizeof(data), file);
	fclose(file);
	current = path;
	alarm(SECONDS);
	/* of exactly its size, so that ASan sees who reads beyond the end */
	uint8_t *copy = malloc(size ? size : 1);
	if (!copy)
		return -1;
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	alarm(0);
	return 0;
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The number of files, or -1. */
static int run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_file, compare);
	if (n < 0)
		return run_file(path) < 0 ? -1 : 1;
	int done = 0;
	for (int i = 0; i < n; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
		if (done == i && run_file(name) == 0)
			done++;
		free(entries[i]);
	}
	free(entries);
	return done == n ? n : -1;
}

int main(int argc, char **argv)
{
	signal(SIGABRT, handle_signal);
	signal(SIGALRM, handle_signal);
	printf("1..%d\n", argc - 1);
	/* also what nobody would keep a file of */
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++) {
		int n = run_folder(argv[i]);
		const char *name = strrchr(argv[i], '/');
		/* an empty corpus would test nothing */
		printf("%s %d %s: %d inputs\n", n > 0 ? "ok" : "not ok", i,
			name ? name + 1 : argv[i], n);
		fflush(stdout);
	}
	return 0;
}
