/* SPDX-License-Identifier: MIT */
#include "film.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "screen_crc.h"

/* Of luma, in limited range. */
static uint32_t level_of(uint32_t frame)
{
	return 19 + 5 * frame;
}

/* ---- the file -------------------------------------------------------------------------------- */

static void add_input(FILE *line, const struct film_part *part, uint32_t first)
{
	fprintf(line,
		" -f lavfi -i color=s=16x16:r=2,format=yuv420p,geq=lum=%u+5*N:cb=128:cr=128,"
		"scale=%u:%u:flags=neighbor,setsar=1",
		level_of(first), part->width, part->height);
}

static void add_output(FILE *line, const struct film_part *part, size_t i, const char *path)
{
	fprintf(line,
		" -map %zu -frames:v %u -pix_fmt %s -colorspace %s -color_range tv -c:v libx264 "
		"-preset ultrafast -qp 0 -bf 0 -threads 1 -f h264 %s.%02zu",
		i, part->frames, part->format, part->matrix ? part->matrix : "smpte170m", path, i);
}

/* All parts at once: to start FFmpeg takes longer than to encode any of them. */
void film_make(const char *folder, const struct film_part *parts, size_t n, char path[128])
{
	char *text = NULL;
	size_t size;
	uint32_t first = 0;
	snprintf(path, 128, "%s/film.h264", folder);
	FILE *line = open_memstream(&text, &size);
	ck_assert_ptr_nonnull(line);
	fputs("ffmpeg -v error -y -filter_threads 1", line);
	for (size_t i = 0; i < n; first += parts[i++].frames)
		add_input(line, &parts[i], first);
	for (size_t i = 0; i < n; i++)
		add_output(line, &parts[i], i, path);
	fprintf(line, " </dev/null && cat %s.?? >%s && rm %s.??", path, path, path);
	ck_assert_int_eq(fclose(line), 0);
	ck_assert_uint_le(first, FILM_FRAMES);
	ck_assert_msg(system(text) == 0, "%s", text);
	free(text);
}

/* ---- pictures -------------------------------------------------------------------------------- */

static int grey_of(uint32_t frame)
{
	return (int)((level_of(frame) - 16) * 255 + 109) / 219;
}

static bool is_near(uint32_t pixel, int grey)
{
	for (int shift = 0; shift < 24; shift += 8)
		if (abs((int)(pixel >> shift & 0xff) - grey) > 1)
			return false;
	return true;
}

/* Whether every pixel is that of the part's box, or black around it. */
static bool is_whole(const struct picture *picture, const struct film_part *part, int grey)
{
	const uint32_t left = (picture->width - part->width) / 2;
	const uint32_t top = (picture->height - part->height) / 2;
	for (uint32_t y = 0; y < picture->height; y++)
		for (uint32_t x = 0; x < picture->width; x++) {
			bool inside = x - left < part->width && y - top < part->height;
			if (!is_near(picture_pixel(picture, x, y), inside ? grey : 0))
				return false;
		}
	return true;
}

int film_find(const struct film_part *parts, size_t n, const struct picture *picture)
{
	const uint32_t middle = picture_pixel(picture, picture->width / 2, picture->height / 2);
	int frame = 0;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < parts[i].frames; k++, frame++) {
			int grey = grey_of((uint32_t)frame);
			if (is_near(middle, grey) && is_whole(picture, &parts[i], grey))
				return frame;
		}
	return -1;
}

/* ---- what the display shows ------------------------------------------------------------------ */

struct entry {
	uint32_t crc, frame;
};

/* 125 of composition and five of a plane for each frame. */
#define LOOKS 130
static struct entry entries[FILM_FRAMES * LOOKS];
static size_t n_entries;

static void add_look(const struct film_part *part, uint32_t frame, const uint16_t rgb[3])
{
	entries[n_entries++] =
		(struct entry){screen_box_crc(rgb, part->width, part->height), frame};
}

/* Of eight bits, each off by two at most, which is what two conversions can differ by. */
static void add_composed(const struct film_part *part, uint32_t frame)
{
	const int grey = grey_of(frame);
	for (int i = 0; i < 125; i++) {
		const int off[3] = {i % 5 - 2, i / 5 % 5 - 2, i / 25 - 2};
		uint16_t rgb[3];
		for (int c = 0; c < 3; c++) {
			int value = grey + off[c];
			value = value < 0 ? 0 : value > 255 ? 255 : value;
			rgb[c] = (uint16_t)(value * 257);
		}
		add_look(part, frame, rgb);
	}
}

/*
 * Of sixteen, as vkms works it out: it makes 257 times as much of a code of eight bits, and takes the
 * range for one of 219 * 256.
 */
static void add_direct(const struct film_part *part, uint32_t frame)
{
	const int grey = (int)((uint64_t)(level_of(frame) - 16) * 257 * 65535 / (219 * 256));
	for (int off = -2; off <= 2; off++) {
		int value = grey + off < 0 ? 0 : grey + off > 65535 ? 65535 : grey + off;
		const uint16_t rgb[3] = {(uint16_t)value, (uint16_t)value, (uint16_t)value};
		add_look(part, frame, rgb);
	}
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return (x->crc > y->crc) - (x->crc < y->crc);
}

static void prepare(const struct film_part *part)
{
	n_entries = 0;
	for (uint32_t frame = 0; frame < part->frames; frame++) {
		add_composed(part, frame);
		add_direct(part, frame);
	}
	qsort(entries, n_entries, sizeof(*entries), compare);
}

/* -1: it is none of the film's. */
static int find_frame(uint32_t crc)
{
	const struct entry key = {crc, 0};
	const struct entry *found = bsearch(&key, entries, n_entries, sizeof(key), compare);
	return found ? (int)found->frame : -1;
}

bool film_ended(pid_t pid)
{
	siginfo_t info = {.si_pid = 0};
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == pid;
}

/* The frame that stays for @refreshes; -1: there is none of the film within half a minute. */
static int wait_frame(const struct film_part *part, uint32_t refreshes)
{
	uint32_t stayed = 0;
	int frame = -1;
	prepare(part);
	int crcs = screen_open_crcs();
	for (int i = 0; stayed < refreshes && i < 30 * 60; i++) {
		int found = find_frame(screen_next_crc(crcs));
		stayed = found < 0 ? 0 : found == frame ? stayed + 1 : 1;
		frame = found;
	}
	close(crcs);
	return stayed < refreshes ? -1 : frame;
}

bool film_begins(const struct film_part *part)
{
	return wait_frame(part, 1) >= 0;
}

int film_hold(const struct film_part *part, pid_t player)
{
	kill(player, SIGUSR1);
	int frame = wait_frame(part, 30);
	kill(player, SIGUSR1);
	return frame;
}
