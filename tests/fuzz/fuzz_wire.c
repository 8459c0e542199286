/* SPDX-License-Identifier: MIT */
#include "compositor.h"

/*
 * Bytes on the wire, as they are: from a connection that knows nothing yet, or one that has bound
 * all globals. A chunk begins with its length and the number of fds that come with it.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	static struct compositor compositor;
	compositor_init(&compositor, &input);
	while (input.left > 0) {
		size_t n;
		struct peer *peer = compositor_client(&compositor, 0);
		uint8_t length = fuzz_u8(&input), n_fds = fuzz_u8(&input);
		const uint8_t *bytes = fuzz_bytes(&input, length, &n);
		peer_say_bytes(peer, bytes, n, n_fds % 29);
		compositor_run(&compositor);
	}
	compositor_finish(&compositor, &input);
	fuzz_check_fds();
	return 0;
}
