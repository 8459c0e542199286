/* SPDX-License-Identifier: MIT */
#include "vulkan.h"

#include <drm_fourcc.h>
#include <stdio.h>
#include <string.h>

#define MOST_MODIFIERS 64

bool vulkan_check(VkResult result, const char *what)
{
	if (result != VK_SUCCESS)
		fprintf(stderr, "vulkan-client: %s: VkResult %d\n", what, (int)result);
	return result == VK_SUCCESS;
}

bool vulkan_refuse(const char *why)
{
	fprintf(stderr, "vulkan-client: %s\n", why);
	return false;
}

/* ---- the device ---------------------------------------------------------------------------- */

static bool has(const VkExtensionProperties *extensions, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++) {
		if (strcmp(extensions[i].extensionName, name) == 0)
			return true;
	}
	return false;
}

static bool takes_sync_files(VkPhysicalDevice physical)
{
	const VkPhysicalDeviceExternalSemaphoreInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
		.handleType = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT,
	};
	VkExternalSemaphoreProperties properties = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES};
	const VkExternalSemaphoreFeatureFlags both = VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT |
		VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
	vkGetPhysicalDeviceExternalSemaphoreProperties(physical, &info, &properties);
	return (properties.externalSemaphoreFeatures & both) == both;
}

static bool is_suitable(struct vulkan *vk, VkPhysicalDevice physical)
{
	VkExtensionProperties extensions[512];
	uint32_t n = 512, n_families = 1;
	VkPhysicalDeviceProperties properties;
	VkQueueFamilyProperties family;
	vkGetPhysicalDeviceProperties(physical, &properties);
	vkGetPhysicalDeviceQueueFamilyProperties(physical, &n_families, &family);
	if (properties.apiVersion < VK_API_VERSION_1_3 || n_families < 1 ||
		!(family.queueFlags & VK_QUEUE_GRAPHICS_BIT) ||
		vkEnumerateDeviceExtensionProperties(physical, NULL, &n, extensions) < 0 ||
		!has(extensions, n, VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME) ||
		!has(extensions, n, VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME) ||
		!has(extensions, n, VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME))
		return false;
	vk->physical = physical;
	vk->software = properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
	vk->has_modifiers = has(extensions, n, VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME);
	vk->has_sync_files = has(extensions, n, VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME) &&
		takes_sync_files(physical);
	memcpy(vk->name, properties.deviceName, sizeof(vk->name));
	return true;
}

static bool find_device(struct vulkan *vk)
{
	const VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.pApplicationName = "vulkan-client",
		.apiVersion = VK_API_VERSION_1_3};
	const VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &application};
	VkPhysicalDevice devices[16];
	uint32_t n = 16;
	if (!vulkan_check(vkCreateInstance(&info, NULL, &vk->instance), "vkCreateInstance"))
		return false;
	if (vkEnumeratePhysicalDevices(vk->instance, &n, devices) < 0)
		n = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (is_suitable(vk, devices[i]))
			return true;
	}
	return vulkan_refuse("no device with Vulkan 1.3 and VK_EXT_external_memory_dma_buf");
}

static VkResult create_device(struct vulkan *vk)
{
	const char *extensions[5] = {VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
		VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
		VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME};
	uint32_t n = 3;
	if (vk->has_modifiers)
		extensions[n++] = VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME;
	if (vk->has_sync_files)
		extensions[n++] = VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME;
	const float priority = 1;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = vk->family,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkPhysicalDeviceVulkan13Features features = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
		.dynamicRendering = VK_TRUE,
	};
	const VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &features,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = n,
		.ppEnabledExtensionNames = extensions,
	};
	return vkCreateDevice(vk->physical, &info, NULL, &vk->device);
}

