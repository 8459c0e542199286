/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "server.h"
#include "stage.h"
#include "xdg-shell-client-protocol.h"

/*
 * What a well-behaved client notices of a hostile one: how far its frames are apart, those of a
 * fullscreen window at the display's pace, while another process does what it may without end,
 * against the same without it, in turns.
 */
#define ROUNDS 5
#define FRAMES 90

struct world {
	struct bench_server server;
	struct stage neighbour;
	void (*storm)(struct stage *stage);
};

/* ---- storms, each without end -------------------------------------------------------------- */

static void attach_and_destroy(struct stage *stage)
{
	struct wl_buffer *buffer = stage_create_shm(stage, 64, 64);
	for (unsigned i = 1;; i++) {
		struct wl_surface *surface = wl_compositor_create_surface(stage->compositor);
		wl_surface_attach(surface, buffer, 0, 0);
		wl_surface_commit(surface);
		wl_surface_destroy(surface);
		if (i % 50 == 0)
			stage_sync(stage);
	}
}

static void open_and_close(struct stage *stage)
{
	for (unsigned i = 1;; i++) {
		struct wl_surface *surface = wl_compositor_create_surface(stage->compositor);
		struct xdg_surface *xdg_surface =
			xdg_wm_base_get_xdg_surface(stage->wm_base, surface);
		struct xdg_toplevel *toplevel = xdg_surface_get_toplevel(xdg_surface);
		wl_surface_commit(surface);
		xdg_toplevel_destroy(toplevel);
		xdg_surface_destroy(xdg_surface);
		wl_surface_destroy(surface);
		if (i % 20 == 0)
			stage_sync(stage);
	}
}

/* As large as the numbers are, and in pieces, of a surface that nobody sees. */
static void damage(struct stage *stage)
{
	struct wl_buffer *buffer = stage_create_shm(stage, 32767, 1);
	struct wl_surface *surface = wl_compositor_create_surface(stage->compositor);
	for (;;) {
		for (int32_t i = 0; i < 200; i++) {
			wl_surface_damage(surface, INT32_MIN + i, i, INT32_MAX, INT32_MAX);
			wl_surface_damage_buffer(surface, 2 * i, 3 * i, 1, 1);
		}
		wl_surface_attach(surface, buffer, 0, 0);
		wl_surface_commit(surface);
		stage_sync(stage);
	}
}

/* It is disconnected every now and then, and comes again. */
static void ask_and_never_read(struct stage *stage)
{
	char socket[96];
	snprintf(socket, sizeof(socket), "%s", getenv("WAYLAND_DISPLAY"));
	for (;;) {
		do
			wl_display_sync(stage->display);
		while (wl_display_flush(stage->display) >= 0 || errno == EAGAIN);
		wl_display_disconnect(stage->display);
		stage_connect(stage, socket);
	}
}

/* ---- the neighbour ------------------------------------------------------------------------- */

static double frame_us(struct world *w)
{
	struct stage_surface *window = &w->neighbour.window;
	stage_show_window(&w->neighbour, FRAMES);
	if (window->presented < 2)
		bench_fail("the neighbour's frames are not shown");
	return (double)(window->last_ns - window->first_ns) / 1e3 / (window->presented - 1);
}

static double in_peace(void *data)
{
	return frame_us(data);
}

/* That it is disconnected is no news. */
static void say_nothing(const char *format, va_list args) {}

static pid_t unleash(struct world *w)
{
	struct stage stage;
	pid_t pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	wl_log_set_handler_client(say_nothing);
	setenv("WAYLAND_DISPLAY", w->server.socket, 1);
	stage_connect(&stage, w->server.socket);
	w->storm(&stage);
	_exit(0);
}

static double in_a_storm(void *data)
{
	struct world *w = data;
	pid_t pid = unleash(w);
	/* until it blows */
	stage_show_window(&w->neighbour, 10);
	double us = frame_us(w);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	stage_show_window(&w->neighbour, 10);
	return us;
}

int main(void)
{
	static const struct {
		const char *name;
		void (*storm)(struct stage *stage);
	} storms[] = {
		{"storm_attach_frame", attach_and_destroy},
		{"storm_windows_frame", open_and_close},
		{"storm_damage_frame", damage},
		{"storm_unread_frame", ask_and_never_read},
	};
	struct world w;
	bench_init("bench-storm", 240);
	bench_server_start(&w.server, NULL);
	stage_init(&w.neighbour, w.server.socket);
	w.neighbour.asks = true;
	double rss = 0;
	for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
		w.storm = storms[i].storm;
		struct bench_pair us = bench_compare(ROUNDS, in_a_storm, in_peace, &w);
		bench_print_ratio(storms[i].name, us.value, "us", us.floor, 1.2);
		/* the first one makes what stays */
		if (i == 0)
			rss = bench_server_rss_kib(&w.server);
	}
	bench_print_value(
		"storm_rss_more", bench_server_rss_kib(&w.server) - rss, "KiB", NAN, 2048);
	stage_finish(&w.neighbour);
	bench_server_stop(&w.server);
	return 0;
}
