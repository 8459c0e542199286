/* SPDX-License-Identifier: MIT */
#include "vulkan.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define SYNC_FD VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT

/* ---- images -------------------------------------------------------------------------------- */

/* @next: more about it, NULL for what the driver makes of LINEAR. */
static VkResult create_image(
	const struct vulkan *vk, uint32_t width, uint32_t height, const void *next, VkImage *image)
{
	const VkExternalMemoryImageCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
		.pNext = next,
		.handleTypes = DMA_BUF,
	};
	const VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.pNext = &external,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = VULKAN_FORMAT,
		.extent = {width, height, 1},
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.tiling = next ? VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT : VK_IMAGE_TILING_LINEAR,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
	};
	return vkCreateImage(vk->device, &info, NULL, image);
}

uint32_t vulkan_linear_stride(const struct vulkan *vk, uint32_t width, uint32_t height)
{
	const VkImageSubresource part = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT};
	VkSubresourceLayout layout;
	VkImage image;
	if (create_image(vk, width, height, NULL, &image) != VK_SUCCESS)
		return 0;
	vkGetImageSubresourceLayout(vk->device, image, &part, &layout);
	vkDestroyImage(vk->device, image, NULL);
	return layout.offset == 0 && layout.rowPitch < UINT32_MAX ? (uint32_t)layout.rowPitch : 0;
}

static VkResult create_image_of(
	const struct vulkan *vk, const struct waybuf_layout *layout, VkImage *image)
{
	VkSubresourceLayout planes[WAYBUF_MAX_PLANES] = {0};
	const VkImageDrmFormatModifierExplicitCreateInfoEXT modifier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
		.drmFormatModifier = layout->modifier,
		.drmFormatModifierPlaneCount = layout->n_planes,
		.pPlaneLayouts = planes,
	};
	for (uint32_t i = 0; i < layout->n_planes; i++) {
		planes[i].offset = layout->planes[i].offset;
		planes[i].rowPitch = layout->planes[i].stride;
	}
	const void *next = vk->has_modifiers ? &modifier : NULL;
	return create_image(vk, layout->width, layout->height, next, image);
}

/* The dma-buf as memory of the image, which it is bound to. Vulkan takes an fd of its own. */
static bool import_memory(
	struct vulkan *vk, const struct waybuf_layout *layout, struct vulkan_target *target)
{
	VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
	VkMemoryRequirements needs;
	vkGetImageMemoryRequirements(vk->device, target->image, &needs);
	int fd = fcntl(layout->memory[0].fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0 || vk->get_memory_fd_properties(vk->device, DMA_BUF, fd, &properties) < 0 ||
		!(properties.memoryTypeBits & needs.memoryTypeBits) ||
		needs.size > layout->memory[0].size) {
		if (fd >= 0)
			close(fd);
		return vulkan_refuse("the driver does not take the dma-buf");
	}
	const VkMemoryDedicatedAllocateInfo dedicated = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO, .image = target->image};
	const VkImportMemoryFdInfoKHR import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.pNext = &dedicated,
		.handleType = DMA_BUF,
		.fd = fd,
	};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = layout->memory[0].size,
		.memoryTypeIndex =
			(uint32_t)__builtin_ctz(properties.memoryTypeBits & needs.memoryTypeBits),
	};
	VkResult result = vkAllocateMemory(vk->device, &info, NULL, &target->memory);
	if (result != VK_SUCCESS)
		close(fd);
	return vulkan_check(result, "vkAllocateMemory of the dma-buf") &&
		vulkan_check(
			vkBindImageMemory(vk->device, target->image, target->memory, 0), "bind");
}

static bool make_view(struct vulkan *vk, struct vulkan_target *target)
{
	const VkImageViewCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.image = target->image,
		.viewType = VK_IMAGE_VIEW_TYPE_2D,
		.format = VULKAN_FORMAT,
		.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
	};
	return vulkan_check(
		vkCreateImageView(vk->device, &info, NULL, &target->view), "image view");
}

static bool make_commands(struct vulkan *vk, struct vulkan_target *target)
{
	const VkCommandBufferAllocateInfo commands = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = vk->commands,
		.commandBufferCount = 1,
	};
	const VkExportSemaphoreCreateInfo exported = {
		.sType = VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO, .handleTypes = SYNC_FD};
	const VkSemaphoreCreateInfo plain = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
	const VkSemaphoreCreateInfo done = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
		.pNext = vk->has_sync_files ? &exported : NULL};
	const VkFenceCreateInfo idle = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
		.flags = VK_FENCE_CREATE_SIGNALED_BIT};
	return vkAllocateCommandBuffers(vk->device, &commands, &target->commands) == VK_SUCCESS &&
		vkCreateSemaphore(vk->device, &plain, NULL, &target->ready) == VK_SUCCESS &&
		vkCreateSemaphore(vk->device, &done, NULL, &target->done) == VK_SUCCESS &&
		vkCreateFence(vk->device, &idle, NULL, &target->idle) == VK_SUCCESS;
}

void vulkan_target_finish(struct vulkan *vk, struct vulkan_target *target)
{
	if (target->idle)
		vkWaitForFences(vk->device, 1, &target->idle, VK_TRUE, VULKAN_PATIENCE_NS);
	vkDestroyFence(vk->device, target->idle, NULL);
	vkDestroySemaphore(vk->device, target->done, NULL);
	vkDestroySemaphore(vk->device, target->ready, NULL);
	if (target->commands)
		vkFreeCommandBuffers(vk->device, vk->commands, 1, &target->commands);
	vkDestroyImageView(vk->device, target->view, NULL);
	vkDestroyImage(vk->device, target->image, NULL);
	vkFreeMemory(vk->device, target->memory, NULL);
	*target = (struct vulkan_target){0};
}

