/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_jcfg.h"
#include "fake_host.h"

static char *folder;

static void set_up(void) {
	folder = g_dir_make_tmp("portal-XXXXXX", NULL);
	ck_assert_ptr_nonnull(folder);
}

static void tear_down(void) {
	g_autofree char *path = g_build_filename(folder, "test.jcfg", NULL);
	g_unlink(path);
	g_rmdir(folder);
	g_clear_pointer(&folder, g_free);
}

/* Reads a file that holds this text; *error is set instead if it is refused. */
static portal_config *read_text(const char *text, gssize length, char **error) {
	g_autofree char *path = g_build_filename(folder, "test.jcfg", NULL);
	ck_assert(g_file_set_contents(path, text, length, NULL));
	return portal_config_read(path, error);
}

static void refused(const char *text, const char *first, const char *second) {
	g_autofree char *error = NULL;
	portal_config *config = read_text(text, -1, &error);
	ck_assert_msg(config == NULL, "taken, though it should be refused: %s", text);
	ck_assert_msg(error != NULL && strstr(error, first) != NULL && strstr(error, second) != NULL,
		"%s\nshould say “%s” and “%s”, but says: %s", text, first, second, error);
}

START_TEST(no_file_means_defaults_and_no_rooms) {
	g_autofree char *path = g_build_filename(folder, "absent.jcfg", NULL);
	g_autofree char *error = NULL;
	g_autoptr(portal_config) config = portal_config_read(path, &error);
	ck_assert_ptr_nonnull(config);
	ck_assert_ptr_null(error);
	ck_assert_uint_eq(config->rooms->len, 0);
	ck_assert_int_eq(config->limits.max_members, 32);
	ck_assert_int_eq(config->limits.max_signal, 65536);
}
END_TEST

static portal_room_options *options_of(const portal_config *config, const portal_room_config *room) {
	portal_config_error error;
	portal_room_options *options = portal_room_options_new(&config->limits, room->room, room->given, &error);
	ck_assert_ptr_nonnull(options);
	return options;
}

START_TEST(rooms_take_what_they_say_and_the_general_default) {
	g_autofree char *error = NULL;
	g_autoptr(portal_config) config = read_text(
		"room-a: { description = \"Ä\"; pin = \"12\"; is_private = true; locked = \"yes\"; max_members = 3 }\n"
		"general: { max_members = 7; max_signals = 0x10 }\n"
		"room-B_2-c: { is_private = \"no\" }\n", -1, &error);
	ck_assert_msg(config != NULL, "%s", error);
	ck_assert_int_eq(config->limits.max_signals, 16);
	ck_assert_uint_eq(config->rooms->len, 2);
	const portal_room_config *a = g_ptr_array_index(config->rooms, 0), *b = g_ptr_array_index(config->rooms, 1);
	ck_assert_str_eq(a->room, "a");
	ck_assert_str_eq(b->room, "B_2-c");
	g_autoptr(portal_room_options) of_a = options_of(config, a), of_b = options_of(config, b);
	ck_assert_str_eq(of_a->description, "Ä");
	ck_assert_str_eq(of_a->pin, "12");
	ck_assert(of_a->is_private && of_a->locked);
	ck_assert_int_eq(of_a->limits.max_members, 3);
	ck_assert_ptr_null(of_b->pin);
	ck_assert(!of_b->is_private && !of_b->locked);
	ck_assert_int_eq(of_b->limits.max_members, 7);
}
END_TEST

START_TEST(what_does_not_parse_is_refused_with_its_line) {
	refused("general: {\n\tmax_members = 3\n\troom-a: {", ":3", "syntax error");
	refused("general: { }\nroom-a: { pin = \"1 }\n", ":3", "syntax error"); /* the quote is open up to the end */
	refused("room-a: { }\nroom-a: { }\n", ":2", "duplicate");
	refused("room-a: { pin = \"1\"\n\n pin = \"2\" }", ":3", "duplicate");
}
END_TEST

