# SPDX-License-Identifier: MIT
#
# guides.awk -v guides="NAME..." FILE: a page of docs as Doxygen reads it. What links to a header or to
# another page of the reference does so there, too; other links, which lead into the sources, become the
# names of files.

BEGIN {
	count = split(guides, list)
	while (count > 0)
		page[list[count--]] = 1
}

function name_of(path)
{
	sub(/.*\//, "", path)
	sub(/(\.md)?(#.*)?$/, "", path)
	return path
}

function link(text, target)
{
	if (target ~ /^https?:/)
		return "[" text "](" target ")"
	if (target ~ /include\/waybuf\/.*\.h$/ || name_of(target) in page)
		return "[" text "](@ref " name_of(target) ")"
	return "`" text "`"
}

# Doxygen would name the page after its whole path.
FNR == 1 && /^# / {
	print $0 " {#" (FILENAME ~ /index\.md$/ ? "mainpage" : name_of(FILENAME)) "}"
	next
}
/^(    |```)/ {
	print
	next
}
{
	done = ""
	rest = $0
	while (match(rest, /\[[^]]*\]\([^)]*\)/)) {
		found = substr(rest, RSTART, RLENGTH)
		at = index(found, "](")
		done = done substr(rest, 1, RSTART - 1)
		done = done link(substr(found, 2, at - 2), substr(found, at + 2, length(found) - at - 2))
		rest = substr(rest, RSTART + RLENGTH)
	}
	print done rest
}
