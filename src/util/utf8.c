/* SPDX-License-Identifier: MIT */
#include "util/utf8.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence that @lead opens, 0 if none does. *code gets its bits of the character. */
static size_t sequence_length(uint8_t lead, uint32_t *code)
{
	if (lead < 0x80) {
		*code = lead;
		return 1;
	}
	for (size_t length = 2; length <= 4; length++) {
		uint32_t mark = 0xff00u >> length & 0xff;
		uint32_t mask = mark | mark >> 1;
		if ((lead & mask) == mark) {
			*code = lead & ~mask & 0xff;
			return length;
		}
	}
	return 0;
}

bool utf8_valid(const char *text)
{
	/* the smallest character that needs so many bytes */
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	const uint8_t *at = (const uint8_t *)text;
	while (*at) {
		uint32_t code = 0;
		size_t length = sequence_length(*at++, &code);
		if (length == 0)
			return false;
		for (size_t i = 1; i < length; i++, at++) {
			if ((*at & 0xc0) != 0x80)
				return false;
			code = code << 6 | (*at & 0x3f);
		}
		if (code < smallest[length] || code > 0x10ffff ||
			(code >= 0xd800 && code <= 0xdfff))
			return false;
	}
	return true;
}
