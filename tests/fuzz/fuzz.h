/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the fuzzers share. A fuzzer is one function, with libFuzzer's name: it is linked with
 * libFuzzer where meson was told so, and always with replay.c, which runs it on a corpus as a test.
 * It leaves nothing behind, neither memory nor fds, and an input does the same each time.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The rest of an input, read from its front; what is read beyond its end is 0. */
struct fuzz_input {
	const uint8_t *data;
	size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
uint32_t fuzz_u32(struct fuzz_input *input);
uint64_t fuzz_u64(struct fuzz_input *input);
/* At most @max bytes, as many as are there; *size says how many. */
const uint8_t *fuzz_bytes(struct fuzz_input *input, size_t max, size_t *size);

/* Ends the program, which is what both libFuzzer and replay.c take for a finding. */
#define FUZZ_CHECK(condition) \
	do { \
		if (!(condition)) \
			fuzz_fail(__FILE__, __LINE__, #condition); \
	} while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* The end of an input: fails if fds are open that were not at the end of the first one. */
void fuzz_check_fds(void);

#endif
