/* SPDX-License-Identifier: MIT */
#include "compositor.h"

/*
 * A program of requests: of up to three clients, with arguments that make sense and others, in any
 * order, with objects destroyed, connections cut and things happening in between.
 */
#define MAX_STEPS 256

static void step(struct compositor *compositor, unsigned *client, struct fuzz_input *input)
{
	uint8_t what = fuzz_u8(input);
	size_t size;
	const uint8_t *bytes;
	if (what < 224) {
		peer_say(compositor_client(compositor, *client), input);
		/* several requests in one turn of the loop are another case */
		if (what >= 96)
			compositor_run(compositor);
	} else if (what < 232) {
		*client = what;
	} else if (what < 246) {
		compositor_event(compositor, input);
		compositor_run(compositor);
	} else if (what < 250) {
		bytes = fuzz_bytes(input, fuzz_u8(input), &size);
		peer_say_bytes(compositor_client(compositor, *client), bytes, size, what & 3);
		compositor_run(compositor);
	} else if (what < 253) {
		peer_finish(&compositor->peers[*client % COMPOSITOR_CLIENTS]);
	} else {
		compositor_run(compositor);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	static struct compositor compositor;
	unsigned client = 0;
	compositor_init(&compositor, &input);
	for (int i = 0; i < MAX_STEPS && input.left > 0; i++)
		step(&compositor, &client, &input);
	compositor_run(&compositor);
	compositor_finish(&compositor, &input);
	fuzz_check_fds();
	return 0;
}
