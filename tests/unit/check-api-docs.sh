#!/bin/sh
# SPDX-License-Identifier: MIT
# check-api-docs.sh DOXYGEN DOXYFILE SOURCE: the API reference can be made, and
# nothing in the public headers is without a word: no function, parameter, result,
# struct, enum or member. Doxygen is the judge, and is judged by a header that has
# each of these mistakes. And the guides know no function that is gone.
set -u
# shellcheck source=tests/tap.sh
. "$(dirname "$0")/../tap.sh"
doxygen=$1
doxyfile=$2
source=$3
folder=$(mktemp -d) || exit 1
trap 'rm -rf -- "$folder"' EXIT

# make OUTPUT SETTING...: the reference in OUTPUT, what it lacks on stdout
make()
{
	output=$1
	shift
	mkdir -p "$output"
	{
		cat -- "$doxyfile"
		printf 'OUTPUT_DIRECTORY = "%s"\n' "$output"
		printf '%s\n' "$@"
	} | "$doxygen" - 2>&1
}

# A header that is not installed, or a page that is linked and not there, has no page.
missing_pages()
{
	(cd "$source/include" && find . -name '*.h') | while read -r header; do
		name=$(basename "$header" .h | sed 's/_/__/g')
		[ -s "$folder/real/api/${name}_8h.html" ] || echo "$header has no page"
	done
	pages=$(sed -n "s/.* guides='\([^']*\)'.*/\1/p" "$doxyfile")
	[ -n "$pages" ] || echo 'there are no guides'
	for page in $pages; do
		[ -s "$folder/real/api/$page.html" ] || echo "docs/$page.md has no page"
	done
}

# In text and in code; docs/dma-buf-map.md has a test of its own.
misnamed_functions()
{
	for page in "$source"/README.md "$source"/CONTRIBUTING.md "$source"/docs/*.md; do
		[ "${page##*/}" != dma-buf-map.md ] || continue
		for name in $(grep -o 'waybuf_[a-z0-9_]*(' "$page" | tr -d '(' | sort -u); do
			grep -q -r -w -- "$name" "$source/include" || echo "${page##*/}: there is no $name()"
		done
	done
}

missed_mistakes()
{
	mkdir -p "$folder/bad"
	cat >"$folder/bad/bad.h" <<-'END'
		/* SPDX-License-Identifier: MIT */
		/* A header with mistakes. */
		WAYBUF_EXPORT int waybuf_no_comment(void);
		/** Does it. 0 or -ENOMEM. */
		WAYBUF_EXPORT int waybuf_no_parameter(uint32_t forgotten);
		/** Does it to @what. */
		WAYBUF_EXPORT int waybuf_no_result(int what);
		/** Like waybuf_long_gone(). */
		WAYBUF_EXPORT void waybuf_old_name(void);
		struct waybuf_no_words {
			/** pixels */
			uint32_t width;
		};
		/** A struct. */
		struct waybuf_half {
			/** pixels */
			uint32_t width;
			uint32_t no_member_words;
		};
		/** An enum. */
		enum waybuf_some {
			/** the first */
			WAYBUF_SOME_ONE = 0,
			WAYBUF_SOME_OTHER = 1,
		};
	END
	make "$folder/judged" "INPUT = \"$folder/bad\"" 'USE_MDFILE_AS_MAINPAGE =' \
		'GENERATE_HTML = NO' 'GENERATE_XML = YES' >"$folder/judgement" &&
		echo 'Doxygen exits with 0'
	for mistake in waybuf_no_comment waybuf_no_parameter 'return type of member waybuf_no_result' \
		waybuf_long_gone waybuf_no_words no_member_words WAYBUF_SOME_OTHER; do
		grep -q -- "$mistake" "$folder/judgement" || echo "not found: $mistake"
	done
}

echo 1..4
verdict 'everything public is described' "$(make "$folder/real")"
verdict 'every header and every guide has a page' "$(missing_pages)"
verdict 'the guides name functions that there are' "$(misnamed_functions)"
verdict 'what is not described is found' "$(missed_mistakes)"
exit $failed