#define GET(vk, member, name) \
	((vk)->member = (PFN_##name)(void (*)(void))vkGetDeviceProcAddr((vk)->device, #name))

bool vulkan_init(struct vulkan *vk)
{
	const VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
	};
	if (!find_device(vk) || !vulkan_check(create_device(vk), "vkCreateDevice"))
		return false;
	vkGetDeviceQueue(vk->device, vk->family, 0, &vk->queue);
	GET(vk, get_memory_fd_properties, vkGetMemoryFdPropertiesKHR);
	if (vk->has_sync_files) {
		GET(vk, import_semaphore, vkImportSemaphoreFdKHR);
		GET(vk, get_semaphore, vkGetSemaphoreFdKHR);
	}
	return vulkan_check(
		vkCreateCommandPool(vk->device, &pool, NULL, &vk->commands), "commands");
}

void vulkan_finish(struct vulkan *vk)
{
	if (vk->device) {
		vkDestroyCommandPool(vk->device, vk->commands, NULL);
		vkDestroyDevice(vk->device, NULL);
	}
	if (vk->instance)
		vkDestroyInstance(vk->instance, NULL);
	*vk = (struct vulkan){0};
}

/* ---- what fits ----------------------------------------------------------------------------- */

static bool imports(const struct vulkan *vk, uint64_t modifier)
{
	const VkPhysicalDeviceImageDrmFormatModifierInfoEXT by_modifier = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
		.drmFormatModifier = modifier,
	};
	const VkPhysicalDeviceExternalImageFormatInfo external = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
		.pNext = vk->has_modifiers ? &by_modifier : NULL,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
	};
	const VkPhysicalDeviceImageFormatInfo2 info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.pNext = &external,
		.format = VULKAN_FORMAT,
		.type = VK_IMAGE_TYPE_2D,
		.tiling = vk->has_modifiers ? VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT
					    : VK_IMAGE_TILING_LINEAR,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
	};
	VkExternalImageFormatProperties able = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES};
	VkImageFormatProperties2 properties = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2, .pNext = &able};
	return vkGetPhysicalDeviceImageFormatProperties2(vk->physical, &info, &properties) ==
		VK_SUCCESS &&
		able.externalMemoryProperties.externalMemoryFeatures &
		VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
}

/* The number. */
static uint32_t find_modifiers(const struct vulkan *vk, uint64_t modifiers[MOST_MODIFIERS])
{
	VkDrmFormatModifierPropertiesEXT known[MOST_MODIFIERS];
	VkDrmFormatModifierPropertiesListEXT list = {
		.sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
		.drmFormatModifierCount = MOST_MODIFIERS,
		.pDrmFormatModifierProperties = known,
	};
	VkFormatProperties2 properties = {
		.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2, .pNext = &list};
	uint32_t n = 0;
	vkGetPhysicalDeviceFormatProperties2(vk->physical, VULKAN_FORMAT, &properties);
	for (uint32_t i = 0; i < list.drmFormatModifierCount; i++) {
		if (known[i].drmFormatModifierTilingFeatures &
				VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT &&
			imports(vk, known[i].drmFormatModifier))
			modifiers[n++] = known[i].drmFormatModifier;
	}
	return n;
}

struct waybuf_constraints *vulkan_constraints(
	const struct vulkan *vk, uint32_t width, uint32_t height)
{
	static const uint32_t format = DRM_FORMAT_XRGB8888;
	uint64_t modifiers[MOST_MODIFIERS] = {DRM_FORMAT_MOD_LINEAR};
	uint32_t n = vk->has_modifiers ? find_modifiers(vk, modifiers) : imports(vk, 0);
	uint64_t stride = vk->has_modifiers ? 0 : vulkan_linear_stride(vk, width, height);
	struct waybuf_constraints_builder *builder = waybuf_constraints_builder_create();
	struct waybuf_constraints *constraints = NULL;
	if (!builder)
		return NULL;
	waybuf_constraints_builder_access(builder, WAYBUF_ACCESS_READ | WAYBUF_ACCESS_RENDER);
	waybuf_constraints_builder_one_fd(builder, true);
	if (stride)
		waybuf_constraints_builder_stride(builder, 0, 1, stride, stride);
	/* Mesa's software renderer writes whole blocks of 4 x 4 pixels, aligned, past the edges, too. */
	if (vk->software) {
		waybuf_constraints_builder_stride(
			builder, WAYBUF_PLANE_ALL, 64, 0, WAYBUF_NO_LIMIT);
		waybuf_constraints_builder_rows(builder, WAYBUF_PLANE_ALL, 4, 0);
	}
	waybuf_constraints_builder_set(builder, &format, 1, modifiers, n);
	if (n > 0 && (vk->has_modifiers || stride))
		waybuf_constraints_builder_finish(builder, &constraints);
	waybuf_constraints_builder_destroy(builder);
	return constraints;
}
