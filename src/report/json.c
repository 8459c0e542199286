/* SPDX-License-Identifier: MIT */
#include "report/json.h"

void json_begin(struct json_builder *builder)
{
	*builder = (struct json_builder){.root = json_object_new_object()};
	builder->failed = !builder->root;
}

struct json_object *json_finish(struct json_builder *builder)
{
	struct json_object *root = builder->root;
	builder->root = NULL;
	if (!builder->failed)
		return root;
	json_object_put(root);
	return NULL;
}

void json_add(struct json_builder *builder, struct json_object *object, const char *key,
	struct json_object *value)
{
	int ret = -1;
	if (object && value)
		ret = key ? json_object_object_add(object, key, value)
			  : json_object_array_add(object, value);
	if (ret == 0)
		return;
	builder->failed = true;
	json_object_put(value);
}

struct json_object *json_add_object(
	struct json_builder *builder, struct json_object *parent, const char *key)
{
	struct json_object *object = json_object_new_object();
	json_add(builder, parent, key, object);
	return builder->failed ? NULL : object;
}

struct json_object *json_add_array(
	struct json_builder *builder, struct json_object *parent, const char *key)
{
	struct json_object *array = json_object_new_array();
	json_add(builder, parent, key, array);
	return builder->failed ? NULL : array;
}

void json_add_string(
	struct json_builder *builder, struct json_object *object, const char *key, const char *text)
{
	if (text)
		json_add(builder, object, key, json_object_new_string(text));
}

void json_add_number(
	struct json_builder *builder, struct json_object *object, const char *key, uint64_t number)
{
	json_add(builder, object, key, json_object_new_uint64(number));
}

void json_add_bool(
	struct json_builder *builder, struct json_object *object, const char *key, bool value)
{
	json_add(builder, object, key, json_object_new_boolean(value));
}
