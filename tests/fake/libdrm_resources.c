/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <xf86drm.h>

#include "libdrm_impl.h"

/* What the device is. */

int drmGetCap(int fd, uint64_t capability, uint64_t *value)
{
	*value = capability == DRM_CAP_PRIME ? DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT : 1;
	return capability == DRM_CAP_ATOMIC_ASYNC_PAGE_FLIP || capability == DRM_CAP_CURSOR_WIDTH ||
			capability == DRM_CAP_CURSOR_HEIGHT
		? -EINVAL
		: 0;
}

int drmSetClientCap(int fd, uint64_t capability, uint64_t value)
{
	return 0;
}

drmVersionPtr drmGetVersion(int fd)
{
	drmVersionPtr version = calloc(1, sizeof(*version));
	version->name = strdup("fake");
	version->name_len = 4;
	version->desc = strdup("A display that judges");
	version->desc_len = (int)strlen(version->desc);
	return version;
}

void drmFreeVersion(drmVersionPtr version)
{
	free(version->name);
	free(version->desc);
	free(version);
}

int drmIsMaster(int fd)
{
	return 1;
}

int drmSyncobjCreate(int fd, uint32_t flags, uint32_t *handle)
{
	JUDGE(flags & DRM_SYNCOBJ_CREATE_SIGNALED, "a syncobj nobody will signal");
	*handle = 1;
	return 0;
}

/* Not a sync_file, but an fd that no test of this program looks into. */
int drmSyncobjExportSyncFile(int fd, uint32_t handle, int *sync_file)
{
	*sync_file = eventfd(1, EFD_CLOEXEC);
	return 0;
}

int drmSyncobjDestroy(int fd, uint32_t handle)
{
	return 0;
}

static uint32_t *list(uint32_t type, int *n)
{
	uint32_t *ids = calloc(N_OBJECTS, sizeof(*ids));
	*n = 0;
	for (int i = 0; i < (fake.second ? N_OBJECTS : N_FIRST_OBJECTS); i++) {
		if (fake.objects[i].type == type)
			ids[(*n)++] = fake.objects[i].id;
	}
	return ids;
}

drmModeResPtr drmModeGetResources(int fd)
{
	drmModeResPtr res = calloc(1, sizeof(*res));
	res->crtcs = list(DRM_MODE_OBJECT_CRTC, &res->count_crtcs);
	res->connectors = list(DRM_MODE_OBJECT_CONNECTOR, &res->count_connectors);
	res->min_width = res->min_height = 1;
	res->max_width = res->max_height = 8192;
	return res;
}

void drmModeFreeResources(drmModeResPtr res)
{
	if (!res)
		return;
	free(res->crtcs);
	free(res->connectors);
	free(res);
}

drmModePlaneResPtr drmModeGetPlaneResources(int fd)
{
	int n;
	drmModePlaneResPtr res = calloc(1, sizeof(*res));
	res->planes = list(DRM_MODE_OBJECT_PLANE, &n);
	res->count_planes = (uint32_t)n;
	return res;
}

void drmModeFreePlaneResources(drmModePlaneResPtr res)
{
	free(res->planes);
	free(res);
}

drmModePlanePtr drmModeGetPlane(int fd, uint32_t id)
{
	drmModePlanePtr plane = calloc(1, sizeof(*plane));
	plane->plane_id = id;
	plane->possible_crtcs = id == FAKE_SECOND_PRIMARY ? 2
		: id == FAKE_PRIMARY || !fake.second      ? 1
							  : 3;
	plane->count_formats = 2;
	plane->formats = calloc(2, sizeof(uint32_t));
	plane->formats[0] = DRM_FORMAT_XRGB8888;
	plane->formats[1] = DRM_FORMAT_NV12;
	return plane;
}

void drmModeFreePlane(drmModePlanePtr plane)
{
	free(plane->formats);
	free(plane);
}

static drmModeModeInfo make_mode(uint16_t width, uint16_t height, uint32_t type)
{
	return (drmModeModeInfo){.clock = 65000,
		.hdisplay = width,
		.htotal = 1344,
		.vdisplay = height,
		.vtotal = 806,
		.type = type};
}

drmModeConnectorPtr drmModeGetConnectorCurrent(int fd, uint32_t id)
{
	drmModeConnectorPtr connector = calloc(1, sizeof(*connector));
	bool writeback = id == FAKE_WRITEBACK;
	connector->connector_id = id;
	connector->connector_type =
		writeback ? DRM_MODE_CONNECTOR_WRITEBACK : DRM_MODE_CONNECTOR_HDMIA;
	connector->connector_type_id = id == FAKE_SECOND_CONNECTOR ? 2 : 1;
	connector->connection = writeback ? DRM_MODE_UNKNOWNCONNECTION
		: fake.unplugged          ? DRM_MODE_DISCONNECTED
					  : DRM_MODE_CONNECTED;
	connector->count_encoders = 1;
	connector->encoders = calloc(1, sizeof(uint32_t));
	connector->encoders[0] = id;
	connector->count_modes = writeback || fake.unplugged ? 0 : 2;
	connector->modes = calloc(2, sizeof(drmModeModeInfo));
	connector->modes[0] = make_mode(800, 600, 0);
	connector->modes[1] = make_mode(fake.width, fake.height, DRM_MODE_TYPE_PREFERRED);
	return connector;
}

drmModeConnectorPtr drmModeGetConnector(int fd, uint32_t id)
{
	return drmModeGetConnectorCurrent(fd, id);
}

void drmModeFreeConnector(drmModeConnectorPtr connector)
{
	if (!connector)
		return;
	free(connector->encoders);
	free(connector->modes);
	free(connector);
}

drmModeEncoderPtr drmModeGetEncoder(int fd, uint32_t id)
{
	drmModeEncoderPtr encoder = calloc(1, sizeof(*encoder));
	encoder->possible_crtcs = id == FAKE_SECOND_CONNECTOR ? 2 : 1;
	return encoder;
}

void drmModeFreeEncoder(drmModeEncoderPtr encoder)
{
	free(encoder);
}

drmModeObjectPropertiesPtr drmModeObjectGetProperties(int fd, uint32_t id, uint32_t type)
{
	const struct object *object = find(id);
	drmModeObjectPropertiesPtr result = calloc(1, sizeof(*result));
	result->props = calloc(N_PROPS, sizeof(uint32_t));
	result->prop_values = calloc(N_PROPS, sizeof(uint64_t));
	for (int i = 0; object->names[i]; i++) {
		int index = prop_index(object->names[i]);
		result->props[i] = FIRST_PROP + (uint32_t)index;
		result->prop_values[i] = object->values[index];
		result->count_props++;
	}
	return result;
}

void drmModeFreeObjectProperties(drmModeObjectPropertiesPtr list)
{
	free(list->props);
	free(list->prop_values);
	free(list);
}

drmModePropertyPtr drmModeGetProperty(int fd, uint32_t id)
{
	const struct property *from = &properties[id - FIRST_PROP];
	drmModePropertyPtr property = calloc(1, sizeof(*property));
	property->prop_id = id;
	property->flags = from->flags;
	snprintf(property->name, sizeof(property->name), "%s", from->name);
	property->count_values = 2;
	property->values = calloc(2, sizeof(uint64_t));
	property->values[0] = from->min;
	property->values[1] = from->max;
	return property;
}

void drmModeFreeProperty(drmModePropertyPtr property)
{
	free(property->values);
	free(property);
}
