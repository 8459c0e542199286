/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define MAX_ROUNDS 512

static const char *program = "bench";

static void handle_alarm(int number)
{
	static const char message[] = ": took too long\n";
	/* a failed write leaves the exit status, which says it too */
	if (write(STDERR_FILENO, program, strlen(program)) < 0 ||
		write(STDERR_FILENO, message, sizeof(message) - 1) < 0)
		_exit(1);
	_exit(1);
}

void bench_init(const char *name, unsigned seconds)
{
	program = name;
	signal(SIGALRM, handle_alarm);
	signal(SIGPIPE, SIG_IGN);
	alarm(seconds);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

void bench_fail(const char *format, ...)
{
	va_list args;
	fprintf(stderr, "%s: ", program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

double bench_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

double bench_quantile(double *samples, size_t n, double part)
{
	qsort(samples, n, sizeof(*samples), compare);
	return samples[(size_t)((double)(n - 1) * part)];
}

double bench_typical(double *samples, size_t n)
{
	return bench_quantile(samples, n, 0.1);
}

struct bench_pair bench_compare(size_t rounds, bench_func value, bench_func floor, void *data)
{
	double values[MAX_ROUNDS], floors[MAX_ROUNDS];
	if (rounds > MAX_ROUNDS)
		bench_fail("%zu rounds are more than %d", rounds, MAX_ROUNDS);
	value(data);
	floor(data);
	for (size_t i = 0; i < rounds; i++) {
		values[i] = value(data);
		floors[i] = floor(data);
	}
	return (struct bench_pair){
		.value = bench_typical(values, rounds),
		.floor = bench_typical(floors, rounds),
	};
}

/* ---- figures ------------------------------------------------------------------------------- */

/* Three digits that mean something, and a whole number as one. */
static const char *number(double value, char text[32])
{
	if (isnan(value))
		snprintf(text, 32, "-");
	else if (value == floor(value) || fabs(value) >= 1000)
		snprintf(text, 32, "%.0f", value);
	else
		snprintf(text, 32, fabs(value) >= 10 ? "%.1f" : "%.2f", value);
	return text;
}

static const char *ratio(double value, double floor, char text[32])
{
	return number(isnan(floor) || floor <= 0 ? NAN : value / floor, text);
}

void bench_print_ratio(const char *name, double value, const char *unit, double floor, double most)
{
	char texts[3][32], target[40] = "-";
	char most_text[32];
	if (most > 0)
		snprintf(target, sizeof(target), "%sx", number(most, most_text));
	printf("%s %s %s %s %s %s %s\n", name, number(value, texts[0]), unit,
		number(floor, texts[1]), ratio(value, floor, texts[2]), target,
		most > 0 && value > most * floor ? "short" : "ok");
}

void bench_print_value(const char *name, double value, const char *unit, double floor, double most)
{
	char texts[4][32];
	printf("%s %s %s %s %s %s %s\n", name, number(value, texts[0]), unit,
		number(floor, texts[1]), ratio(value, floor, texts[2]), number(most, texts[3]),
		!isnan(most) && value > most ? "short" : "ok");
}

/* ---- memory -------------------------------------------------------------------------------- */

int bench_heap_alloc(size_t size)
{
	static int heap = -1;
	if (heap < 0)
		heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0)
		bench_fail("/dev/dma_heap/system: %s", strerror(errno));
	return (int)data.fd;
}