START_TEST(unknown_options_are_refused_with_their_line) {
	refused("room-a: {\n\tpinn = \"1\"\n}", ":2: room-a.pinn", "not an option of a room");
	refused("general: {\n\n\tadmin_kee = \"1\"\n}", ":3: general.admin_kee", "not an option of general");
	refused("\nrooms: { }", ":2: rooms", "neither general nor ice nor a room");
	refused("general = 5", ":1: general", "should be a group");
	refused("room-a = \"open\"", ":1: room-a", "should be a group");
}
END_TEST

START_TEST(values_out_of_range_are_refused_with_their_line) {
	refused("general: {\n max_members = 1 }", ":2: general.max_members", "from 2 to 100000");
	refused("general: { max_members = 100001 }", "general.max_members", "from 2");
	refused("general: { max_members = 4.5 }", "general.max_members", "whole number");
	refused("general: { max_members = \"many\" }", "general.max_members", "whole number");
	refused("general: { max_depth = 65 }", "general.max_depth", "8 to 64");
	refused("general: { window = -1L }", "general.window", "from 1");
	refused("room-a: { pin = 1234 }", "room-a.pin", "string");
	refused("room-a: { pin = \"\" }", "room-a.pin", "1 to 256");
	refused("room-a: { pin = [ \"1\" ] }", "room-a.pin", "string");
	refused("room-a: { is_private = 1 }", "room-a.is_private", "true or false");
	refused("room-a: { locked = \"maybe\" }", "room-a.locked", "true or false");
	refused("room-a: { description = \"\xff\" }", "room-a.description", "string");
	refused("general: { max_rooms = 1 }\nroom-a: { }\nroom-b: { }", ":3: room-b", "max_rooms");
}
END_TEST

/* libconfig made 1073741824 of 5368709120, without a word. */
START_TEST(a_number_that_libconfig_would_cut_is_refused) {
	refused("general: {\n max_total_backlog = 5368709120\n}", ":2: 5368709120", "write 5368709120L");
	refused("general: { max_total_backlog = 0x140000000 }", ":1: 0x140000000", "write 0x140000000L");
	refused("general: { rate = 02147483648 }", "02147483648", "32 bits");
	refused("general: { rate = -2147483649 }", "-2147483649", "32 bits");
	refused("general: { } # 1\nroom-a: {\n metadata = { a = [ 1, 2147483648 ]; }; }", ":3: 2147483648", "32 bits");
	g_autofree char *path = g_build_filename(folder, "rooms.jcfg", NULL);
	ck_assert(g_file_set_contents(path, "room-a: {\n rate = 4294967297\n}\n", -1, NULL));
	refused("# one\n# two\n@include \"rooms.jcfg\"\n", "rooms.jcfg:2: 4294967297", "32 bits");
	g_unlink(path);
	const char *good = "# 5368709120\n// 5368709120\n/* 5368709120\n */ general: { max_total_backlog = 5368709120L; byte_rate = 2147483647 }\n"
		"room-5368709120: { pin = \"5368709120 \\\" 5368709120\"; metadata = { a = 0.5368709120; b = 5368709120.5; c = 5368709120e2; }; }";
	g_autofree char *error = NULL;
	g_autoptr(portal_config) config = read_text(good, strlen(good), &error);
	ck_assert_msg(config != NULL, "%s", error);
	ck_assert_int_eq(config->limits.max_total_backlog, 5368709120);
}
END_TEST

