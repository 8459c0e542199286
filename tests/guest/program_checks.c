/* SPDX-License-Identifier: MIT */
#include "program_checks.h"

#include "harness.h"

struct program server;
struct result result;

void check_status(int expected)
{
	ck_assert_msg(result.status == expected, "status %d: %s", result.status, result.out);
}

void check_says(const char *text)
{
	ck_assert_msg(strstr(result.out, text), "no \"%s\": %s", text, result.out);
}

uint8_t *take_screenshot(uint32_t *width, uint32_t *height)
{
	RUN(WAYBUFCTL, "screenshot", folder_path("shot.png"));
	check_status(0);
	return read_png(folder_path("shot.png"), width, height);
}

uint32_t screen_pixel(int x, int y)
{
	uint32_t width, height;
	uint8_t *pixels = take_screenshot(&width, &height);
	uint32_t column = x < 0 ? width / 2 : (uint32_t)x, row = y < 0 ? height / 2 : (uint32_t)y;
	const uint8_t *pixel = pixels + ((size_t)row * width + column) * 3;
	uint32_t colour = (uint32_t)pixel[0] << 16 | (uint32_t)pixel[1] << 8 | pixel[2];
	free(pixels);
	return colour;
}
