/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include <string.h>

#include "fake_host.h"
#include "fields.h"

static const portal_limits limits = { .max_display = 5, .max_metadata = 60 };

static const portal_field table[] = {
	{ .name = "room", .type = PORTAL_TYPE_NAME, .required = true, .min = 1, .max = 8 },
	{ .name = "display", .type = PORTAL_TYPE_STRING, .limit = PORTAL_LIMIT(max_display) },
	{ .name = "metadata", .type = PORTAL_TYPE_OBJECT, .limit = PORTAL_LIMIT(max_metadata) },
	{ .name = "count", .type = PORTAL_TYPE_INTEGER, .min = 1, .max = 9 },
	{ .name = "list", .type = PORTAL_TYPE_ARRAY, .min = 1, .max = 2 },
	{ .name = "any", .type = PORTAL_TYPE_ANY },
	{ 0 },
};

static void check(const char *text, portal_error expected, const char *field) {
	json_auto_t *json = json_of(text);
	portal_failure failure = { 0 };
	portal_error error = portal_fields_check(table, json, &limits, &failure);
	ck_assert_msg(error == expected, "%s: expected %d, got %d (%s)", text, (int)expected, (int)error, failure.text);
	if(expected != PORTAL_OK)
		ck_assert_msg(g_str_has_prefix(failure.text, field), "%s: the text should name %s: %s", text, field, failure.text);
}

START_TEST(good_fields_pass_and_unknown_ones_are_ignored) {
	check("{'room':'home'}", PORTAL_OK, NULL);
	check("{'room':'A-z_9','display':'12345','metadata':{'a':1},'count':9,'list':[1,2],'any':[],'other':7}", PORTAL_OK, NULL);
	check("{'room':'home','display':null,'metadata':null,'count':null,'list':null}", PORTAL_OK, NULL);
	check("{'room':'home','display':''}", PORTAL_OK, NULL);
}
END_TEST

START_TEST(missing_fields_are_named) {
	check("{}", JANUS_PORTAL_ERROR_MISSING_FIELD, "room:");
	check("{'room':null}", JANUS_PORTAL_ERROR_MISSING_FIELD, "room:");
}
END_TEST

START_TEST(wrong_types_are_named) {
	check("{'room':1}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':['home']}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':'home','display':true}", JANUS_PORTAL_ERROR_INVALID_FIELD, "display:");
	check("{'room':'home','metadata':[]}", JANUS_PORTAL_ERROR_INVALID_FIELD, "metadata:");
	check("{'room':'home','metadata':'x'}", JANUS_PORTAL_ERROR_INVALID_FIELD, "metadata:");
	check("{'room':'home','count':1.5}", JANUS_PORTAL_ERROR_INVALID_FIELD, "count:");
	check("{'room':'home','count':'1'}", JANUS_PORTAL_ERROR_INVALID_FIELD, "count:");
	check("{'room':'home','list':{}}", JANUS_PORTAL_ERROR_INVALID_FIELD, "list:");
}
END_TEST

START_TEST(values_out_of_range_are_named) {
	check("{'room':''}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':'123456789'}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':'a b'}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':'a/b'}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':'é'}", JANUS_PORTAL_ERROR_INVALID_FIELD, "room:");
	check("{'room':'home','display':'123456'}", JANUS_PORTAL_ERROR_TOO_LARGE, "display:");
	check("{'room':'home','display':'ééé'}", JANUS_PORTAL_ERROR_TOO_LARGE, "display:"); /* bytes, not characters */
	check("{'room':'home','metadata':{'a':'0123456789012345678901234567890123456789'}}", JANUS_PORTAL_ERROR_TOO_LARGE, "metadata:");
	check("{'room':'home','count':0}", JANUS_PORTAL_ERROR_INVALID_FIELD, "count:");
	check("{'room':'home','count':-9223372036854775808}", JANUS_PORTAL_ERROR_INVALID_FIELD, "count:");
	check("{'room':'home','count':10}", JANUS_PORTAL_ERROR_INVALID_FIELD, "count:");
	check("{'room':'home','list':[]}", JANUS_PORTAL_ERROR_INVALID_FIELD, "list:");
	check("{'room':'home','list':[1,2,3]}", JANUS_PORTAL_ERROR_INVALID_FIELD, "list:");
}
END_TEST