/* Behind a comment of more than 10 MB none was looked at any more. */
START_TEST(a_number_behind_a_long_comment_is_looked_at_too) {
	const char *cut = "general: { max_total_backlog = 5368709120; }", *whole = "general: { max_total_backlog = 5368709120L; }";
	const char pieces[] = { 'x', '*' };
	for(size_t i = 0; i < G_N_ELEMENTS(pieces); i++) {
		g_autofree char *inside = g_strnfill(11 * 1024 * 1024, pieces[i]);
		g_autofree char *wrong = g_strconcat("/*", inside, "*/", cut, NULL);
		g_autofree char *right = g_strconcat("/*", inside, "*/", whole, NULL);
		g_autofree char *error = NULL;
		refused(wrong, "5368709120", "32 bits");
		g_autoptr(portal_config) config = read_text(right, -1, &error);
		ck_assert_msg(config != NULL, "%s", error);
		ck_assert_int_eq(config->limits.max_total_backlog, 5368709120);
	}
	/* This may be too much to be looked through; then the file is refused, not believed. */
	g_autofree char *stars = g_strnfill(32 * 1024 * 1024, '*');
	for(size_t i = 0; i < 32 * 1024 * 1024; i += 2)
		stars[i] = 'x';
	g_autofree char *text = g_strconcat("/*", stars, "*/", cut, NULL);
	refused(text, "test.jcfg", ": ");
}
END_TEST

START_TEST(room_names_are_checked) {
	refused("room-: { }", "room-", "1 to 64");
	refused("room-a*: { }", "room-a*", "1 to 64");
	g_autofree char *name = g_strnfill(65, 'x');
	g_autofree char *text = g_strdup_printf("room-%s: { }", name);
	refused(text, "room-x", "1 to 64");
}
END_TEST

START_TEST(an_error_in_an_included_file_names_that_file) {
	g_autofree char *path = g_build_filename(folder, "rooms.jcfg", NULL);
	const char *including = "# one\n# two\n@include \"rooms.jcfg\"\n";
	ck_assert(g_file_set_contents(path, "room-a: {\n pin = 1234\n}\n", -1, NULL));
	refused(including, "rooms.jcfg:2: room-a.pin", "string");
	ck_assert(g_file_set_contents(path, "room-a: {\n pin = \n}\n", -1, NULL));
	refused(including, "rooms.jcfg:3: ", "syntax");
	g_unlink(path);
}
END_TEST

START_TEST(what_is_no_text_file_is_refused) {
	g_autofree char *error = NULL, *other = NULL;
	const char text[] = "room-a: { pin = \"1\" }\0room-b: { }";
	ck_assert_ptr_null(read_text(text, sizeof(text) - 1, &error));
	ck_assert_ptr_nonnull(strstr(error, "NUL"));
	ck_assert_ptr_null(portal_config_read(folder, &other)); /* a folder */
	ck_assert_ptr_nonnull(other);
}
END_TEST

/* Found by fuzzing (config): what was nested deeper than six levels was gone, without a word. */
START_TEST(metadata_is_whole_as_deep_as_it_may_be_and_refused_if_deeper) {
	const char *eight = "{ a = { b = ( { d = { e = { f = { g = { h = 1; }; }; }; }; } ); }; }"; /* a list counts as a level */
	g_autofree char *error = NULL;
	g_autofree char *text = g_strdup_printf("room-a: { metadata = %s; }", eight);
	g_autofree char *deeper = g_strdup_printf("room-a: { metadata = { z = %s; }; }", eight);
	g_autoptr(portal_config) config = read_text(text, -1, &error);
	ck_assert_msg(config != NULL, "%s", error);
	const portal_room_config *room = g_ptr_array_index(config->rooms, 0);
	ck_json(json_incref(room->given), "{'metadata':{'a':{'b':[{'d':{'e':{'f':{'g':{'h':1}}}}}]}}}");
	refused(deeper, ":1: room-a.metadata", "at most 8 deep");
}
END_TEST

START_TEST(groups_in_groups_end_somewhere) {
	GString *text = g_string_new("general: { x: ");
	for(int i = 0; i < 500; i++)
		g_string_append(text, "{ x: ");
	g_string_append(text, "1;");
	for(int i = 0; i < 500; i++)
		g_string_append(text, " };");
	g_string_append(text, " }");
	refused(text->str, "general.x", "not an option");
	g_string_free(text, TRUE);
}
END_TEST

static char *sample_text(void) {
	const char *source = getenv("PORTAL_SOURCE");
	g_autofree char *path = g_build_filename(source != NULL ? source : ".", "conf/janus.plugin.portal.jcfg.sample", NULL);
	char *text = NULL;
	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "cannot read %s", path);
	return text;
}

