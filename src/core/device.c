/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "core/device.h"
#include "core/format.h"
#include "core/pool.h"
#include "core/storage.h"
#include "util/log.h"

struct device_fact {
	const struct waybuf_device *device;
	const struct waybuf_exporter *exporter;
	uint64_t modifier;
	uint32_t format;
	int result; /* 0: takes it */
	struct waybuf_list link; // waybuf_manager.facts
};

int waybuf_manager_add_device(struct waybuf_manager *manager, struct waybuf_device *device)
{
	if (!device->ops || !device->ops->constraints || !device->name)
		return -EINVAL;
	device->id = ++manager->next_device;
	waybuf_list_append(&manager->devices, &device->link);
	return 0;
}

static void forget_facts(struct waybuf_manager *manager, const struct waybuf_device *device)
{
	struct device_fact *fact, *tmp;
	waybuf_list_for_each_safe(fact, tmp, &manager->facts, link) {
		if (fact->device != device)
			continue;
		waybuf_list_remove(&fact->link);
		free(fact);
	}
}

void waybuf_manager_remove_device(struct waybuf_manager *manager, struct waybuf_device *device)
{
	waybuf_list_remove(&device->link);
	waybuf_pools_forget_device(manager, device);
	waybuf_manager_forget_imports(manager, device);
	forget_facts(manager, device);
	if (device->ops->destroy)
		device->ops->destroy(device);
}

void waybuf_devices_finish(struct waybuf_manager *manager)
{
	struct waybuf_device *device, *tmp;
	waybuf_list_for_each_safe(device, tmp, &manager->devices, link)
		waybuf_manager_remove_device(manager, device);
}

struct waybuf_device *waybuf_manager_find_device(struct waybuf_manager *manager, uint32_t id)
{
	struct waybuf_device *device;
	waybuf_list_for_each(device, &manager->devices, link) {
		if (device->id == id)
			return device;
	}
	return NULL;
}

static struct device_fact *find_fact(struct waybuf_manager *manager,
	const struct waybuf_device *device, const struct waybuf_exporter *exporter, uint32_t format,
	uint64_t modifier)
{
	struct device_fact *fact;
	waybuf_list_for_each(fact, &manager->facts, link) {
		if (fact->device == device && fact->exporter == exporter &&
			fact->format == format && fact->modifier == modifier)
			return fact;
	}
	return NULL;
}

/* A fact that there is no memory for is only learnt again. */
static void remember(struct waybuf_manager *manager, const struct waybuf_device *device,
	const struct waybuf_exporter *exporter, const struct waybuf_layout *layout, int result)
{
	struct device_fact *fact =
		find_fact(manager, device, exporter, layout->format, layout->modifier);
	if (!fact) {
		fact = calloc(1, sizeof(*fact));
		if (!fact)
			return;
		waybuf_list_append(&manager->facts, &fact->link);
	}
	*fact = (struct device_fact){
		.device = device,
		.exporter = exporter,
		.format = layout->format,
		.modifier = layout->modifier,
		.result = result,
		.link = fact->link,
	};
}

static bool is_no_answer(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EBUSY;
}

int waybuf_device_probe(struct waybuf_manager *manager, struct waybuf_device *device,
	const struct waybuf_exporter *exporter, const struct waybuf_layout *layout)
{
	if (!device->ops->probe)
		return 0;
	/* the next memory from somewhere else is from elsewhere */
	if (!exporter)
		return device->ops->probe(device, layout);
	struct device_fact *fact =
		find_fact(manager, device, exporter, layout->format, layout->modifier);
	if (fact)
		return fact->result;
	int error = device->ops->probe(device, layout);
	char fourcc[WAYBUF_FOURCC_LEN], modifier[WAYBUF_MODIFIER_LEN];
	waybuf_debug("device %s, %s %s from %s: %d", device->name,
		waybuf_fourcc_string(layout->format, fourcc),
		waybuf_modifier_string(layout->modifier, modifier), layout->exporter, error);
	if (!is_no_answer(error))
		remember(manager, device, exporter, layout, error);
	return error;
}

void waybuf_device_refused(struct waybuf_manager *manager, struct waybuf_device *device,
	const struct waybuf_exporter *exporter, const struct waybuf_layout *layout, int error)
{
	remember(manager, device, exporter, layout, error);
	waybuf_pools_invalidate(manager);
}

int waybuf_device_known(struct waybuf_manager *manager, const struct waybuf_device *device,
	const struct waybuf_exporter *exporter, uint32_t format, uint64_t modifier)
{
	struct device_fact *fact = find_fact(manager, device, exporter, format, modifier);
	if (!fact)
		return 0;
	return fact->result < 0 ? fact->result : 1;
}

static bool exporter_index(
	struct waybuf_manager *manager, const struct waybuf_exporter *exporter, uint32_t *index)
{
	for (uint32_t i = 0; i < manager->n_exporters; i++) {
		if (manager->exporters[i] == exporter) {
			*index = i;
			return true;
		}
	}
	return false;
}

size_t waybuf_device_exclusions(struct waybuf_manager *manager, const struct waybuf_device *device,
	int32_t who, struct waybuf_exclusion *exclusions, size_t n, size_t max)
{
	struct device_fact *fact;
	waybuf_list_for_each(fact, &manager->facts, link) {
		uint32_t index;
		if (fact->device != device || fact->result == 0 || n == max ||
			!exporter_index(manager, fact->exporter, &index))
			continue;
		exclusions[n++] = (struct waybuf_exclusion){
			.exporter = index,
			.format = fact->format,
			.modifier = fact->modifier,
			.who = who,
		};
	}
	return n;
}
