/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

/* Runs the cases, each in a process of its own, and prints TAP. */

static const char help[] =
	"usage: syncobj-conformance [OPTION...] [NAME...]\n"
	"\n"
	"Tests how the Wayland server at $WAYLAND_DISPLAY keeps to linux-drm-syncobj-v1, and\n"
	"prints TAP. With NAME: only cases whose names begin so.\n"
	"\n"
	"  -d, --device PATH  DRM device for timelines (default: the server's own)\n"
	"  -s, --strict       the server keeps no copies: it must hold what it shows\n"
	"  -l, --list         print the cases and what they ask for\n"
	"  -h, --help         this text\n"
	"\n"
	"Comments that begin with INFO tell of what the protocol leaves open.\n"
	"Exit status: 0 if no case failed, 1 if one did, 2 for a bad command line.\n";

static const struct conformance_case *const groups[] = {
	error_cases,
	import_cases,
	object_cases,
	end_cases,
	state_cases,
	acquire_cases,
	queue_cases,
	release_cases,
	subsurface_cases,
	open_cases,
};
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

enum { PASSED = 0, FAILED = 1, SKIPPED = 77 };

const char *conformance_device;
bool conformance_copies;
static bool is_strict;

/* Of the running case, shared with its process. */
static struct state {
	const char *name; /* the same in both */
	char reason[256]; /* of a skip */
	char waits[128];
} *state;

static void comment(const char *head, const char *format, va_list args)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, args);
	printf("# %s%s: %s\n", head, state->name, text);
	fflush(stdout);
}

void conformance_fail(const char *file, int line, const char *format, ...)
{
	va_list args;
	const char *base = strrchr(file, '/');
	va_start(args, format);
	comment("", format, args);
	va_end(args);
	printf("#   at %s:%d\n", base ? base + 1 : file, line);
	fflush(stdout);
	_exit(FAILED);
}

void conformance_skip(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(state->reason, sizeof(state->reason), format, args);
	va_end(args);
	_exit(SKIPPED);
}

void conformance_info(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	comment("INFO ", format, args);
	va_end(args);
}

void conformance_waits(const char *what)
{
	snprintf(state->waits, sizeof(state->waits), "%s", what ? what : "");
}

static int run_case(const struct conformance_case *one)
{
	int status;
	pid_t pid = fork();
	if (pid < 0)
		return FAILED;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(LIMIT_S);
		one->run();
		_exit(PASSED);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("# %s: %s%s%s\n", one->name,
		WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)),
		*state->waits ? " in waiting for " : "", state->waits);
	return FAILED;
}

/* True: go on with the next. */
static bool report(const struct conformance_case *one, int number, int verdict)
{
	bool there;
	if (verdict == SKIPPED) {
		printf("ok %d - %s # SKIP %s\n", number, one->name, state->reason);
		return true;
	}
	if (verdict == PASSED) {
		printf("ok %d - %s\n", number, one->name);
		return true;
	}
	printf("# %s: must hold: %s\n", one->name, one->says);
	printf("not ok %d - %s\n", number, one->name);
	server_offers_syncobj(&there);
	if (!there)
		printf("Bail out! the server is gone after %s\n", one->name);
	return there;
}

static bool is_wanted(const struct conformance_case *one, char *const names[])
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (strncmp(one->name, *names, strlen(*names)) == 0)
			return true;
	return false;
}

static int count(char *const names[])
{
	int n = 0;
	for (size_t g = 0; g < N_GROUPS; g++)
		for (const struct conformance_case *one = groups[g]; one->name; one++)
			n += is_wanted(one, names);
	return n;
}

static void hold(void)
{
	struct scene scene;
	scene_show(&scene, 1);
	client_idle(&scene.client);
	client_idle(&scene.client);
	if (timeline_signalled(&scene.buffers[0].release))
		SKIP("a copy");
}

/* Asked beforehand, as other cases depend on it. */
static void find_out_whether_it_copies(void)
{
	static const struct conformance_case ask = {"beforehand", "a window can be shown", hold};
	*state = (struct state){.name = ask.name};
	conformance_copies = run_case(&ask) == SKIPPED && strcmp(state->reason, "a copy") == 0;
	if (conformance_copies)
		printf("# INFO the server releases buffers that it shows\n");
}

static int run_all(char *const names[])
{
	int number = 0, result = 0;
	if (!is_strict)
		find_out_whether_it_copies();
	printf("1..%d\n", count(names));
	for (size_t g = 0; g < N_GROUPS; g++) {
		for (const struct conformance_case *one = groups[g]; one->name; one++) {
			if (!is_wanted(one, names))
				continue;
			*state = (struct state){.name = one->name};
			fflush(stdout);
			int verdict = run_case(one);
			result |= verdict != PASSED && verdict != SKIPPED;
			if (!report(one, ++number, verdict))
				return 1;
		}
	}
	return result;
}

static int list(char *const names[])
{
	for (size_t g = 0; g < N_GROUPS; g++)
		for (const struct conformance_case *one = groups[g]; one->name; one++)
			if (is_wanted(one, names))
				printf("%-40s %s\n", one->name, one->says);
	return 0;
}

static int run(char *const names[])
{
	bool there;
	if (count(names) == 0) {
		fprintf(stderr, "syncobj-conformance: no case has such a name: see --list\n");
		return 2;
	}
	if (!server_offers_syncobj(&there)) {
		if (there)
			printf("1..0 # SKIP the server does not offer "
			       "wp_linux_drm_syncobj_manager_v1\n");
		else
			printf("Bail out! there is no Wayland server to connect to\n");
		return there ? 0 : 1;
	}
	return run_all(names);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"device", required_argument, NULL, 'd'},
		{"strict", no_argument, NULL, 's'},
		{"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	bool is_list = false;
	int option;
	while ((option = getopt_long(argc, argv, "d:slh", options, NULL)) != -1) {
		if (option == 'd') {
			conformance_device = optarg;
		} else if (option == 's') {
			is_strict = true;
		} else if (option == 'l') {
			is_list = true;
		} else {
			fputs(help, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	state = mmap(
		NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED)
		return 1;
	return is_list ? list(argv + optind) : run(argv + optind);
}
