/* SPDX-License-Identifier: MIT */
#ifndef TESTS_WL_GLOBALS_H
#define TESTS_WL_GLOBALS_H

#include <string.h>
#include <wayland-client.h>

/* What a client of plain libwayland wants of a server. */
struct wl_wanted {
	const struct wl_interface *interface;
	void *slot; /* a pointer to the proxy, NULL at first */
	uint32_t version; /* that the client knows */
};

/* For wl_registry.global: binds it if it is wanted; the first of its kind, as outputs come and go. */
static inline void wl_wanted_bind(const struct wl_wanted *wanted, size_t n,
	struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version)
{
	for (size_t i = 0; i < n; i++) {
		void **slot = wanted[i].slot;
		if (strcmp(interface, wanted[i].interface->name) == 0 && !*slot)
			*slot = wl_registry_bind(registry, name, wanted[i].interface,
				version < wanted[i].version ? version : wanted[i].version);
	}
}

#endif
