/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "server.h"

/*
 * The player on waybufd, against the same player without a window: what it adds to decoding to show
 * the newest frame whenever the display can, what it copies, and what a frame at the film's pace
 * costs the server; and what frames of heap-client, dma-bufs at the display's pace, cost it and
 * weston. The film is made here, and shown pixel by pixel: H.264 of a moving test picture with some
 * noise, as cameras have it, decoded by one thread.
 */
#define SIZE "1920x1080"
#define FRAMES 300
#define PACED 120
#define HEAP_FRAMES 240
#define RUNS 3

struct played {
	double seconds, copied, direct, composed;
};

/* What follows @key at the start of a line; NaN if nothing does. */
static double number_of(const char *text, const char *key)
{
	for (const char *at = strstr(text, key); at; at = strstr(at + 1, key)) {
		if (at == text || at[-1] == '\n')
			return strtod(at + strlen(key), NULL);
	}
	return NAN;
}

static void run(const char *command, char *out, size_t size)
{
	/* the commands are our own, from constants */
	FILE *pipe = popen(command, "re");
	if (!pipe)
		bench_fail("%s: cannot be started", command);
	size_t length = fread(out, 1, size - 1, pipe);
	out[length] = '\0';
	if (pclose(pipe) != 0)
		bench_fail("%s: failed", command);
}

/*
 * It takes as long as all that is measured, so it stays beside the player, under a name that tells
 * what it is.
 */
static void make_clip(char *path, size_t size)
{
	char command[2560], out[256];
	snprintf(path, size, "%s-" SIZE "-noise4.mkv", BENCH_PLAYER);
	if (access(path, R_OK) == 0)
		return;
	snprintf(command, sizeof(command),
		"ffmpeg -v error -y -f lavfi -i testsrc2=s=" SIZE ":r=30:d=%d "
		"-vf noise=alls=4:allf=t -pix_fmt yuv420p -colorspace bt709 -color_range tv "
		"-c:v libx264 -preset superfast -bf 2 -threads 1 %s.new.mkv </dev/null && "
		"mv %s.new.mkv %s",
		FRAMES / 30, path, path, path);
	run(command, out, sizeof(out));
}

static double decode_only(const char *clip)
{
	char command[1280], out[4096];
	snprintf(command, sizeof(command), "%s --decode-only --threads 1 %s", BENCH_PLAYER, clip);
	run(command, out, sizeof(out));
	return number_of(out, "seconds ");
}

static struct played play(const struct bench_server *server, const char *options, const char *clip)
{
	char command[1280], out[16384];
	snprintf(command, sizeof(command), "WAYLAND_DISPLAY=%s %s %s --threads 1 %s 2>&1",
		server->socket, BENCH_PLAYER, options, clip);
	run(command, out, sizeof(out));
	const char *composed = strstr(out, ", composed ");
	return (struct played){
		.seconds = number_of(out, "seconds "),
		.copied = number_of(out, "bytes-copied "),
		.direct = number_of(out, "path direct "),
		.composed = composed ? strtod(composed + strlen(", composed "), NULL) : NAN,
	};
}

/* Of the server, for a frame of a film that is shown at its pace. */
static double paced_cpu(const struct bench_server *server, const char *clip)
{
	char options[32];
	snprintf(options, sizeof(options), "--frames %d", PACED);
	double before = bench_server_cpu_us(server);
	struct played played = play(server, options, clip);
	if (!(played.direct > 0))
		bench_fail("no frame was shown in place");
	return (bench_server_cpu_us(server) - before) / played.direct;
}

/* ---- the same client on both servers --------------------------------------------------------- */

/* Of the server, for each frame that it did not copy; ends the program if there are none. */
static double heap_cpu(const struct bench_server *server)
{
	char command[512], out[4096];
	unsigned shown = 0, direct = 0;
	snprintf(command, sizeof(command), "WAYLAND_DISPLAY=%s %s --frames %d 2>&1", server->socket,
		BENCH_HEAP_CLIENT, HEAP_FRAMES);
	double before = bench_server_cpu_us(server);
	run(command, out, sizeof(out));
	double used = bench_server_cpu_us(server) - before;
	const char *counts = strstr(out, "shown ");
	if (!counts ||
		sscanf(counts, "shown %u, of these without a copy %u", &shown, &direct) != 2 ||
		direct == 0)
		bench_fail("no frame of heap-client was shown in place");
	return used / direct;
}

/* kiosk-shell of weston 14 without a seat does not outlive a second window, so each has its own. */
static double weston_cpu(void)
{
	static const char script[] = "exec weston --backend=drm --shell=kiosk-shell.so "
				     "--renderer=gl --continue-without-input --idle-time=0 "
				     "--socket=wayland-0 --log=/dev/null\n";
	char path[] = "/tmp/waybuf-bench-weston-XXXXXX";
	struct bench_server server;
	if (access("/usr/bin/weston", X_OK) < 0)
		return NAN;
	int fd = mkstemp(path);
	if (fd < 0 || write(fd, script, sizeof(script) - 1) < 0)
		bench_fail("%s: cannot be made", path);
	close(fd);
	bench_server_start_program(&server, "/bin/sh", path);
	unlink(path);
	double each = heap_cpu(&server);
	bench_server_stop(&server);
	return each;
}

static double waybufd_cpu(void)
{
	struct bench_server server;
	bench_server_start(&server, NULL);
	double each = heap_cpu(&server);
	bench_server_stop(&server);
	return each;
}

static void compare_with_weston(void)
{
	double ours[RUNS], theirs[RUNS];
	for (int i = 0; i < RUNS; i++) {
		ours[i] = waybufd_cpu();
		theirs[i] = weston_cpu();
	}
	if (!isnan(theirs[0]))
		bench_print_ratio("video_frame_cpu", bench_typical(ours, RUNS), "us",
			bench_typical(theirs, RUNS), 0.5);
}

static void play_film(const char *clip)
{
	double alone[RUNS], shown[RUNS], cpu[RUNS], bare[RUNS], copied = 0, composed = 0;
	for (int i = 0; i < RUNS; i++) {
		struct bench_server server;
		bare[i] = bench_bare_run(PACED).cpu_us;
		bench_server_start_mode(&server, NULL, SIZE);
		alone[i] = decode_only(clip) * 1000;
		struct played played = play(&server, "--untimed", clip);
		shown[i] = played.seconds * 1000;
		copied += played.copied;
		composed += played.composed;
		cpu[i] = paced_cpu(&server, clip);
		bench_server_stop(&server);
	}
	bench_print_ratio("video_300_frames", bench_typical(shown, RUNS), "ms",
		bench_typical(alone, RUNS), 1.10);
	bench_print_value("video_player_copied", copied, "bytes", NAN, 0);
	bench_print_value("video_server_composed", composed, "frames", NAN, 0);
	bench_print_ratio(
		"video_server_cpu", bench_typical(cpu, RUNS), "us", bench_typical(bare, RUNS), 0);
}

int main(void)
{
	char clip[512];
	bench_init("bench-video", 400);
	make_clip(clip, sizeof(clip));
	play_film(clip);
	compare_with_weston();
	return 0;
}
