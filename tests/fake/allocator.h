/* SPDX-License-Identifier: MIT */
#ifndef FAKE_ALLOCATOR_H
#define FAKE_ALLOCATOR_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <wayland-server.h>

/*
 * A Wayland server in a thread of the test, with a waybuf_allocator_v1 that does as it is told:
 * grants, refuses, keeps silent, and sends what no sound server sends. It checks the order of the
 * client's requests as a real one does, and writes down what it hears.
 *
 * Fields under "told" are set before fake_start(); later, like everything else of the server,
 * inside of fake_call() only.
 */

enum fake_answer {
	FAKE_GRANT,
	/* queue it; fake_grant() answers */
	FAKE_HOLD,
	FAKE_FAIL,
};

struct fake_plane {
	uint32_t slot, offset, stride, rows;
};

/* The storage that a grant sends. */
struct fake_layout {
	uint32_t generation, width, height, format;
	uint64_t modifier;
	struct fake_plane planes[8];
	uint32_t n_planes;
	/* bytes of a plane's description that are too many */
	uint32_t excess;
	/* memories, the size each really has, and the one it is said to have */
	uint32_t n_memory;
	uint64_t size, told_size;
	/* number that the first memory gets */
	uint32_t first_slot;
	/* enum memory_kind */
	uint32_t kind;
};

struct fake_server;

struct fake_buffer {
	struct fake_server *server;
	struct wl_resource *resource;
	uint32_t index;
	/* a map is open; it has been granted */
	bool open, granted;
	uint32_t generation; /* that the client knows */
	int memfd; /* of that generation's first memory */
	/* what is on the surface keeps the next writer waiting */
	bool claimed;
	struct wl_resource *wl_buffer;
};

struct fake_server {
	/* told */
	bool no_allocator, silent, has_dmabuf, has_shm, has_syncobj, refuses_imports;
	/* of linux-dmabuf, 0: 3; of 4 the table says that it is longer than it is by @table_cut */
	uint32_t dmabuf_version, table_cut;
	uint32_t capabilities;
	/* listens there, too, and the client on whose connection the allocator is bound is the one */
	const char *socket;
	/* announced with the ids 1 and up */
	uint32_t device_kinds[3], n_devices;
	enum fake_answer answer;
	uint32_t reason; /* of FAKE_FAIL */
	struct fake_layout layout;
	/* memory of the layout's size; NULL: a memfd */
	int (*make_memory)(uint64_t size);
	/* sent with each grant, taken; -1: none */
	int fence;
	/* conflict events before a failure */
	bool conflicts;
	uint32_t configured_count; /* 0: as asked for */
	/* answer to explain: text, NULL for failed(unsupported); bytes that its size is too large */
	const char *report;
	uint32_t report_excess;
	/* how often it is answered, beyond once */
	unsigned report_repeats;
	/* the same of an import */
	unsigned import_repeats;
	/* that are there */
	unsigned wl_buffers;

	/* heard: "create attach0 constrain commit get0 map0 unmap0 surface-commit ..." */
	char log[8192];
	uint32_t maps, create_wl_buffers;
	/* of linux-drm-syncobj-v1, in the order of their import */
	int timelines[16];
	uint32_t n_timelines;
	/* what was asked while it kept silent, and is answered at the last moment */
	struct wl_resource *unanswered;
	/* of the last plane that was added */
	uint64_t modifier;
	uint8_t records[4096]; /* of the last constrain */
	size_t records_size;

	struct wl_display *display;
	struct wl_client *client;
	struct wl_resource *allocator, *pool, *attachments[4];
	/* the newest; the pairs of the table that it lists, as bits; and those of a list without end */
	struct wl_resource *feedback;
	uint32_t listed, incoming;
	uint32_t n_attachments;
	struct fake_buffer buffers[64];
	/* attached and committed */
	struct wl_resource *pending, *current;

	pthread_t thread;
	int call_fd;
	struct wl_event_source *call_source;
	void (*call)(struct fake_server *server, void *data);
	void *call_data;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool stopping;
};

/* A server that grants linear XRGB8888 of 64 x 32, integrated, and does nothing unusual. */
void fake_init(struct fake_server *server);
/* Runs it. The client's end of a connection, to be given away. */
int fake_start(struct fake_server *server);
/* Ends the thread, and with it the connection. */
void fake_stop(struct fake_server *server);

/* Runs @func on the server's thread and waits for it. What it sends is flushed. */
void fake_call(struct fake_server *server, void (*func)(struct fake_server *server, void *data),
	void *data);

/* For use in fake_call(). */
void fake_grant(struct fake_buffer *buffer);
void fake_end_claims(struct fake_server *server);
/* Breaks the silence about an import. */
void fake_answer_import(struct fake_server *server);
/* The feedback has its table once more. */
void fake_send_table(struct fake_server *server);
/* The feedback names pairs of the table that it has sent, as bits; when it is done they are the list. */
void fake_send_tranche(struct fake_server *server, uint32_t pairs);
void fake_send_done(struct fake_server *server);

#endif
