/* SPDX-License-Identifier: MIT */
#include "daemon_ctl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

FILE *daemon_ctl_start(const struct daemon *daemon, const char *arguments)
{
	char line[512];
	const char *program = getenv("WAYBUFCTL");
	if (!program)
		SKIP("waybufctl is not built");
	snprintf(line, sizeof(line), "XDG_RUNTIME_DIR=%s %s --display test %s", daemon->folder,
		program, arguments);
	FILE *pipe = popen(line, "re");
	ck_assert_ptr_nonnull(pipe);
	return pipe;
}

int daemon_ctl(const struct daemon *daemon, const char *arguments, char *text, size_t size)
{
	char all[256];
	snprintf(all, sizeof(all), "%s 2>&1", arguments);
	FILE *pipe = daemon_ctl_start(daemon, all);
	text[fread(text, 1, size - 1, pipe)] = '\0';
	int status = pclose(pipe);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

unsigned long daemon_number(const struct daemon *daemon, const char *key)
{
	char text[32768], name[64];
	ck_assert_int_eq(daemon_ctl(daemon, "info --json", text, sizeof(text)), 0);
	snprintf(name, sizeof(name), "\"%s\":", key);
	const char *found = strstr(text, name);
	ck_assert_msg(found, "%s", text);
	return strtoul(found + strlen(name), NULL, 10);
}
