/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#ifdef HAVE_NETTLE
#include <nettle/sha2.h>
#include <nettle/version.h>
#endif

#include "token.h"

struct token {
	uint8_t digest[TOKEN_DIGEST];
	void *owner;
	void (*gone)(void *owner);
	uint32_t uses;
	bool unlimited;
	uint64_t expires;
	bool read_only, cross_sandbox;
	char *context;
	struct wl_list link; // token_table.tokens
};

static void token_end(struct token *token)
{
	wl_list_remove(&token->link);
	if (token->gone)
		token->gone(token->owner);
	/* a password, where it is not hashed, until the page is reused */
	explicit_bzero(token->digest, sizeof(token->digest));
	free(token->context);
	free(token);
}

void token_digest(const char text[TOKEN_LENGTH], uint8_t digest[TOKEN_DIGEST])
{
#ifdef HAVE_NETTLE
	struct sha256_ctx context;
	sha256_init(&context);
	sha256_update(&context, TOKEN_LENGTH, (const uint8_t *)text);
	_Static_assert(TOKEN_DIGEST == SHA256_DIGEST_SIZE, "the whole digest is kept");
#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest(&context, digest);
#else
	sha256_digest(&context, TOKEN_DIGEST, digest);
#endif
	explicit_bzero(&context, sizeof(context));
#else
	_Static_assert(TOKEN_DIGEST == TOKEN_LENGTH, "the whole text is kept");
	memcpy(digest, text, TOKEN_LENGTH);
#endif
}

void token_table_init(struct token_table *table)
{
	wl_list_init(&table->tokens);
}

void token_table_finish(struct token_table *table)
{
	struct token *token, *next;
	wl_list_for_each_safe(token, next, &table->tokens, link)
		token_end(token);
}

static int random_bits(uint8_t *bits, size_t size)
{
	ssize_t n;
	do
		n = getrandom(bits, size, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

static void print_bits(const uint8_t *bits, char *text)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < TOKEN_LENGTH / 2; i++) {
		text[2 * i] = digits[bits[i] >> 4];
		text[2 * i + 1] = digits[bits[i] & 15];
	}
}

int token_mint(struct token_table *table, void *owner, const struct token_terms *terms,
	void (*gone)(void *owner), char text[TOKEN_LENGTH + 1])
{
	uint8_t bits[TOKEN_LENGTH / 2];
	int ret = random_bits(bits, sizeof(bits));
	if (ret < 0)
		return ret;
	struct token *token = calloc(1, sizeof(*token));
	if (!token)
		return -ENOMEM;
	if (terms->context) {
		token->context = strdup(terms->context);
		if (!token->context) {
			free(token);
			return -ENOMEM;
		}
	}
	print_bits(bits, text);
	text[TOKEN_LENGTH] = '\0';
	explicit_bzero(bits, sizeof(bits));
	token_digest(text, token->digest);
	token->owner = owner;
	token->gone = gone;
	token->uses = terms->uses;
	token->unlimited = terms->uses == 0;
	token->expires = terms->expires;
	token->read_only = terms->read_only;
	token->cross_sandbox = terms->cross_sandbox;
	wl_list_insert(&table->tokens, &token->link);
	return 0;
}

/* Takes the same time wherever the first difference is. */
static bool same_digest(const uint8_t *a, const uint8_t *b)
{
	volatile unsigned char difference = 0;
	for (size_t i = 0; i < TOKEN_DIGEST; i++)
		difference = (unsigned char)(difference | (a[i] ^ b[i]));
	return difference == 0;
}

static bool context_fits(const struct token *token, const char *context)
{
	if (!context || token->cross_sandbox)
		return true;
	return token->context && strcmp(token->context, context) == 0;
}

bool token_use(struct token_table *table, const char *text, uint64_t now, const char *context,
	struct token_rights *rights)
{
	char padded[TOKEN_LENGTH] = {0};
	size_t length = strnlen(text, TOKEN_LENGTH + 1);
	memcpy(padded, text, length < TOKEN_LENGTH ? length : TOKEN_LENGTH);
	uint8_t digest[TOKEN_DIGEST];
	token_digest(padded, digest);

	token_expire(table, now);
	struct token *token, *found = NULL;
	wl_list_for_each(token, &table->tokens, link) {
		if (same_digest(token->digest, digest))
			found = token;
	}
	if (!found || length != TOKEN_LENGTH || !context_fits(found, context))
		return false;
	*rights = (struct token_rights){.owner = found->owner, .read_only = found->read_only};
	if (!found->unlimited && --found->uses == 0)
		token_end(found);
	return true;
}

void token_expire(struct token_table *table, uint64_t now)
{
	struct token *token, *next;
	wl_list_for_each_safe(token, next, &table->tokens, link) {
		if (token->expires <= now)
			token_end(token);
	}
}

void token_drop(struct token_table *table, const void *owner)
{
	struct token *token, *next;
	wl_list_for_each_safe(token, next, &table->tokens, link) {
		if (token->owner == owner)
			token_end(token);
	}
}
