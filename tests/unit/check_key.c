/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include <string.h>

#include "fake_host.h"
#include "fields.h"
#include "key.h"

/* Computed with another implementation: printf %s KEY | sha256sum | xxd -r -p | base64, with - and _ for + and / */
START_TEST(id_is_the_start_of_the_keys_digest) {
	char id[PORTAL_ID_LENGTH + 1];
	portal_id_of_key("aaaaaaaaaaaaaaaaaaaaaa", id);
	ck_assert_str_eq(id, "7HxJTfbSp-o2Zo1lbmuJee");
	portal_id_of_key("portal-test-key-0123456789", id);
	ck_assert_str_eq(id, "L0xIC2A-dG9lNlWS7wqdHI");
}
END_TEST

START_TEST(made_key_uses_all_random_bytes_and_is_a_valid_key) {
	fake_host *fake = fake_host_new("{}");
	char one[PORTAL_MADE_KEY_LENGTH + 1], other[PORTAL_MADE_KEY_LENGTH + 1];
	portal_key_make(&fake->host, one);
	portal_key_make(&fake->host, other);
	ck_assert_str_eq(one, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
	ck_assert_str_ne(one, other);
	ck_assert(portal_is_name(other));
	fake->next_random = 0xf8; /* gives + and / in plain base64 */
	portal_key_make(&fake->host, one);
	ck_assert(portal_is_name(one));
	fake_host_free(fake);
}
END_TEST

START_TEST(secrets_compare_by_all_of_their_bytes) {
	ck_assert(portal_secrets_equal("", ""));
	ck_assert(portal_secrets_equal("1234", "1234"));
	ck_assert(!portal_secrets_equal("1234", "1235"));
	ck_assert(!portal_secrets_equal("1234", "0234"));
	ck_assert(!portal_secrets_equal("1234", "123"));
	ck_assert(!portal_secrets_equal("1234", "12345"));
	ck_assert(!portal_secrets_equal("1234", ""));
}
END_TEST

Suite *key_suite(void) {
	Suite *suite = suite_create("key");
	TCase *tests = tcase_create("key");
	tcase_add_test(tests, id_is_the_start_of_the_keys_digest);
	tcase_add_test(tests, made_key_uses_all_random_bytes_and_is_a_valid_key);
	tcase_add_test(tests, secrets_compare_by_all_of_their_bytes);
	suite_add_tcase(suite, tests);
	return suite;
}
