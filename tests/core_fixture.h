/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CORE_FIXTURE_H
#define TESTS_CORE_FIXTURE_H

#include <waybuf/buffer.h>
#include <waybuf/interfaces/exporter.h>

#include "harness.h"

/*
 * A manager with one account, a pool, and participants that write down what they are told.
 */
struct fixture {
	struct waybuf_manager *manager;
	struct waybuf_account *account;
};

/* Exporters: memfd alone. */
void fixture_init(struct fixture *f);
/* Checks that the account holds nothing, and takes everything down. */
void fixture_finish(struct fixture *f);
/* Runs the loop until @flag is set; fails the test after 5 s. */
void fixture_wait(struct fixture *f, const bool *flag);
/* Runs the loop for @ms milliseconds. */
void fixture_run(struct fixture *f, int ms);
/* Until the worker is done with what it has begun, and @bytes are charged. */
void fixture_settle(struct fixture *f, uint64_t bytes);
/* Until @n memories have been cleared that are kept to be used again. */
void fixture_run_until_cleaned(struct fixture *f, uint64_t n);
struct waybuf_pool *fixture_pool(
	struct fixture *f, uint32_t width, uint32_t height, uint32_t count);

/* A participant and what its listener heard. */
struct party {
	struct waybuf_attachment *attachment;
	unsigned accepted, refused;
	enum waybuf_outcome outcome;
	int error;
	bool answered;
	enum waybuf_reason reason;
	uint32_t n_conflicts;
	char conflicts[1024]; /* as text, a line each */
};

void party_attach(struct party *party, struct waybuf_pool *pool, struct waybuf_account *account,
	const char *who);
/* XRGB8888 linear for the CPU, to read and write; @hold 0: no HOLD record. */
struct waybuf_constraints *cpu_constraints(uint32_t format, uint64_t hold);
/* The same with a stride multiple, for a reader that wants a dma-buf or not. */
struct waybuf_constraints *reader_constraints(
	uint32_t format, uint64_t stride_multiple, bool contiguous);
/* Commits and drops the reference. */
void party_commit(struct party *party, struct waybuf_constraints *set);
void party_detach(struct party *party);

/* A view and what its listener heard. */
struct seat {
	struct waybuf_view *view;
	unsigned mapped, failed, revoked, retired;
	bool answered;
	int error;
	struct waybuf_layout layout;
	uint64_t serial;
	uint32_t flags;
	struct waybuf_fence *fence; /* referenced */
	uint32_t revoked_generation, revoked_deadline, retired_generation;
	bool was_revoked;
	uint32_t n_conflicts;
	char conflicts[1024];
	/* what to do when it happens; NULL: nothing */
	void (*on_mapped)(struct seat *seat);
	void (*on_failed)(struct seat *seat);
	void (*on_revoke)(struct seat *seat);
};

void seat_open(struct seat *seat, struct party *party, uint32_t index);
void seat_map(struct seat *seat, enum waybuf_direction direction);
/* Maps and waits for the grant. */
void seat_grant(struct fixture *f, struct seat *seat, enum waybuf_direction direction);
void seat_unmap(struct seat *seat, struct waybuf_fence *fence);
void seat_close(struct seat *seat);

/* Fills each row of each plane with bytes that depend on seed, plane, row and column. */
void pattern_fill(const struct waybuf_layout *layout, uint32_t seed);
/* Whether the pixels (not the padding) still hold it. */
bool pattern_check(const struct waybuf_layout *layout, uint32_t seed);
/* Whether all bytes of all memories are 0. */
bool memory_is_zero(const struct waybuf_layout *layout);

/*
 * An exporter that gives out memfds, can be told to fail, and writes down what it was asked: the
 * counts are compared at the end.
 */
struct fake_exporter {
	struct waybuf_exporter base;
	int fail; /* errno that `allocate` returns; 0: works */
	unsigned fail_times; /* how often; 0: always */
	bool cuttable; /* what it gives out can be truncated */
	bool as_dmabuf; /* ... is said to be a dma-buf */
	unsigned allocated, released;
	bool *destroyed_flag;
	/* called on the worker before each allocation */
	void (*hook)(struct fake_exporter *exporter);
	void *hook_data;
};

/* Registers one and returns it, borrowed. @is_dmabuf is a lie for the solver. */
struct fake_exporter *fake_exporter_add(
	struct fixture *f, const char *name, uint32_t cost, bool is_dmabuf, bool contiguous);

#endif
