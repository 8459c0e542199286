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

TEST_MAIN("token")
