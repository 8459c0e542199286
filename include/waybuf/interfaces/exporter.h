/* SPDX-License-Identifier: MIT */
#ifndef WAYBUF_INTERFACES_EXPORTER_H
#define WAYBUF_INTERFACES_EXPORTER_H

#include <waybuf/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * For those who implement a source of memory. An exporter answers `allocate` on the worker thread,
 * because zeroing a frame takes milliseconds; everything else runs on the loop's thread.
 */

/** What the solver decided: image, layout, and the bytes wanted of each memory. */
struct waybuf_allocation {
	/** borrowed for the call */
	const struct waybuf_solution *solution;
	/** of the image, in pixels */
	uint32_t width, height;
	/** for DMA_BUF_SET_NAME, borrowed; never NULL */
	const char *name;
	/**
	 * filled by `allocate`: for a raw exporter the fds, kinds and sizes of layout.memory, the
	 * planes being those of the solution already; for an image exporter the planes too.
	 * The fds belong to the storage from then on.
	 */
	struct waybuf_layout layout;
	/** the exporter's own, given back to `release` */
	void *priv;
};

/** What an exporter does. */
struct waybuf_exporter_ops {
	/**
	 * Required. Memory that reads as zero. Runs on the worker thread, one call at a time per
	 * manager. On failure it leaves nothing behind: -ENOMEM, -EINVAL, or the ioctl's errno.
	 */
	int (*allocate)(struct waybuf_exporter *exporter, struct waybuf_allocation *allocation);
	/** Required. Frees what `allocate` made beyond the fds, which are closed already. Once. */
	void (*release)(struct waybuf_exporter *exporter, void *priv);
	/** Required. Frees the exporter. */
	void (*destroy)(struct waybuf_exporter *exporter);
	/**
	 * Optional. Exports the pages of a memfd (borrowed, sealed against shrinking, not against
	 * writing) without a copy. The new dma-buf fd, or a negative errno. Runs on the worker
	 * thread. `release` is not called for it.
	 */
	int (*wrap)(struct waybuf_exporter *exporter, int memfd, uint64_t size);
	/**
	 * Optional. How many planes images of this DRM_FORMAT_* and DRM_FORMAT_MOD_* have in
	 * memory, those of compression included; 0: not known. It may run while `allocate` does.
	 */
	uint32_t (*plane_count)(
		struct waybuf_exporter *exporter, uint32_t format, uint64_t modifier);
};

/** Embedded first in the exporter's own struct. */
struct waybuf_exporter {
	/** what it does; lives as long as the exporter */
	const struct waybuf_exporter_ops *ops;
	/** what the solver knows about it; the name is caps.name */
	struct waybuf_exporter_caps caps;
	/**
	 * what it makes is fds and nothing else (`priv` is NULL), and nobody has the memory who has
	 * no reference to them: then it may be given to the same account again, cleared, instead of
	 * being released at once
	 */
	bool recycles;
	/**
	 * what it makes is a memfd, or the pages of one by `wrap`: a memfd of the client's will do
	 */
	bool takes_memfd;
};

#ifdef __cplusplus
}
#endif

#endif
