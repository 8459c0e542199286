/* SPDX-License-Identifier: MIT */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include <json-c/json.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * Building JSON without a check after each line: every call takes @object even if it is NULL, and
 * @value always; a failure puts the builder out of order, and finish() then returns NULL.
 */
struct json_builder {
	struct json_object *root;
	bool failed;
};

void json_begin(struct json_builder *builder);
/* The root, taken from the builder; NULL if anything failed. */
struct json_object *json_finish(struct json_builder *builder);

/* New objects in @parent under @key, or at the end of the array @parent. Borrowed. */
struct json_object *json_add_object(
	struct json_builder *builder, struct json_object *parent, const char *key);
struct json_object *json_add_array(
	struct json_builder *builder, struct json_object *parent, const char *key);

/* Takes @value. @key is NULL where @object is an array. */
void json_add(struct json_builder *builder, struct json_object *object, const char *key,
	struct json_object *value);
/* @text NULL adds nothing. */
void json_add_string(struct json_builder *builder, struct json_object *object, const char *key,
	const char *text);
void json_add_number(
	struct json_builder *builder, struct json_object *object, const char *key, uint64_t number);
void json_add_bool(
	struct json_builder *builder, struct json_object *object, const char *key, bool value);

#endif
