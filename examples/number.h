/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_NUMBER_H
#define EXAMPLES_NUMBER_H

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* An option's number, all of @text; false, with a message on stderr, if it is none below 2^32. */
static inline bool parse_number(const char *text, int base, uint32_t *number)
{
	char *end;
	errno = 0;
	unsigned long value = strtoul(text, &end, base);
	if (!isalnum((unsigned char)text[0]) || *end != '\0' || errno || value > UINT32_MAX) {
		fprintf(stderr, "'%s' is not a number\n", text);
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

#endif
