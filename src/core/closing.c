/* SPDX-License-Identifier: MIT */
#include "core/closing.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/manager.h"
#include "exporter/exporter.h"

static int compare(const void *a, const void *b)
{
	const int *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Numbers in between are nobody else's: there are none. Kernels before 5.9 close one by one. */
static void close_row(const int *fds, uint32_t n)
{
	if (n > 1 && close_range((unsigned)fds[0], (unsigned)fds[n - 1], 0) == 0)
		return;
	while (n-- > 0)
		close(fds[n]);
}

static void close_all(struct waybuf_closing *closing)
{
	uint32_t first = 0;
	qsort(closing->fds, closing->n, sizeof(closing->fds[0]), compare);
	for (uint32_t i = 1; i <= closing->n; i++) {
		if (i < closing->n && closing->fds[i] == closing->fds[i - 1] + 1)
			continue;
		close_row(closing->fds + first, i - first);
		first = i;
	}
	closing->n = 0;
}

static void handle_idle(void *data)
{
	struct waybuf_closing *closing = data;
	closing->idle = NULL;
	close_all(closing);
}

static bool arm(struct waybuf_manager *manager)
{
	struct waybuf_closing *closing = &manager->closing_fds;
	int error;
	if (!closing->idle && !manager->closing)
		closing->idle = waybuf_loop_add_idle(manager->loop, handle_idle, closing, &error);
	return closing->idle;
}

void waybuf_closing_add(struct waybuf_manager *manager, struct waybuf_layout *layout)
{
	struct waybuf_closing *closing = &manager->closing_fds;
	if (!arm(manager)) {
		exporter_close_memory(layout, layout->n_memory);
		return;
	}
	for (uint32_t i = 0; i < layout->n_memory; i++) {
		if (layout->memory[i].fd < 0)
			continue;
		if (closing->n == CLOSING_MAX)
			close_all(closing);
		closing->fds[closing->n++] = layout->memory[i].fd;
		layout->memory[i].fd = -1;
	}
}

void waybuf_closing_finish(struct waybuf_manager *manager)
{
	struct waybuf_closing *closing = &manager->closing_fds;
	waybuf_source_remove(closing->idle);
	closing->idle = NULL;
	close_all(closing);
}
