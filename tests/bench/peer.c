/* SPDX-License-Identifier: MIT */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* Fullscreen windows, and no more of a desktop than that. */
#define WESTON(...) \
	{"/usr/bin/weston", "--backend=drm", "--shell=kiosk-shell.so", "--continue-without-input", \
		"--idle-time=0", "--no-config", "--socket=bench", __VA_ARGS__}
/* An empty configuration, by a file that is there everywhere. */
#define SWAY {"/usr/bin/sway", "--config", "/dev/null"}

const struct peer peers[] = {
	{
		.name = "waybufd",
		.socket = "bench",
		.argv = {WAYBUFD, "--socket", "bench"},
	},
	{
		.name = "weston-14",
		.socket = "bench",
		.argv = WESTON("--renderer=gl"),
	},
	{
		.name = "weston-14-pixman",
		.socket = "bench",
		.argv = WESTON("--renderer=pixman"),
	},
	{
		.name = "weston-16",
		.elsewhere = true,
		.socket = "bench",
		.argv = WESTON("--renderer=gl"),
	},
	{
		.name = "sway-gles2",
		.elsewhere = true,
		.socket = "wayland-1",
		.argv = SWAY,
		.environment = {"WLR_RENDERER=gles2", "WLR_RENDERER_ALLOW_SOFTWARE=1"},
	},
	{
		.name = "sway-pixman",
		.elsewhere = true,
		.socket = "wayland-1",
		.argv = SWAY,
		.environment = {"WLR_RENDERER=pixman"},
	},
	{
		/* a display of its own would need logind: it has a virtual monitor */
		.name = "mutter",
		.elsewhere = true,
		.socket = "bench",
		.argv = {"/usr/bin/dbus-run-session", "--", "/usr/bin/mutter", "--headless",
			"--no-x11", "--virtual-monitor", "1024x768", "--wayland-display", "bench"},
	},
};
const size_t n_peers = sizeof(peers) / sizeof(peers[0]);

static const char *root_of(const struct peer *peer)
{
	const char *root = peer->elsewhere ? getenv("BENCH_PEERS") : "";
	return root ? root : "/nonexistent";
}

bool peer_exists(const struct peer *peer)
{
	char path[512];
	int length = snprintf(path, sizeof(path), "%s%s", root_of(peer), peer->argv[0]);
	return length > 0 && (size_t)length < sizeof(path) && access(path, X_OK) == 0;
}

static void enter_root(const struct peer *peer)
{
	if (!peer->elsewhere)
		return;
	/* libraries of this checkout are built for the other root */
	unsetenv("LD_LIBRARY_PATH");
	if (chroot(root_of(peer)) < 0 || chdir("/") < 0)
		bench_fail("%s: %s", root_of(peer), strerror(errno));
}

static _Noreturn void exec_peer(const struct bench_server *server, const struct peer *peer)
{
	char log[sizeof(server->folder) + 8];
	/* a bench that fails leaves no display behind that is taken */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	snprintf(log, sizeof(log), "%s/log", server->folder);
	setenv("XDG_RUNTIME_DIR", server->folder, 1);
	unsetenv("WAYLAND_DISPLAY");
	for (size_t i = 0; peer->environment[i]; i++)
		putenv((char *)(uintptr_t)peer->environment[i]);
	int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		bench_fail("%s: %s", log, strerror(errno));
	enter_root(peer);
	execv(peer->argv[0], (char *const *)(uintptr_t)peer->argv);
	fprintf(stderr, "%s: %s\n", peer->argv[0], strerror(errno));
	_exit(127);
}

void peer_start(struct bench_server *server, const struct peer *peer)
{
	snprintf(server->folder, sizeof(server->folder), "/tmp/waybuf-bench-XXXXXX");
	if (!mkdtemp(server->folder))
		bench_fail("%s: %s", server->folder, strerror(errno));
	snprintf(server->socket, sizeof(server->socket), "%s/%s", server->folder, peer->socket);
	fflush(NULL);
	server->pid = fork();
	if (server->pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (server->pid == 0)
		exec_peer(server, peer);
	setpgid(server->pid, server->pid);
}

void peer_wait(const struct bench_server *server)
{
	siginfo_t end = {0};
	/* bench_init() bounds the wait */
	while (access(server->socket, F_OK) < 0) {
		waitid(P_PID, (id_t)server->pid, &end, WEXITED | WNOHANG | WNOWAIT);
		if (end.si_pid != 0)
			bench_fail("did not start");
		usleep(1000);
	}
}

double peer_pss_kib(const struct bench_server *server)
{
	char path[64], line[128];
	double kib = NAN;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)server->pid);
	FILE *file = fopen(path, "re");
	while (file && isnan(kib) && fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss: %lf kB", &kib) != 1)
			kib = NAN;
	if (file)
		fclose(file);
	return kib;
}
