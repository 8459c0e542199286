/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>

#include "core/device.h"
#include "core/pool.h"

/*
 * The question to the solver: all attachments of a pool with the sets in force, all exporters, and
 * what was learnt by trying. Answers are cached by the manager, so that nothing is kept here.
 */

#define MAX_EXCLUSIONS 128

struct question {
	struct waybuf_request request;
	struct waybuf_party parties[WAYBUF_MAX_PARTIES];
	struct waybuf_exclusion exclusions[MAX_EXCLUSIONS];
};

static void add_party(struct question *question, const struct waybuf_attachment *attachment,
	struct waybuf_constraints *set)
{
	struct waybuf_request *request = &question->request;
	question->parties[request->n_parties] = (struct waybuf_party){
		.who = attachment->who,
		.role = attachment->role,
		.key = attachment->key,
		.set = set,
	};
	if (attachment->device)
		request->n_exclusions = waybuf_device_exclusions(attachment->pool->manager,
			attachment->device, (int32_t)request->n_parties, question->exclusions,
			request->n_exclusions, MAX_EXCLUSIONS);
	request->n_parties++;
}

static void init_question(struct question *question, const struct waybuf_pool *pool)
{
	question->request = (struct waybuf_request){
		.width = pool->width,
		.height = pool->height,
		.parties = question->parties,
		.exporters = pool->manager->caps,
		.n_exporters = pool->manager->n_exporters,
		.exclusions = question->exclusions,
	};
}

/* Of memory that is there, perhaps since an earlier configuration. */
static void set_size(struct question *question, const struct waybuf_storage *storage)
{
	question->request.width = storage->layout.width;
	question->request.height = storage->layout.height;
}

static int add_attachments(struct question *question, const struct waybuf_pool *pool,
	const struct waybuf_attachment *except)
{
	if (pool->contents)
		question->parties[question->request.n_parties++] = (struct waybuf_party){
			.who = "contents",
			.set = pool->contents,
		};
	struct waybuf_attachment *attachment;
	waybuf_list_for_each(attachment, &pool->attachments, link) {
		if (attachment == except)
			continue;
		if (question->request.n_parties + 2 > WAYBUF_MAX_PARTIES)
			return -E2BIG;
		if (attachment->set)
			add_party(question, attachment, attachment->set);
		/* memory made now must do whether it is accepted or not */
		if (attachment->candidate)
			add_party(question, attachment, attachment->candidate);
	}
	return 0;
}

int waybuf_pool_solve(struct waybuf_pool *pool, const struct waybuf_attachment *first,
	struct waybuf_constraints *set, const struct waybuf_exclusion *excluded, size_t n_excluded,
	struct waybuf_solution *solution, const struct waybuf_explanation **why)
{
	struct question question;
	init_question(&question, pool);
	if (first)
		add_party(&question, first, set);
	int error = add_attachments(&question, pool, first);
	if (error < 0)
		return error;
	struct waybuf_request *request = &question.request;
	for (size_t i = 0; i < n_excluded && request->n_exclusions < MAX_EXCLUSIONS; i++)
		question.exclusions[request->n_exclusions++] = excluded[i];
	return waybuf_negotiate(request, pool->manager->cache, solution, why);
}

static const struct waybuf_exporter_caps *storage_caps(const struct waybuf_storage *storage)
{
	static const struct waybuf_exporter_caps foreign = {
		.name = "foreign", .is_dmabuf = true, .cpu_mappable = true};
	static const struct waybuf_exporter_caps foreign_memfd = {
		.name = "foreign", .cpu_mappable = true};
	if (storage->exporter)
		return &storage->exporter->caps;
	return waybuf_storage_is_dmabuf(storage) ? &foreign : &foreign_memfd;
}

int waybuf_pool_check(struct waybuf_pool *pool, const struct waybuf_attachment *first,
	struct waybuf_constraints *set, const struct waybuf_storage *storage)
{
	struct question question;
	init_question(&question, pool);
	if (first)
		add_party(&question, first, set);
	int error = add_attachments(&question, pool, first);
	if (error < 0)
		return error;
	return waybuf_constraints_check_layout(
		&question.request, storage_caps(storage), &storage->layout, NULL);
}

int waybuf_attachment_check(const struct waybuf_attachment *attachment,
	struct waybuf_constraints *set, const struct waybuf_storage *storage,
	struct waybuf_conflict *conflict)
{
	struct question question;
	init_question(&question, attachment->pool);
	set_size(&question, storage);
	add_party(&question, attachment, set);
	return waybuf_constraints_check_layout(
		&question.request, storage_caps(storage), &storage->layout, conflict);
}

int waybuf_pool_pin_format(struct waybuf_pool *pool, const struct waybuf_layout *layout)
{
	const uint64_t hidden = DRM_FORMAT_MOD_INVALID;
	if (pool->contents)
		return 0;
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	/* any explicit modifier, or the one that a wildcard leaves out */
	waybuf_constraints_builder_set(builder, &layout->format, 1, NULL, 0);
	waybuf_constraints_builder_set(builder, &layout->format, 1, &hidden, 1);
	int error = waybuf_constraints_builder_finish(builder, &pool->contents);
	pool->epoch++;
	waybuf_constraints_builder_destroy(builder);
	return error;
}

/* The layout that is there, as if somebody required it. */
static int layout_constraints(const struct waybuf_layout *layout, struct waybuf_constraints **out)
{
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	if (!builder)
		return -ENOMEM;
	waybuf_constraints_builder_set(builder, &layout->format, 1, &layout->modifier, 1);
	for (uint32_t i = 0; i < layout->n_planes; i++)
		waybuf_constraints_builder_stride(
			builder, (uint8_t)i, 1, layout->planes[i].stride, layout->planes[i].stride);
	int error = waybuf_constraints_builder_finish(builder, out);
	waybuf_constraints_builder_destroy(builder);
	return error;
}

int waybuf_attachment_explain_misfit(const struct waybuf_attachment *attachment,
	struct waybuf_constraints *set, const struct waybuf_storage *storage,
	const struct waybuf_explanation **why)
{
	struct waybuf_constraints *layout;
	struct waybuf_solution solution;
	struct question question;
	const struct waybuf_exporter_caps *caps = storage_caps(storage);
	int error = layout_constraints(&storage->layout, &layout);
	if (error < 0)
		return error;
	init_question(&question, attachment->pool);
	set_size(&question, storage);
	add_party(&question, attachment, set);
	question.parties[question.request.n_parties++] = (struct waybuf_party){
		.who = "imported memory",
		.set = layout,
	};
	question.request.exporters = &caps;
	question.request.n_exporters = 1;
	question.request.n_exclusions = 0;
	error = waybuf_negotiate(&question.request, NULL, &solution, why);
	waybuf_constraints_unref(layout);
	return error;
}

int waybuf_storage_check_image(const struct waybuf_storage *storage)
{
	const struct waybuf_request nobody = {
		.width = storage->layout.width,
		.height = storage->layout.height,
	};
	int error = waybuf_constraints_check_layout(
		&nobody, storage_caps(storage), &storage->layout, NULL);
	return error < 0 ? -EINVAL : 0;
}

int waybuf_pool_probe(struct waybuf_pool *pool, const struct waybuf_storage *storage)
{
	struct waybuf_attachment *attachment;
	waybuf_list_for_each(attachment, &pool->attachments, link) {
		if (!attachment->device || !(attachment->set || attachment->candidate))
			continue;
		int error = waybuf_device_probe(
			pool->manager, attachment->device, storage->exporter, &storage->layout);
		if (error < 0)
			return error;
	}
	return 0;
}
