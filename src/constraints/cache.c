/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "constraints/solve.h"
#include "util/list.h"

/*
 * Solved requests. A key is what was asked, in order and without the identities of who asked, so
 * that a second pool with the same participants is a lookup. Sets are compared by their bytes and
 * not by their hash alone: a client that finds two sets with one hash must not be able to hand a
 * neighbour the layout of the other. What the exporters have is not in a client's hands.
 */
struct entry {
	struct waybuf_list link; // waybuf_cache.entries
	uint64_t hash;
	/* exporters, exclusions, size, budget */
	uint64_t world_hash;
	uint32_t width, height;
	struct waybuf_constraints **sets;
	bool *joined;
	uint32_t n_sets;
	struct waybuf_result result;
};

struct waybuf_cache {
	struct waybuf_list entries; // entry.link, most recently used first
	uint32_t n_entries, max_entries;
	uint64_t hits, misses;
};

struct waybuf_cache *waybuf_cache_create(uint32_t max_entries)
{
	struct waybuf_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	waybuf_list_init(&cache->entries);
	cache->max_entries = max_entries;
	return cache;
}

static void free_entry(struct entry *entry)
{
	for (uint32_t i = 0; i < entry->n_sets; i++)
		waybuf_constraints_unref(entry->sets[i]);
	free(entry->sets);
	free(entry->joined);
	free(entry);
}

static void drop(struct waybuf_cache *cache, struct entry *entry)
{
	waybuf_list_remove(&entry->link);
	cache->n_entries--;
	free_entry(entry);
}

void waybuf_cache_destroy(struct waybuf_cache *cache)
{
	struct entry *entry, *tmp;
	if (!cache)
		return;
	waybuf_list_for_each_safe(entry, tmp, &cache->entries, link)
		drop(cache, entry);
	free(cache);
}

void waybuf_cache_get_stats(const struct waybuf_cache *cache, struct waybuf_cache_stats *stats)
{
	*stats = (struct waybuf_cache_stats){
		.hits = cache->hits, .misses = cache->misses, .entries = cache->n_entries};
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	return waybuf_hash(hash, &value, sizeof(value));
}

static uint64_t mix_string(uint64_t hash, const char *string)
{
	for (; string && *string; string++)
		hash = mix(hash, (unsigned char)*string);
	return mix(hash, string ? 256 : 257);
}

static uint64_t hash_exporter(uint64_t hash, const struct waybuf_exporter_caps *caps)
{
	hash = mix_string(hash, caps->name);
	hash = mix_string(hash, caps->heap);
	hash = mix(hash,
		(uint64_t)caps->kind | (uint64_t)caps->is_dmabuf << 8 |
			(uint64_t)caps->contiguous << 9 | (uint64_t)caps->cpu_mappable << 10 |
			(uint64_t)caps->cache << 16 | (uint64_t)caps->address_bits << 32);
	hash = mix(hash, (uint64_t)caps->device << 32 | caps->base_cost);
	hash = mix(hash, caps->devnum);
	hash = mix(hash, caps->max_size);
	hash = mix(hash, caps->page_size);
	hash = mix(hash, caps->n_pairs);
	return waybuf_hash(hash, caps->pairs, caps->n_pairs * sizeof(*caps->pairs));
}

static uint64_t hash_exclusion(uint64_t hash, const struct waybuf_ordered *ordered,
	const struct waybuf_exclusion *exclusion)
{
	int32_t who = waybuf_ordered_place(ordered, exclusion->who);
	hash = mix(hash, (uint64_t)exclusion->exporter << 32 | exclusion->format);
	hash = mix(hash, exclusion->modifier);
	return mix(hash, (uint32_t)who);
}

static uint64_t hash_world(const struct waybuf_ordered *ordered)
{
	const struct waybuf_request *request = ordered->request;
	uint64_t hash = mix(1, (uint64_t)request->width << 32 | request->height);
	hash = mix(hash, (uint64_t)request->budget.nodes << 32 | request->budget.usec);
	hash = mix(hash, request->n_exporters);
	for (size_t i = 0; i < request->n_exporters; i++)
		hash = hash_exporter(hash, request->exporters[i]);
	for (size_t i = 0; i < request->n_exclusions; i++)
		hash = hash_exclusion(hash, ordered, &request->exclusions[i]);
	return hash;
}

static uint64_t hash_request(const struct waybuf_ordered *ordered, uint64_t world_hash)
{
	uint64_t hash = mix(world_hash, ordered->n_parties);
	for (uint32_t i = 0; i < ordered->n_parties; i++)
		hash = mix(mix(hash, ordered->parties[i].set->hash), ordered->parties[i].joined);
	return hash;
}

static bool same_set(const struct waybuf_constraints *a, const struct waybuf_constraints *b)
{
	return a == b ||
		(a->hash == b->hash && a->canonical_size == b->canonical_size &&
			memcmp(a->canonical, b->canonical, a->canonical_size) == 0);
}

static bool matches(
	const struct entry *entry, const struct waybuf_ordered *ordered, uint64_t world_hash)
{
	const struct waybuf_request *request = ordered->request;
	if (entry->world_hash != world_hash || entry->width != request->width ||
		entry->height != request->height || entry->n_sets != ordered->n_parties)
		return false;
	for (uint32_t i = 0; i < entry->n_sets; i++) {
		if (entry->joined[i] != ordered->parties[i].joined ||
			!same_set(entry->sets[i], ordered->parties[i].set))
			return false;
	}
	return true;
}

bool waybuf_cache_get(struct waybuf_cache *cache, const struct waybuf_ordered *ordered,
	struct waybuf_result *result)
{
	uint64_t world_hash = hash_world(ordered);
	uint64_t hash = hash_request(ordered, world_hash);
	struct entry *entry;
	waybuf_list_for_each(entry, &cache->entries, link) {
		if (entry->hash != hash || !matches(entry, ordered, world_hash))
			continue;
		waybuf_list_remove(&entry->link);
		waybuf_list_insert(&cache->entries, &entry->link);
		*result = entry->result;
		cache->hits++;
		return true;
	}
	cache->misses++;
	return false;
}

static struct entry *make_entry(const struct waybuf_ordered *ordered)
{
	const struct waybuf_request *request = ordered->request;
	struct entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->sets = calloc((size_t)ordered->n_parties + 1, sizeof(*entry->sets));
	entry->joined = calloc((size_t)ordered->n_parties + 1, sizeof(*entry->joined));
	if (!entry->sets || !entry->joined) {
		free_entry(entry);
		return NULL;
	}
	for (uint32_t i = 0; i < ordered->n_parties; i++) {
		const struct waybuf_ordered_party *party = &ordered->parties[i];
		entry->sets[i] = waybuf_constraints_ref(request->parties[party->index].set);
		entry->joined[i] = party->joined;
	}
	entry->n_sets = ordered->n_parties;
	return entry;
}

/* Without memory for it the answer is just not remembered. */
void waybuf_cache_put(struct waybuf_cache *cache, const struct waybuf_ordered *ordered,
	const struct waybuf_result *result)
{
	struct entry *entry = make_entry(ordered);
	if (!entry)
		return;
	entry->world_hash = hash_world(ordered);
	entry->hash = hash_request(ordered, entry->world_hash);
	entry->width = ordered->request->width;
	entry->height = ordered->request->height;
	entry->result = *result;
	if (cache->n_entries >= cache->max_entries && !waybuf_list_empty(&cache->entries))
		drop(cache, waybuf_container_of(cache->entries.prev, struct entry, link));
	waybuf_list_insert(&cache->entries, &entry->link);
	cache->n_entries++;
}
