/* SPDX-License-Identifier: MIT */
#ifndef SERVER_DMABUF_PARAMS_H
#define SERVER_DMABUF_PARAMS_H

#include <waybuf/buffer.h>

struct dmabuf_exporters;
struct fd_id;

/*
 * What a client says about its dma-bufs, checked before anything is made of it. Knows no Wayland:
 * the codes are those of the protocol's error enum by value, and a test says that they are.
 */
enum dmabuf_error {
	/* none of the protocol's: this buffer cannot be, and nobody is to blame */
	DMABUF_REFUSED = -1,
	DMABUF_ALREADY_USED = 0,
	DMABUF_PLANE_IDX = 1,
	DMABUF_PLANE_SET = 2,
	DMABUF_INCOMPLETE = 3,
	DMABUF_INVALID_FORMAT = 4,
	DMABUF_INVALID_DIMENSIONS = 5,
	DMABUF_OUT_OF_BOUNDS = 6,
	DMABUF_INVALID_WL_BUFFER = 7,
	DMABUF_INVALID_DEV_T_SIZE = 8,
};

struct dmabuf_verdict {
	/* the client is wrong and could have known */
	bool fatal;
	enum dmabuf_error code;
	/* for the client's author; always terminated */
	char reason[160];
};

/* Fills the verdict; -EINVAL, always. */
int __attribute__((format(printf, 4, 5))) dmabuf_refuse(struct dmabuf_verdict *verdict, bool fatal,
	enum dmabuf_error code, const char *format, ...);

struct dmabuf_params_plane {
	int fd; /* -1: not set */
	uint32_t offset, stride;
};

struct dmabuf_params {
	struct dmabuf_params_plane planes[WAYBUF_MAX_PLANES];
	/* of plane 0 that was added first; the others must agree from version 5 on */
	uint64_t modifier;
	bool has_modifier;
	/* the client cannot know of modifiers: version 1 and 2 */
	bool ignore_modifier;
	/* modifiers that differ are an error: version 5 */
	bool same_modifier;
	/* planes of images with this format and modifier, as our driver has it; 0: nobody knows */
	uint32_t known_planes;
	/*
	 * For the name of the exporter of all memory, FD_EXPORTER_LEN; left empty if there are
	 * several, or if the kernel does not tell. NULL: it is not wanted.
	 */
	char *exporter;
	/* where names are looked up first, if one is wanted */
	struct dmabuf_exporters *exporters;
};

void dmabuf_params_init(struct dmabuf_params *params, uint32_t version);
/* Closes the fds. */
void dmabuf_params_finish(struct dmabuf_params *params);

/* @fd is taken, on failure too. 0, or -EINVAL with the verdict. */
int dmabuf_params_add(struct dmabuf_params *params, int fd, uint32_t index, uint32_t offset,
	uint32_t stride, uint64_t modifier, struct dmabuf_verdict *verdict);

/*
 * Whether the planes are an image of that size and format that lies in its dma-bufs. 0 and the
 * layout, whose fds are borrowed from @params, with the identities of its memories in @ids
 * (WAYBUF_MAX_PLANES of them), or -EINVAL with the verdict.
 */
int dmabuf_params_check(const struct dmabuf_params *params, int32_t width, int32_t height,
	uint32_t format, struct waybuf_layout *layout, struct fd_id *ids,
	struct dmabuf_verdict *verdict);

/* The fds of @layout, which came from the check, are no longer those of @params. */
void dmabuf_params_give_fds(struct dmabuf_params *params, const struct waybuf_layout *layout);

#endif
