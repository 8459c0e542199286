/* SPDX-License-Identifier: MIT */
#ifndef UTIL_LIST_H
#define UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * An intrusive, circular, doubly linked list. A head and a link are the same type; a link that is
 * in no list points to itself after waybuf_list_init() or waybuf_list_remove(), so that removing
 * twice is harmless and waybuf_list_empty(&object->link) tells whether the object is listed.
 * Our own, because src must not depend on libwayland.
 */
struct waybuf_list {
	struct waybuf_list *prev, *next;
};

#define waybuf_container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

static inline void waybuf_list_init(struct waybuf_list *list)
{
	list->prev = list->next = list;
}

static inline bool waybuf_list_empty(const struct waybuf_list *list)
{
	return list->next == list;
}

/* Inserts @link right after @at: at the front if @at is a head. */
static inline void waybuf_list_insert(struct waybuf_list *at, struct waybuf_list *link)
{
	link->prev = at;
	link->next = at->next;
	at->next->prev = link;
	at->next = link;
}

static inline void waybuf_list_append(struct waybuf_list *head, struct waybuf_list *link)
{
	waybuf_list_insert(head->prev, link);
}

static inline void waybuf_list_remove(struct waybuf_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	waybuf_list_init(link);
}

#define waybuf_list_for_each(pos, head, member) \
	for (pos = waybuf_container_of((head)->next, __typeof__(*pos), member); \
		&pos->member != (head); \
		pos = waybuf_container_of(pos->member.next, __typeof__(*pos), member))

/* Safe against removal of @pos only, not of its neighbours. */
#define waybuf_list_for_each_safe(pos, tmp, head, member) \
	for (pos = waybuf_container_of((head)->next, __typeof__(*pos), member), \
	    tmp = waybuf_container_of(pos->member.next, __typeof__(*pos), member); \
		&pos->member != (head); \
		pos = tmp, tmp = waybuf_container_of(pos->member.next, __typeof__(*pos), member))

#define waybuf_list_first(head, type, member) waybuf_container_of((head)->next, type, member)

#endif
