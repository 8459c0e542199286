/* SPDX-License-Identifier: MIT */
#include "choice.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* Whether a line of the explanation is about another exporter than the one that was taken. */
static bool is_about_other(const char *exporter, const char *line)
{
	size_t length = strlen(exporter);
	return strncmp(line, "not ", 4) == 0 && strncmp(line + 4, exporter, length) != 0;
}

/* The server's words on its choice: what it took, and why not from elsewhere. */
static bool print_choice(const char *exporter, const char *line)
{
	static const char chosen[] = "chosen: ";
	struct json_object *object = json_tokener_parse(line), *type = NULL, *text = NULL;
	bool found = json_object_is_type(object, json_type_object) &&
		json_object_object_get_ex(object, "type", &type) &&
		strcmp(json_object_get_string(type), "choice") == 0 &&
		json_object_object_get_ex(object, "text", &text) &&
		json_object_is_type(text, json_type_array);
	for (size_t i = 0; found && i < json_object_array_length(text); i++) {
		const char *words = json_object_get_string(json_object_array_get_idx(text, i));
		if (strncmp(words, chosen, strlen(chosen)) == 0)
			printf("why %s\n", words + strlen(chosen));
		else if (is_about_other(exporter, words))
			printf("%s\n", words);
	}
	json_object_put(object);
	return found;
}

static void print_why(
	struct waybuf_client *client, struct waybuf_client_pool *pool, const char *exporter)
{
	char *text = NULL;
	if (waybuf_client_pool_explain(pool, 1000, &text) < 0) {
		printf("why %s\n", waybuf_client_error(client));
		return;
	}
	char *rest = text, *line;
	bool found = false;
	while (!found && (line = strsep(&rest, "\n")))
		found = print_choice(exporter, line);
	if (!found)
		printf("why the server does not say\n");
	free(text);
}

void choice_print(
	struct waybuf_client *client, struct waybuf_client_pool *pool, const char *exporter)
{
	printf("by way of %s (%s)\n", waybuf_client_path_name(waybuf_client_pool_get_path(pool)),
		waybuf_client_pool_get_path_reason(pool));
	print_why(client, pool, exporter);
}
