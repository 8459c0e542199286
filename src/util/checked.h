/* SPDX-License-Identifier: MIT */
#ifndef UTIL_CHECKED_H
#define UTIL_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Arithmetic on sizes that come from a peer, a driver or a file. Each returns true and stores the
 * result, or returns false on overflow and leaves *out alone, so that a caller cannot go on with a
 * wrapped value by mistake.
 */
static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t sum;
	if (__builtin_add_overflow(a, b, &sum))
		return false;
	*out = sum;
	return true;
}

static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *out)
{
	uint64_t product;
	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*out = product;
	return true;
}

/* Rounds up to a multiple, which may be any integer above 0: display strides are not all powers of two. */
static inline bool checked_round_up(uint64_t value, uint64_t multiple, uint64_t *out)
{
	uint64_t rest = value % multiple;
	if (rest == 0) {
		*out = value;
		return true;
	}
	return checked_add(value, multiple - rest, out);
}

static inline uint64_t gcd_u64(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* Least common multiple of two integers above 0. */
static inline bool checked_lcm(uint64_t a, uint64_t b, uint64_t *out)
{
	return checked_mul(a / gcd_u64(a, b), b, out);
}

static inline bool checked_u32(uint64_t value, uint32_t *out)
{
	if (value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

#endif
