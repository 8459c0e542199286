/* SPDX-License-Identifier: MIT */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl.h"
#include "fuzz.h"
#include "peer_file.h"

/*
 * A report as waybufctl gets it: a file of so many bytes, or less, with a line for each object. All
 * that it prints must come out of whatever a server of another version, or no server at all, says.
 */
void ctl_error(const char *format, ...) {}

static char *read_back(const uint8_t *data, size_t size, uint32_t told)
{
	char *text = NULL;
	int fd = memfd_create("report", MFD_CLOEXEC);
	FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	int ret = peer_file_read(fd, told, &text);
	FUZZ_CHECK((ret == 0) == (told <= size));
	close(fd);
	return text;
}

static struct json_object *make_document(char *text)
{
	struct json_object *document = json_object_new_object();
	struct json_object *objects = json_object_new_array();
	char *rest = text, *line;
	while ((line = strsep(&rest, "\n"))) {
		struct json_object *object = json_tokener_parse(line);
		if (json_object_is_type(object, json_type_object))
			json_object_array_add(objects, object);
		else
			json_object_put(object);
	}
	json_object_object_add(document, "version", json_object_new_string("1"));
	json_object_object_add(document, "source", json_object_new_string("fuzz"));
	json_object_object_add(document, "objects", objects);
	return document;
}

static void print(struct json_object *document)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	FUZZ_CHECK(out);
	ctl_print_info(document, out);
	fclose(out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {data, size};
	uint8_t more = fuzz_u8(&input);
	char *text =
		read_back(input.data, input.left, (uint32_t)input.left + (more < 16 ? more : 0));
	if (!text)
		return 0;
	struct json_object *document = make_document(text);
	print(document);
	json_object_put(ctl_trace_convert(document));
	json_object_put(document);
	/* one that did not come from us at all */
	document = json_tokener_parse((const char *)text);
	if (json_object_is_type(document, json_type_object))
		print(document);
	json_object_put(document);
	free(text);
	fuzz_check_fds();
	return 0;
}
