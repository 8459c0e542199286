/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "guest/programs.h"
#include "harness.h"

/*
 * A film that is played over and over, as fast as the decoder goes: neither the player nor the server
 * has more memory or more fds in the end than when it had begun, the server charges the player for no
 * more buffers, and when the player has gone for none. The film is small, so that a hundred thousand
 * frames are a matter of minutes: each of them takes a buffer and gives it back, and the display shows
 * the newest sixty times a second.
 */
static struct program server, player;
static struct result result;

/* What is steady after so many frames, and how many there are with WAYBUF_TEST_SOAK and without. */
enum { STEADY = 1000, MANY = 100000, FEW = 2000 };

struct use {
	long rss_kib;
	unsigned fds;
};

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	while (folder && readdir(folder))
		n++;
	if (folder)
		closedir(folder);
	return n;
}

/* False: it has ended. */
static bool read_use(pid_t pid, struct use *use)
{
	char path[64], line[128];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	*use = (struct use){.rss_kib = -1, .fds = count_fds(pid)};
	while (file && use->rss_kib < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmRSS: %ld kB", &use->rss_kib) != 1)
			use->rss_kib = -1;
	if (file)
		fclose(file);
	return use->rss_kib > 0 && use->fds > 0;
}

static void wait_ms(int ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&time, NULL);
}

/* The most of each over a while: buffers and fences come and go all the time. */
static bool most_use(pid_t pid, struct use *most)
{
	struct use use;
	*most = (struct use){0};
	for (int i = 0; i < 20; i++, wait_ms(50)) {
		if (!read_use(pid, &use))
			return false;
		most->rss_kib = use.rss_kib > most->rss_kib ? use.rss_kib : most->rss_kib;
		most->fds = use.fds > most->fds ? use.fds : most->fds;
	}
	return true;
}

/* What the server's ledger has. */
struct ledger {
	unsigned clients, buffers, fds;
};

static void read_ledger(struct ledger *ledger)
{
	char memory[16], unit[8];
	program_run((const char *const[]){WAYBUFCTL, "top", NULL}, 30, &result);
	ck_assert_msg(result.status == 0 &&
			sscanf(result.out, "%u client%*[s,] %15s %7s in %u buffers, %u fds",
				&ledger->clients, memory, unit, &ledger->buffers,
				&ledger->fds) == 5,
		"%s", result.out);
}

struct uses {
	struct use player, server;
	struct ledger ledger;
};

static bool most_uses(struct uses *uses)
{
	read_ledger(&uses->ledger);
	return most_use(player.pid, &uses->player) && most_use(server.pid, &uses->server);
}

static const char *make_clip(void)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s", folder_path("clip.mkv"));
	program_run((const char *const[]){"/usr/bin/ffmpeg", "-v", "error", "-f", "lavfi", "-i",
			    "testsrc2=s=320x240:r=30:d=4", "-pix_fmt", "yuv420p", "-c:v", "libx264",
			    "-preset", "ultrafast", "-bf", "2", path, NULL},
		60, &result);
	ck_assert_msg(result.status == 0, "%s", result.out);
	return path;
}

static void check_growth(const char *who, const struct use *before, const struct use *after)
{
	printf("# %s: %ld KiB and %u fds, then %ld KiB and %u\n", who, before->rss_kib, before->fds,
		after->rss_kib, after->fds);
	fflush(stdout);
	/*
	 * What allocators keep, most of all a sanitizer's, the trace until it is full, and fences
	 * that are on their way. A hundred bytes a frame are more than that in the long run.
	 */
	ck_assert_int_le(after->rss_kib, before->rss_kib + 8192);
	ck_assert_uint_le(after->fds, before->fds + 4);
}

/* Buffers may still be asked for when the display is late for the first time. */
static void check_ledgers(const struct ledger *before, const struct ledger *after)
{
	struct ledger last;
	printf("# the ledger: %u buffers and %u fds, then %u and %u\n", before->buffers,
		before->fds, after->buffers, after->fds);
	fflush(stdout);
	ck_assert_uint_le(after->buffers, before->buffers + 4);
	ck_assert_uint_le(after->fds, before->fds + 4);
	read_ledger(&last);
	ck_assert_uint_eq(last.clients, 0);
	ck_assert_uint_eq(last.buffers, 0);
	ck_assert_uint_eq(last.fds, 0);
}

/* The number after the last "frames " of the progress. */
static unsigned frames_so_far(void)
{
	unsigned frames = 0;
	program_peek(&player, &result);
	for (const char *at = result.out; (at = strstr(at, "decoded ")); at++)
		sscanf(at, "decoded %u", &frames);
	return frames;
}

/* What AddressSanitizer keeps of freed memory is not theirs. */
static void limit_quarantine(void)
{
	char options[512];
	const char *set = getenv("ASAN_OPTIONS");
	snprintf(options, sizeof(options),
		"%s%squarantine_size_mb=1:thread_local_quarantine_size_kb=64", set ? set : "",
		set ? ":" : "");
	setenv("ASAN_OPTIONS", options, 1);
}

TEST(a_film_again_and_again)
{
	const bool soak = getenv("WAYBUF_TEST_SOAK");
	struct uses before, after, now;
	char count[16];
	snprintf(count, sizeof(count), "%d", soak ? MANY : FEW);
	limit_quarantine();
	daemon_start(&server);
	player = program_start((const char *const[]){
		PLAYER, "--loop", "--untimed", "--progress", "--frames", count, make_clip(), NULL});
	for (int i = 0; i < 6000 && frames_so_far() < STEADY; i++)
		wait_ms(20);
	ck_assert(most_uses(&before));
	after = before;
	while (most_uses(&now))
		after = now;
	program_wait(&player, 60, &result);
	ck_assert_msg(result.status == 0, "%s", result.out);
	check_ledgers(&before.ledger, &after.ledger);
	check_growth("the player", &before.player, &after.player);
	check_growth("the server", &before.server, &after.server);
	daemon_stop(&server);
}

TEST_TIMEOUT(3600)
TEST_MAIN("player-leaks")
