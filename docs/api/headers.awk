# SPDX-License-Identifier: MIT
#
# headers.awk FILE: a public header as Doxygen reads it. The headers are written for people who read
# them in an editor, so what Doxygen wants to be told is told here:
#
# - The plain comment at the top is about the file. A line of dashes begins a section, and a plain
#   comment right behind it is about that section.
# - @name is a parameter or a member, as in the kernel's comments.
# - Of a function's comment the sentences that begin with a result (0, -EINVAL, NULL, True ...) are
#   what it returns; of a function that cannot fail all of the first paragraph is. A sentence that
#   says what a parameter is goes to the table of parameters.
# - A parameter of which the comment says nothing is an error, because Doxygen is not told of it and
#   complains: unless its type says it all (`pool`, an enum), it counts another (`n_formats`), or it
#   is `out`.
# - What is said of `width, height` is said of both.
# - An opaque type gets a page, which Doxygen gives to no declaration without members.
#
# A declaration stays on the line that it is on, so that what Doxygen complains of can be found.

# Names become links, which Doxygen checks: one that nothing has any more is an error.
function link(s, done, word, before)
{
	gsub(/@[a-z_][a-z_0-9]*/, "\\p &", s)
	gsub(/\\p @/, "\\p ", s)
	gsub(/-E[A-Z][A-Z0-9]+/, "`&`", s)
	done = ""
	while (match(s, /(waybuf|WAYBUF)_[A-Za-z0-9_]*[A-Za-z0-9](\.[a-z_]+)?(\(\))?/)) {
		word = substr(s, RSTART, RLENGTH)
		done = done substr(s, 1, RSTART - 1)
		s = substr(s, RSTART + RLENGTH)
		before = substr(done, length(done))
		if (before !~ /[A-Za-z0-9_#]/ && s !~ /^[_*]/ && word !~ /_v[0-9]+$/ && !(word in variable)) {
			sub(/\./, "::", word)
			word = "#" word
		}
		done = done word
	}
	return done s
}

# A line of code, in columns as an editor shows it.
function expand(s, at)
{
	while ((at = index(s, "\t")) > 0)
		s = sprintf("%s%" (8 - (at - 1) % 8) "s%s", substr(s, 1, at - 1), "", substr(s, at + 1))
	return s
}

# The sentences of a paragraph into sentence[1..].
function split_sentences(text, n)
{
	n = 0
	while (match(text, /\. +[-A-Z0-9@*"]/)) {
		sentence[++n] = substr(text, 1, RSTART)
		text = substr(text, RSTART + RLENGTH - 1)
	}
	sentence[++n] = text
	return n
}

function is_result(s)
{
	return s ~ /^(0|1|-1)([,;: .]|$)/ || s ~ /^-E[A-Z]/ || s ~ /^NULL: / ||
		s ~ /^NULL (only|if|unless|where)/ || s ~ /^(True|False|Returns|Errors|As)[ ,:]/ ||
		s ~ /^The number of/
}

# Takes a comment apart: what is said of parameters into said[], sets prose and results.
function take_apart(text, n, m, i, k, in_results, paragraph, name)
{
	split("", said)
	prose = results = ""
	n = split(text, paragraphs, "\n\n")
	for (i = 1; i <= n; i++) {
		gsub(/\n/, " ", paragraphs[i])
		m = split_sentences(paragraphs[i])
		paragraph = ""
		in_results = 0
		for (k = 1; k <= m; k++) {
			in_results = in_results || is_result(sentence[k])
			if (in_results)
				results = results (results == "" ? "" : " ") sentence[k]
			else if (match(sentence[k], /^[@*]+[a-z_0-9]+,? (is|are) /)) {
				name = substr(sentence[k], 1, RLENGTH)
				gsub(/[@*]+|,? (is|are) $/, "", name)
				said[name] = said[name] (said[name] == "" ? "" : " ") \
					substr(sentence[k], RLENGTH + 1)
			} else
				paragraph = paragraph (paragraph == "" ? "" : " ") sentence[k]
		}
		if (paragraph != "")
			prose = prose (prose == "" ? "" : "<p>") paragraph
	}
}

# The parameters of a declaration into param[1..], their declarations into type[1..].
function split_params(text, n, depth, i, c, one)
{
	n = depth = 0
	one = ""
	sub(/^[^(]*\(/, "", text)
	sub(/\)[^)]*$/, "", text)
	text = text ","
	for (i = 1; i <= length(text); i++) {
		c = substr(text, i, 1)
		depth += (c == "(") - (c == ")")
		if (c != "," || depth > 0) {
			one = one c
			continue
		}
		sub(/^ +/, "", one)
		if (match(one, /\(\*[a-z_0-9]+\)/))
			param[++n] = substr(one, RSTART + 2, RLENGTH - 3)
		else if (match(one, /[a-z_0-9]+$/) && one != "void")
			param[++n] = substr(one, RSTART)
		type[n] = one
		one = ""
	}
	return n
}

# What the table of parameters says of one; nothing if nobody has said anything.
function describe(name, type, at, rest)
{
	if (name in said)
		return said[name]
	if (match(prose, "@" name " \\([^)]*\\)")) {
		at = RSTART + length(name) + 3
		return substr(prose, at, RSTART + RLENGTH - 1 - at)
	}
	if (match(prose, "@" name ",? (is|are) [^.,;:)]*")) {
		rest = substr(prose, RSTART, RLENGTH)
		sub(/^[^ ]* (is|are) /, "", rest)
		return rest
	}
	if (prose ~ "[@*]" name "([^a-z_0-9]|$)")
		return "see above"
	if (results ~ "[@*]" name "([^a-z_0-9]|$)")
		return "see what is returned"
	if (type ~ "^(const )?struct waybuf_[a-z_]*" name "(_point)? [*]" name "$")
		return "the " name
	if (match(type, /^enum waybuf_[a-z_]+ /))
		return "of " substr(type, 1, RLENGTH - 1)
	if (name ~ /^n_/ && type ~ /^size_t /)
		return "how many of these"
	return name == "out" ? "the result" : ""
}

function function_comment(text, decl, n, i, what, comment)
{
	take_apart(text)
	if (results == "" && decl !~ /^(WAYBUF_EXPORT |static inline )(void|int) [^*]/) {
		results = paragraphs[1]
		split_sentences(paragraphs[1])
		if (prose == "")
			prose = sentence[1]
	}
	if (prose == "")
		prose = results
	comment = link(prose)
	n = split_params(decl)
	for (i = 1; i <= n; i++) {
		what = describe(param[i], type[i])
		if (what != "")
			comment = comment " \\param " param[i] " " link(what)
	}
	if (results != "" && decl !~ /^WAYBUF_EXPORT void [^*]/)
		comment = comment " \\return " link(results)
	return comment
}

# Prints the comment that was held back, doc[1..n_doc], which is about `decl`.
function print_comment(decl, i, text)
{
	text = ""
	for (i = 1; i <= n_doc; i++) {
		if (decl !~ /^(WAYBUF_EXPORT|static inline) .*\(/) {
			print doc[i] ~ /^ \*\t/ ? expand(doc[i]) : link(doc[i])
			continue
		}
		sub(/^\/\*\* ?|^ \*\/|^ \* ?/, "", doc[i])
		sub(/ ?\*\/$/, "", doc[i])
		text = text doc[i] "\n"
	}
	if (text != "") {
		gsub(/^\n+|\n+$/, "", text)
		printf "/** %s */", function_comment(text, decl)
		for (i = 1; i <= n_doc; i++)
			print ""
	}
	n_doc = 0
}

# Several members of one comment.
function print_members(line, comment, n, i, name, type)
{
	sub(/;$/, "", line)
	n = split(line, name, /, /)
	type = name[1]
	sub(/[a-z_0-9]+$/, "", type)
	printf "%s;", name[1]
	for (i = 2; i <= n; i++)
		printf " %s %s%s;", comment, type, name[i]
	print ""
}

BEGIN {
	# not ours to link, though named like it
	variable["WAYBUF_DISPLAY"] = variable["WAYBUF_EXPORTERS"] = variable["WAYBUF_STRICT"] = 1
}

/^\/\* -+ .* -+ \*\/$/ {
	title = $0
	gsub(/^\/\* -+ | -+ \*\/$/, "", title)
	printf "%s/** \\name %s", in_section ? "/** \\} */ " : "", title
	in_section = is_open = 1
	blank = ""
	next
}
is_open && /^$/ {
	blank = blank "\n"
	next
}
is_open {
	is_open = 0
	in_essay = is_about_section = $0 == "/*"
	if (!in_essay)
		printf " */ /** \\{ */"
	print blank
	if (in_essay) {
		print ""
		next
	}
}
/^\/\*/ && !/^\/\*\*/ && !seen_essay && NR > 1 {
	seen_essay = 1
	if ($0 == "/*") {
		in_essay = 1
		print "/** \\file"
		next
	}
	sub(/^\/\*/, "/**")
	sub(/\*\/$/, "\\file */")
}
in_essay {
	in_essay = $0 !~ /\*\/$/
	printf "%s", /^ \*\t/ ? expand($0) : link($0)
	print is_about_section && !in_essay ? " /** \\{ */" : ""
	is_about_section = is_about_section && in_essay
	next
}
/^\/\*\*/ && !/\\file/ || in_doc {
	doc[++n_doc] = $0
	in_doc = $0 !~ /\*\/$/
	next
}
n_doc > 0 {
	line = $0
	gsub(/^[ \t]+/, "", line)
	held = held (held == "" ? "" : "\n") $0
	decl = decl (decl == "" ? "" : " ") line
	if (decl !~ /^(WAYBUF_EXPORT|static inline) / || decl ~ /[;{]/) {
		print_comment(decl)
		if (held ~ /^struct waybuf_[a-z_]+;$/)
			sub(/;$/, " {};", held)
		print held
		held = decl = ""
	}
	next
}
/^\t\/\*\*/ || in_member {
	member = in_member ? member $0 : $0
	in_member = $0 !~ /\*\/$/
	print link($0)
	next
}
member != "" && /^\t[a-z][^()]*, [^()]*;$/ {
	print_members($0, link(member))
	member = ""
	next
}
{ member = "" }
/^#ifdef __cplusplus$/ && in_section {
	printf "/** \\} */ "
	in_section = 0
}
{ print }
