/* SPDX-License-Identifier: MIT */
#include "harness.h"
#include "token.h"

static struct token_table table;

static void count_gone(void *owner)
{
	(*(unsigned *)owner)++;
}

static void mint(unsigned *owner, uint32_t uses, uint64_t expires, const char *context,
	char text[TOKEN_LENGTH + 1])
{
	struct token_terms terms = {.uses = uses, .expires = expires, .context = context};
	ck_assert_int_eq(token_mint(&table, owner, &terms, count_gone, text), 0);
}

static bool use(const char *text, uint64_t now, const char *context)
{
	struct token_rights rights;
	return token_use(&table, text, now, context, &rights);
}

TEST(good_for_its_uses)
{
	unsigned owner = 0;
	char once[TOKEN_LENGTH + 1], thrice[TOKEN_LENGTH + 1], always[TOKEN_LENGTH + 1];
	token_table_init(&table);
	mint(&owner, 1, 100, NULL, once);
	mint(&owner, 3, 100, NULL, thrice);
	mint(&owner, 0, 100, NULL, always);
	ck_assert_str_ne(once, thrice);
	ck_assert(use(once, 0, NULL));
	ck_assert(!use(once, 0, NULL));
	for (int i = 0; i < 3; i++)
		ck_assert(use(thrice, 0, NULL));
	ck_assert(!use(thrice, 0, NULL));
	for (int i = 0; i < 100; i++)
		ck_assert(use(always, 0, NULL));
	ck_assert_uint_eq(owner, 2);
	token_table_finish(&table);
	ck_assert_uint_eq(owner, 3);
}

TEST(expires)
{
	unsigned owner = 0;
	char early[TOKEN_LENGTH + 1], late[TOKEN_LENGTH + 1];
	token_table_init(&table);
	mint(&owner, 0, 100, NULL, early);
	mint(&owner, 0, 200, NULL, late);
	ck_assert(use(early, 99, NULL));
	ck_assert(!use(early, 100, NULL));
	ck_assert_uint_eq(owner, 1);
	ck_assert(use(late, 199, NULL));
	token_expire(&table, 200);
	ck_assert_uint_eq(owner, 2);
	token_table_finish(&table);
}

TEST(rights_and_owner)
{
	unsigned mine = 0, other = 0;
	struct token_terms terms = {.expires = 100, .read_only = true};
	struct token_rights rights;
	char text[TOKEN_LENGTH + 1], second[TOKEN_LENGTH + 1];
	token_table_init(&table);
	ck_assert_int_eq(token_mint(&table, &mine, &terms, NULL, text), 0);
	mint(&other, 0, 100, NULL, second);
	ck_assert(token_use(&table, text, 0, NULL, &rights));
	ck_assert_ptr_eq(rights.owner, &mine);
	ck_assert(rights.read_only);
	token_drop(&table, &mine);
	ck_assert(!use(text, 0, NULL));
	ck_assert(use(second, 0, NULL));
	token_table_finish(&table);
}

TEST(sandboxes)
{
	unsigned owner = 0;
	struct token_terms anywhere = {.expires = 100, .cross_sandbox = true};
	char outside[TOKEN_LENGTH + 1], inside[TOKEN_LENGTH + 1], cross[TOKEN_LENGTH + 1];
	token_table_init(&table);
	mint(&owner, 0, 100, NULL, outside);
	mint(&owner, 0, 100, "a", inside);
	ck_assert_int_eq(token_mint(&table, &owner, &anywhere, NULL, cross), 0);
	ck_assert(use(outside, 0, NULL));
	ck_assert(!use(outside, 0, "a"));
	ck_assert(use(inside, 0, "a"));
	ck_assert(!use(inside, 0, "b"));
	ck_assert(use(inside, 0, NULL));
	ck_assert(use(cross, 0, "b"));
	token_table_finish(&table);
}

TEST(what_is_no_token)
{
	unsigned owner = 0;
	char text[TOKEN_LENGTH + 1], other[TOKEN_LENGTH + 3];
	token_table_init(&table);
	mint(&owner, 0, 100, NULL, text);
	ck_assert(!use("", 0, NULL));
	/* one more and one less digit, and each digit changed in turn */
	memcpy(other, text, TOKEN_LENGTH);
	memcpy(other + TOKEN_LENGTH, "0", 2);
	ck_assert(!use(other, 0, NULL));
	other[TOKEN_LENGTH - 1] = '\0';
	ck_assert(!use(other, 0, NULL));
	for (int i = 0; i < TOKEN_LENGTH; i++) {
		memcpy(other, text, TOKEN_LENGTH + 1);
		other[i] = other[i] == '0' ? '1' : '0';
		ck_assert(!use(other, 0, NULL));
	}
	ck_assert(use(text, 0, NULL));
	token_table_finish(&table);
}

/* What is in memory is no token, where a library for that is there. */
TEST(kept_as_a_digest)
{
	static const char text[] = "00112233445566778899aabbccddeeff";
#ifdef HAVE_NETTLE
	/* of sha256sum */
	static const uint8_t expected[TOKEN_DIGEST] = {0x59, 0x47, 0xd7, 0xc3, 0x3d, 0x78, 0x3f,
		0x94, 0xb3, 0xb4, 0xc1, 0xa9, 0x6e, 0xbc, 0x89, 0x91, 0xed, 0x28, 0xf1, 0xb0, 0x69,
		0xb7, 0x1e, 0x03, 0x37, 0x6c, 0xba, 0x8c, 0xaa, 0x98, 0xa7, 0x20};
#else
	const uint8_t *expected = (const uint8_t *)text;
#endif
	uint8_t digest[TOKEN_DIGEST];
	token_digest(text, digest);
	ck_assert_mem_eq(digest, expected, sizeof(digest));
}

TEST_MAIN("token")