static bool weigh(const char *text, int max_depth, size_t *weight) {
	json_auto_t *json = json_of(text);
	return portal_weigh(json, max_depth, weight);
}

START_TEST(depth_counts_containers) {
	size_t weight;
	ck_assert(weigh("1", 0, &weight));
	ck_assert(!weigh("{}", 0, &weight));
	ck_assert(weigh("{}", 1, &weight));
	ck_assert(weigh("{'a':1,'b':'x','c':null}", 1, &weight));
	ck_assert(!weigh("{'a':1,'b':[]}", 1, &weight));
	ck_assert(weigh("[[],[[]],{'a':{}}]", 3, &weight));
	ck_assert(!weigh("[[],[[]],{'a':{}}]", 2, &weight));
}
END_TEST

START_TEST(depth_of_2000_is_refused_without_recursion) {
	g_autofree char *open = g_strnfill(2000, '['), *shut = g_strnfill(2000, ']');
	g_autofree char *text = g_strconcat(open, shut, NULL);
	size_t weight;
	ck_assert(!weigh(text, 32, &weight));
	ck_assert(!weigh(text, PORTAL_DEPTH_CEILING, &weight));
}
END_TEST

/* What Janus's default writer makes of a value at the place where a payload stands in a push. */
static size_t written(const json_t *value) {
	json_auto_t *whole = json_pack("[[[[[O]]]]]", value);
	json_auto_t *empty = json_pack("[[[[[n]]]]]");
	g_autofree char *with = json_dumps(whole, JSON_INDENT(3));
	g_autofree char *without = json_dumps(empty, JSON_INDENT(3));
	return strlen(with) - (strlen(without) - strlen("null"));
}

START_TEST(weight_is_what_the_indented_writer_writes_or_a_little_more) {
	const char *const samples[] = {
		"{}", "[]", "'plain'", "12345", "-7", "0", "-9223372036854775808", "1.5", "true", "null",
		"{'type':'offer','sdp':'v=0\\r\\no=- 1 1 IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\n'}",
		"{'a':[1,2,3,{'b':{'c':[[],{}]}}],'d':'\\u0001\\u001f\\\\\\/é€😀'}",
		"[[[[[[[[1]]]]]]]]",
	};
	for(size_t i = 0; i < G_N_ELEMENTS(samples); i++) {
		json_auto_t *json = json_of(samples[i]);
		size_t weight = 0, real = written(json);
		ck_assert(portal_weigh(json, 32, &weight));
		ck_assert_msg(weight >= real && weight <= real + 24 + real / 2, "%s: weighed %zu, written %zu", samples[i], weight, real);
	}
}
END_TEST

START_TEST(every_character_weighs_what_it_is_written_as_wherever_it_stands) {
	for(int c = 1; c < 256; c++) {
		for(size_t at = 0; at < 40; at++) {
			char text[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
			text[at] = (char)c;
			json_auto_t *json = json_string_nocheck(text);
			size_t weight = 0;
			ck_assert(portal_weigh(json, 0, &weight));
			size_t length = sizeof(text) - 1 + 2 + (c == '"' || c == '\\' || (c >= 8 && c <= 13 && c != 11) ? 1 : c < 0x20 ? 5 : 0);
			ck_assert_uint_eq(weight, length);
		}
	}
}
END_TEST

Suite *fields_suite(void) {
	Suite *suite = suite_create("fields");
	TCase *tests = tcase_create("fields");
	tcase_add_test(tests, good_fields_pass_and_unknown_ones_are_ignored);
	tcase_add_test(tests, missing_fields_are_named);
	tcase_add_test(tests, wrong_types_are_named);
	tcase_add_test(tests, values_out_of_range_are_named);
	tcase_add_test(tests, depth_counts_containers);
	tcase_add_test(tests, depth_of_2000_is_refused_without_recursion);
	tcase_add_test(tests, weight_is_what_the_indented_writer_writes_or_a_little_more);
	tcase_add_test(tests, every_character_weighs_what_it_is_written_as_wherever_it_stands);
	suite_add_tcase(suite, tests);
	return suite;
}
