/* SPDX-License-Identifier: MIT */
#include "screen_crc.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>
#include <xf86drmMode.h>

#include "kms_fixture.h"

char output_path[96];
uint32_t screen_width, screen_height;

/* ---- the CRC of a picture -------------------------------------------------------------------- */

/* CRC-32 as the kernel's crc32_le(): reflected, and inverted nowhere. */
static uint32_t crc_bytes(uint32_t crc, const uint8_t *bytes, size_t size)
{
	static uint32_t table[256];
	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t entry = i;
		for (int bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (entry & 1 ? 0xedb88320 : 0);
		table[i] = entry;
	}
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *bytes++) & 0xff];
	return crc;
}

static void fill_row(uint8_t *row, screen_pixel_t pixel, uint32_t y, uint32_t seed)
{
	for (uint32_t x = 0; x < screen_width; x++) {
		uint32_t colour = pixel(x, y, seed);
		const uint8_t values[] = {
			0xff, (uint8_t)(colour >> 16), (uint8_t)(colour >> 8), (uint8_t)colour};
		for (size_t i = 0; i < 4; i++)
			row[x * 8 + i * 2] = row[x * 8 + i * 2 + 1] = values[i];
	}
}

uint32_t picture_crc(screen_pixel_t pixel, uint32_t seed)
{
	uint8_t *row = malloc((size_t)screen_width * 8);
	uint32_t crc = 0;
	ck_assert_ptr_nonnull(row);
	for (uint32_t y = 0; y < screen_height; y++) {
		fill_row(row, pixel, y, seed);
		crc = crc_bytes(crc, row, (size_t)screen_width * 8);
	}
	free(row);
	return crc;
}

/*
 * The same for rows that are alike, fast enough for hundreds of pictures: what a row does to a CRC is
 * linear, apart from the CRC of the row itself.
 */
static uint32_t crc_rows(uint32_t crc, const uint8_t *row, uint32_t n)
{
	static uint32_t columns[32];
	const size_t size = (size_t)screen_width * 8;
	uint8_t *zeroes = calloc(1, size);
	ck_assert_ptr_nonnull(zeroes);
	for (int bit = 0; !columns[31] && bit < 32; bit++)
		columns[bit] = crc_bytes(UINT32_C(1) << bit, zeroes, size);
	free(zeroes);
	uint32_t row_crc = crc_bytes(0, row, size);
	for (uint32_t y = 0; y < n; y++) {
		uint32_t moved = 0;
		for (int bit = 0; bit < 32; bit++)
			moved ^= crc >> bit & 1 ? columns[bit] : 0;
		crc = moved ^ row_crc;
	}
	return crc;
}

uint32_t striped_crc(screen_pixel_t pixel, uint32_t seed)
{
	uint8_t *row = malloc((size_t)screen_width * 8);
	ck_assert_ptr_nonnull(row);
	fill_row(row, pixel, 0, seed);
	uint32_t crc = crc_rows(0, row, screen_height);
	free(row);
	return crc;
}

uint32_t screen_box_crc(const uint16_t rgb[3], uint32_t width, uint32_t height)
{
	const uint32_t left = (screen_width - width) / 2, top = (screen_height - height) / 2;
	uint16_t *row = calloc(screen_width, 8);
	ck_assert_ptr_nonnull(row);
	fill_row((uint8_t *)row, black, 0, 0);
	uint32_t crc = crc_rows(0, (const uint8_t *)row, top);
	for (uint32_t x = left; x < left + width; x++)
		memcpy(row + x * 4 + 1, rgb, 3 * sizeof(*rgb));
	crc = crc_rows(crc, (const uint8_t *)row, height);
	fill_row((uint8_t *)row, black, 0, 0);
	crc = crc_rows(crc, (const uint8_t *)row, screen_height - top - height);
	free(row);
	return crc;
}

uint32_t black(uint32_t x, uint32_t y, uint32_t seed)
{
	return 0;
}

/* As heap-client and simple-client draw frame @seed. */
uint32_t heap_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	const uint32_t size = screen_height / 4, left = seed * 8 % screen_width, colour = 0xc06020;
	bool inside = x >= left && x < left + size && y < size;
	return inside ? colour >> 1 & 0x7f7f7f : colour;
}

uint32_t simple_pixel(uint32_t x, uint32_t y, uint32_t seed)
{
	static const uint32_t colours[] = {
		0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000};
	return colours[(x + 4 * seed) * 8 / screen_width % 8];
}

/* ---- what the display shows ------------------------------------------------------------------ */

/* The CRCs of the frames to come, one with each read(). */
int screen_open_crcs(void)
{
	char path[64];
	const char *node = find_vkms();
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%s/crtc-0/crc/data",
		strrchr(node, 'd') + 1);
	int crcs = open(path, O_RDONLY | O_CLOEXEC);
	if (crcs < 0)
		SKIP("%s cannot be read", path);
	return crcs;
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

uint32_t screen_next_crc(int crcs)
{
	char line[64];
	uint32_t frame, crc;
	ssize_t size = read(crcs, line, sizeof(line) - 1);
	ck_assert_int_gt(size, 0);
	line[size] = '\0';
	ck_assert_int_eq(sscanf(line, "%x %x", &frame, &crc), 2);
	return crc;
}

/* Whether a frame of that CRC is shown within @seconds. There is a new frame with each refresh. */
bool screen_shows(uint32_t crc, double seconds)
{
	int crcs = screen_open_crcs();
	bool found = false;
	for (double end = now_s() + seconds; !found && now_s() < end;)
		found = screen_next_crc(crcs) == crc;
	close(crcs);
	return found;
}

/* ---- programs -------------------------------------------------------------------------------- */

pid_t start_program(const char *const arguments[])
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	/* not to hold the display when a test has failed */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int fd = open(output_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execv(arguments[0], (char *const *)arguments);
	_exit(127);
}

int finish_program(pid_t pid)
{
	int status;
	for (int i = 0; i < 500; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		usleep(20000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

bool said(const char *text)
{
	static char said[65536];
	FILE *file = fopen(output_path, "re");
	size_t size = file ? fread(said, 1, sizeof(said) - 1, file) : 0;
	said[size] = '\0';
	if (file)
		fclose(file);
	return strstr(said, text);
}

bool waits_for(const char *text)
{
	for (int i = 0; i < 500 && !said(text); i++)
		usleep(20000);
	return said(text);
}

/* The size of the display, read while nobody else is there. */
void screen_read_size(void)
{
	struct display display;
	display_open(&display);
	screen_width = display.width;
	screen_height = display.height;
	display_close(&display);
}

/* Whether the display is on. */
bool screen_is_lit(void)
{
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	drmModeRes *resources = drmModeGetResources(fd);
	drmModeCrtc *crtc = drmModeGetCrtc(fd, resources->crtcs[0]);
	bool lit = crtc->mode_valid;
	drmModeFreeCrtc(crtc);
	drmModeFreeResources(resources);
	close(fd);
	return lit;
}

/* What a program has left there that has ended could not be restored: its framebuffer is gone. */
void screen_switch_off(void)
{
	int fd = open(find_vkms(), O_RDWR | O_CLOEXEC);
	drmModeRes *resources = drmModeGetResources(fd);
	ck_assert_int_eq(drmModeSetCrtc(fd, resources->crtcs[0], 0, 0, 0, NULL, 0, NULL), 0);
	drmModeFreeResources(resources);
	close(fd);
}
