/* SPDX-License-Identifier: MIT */
#ifndef PROGRAM_CHECKS_H
#define PROGRAM_CHECKS_H

#include "programs.h"

/* What programs on one waybufd say and show, for tests that run one after the other. */

extern struct program server;
/* What the last one that was waited for left. */
extern struct result result;

#define RUN(...) program_run((const char *const[]){__VA_ARGS__, NULL}, 60, &result)
#define START(...) program_start((const char *const[]){__VA_ARGS__, NULL})

void check_status(int expected);
void check_says(const char *text);

/* The screen by way of waybufctl, as 8-bit RGB, to be freed with free(). */
uint8_t *take_screenshot(uint32_t *width, uint32_t *height);
/* The colour of a pixel of a fresh screenshot, 0xRRGGBB; the middle of the screen for -1. */
uint32_t screen_pixel(int x, int y);

#endif