bool vulkan_target_init(
	struct vulkan *vk, const struct waybuf_layout *layout, struct vulkan_target *target)
{
	*target = (struct vulkan_target){0};
	if (layout->n_memory != 1 || layout->memory[0].kind != WAYBUF_MEMORY_DMABUF ||
		(!vk->has_modifiers && layout->planes[0].offset != 0))
		return vulkan_refuse("the memory is not one dma-buf");
	bool ok = vulkan_check(create_image_of(vk, layout, &target->image), "vkCreateImage") &&
		import_memory(vk, layout, target) && make_view(vk, target) &&
		make_commands(vk, target);
	if (!ok)
		vulkan_target_finish(vk, target);
	target->width = layout->width;
	target->height = layout->height;
	target->generation = ok ? layout->generation : 0;
	return ok;
}

/* ---- fences -------------------------------------------------------------------------------- */

/* Takes @fence. */
static bool wait_here(int fence)
{
	struct pollfd poll_fd = {.fd = fence, .events = POLLIN};
	int ret;
	do {
		ret = poll(&poll_fd, 1, VULKAN_PATIENCE_MS);
	} while (ret < 0 && errno == EINTR);
	close(fence);
	return ret == 1 || vulkan_refuse("the fence of the display does not signal");
}

/* Takes @fence. *waits: the commands wait for target->ready. */
static bool import_fence(struct vulkan *vk, struct vulkan_target *target, int fence, bool *waits)
{
	*waits = false;
	if (fence < 0)
		return true;
	if (!vk->has_sync_files)
		return wait_here(fence);
	const VkImportSemaphoreFdInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_SEMAPHORE_FD_INFO_KHR,
		.semaphore = target->ready,
		.flags = VK_SEMAPHORE_IMPORT_TEMPORARY_BIT, /* a sync_file is for one wait */
		.handleType = SYNC_FD,
		.fd = fence,
	};
	if (vk->import_semaphore(vk->device, &info) != VK_SUCCESS)
		return wait_here(fence);
	*waits = true;
	return true;
}

static bool export_fence(struct vulkan *vk, struct vulkan_target *target, int *fence)
{
	const VkSemaphoreGetFdInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_GET_FD_INFO_KHR,
		.semaphore = target->done,
		.handleType = SYNC_FD,
	};
	*fence = -1;
	if (vk->has_sync_files)
		return vulkan_check(vk->get_semaphore(vk->device, &info, fence), "sync_file");
	return vulkan_check(
		vkWaitForFences(vk->device, 1, &target->idle, VK_TRUE, VULKAN_PATIENCE_NS),
		"end of the work");
}

/* ---- commands ------------------------------------------------------------------------------ */

/*
 * The display is a foreign queue. What it leaves need not be kept, so the image comes without a
 * transfer of ownership; what it gets must be, so the image goes with one.
 */
static void change_owner(const struct vulkan *vk, const struct vulkan_target *target, bool comes)
{
	const VkImageMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.srcAccessMask = comes ? 0 : VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
		.dstAccessMask = comes ? VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT : 0,
		.oldLayout = comes ? VK_IMAGE_LAYOUT_UNDEFINED
				   : VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		.newLayout =
			comes ? VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL : VK_IMAGE_LAYOUT_GENERAL,
		.srcQueueFamilyIndex = comes ? VK_QUEUE_FAMILY_IGNORED : vk->family,
		.dstQueueFamilyIndex =
			comes ? VK_QUEUE_FAMILY_IGNORED : VK_QUEUE_FAMILY_FOREIGN_EXT,
		.image = target->image,
		.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1},
	};
	vkCmdPipelineBarrier(target->commands, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
		comes ? VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT
		      : VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
		0, 0, NULL, 0, NULL, 1, &barrier);
}

bool vulkan_begin(
	struct vulkan *vk, struct vulkan_target *target, int fence, const VkClearValue *colour)
{
	const VkCommandBufferBeginInfo once = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	const VkRenderingAttachmentInfo attachment = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = target->view,
		.imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
		.clearValue = *colour,
	};
	const VkRenderingInfo rendering = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.renderArea = {{0, 0}, {target->width, target->height}},
		.layerCount = 1,
		.colorAttachmentCount = 1,
		.pColorAttachments = &attachment,
	};
	if (!import_fence(vk, target, fence, &target->waits))
		return false;
	/* the display is done with the buffer, and so the last commands are with it */
	if (!vulkan_check(
		    vkWaitForFences(vk->device, 1, &target->idle, VK_TRUE, VULKAN_PATIENCE_NS),
		    "end of the last work") ||
		!vulkan_check(vkBeginCommandBuffer(target->commands, &once), "commands"))
		return false;
	change_owner(vk, target, true);
	vkCmdBeginRendering(target->commands, &rendering);
	return true;
}

bool vulkan_end(struct vulkan *vk, struct vulkan_target *target, int *fence)
{
	const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT;
	const VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.waitSemaphoreCount = target->waits,
		.pWaitSemaphores = &target->ready,
		.pWaitDstStageMask = &stage,
		.commandBufferCount = 1,
		.pCommandBuffers = &target->commands,
		.signalSemaphoreCount = vk->has_sync_files,
		.pSignalSemaphores = &target->done,
	};
	vkCmdEndRendering(target->commands);
	change_owner(vk, target, false);
	return vulkan_check(vkEndCommandBuffer(target->commands), "commands") &&
		vulkan_check(vkResetFences(vk->device, 1, &target->idle), "fence") &&
		vulkan_check(vkQueueSubmit(vk->queue, 1, &info, target->idle), "vkQueueSubmit") &&
		export_fence(vk, target, fence);
}
