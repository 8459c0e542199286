/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SCREEN_CRC_H
#define TESTS_SCREEN_CRC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A compositor as a program on vkms, and what the display shows while somebody else is its master:
 * vkms tells in debugfs the CRC of each frame that it composes, of all pixels as 16-bit ARGB, row by
 * row. What a picture should give is computed here, so that a single wrong pixel is seen.
 */

/* Of the display, after screen_read_size(). */
extern uint32_t screen_width, screen_height;
/* Of the picture of frame @seed. */
typedef uint32_t (*screen_pixel_t)(uint32_t x, uint32_t y, uint32_t seed);

uint32_t black(uint32_t x, uint32_t y, uint32_t seed);
/* As heap-client, with the colour c06020, and simple-client draw. */
uint32_t heap_pixel(uint32_t x, uint32_t y, uint32_t seed);
uint32_t simple_pixel(uint32_t x, uint32_t y, uint32_t seed);

uint32_t picture_crc(screen_pixel_t pixel, uint32_t seed);
/* The same for pictures whose rows are all alike, fast enough for hundreds of them. */
uint32_t striped_crc(screen_pixel_t pixel, uint32_t seed);

/* Of a box of one colour, 16 bits a channel, in the middle of a black screen. */
uint32_t screen_box_crc(const uint16_t rgb[3], uint32_t width, uint32_t height);

/* The CRCs of the frames to come, one with each screen_next_crc(). Skips without debugfs. */
int screen_open_crcs(void);
uint32_t screen_next_crc(int crcs);
/* Whether a frame of that CRC is shown within @seconds. */
bool screen_shows(uint32_t crc, double seconds);

/* Read while nobody else is there. */
void screen_read_size(void);
bool screen_is_lit(void);
void screen_switch_off(void);

/* Where programs write to: a file of the test. */
extern char output_path[96];
/* @arguments end with NULL; the first is the path. They die with the test. */
pid_t start_program(const char *const arguments[]);
#define START(...) start_program((const char *const[]){__VA_ARGS__, NULL})
/* The exit status, 128 + the signal, or -1 if it had to be killed. */
int finish_program(pid_t pid);
/* Whether that is among what programs have written, at once and within 10 s. */
bool said(const char *text);
bool waits_for(const char *text);

#endif
