/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>

#include "exporter/exporter.h"
#include "util/fd.h"
#include "util/log.h"

/* DMA_BUF_NAME_LEN of the kernel, which the uAPI header does not give. */
#define DMABUF_NAME_LEN 32

int exporter_check(const struct waybuf_exporter *exporter)
{
	const struct waybuf_exporter_ops *ops = exporter->ops;
	if (!ops || !ops->allocate || !ops->release || !ops->destroy || !exporter->caps.name)
		return -EINVAL;
	return 0;
}

static void layout_from_solution(
	struct waybuf_layout *layout, const struct waybuf_solution *solution)
{
	layout->format = solution->format;
	layout->modifier = solution->modifier;
	layout->n_planes = solution->n_planes;
	memcpy(layout->planes, solution->planes, sizeof(layout->planes));
	layout->n_memory = 0;
}

void exporter_close_memory(struct waybuf_layout *layout, uint32_t n)
{
	while (n-- > 0)
		fd_close(&layout->memory[n].fd);
}

int exporter_allocate_raw(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation,
	exporter_memory_func_t func)
{
	const struct waybuf_solution *solution = allocation->solution;
	struct waybuf_layout *layout = &allocation->layout;
	layout_from_solution(layout, solution);
	for (uint32_t i = 0; i < solution->n_memory; i++) {
		int error = func(
			exporter, solution->memory_size[i], allocation->name, &layout->memory[i]);
		if (error < 0) {
			exporter_close_memory(layout, i);
			return error;
		}
	}
	layout->n_memory = solution->n_memory;
	return 0;
}

void exporter_release_nothing(struct waybuf_exporter *exporter, void *priv) {}

void exporter_set_name(int dmabuf_fd, const char *name)
{
	char text[DMABUF_NAME_LEN] = {0};
	strncpy(text, name, sizeof(text) - 1);
	if (ioctl(dmabuf_fd, DMA_BUF_SET_NAME_B, (uintptr_t)text) < 0)
		waybuf_debug("DMA_BUF_SET_NAME '%s': %s", text, strerror(errno));
}
