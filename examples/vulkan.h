/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_VULKAN_H
#define EXAMPLES_VULKAN_H

#include <stdbool.h>
#include <stdint.h>

#include <vulkan/vulkan.h>

#include <waybuf/buffer.h>

/*
 * Buffers of a swapchain as VkImages with memory of their dma-bufs, and sync_files as semaphores: what
 * a program that renders with Vulkan needs besides its renderer. Failures are told on stderr.
 */

/* DRM_FORMAT_XRGB8888, whose bytes in memory are blue, green, red. */
#define VULKAN_FORMAT VK_FORMAT_B8G8R8A8_UNORM
/* The limit of every wait in here. */
#define VULKAN_PATIENCE_MS 2000
#define VULKAN_PATIENCE_NS (VULKAN_PATIENCE_MS * UINT64_C(1000000))

struct vulkan {
	VkInstance instance;
	VkPhysicalDevice physical;
	char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
	/* the CPU draws */
	bool software;
	/* VK_EXT_image_drm_format_modifier; without it images are linear, as the driver has them */
	bool has_modifiers;
	/* VK_KHR_external_semaphore_fd with sync_files; without it the program waits */
	bool has_sync_files;
	uint32_t family;
	VkDevice device;
	VkQueue queue;
	VkCommandPool commands;
	PFN_vkGetMemoryFdPropertiesKHR get_memory_fd_properties;
	PFN_vkImportSemaphoreFdKHR import_semaphore;
	PFN_vkGetSemaphoreFdKHR get_semaphore;
};

/* One buffer, as Vulkan sees it. All zero: none. */
struct vulkan_target {
	uint32_t width, height;
	/* of the layout: when that of the buffer is another one, a target of the new memory is due */
	uint32_t generation;
	VkImage image;
	VkDeviceMemory memory;
	VkImageView view;
	VkCommandBuffer commands;
	VkSemaphore ready, done;
	bool waits; /* for ready */
	VkFence idle; /* of the commands */
};

/* The first device that imports dma-bufs. */
bool vulkan_init(struct vulkan *vk);
/* All targets must be finished. */
void vulkan_finish(struct vulkan *vk);

/* Tells, and returns false. */
bool vulkan_check(VkResult result, const char *what);
bool vulkan_refuse(const char *why);

/*
 * What the device draws into, for images of this size in pixels, as constraints of a pool; NULL: it
 * draws into no DRM_FORMAT_XRGB8888.
 */
struct waybuf_constraints *vulkan_constraints(
	const struct vulkan *vk, uint32_t width, uint32_t height);

/* The bytes of a row in a linear image of the driver's own; 0: it makes none, or none like that. */
uint32_t vulkan_linear_stride(const struct vulkan *vk, uint32_t width, uint32_t height);

/* @layout is borrowed for the call. False: the driver does not take it, and there is nothing to finish. */
bool vulkan_target_init(
	struct vulkan *vk, const struct waybuf_layout *layout, struct vulkan_target *target);
void vulkan_target_finish(struct vulkan *vk, struct vulkan_target *target);

/*
 * Begins commands that draw into the whole of the target, cleared to @colour. They will run when
 * @fence signals: a sync_file, taken; -1: at once.
 */
bool vulkan_begin(
	struct vulkan *vk, struct vulkan_target *target, int fence, const VkClearValue *colour);
/* Ends and submits them. *fence is a sync_file of their end, the caller's; -1: they are over. */
bool vulkan_end(struct vulkan *vk, struct vulkan_target *target, int *fence);

#endif