START_TEST(sample_has_the_three_rooms_and_is_all_defaults) {
	g_autofree char *text = sample_text(), *error = NULL;
	g_autoptr(portal_config) sample = read_text(text, -1, &error);
	ck_assert_msg(sample != NULL, "%s", error);
	ck_assert_uint_eq(sample->rooms->len, 3);
	const char *const names[] = { "coffee-chat", "home", "misc" };
	for(guint i = 0; i < 3; i++)
		ck_assert_str_eq(((portal_room_config *)g_ptr_array_index(sample->rooms, i))->room, names[i]);
	json_auto_t *none = json_object();
	portal_config_error unused = { 0 };
	g_autoptr(portal_config) defaults = portal_config_new(none, &unused);
	ck_assert(memcmp(&sample->limits, &defaults->limits, sizeof(portal_limits)) == 0);
}
END_TEST

/* Turns "#max_signal = 65536" lines into live ones, and the group "ice": each is an option, and says its true default. */
START_TEST(sample_tells_every_option_with_its_default) {
	g_autofree char *text = sample_text(), *error = NULL;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	int count = 0;
	bool in_ice = false;
	for(char **line = lines; *line != NULL; line++) {
		in_ice |= g_str_has_prefix(*line, "#ice: {");
		if(in_ice && (*line)[0] == '#')
			(*line)[0] = ' ';
		in_ice &= !g_str_has_prefix(*line, " }");
		if(g_str_has_prefix(*line, "\t#") && g_ascii_isalpha((*line)[2])) {
			(*line)[1] = ' ';
			count++;
		}
	}
	g_autofree char *live = g_strjoinv("\n", lines);
	g_autoptr(portal_config) sample = read_text(live, -1, &error);
	ck_assert_msg(sample != NULL, "%s", error);
	ck_assert_int_eq(count, sizeof(portal_limits) / sizeof(json_int_t) + 3); /* and admin_key, events, state_file */
	ck_assert(sample->events && sample->admin_key != NULL && sample->state_file != NULL);
	ck_assert_uint_eq(json_array_size(sample->ice.servers), 2);
	ck_assert_ptr_nonnull(sample->ice.turn_secret);
	json_auto_t *none = json_object();
	portal_config_error unused = { 0 };
	g_autoptr(portal_config) defaults = portal_config_new(none, &unused);
	ck_assert(memcmp(&sample->limits, &defaults->limits, sizeof(portal_limits)) == 0);
	ck_assert_int_eq(sample->ice.turn_ttl, defaults->ice.turn_ttl);
}
END_TEST

Suite *config_suite(void) {
	Suite *suite = suite_create("config");
	TCase *tests = tcase_create("config");
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, no_file_means_defaults_and_no_rooms);
	tcase_add_test(tests, rooms_take_what_they_say_and_the_general_default);
	tcase_add_test(tests, what_does_not_parse_is_refused_with_its_line);
	tcase_add_test(tests, unknown_options_are_refused_with_their_line);
	tcase_add_test(tests, values_out_of_range_are_refused_with_their_line);
	tcase_add_test(tests, a_number_that_libconfig_would_cut_is_refused);
	tcase_add_test(tests, a_number_behind_a_long_comment_is_looked_at_too);
	tcase_add_test(tests, room_names_are_checked);
	tcase_add_test(tests, an_error_in_an_included_file_names_that_file);
	tcase_add_test(tests, what_is_no_text_file_is_refused);
	tcase_add_test(tests, metadata_is_whole_as_deep_as_it_may_be_and_refused_if_deeper);
	tcase_add_test(tests, groups_in_groups_end_somewhere);
	tcase_add_test(tests, sample_has_the_three_rooms_and_is_all_defaults);
	tcase_add_test(tests, sample_tells_every_option_with_its_default);
	suite_add_tcase(suite, tests);
	return suite;
}
