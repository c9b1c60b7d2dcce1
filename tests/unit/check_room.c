/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include <string.h>

#include "fake_host.h"

static fake_host *fake;

static void set_up(void) {
	fake = fake_host_new("{'general':{'max_members':2000,'room_rate':2000},'room-home':{},'room-attic':{}}");
}

static void tear_down(void) {
	fake_host_free(fake);
}

/* JSON text with %a, %b, … standing for the ids that go with these letters */
static json_t *with_ids(const char *text) {
	GString *filled = g_string_new(NULL);
	for(const char *at = text; *at != '\0'; at++) {
		if(*at == '%')
			g_string_append(filled, id_of(*++at));
		else
			g_string_append_c(filled, *at);
	}
	json_t *json = json_of(filled->str);
	g_string_free(filled, TRUE);
	return json;
}

static void expect(json_t *actual, const char *text) {
	json_auto_t *json = with_ids(text);
	g_autofree char *expected = json_dumps(json, JSON_ENCODE_ANY);
	ck_json(actual, expected);
}

START_TEST(the_roster_travels_as_differences) {
	portal_peer *a = join(fake, "home", 'a');
	portal_peer *b = join(fake, "home", 'b');
	bool b_is_polite = strcmp(id_of('b'), id_of('a')) > 0;
	expect(pushed(fake, a), b_is_polite
		? "[{'portal':'event','room':'home','n':1,'version':2,'events':[{'event':'joined','members':[{'id':'%b','polite':false}]}]}]"
		: "[{'portal':'event','room':'home','n':1,'version':2,'events':[{'event':'joined','members':[{'id':'%b','polite':true}]}]}]");
	expect(pushed(fake, b), "[]");
	json_decref(ask(fake, b, "{'request':'configure','display':'Bob'}"));
	json_decref(ask(fake, b, "{'request':'leave'}"));
	expect(pushed(fake, a), "[{'portal':'event','room':'home','n':2,'version':4,'events':["
		"{'event':'changed','member':{'id':'%b','display':'Bob'}},{'event':'left','id':'%b','reason':'leave'}]}]");
	expect(pushed(fake, b), "[]");
}
END_TEST

START_TEST(a_member_whose_peer_goes_is_away_and_later_gone) {
	portal_peer *a = join(fake, "home", 'a');
	portal_peer *b = join(fake, "home", 'b');
	json_decref(events(fake, a));
	portal_detach(fake->core, b);
	expect(events(fake, a), "[{'event':'away','id':'%b'}]");
	json_auto_t *roster = ask(fake, a, "{'request':'sync'}");
	ck_assert(json_is_true(json_object_get(json_array_get(json_object_get(roster, "members"), 0), "away")));
	pass(fake, 29999);
	expect(events(fake, a), "[]");
	pass(fake, 1);
	expect(events(fake, a), "[{'event':'left','id':'%b','reason':'timeout'}]");
	ck_ask(fake, a, "{'request':'sync'}",
		"{'portal':'success','room':'home','version':4,'n':3,'members':[]}");
}
END_TEST

START_TEST(a_peer_that_left_and_goes_says_nothing_twice) {
	portal_peer *a = join(fake, "home", 'a');
	portal_peer *b = join(fake, "home", 'b');
	json_decref(ask(fake, b, "{'request':'leave'}"));
	json_decref(events(fake, a));
	portal_detach(fake->core, b);
	expect(events(fake, a), "[]");
}
END_TEST

START_TEST(of_each_pair_exactly_one_is_polite_and_both_know_it) {
	portal_peer *peers[5];
	for(int i = 0; i < 5; i++)
		peers[i] = join(fake, "home", (char)('a' + i));
	int polite[5][5] = { 0 };
	for(int i = 0; i < 5; i++) {
		/* The later ones came as events, all of them stand in the roster. */
		json_auto_t *told = events(fake, peers[i]), *roster = ask(fake, peers[i], "{'request':'sync'}");
		json_t *joined = json_object_get(json_array_get(told, 0), "members");
		ck_assert_uint_eq(json_array_size(joined), (size_t)(4 - i));
		size_t index;
		json_t *member;
		json_array_foreach(json_object_get(roster, "members"), index, member) {
			for(int j = 0; j < 5; j++) {
				if(strcmp(json_string_value(json_object_get(member, "id")), id_of((char)('a' + j))) == 0)
					polite[i][j] = json_is_true(json_object_get(member, "polite")) ? 1 : -1;
			}
		}
		for(int j = i + 1; j < 5; j++) {
			json_t *shown = json_array_get(joined, (size_t)(j - i - 1));
			ck_assert_str_eq(json_string_value(json_object_get(shown, "id")), id_of((char)('a' + j)));
			ck_assert_int_eq(json_is_true(json_object_get(shown, "polite")), polite[i][j] == 1);
		}
	}
	for(int i = 0; i < 5; i++) {
		for(int j = 0; j < i; j++) {
			ck_assert_int_eq(polite[i][j], -polite[j][i]);
			ck_assert_int_eq(polite[i][j] == 1, strcmp(id_of((char)('a' + i)), id_of((char)('a' + j))) > 0);
		}
	}
}
END_TEST

/* The ids of those of whom each event says that they joined, or else its name: [['<id>', …], 'left', …] */
static json_t *joiners(json_t *given) {
	json_auto_t *told = given;
	json_t *list = json_array(), *event, *member;
	size_t i, j;
	json_array_foreach(told, i, event) {
		json_t *ids = json_array();
		json_array_foreach(json_object_get(event, "members"), j, member) {
			json_array_append(ids, json_object_get(member, "id"));
		}
		if(json_array_size(ids) == 0)
			json_array_append(list, json_object_get(event, "event"));
		else
			json_array_append(list, ids);
		json_decref(ids);
	}
	return list;
}

START_TEST(who_joins_while_nothing_is_pushed_stands_in_the_same_event) {
	portal_peer *a = join(fake, "home", 'a'), *b = join(fake, "home", 'b');
	expect(joiners(events(fake, b)), "[]");
	join(fake, "home", 'c');
	json_auto_t *to_b = events(fake, b);
	join(fake, "home", 'd');
	expect(joiners(events(fake, a)), "[['%b','%c','%d']]");
	expect(joiners(json_incref(to_b)), "[['%c']]"); /* which is not changed by what others are told, or told later */
	expect(joiners(events(fake, b)), "[['%d']]");
	join(fake, "home", 'e');
	json_auto_t *pushes = pushed(fake, a);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(pushes, 0), "n")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(pushes, 0), "version")), 5);
}
END_TEST

START_TEST(joining_and_other_events_keep_their_order) {
	portal_peer *a = join(fake, "home", 'a'), *b = join(fake, "home", 'b');
	join(fake, "home", 'c');
	json_decref(ask(fake, b, "{'request':'leave'}"));
	b = join(fake, "home", 'b');
	json_decref(ask(fake, b, "{'request':'relay','signals':[{'type':'x','payload':0}]}"));
	join(fake, "home", 'd');
	join(fake, "home", 'e');
	expect(joiners(events(fake, a)), "[['%b','%c'],'left',['%b'],'signal',['%d','%e']]");
}
END_TEST

START_TEST(who_was_told_a_number_with_the_roster_gets_later_ones_under_another) {
	portal_peer *a = join(fake, "home", 'a');
	join(fake, "home", 'b');
	json_auto_t *roster = ask(fake, a, "{'request':'sync'}");
	ck_assert_int_eq(json_integer_value(json_object_get(roster, "n")), 1);
	join(fake, "home", 'c');
	expect(joiners(events(fake, a)), "[['%b'],['%c']]");
}
END_TEST

static void join_crowd(int count) {
	g_autofree char *name = g_strnfill(128, 'n');
	for(int i = 0; i < count; i++) {
		g_autofree char *request = g_strdup_printf("{'request':'join','room':'home','key':'of-a-crowd-in-the-room-%d','display':'%s'}",
			1000 + i, name);
		json_decref(ask(fake, portal_attach(fake->core, NULL), request));
	}
}

START_TEST(one_event_of_joining_grows_to_a_limit_only) {
	fake_host_free(fake);
	fake = fake_host_new("{'general':{'max_members':2000,'room_rate':2000,'max_backlog':16777216},'room-home':{}}");
	portal_peer *a = join(fake, "home", 'a');
	join_crowd(1000);
	json_auto_t *pushes = pushed(fake, a);
	ck_assert_uint_ge(json_array_size(pushes), 4);
	size_t i, j, count = 0;
	json_t *push, *event;
	json_array_foreach(pushes, i, push) {
		g_autofree char *text = json_dumps(push, JSON_INDENT(3));
		ck_assert_uint_le(strlen(text), 66000);
		json_array_foreach(json_object_get(push, "events"), j, event) {
			count += json_array_size(json_object_get(event, "members"));
		}
	}
	ck_assert_uint_eq(count, 1000);
}
END_TEST

START_TEST(what_joiners_are_shown_is_what_there_is_now) {
	join_crowd(40); /* of fewer, nothing is kept ready */
	portal_peer *b = join(fake, "home", 'b');
	json_decref(ask(fake, b, "{'request':'configure','display':'Bob'}"));
	portal_peer *c = join(fake, "home", 'c');
	json_auto_t *before = ask(fake, c, "{'request':'sync'}");
	json_decref(ask(fake, b, "{'request':'configure','display':'Bobby'}"));
	json_auto_t *after = ask(fake, c, "{'request':'sync'}");
	portal_detach(fake->core, b);
	json_auto_t *away = ask(fake, c, "{'request':'sync'}");
	b = portal_attach(fake->core, NULL);
	json_decref(ask(fake, b, "{'request':'join','room':'home','key':'bbbbbbbbbbbbbbbbbbbbbb'}"));
	pass(fake, 1000); /* which drops what was kept ready */
	json_auto_t *back = ask(fake, c, "{'request':'sync'}");
	json_t *rosters[] = { before, after, away, back };
	for(int i = 0; i < 4; i++) {
		json_t *member;
		size_t j;
		json_array_foreach(json_object_get(rosters[i], "members"), j, member) {
			bool is_b = strcmp(json_string_value(json_object_get(member, "id")), id_of('b')) == 0;
			ck_assert_str_eq(is_b ? json_string_value(json_object_get(member, "display")) : "-", !is_b ? "-" : i == 0 ? "Bob" : "Bobby");
			ck_assert_int_eq(json_is_true(json_object_get(member, "away")), is_b && i == 2);
		}
	}
}
END_TEST

START_TEST(rooms_do_not_hear_of_each_other) {
	portal_peer *a = join(fake, "home", 'a');
	portal_peer *b = join(fake, "attic", 'b');
	portal_peer *again = join(fake, "attic", 'a'); /* the same key in another room is another member */
	json_decref(ask(fake, b, "{'request':'relay','signals':[{'type':'x','payload':0}]}"));
	expect(events(fake, a), "[]");
	expect(events(fake, again), "[{'event':'signal','from':'%b','type':'x','payload':0}]");
}
END_TEST

START_TEST(numbers_run_on_and_a_push_carries_the_version_after_its_last_event) {
	portal_peer *a = join(fake, "home", 'a');
	for(int i = 0; i < 40; i++) {
		portal_peer *b = join(fake, "home", 'b');
		json_decref(ask(fake, b, "{'request':'leave'}"));
	}
	json_auto_t *pushes = pushed(fake, a);
	ck_assert_uint_eq(json_array_size(pushes), 2);
	json_t *first = json_array_get(pushes, 0), *second = json_array_get(pushes, 1);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "n")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "version")), 65);
	ck_assert_int_eq(json_integer_value(json_object_get(second, "n")), 65);
	ck_assert_int_eq(json_integer_value(json_object_get(second, "version")), 81);
}
END_TEST

START_TEST(what_was_pushed_is_not_changed_by_what_comes_later) {
	portal_peer *a = join(fake, "home", 'a');
	portal_peer *b = join(fake, "home", 'b');
	json_decref(events(fake, a));
	json_decref(ask(fake, b, "{'request':'configure','display':'Bob','metadata':{'mood':'calm'}}"));
	json_auto_t *before = events(fake, a);
	g_autofree char *text = json_dumps(before, JSON_SORT_KEYS);
	json_decref(ask(fake, b, "{'request':'configure','display':'Bobby','metadata':{'mood':'wild'}}"));
	json_decref(events(fake, a));
	g_autofree char *after = json_dumps(before, JSON_SORT_KEYS);
	ck_assert_str_eq(text, after);
}
END_TEST

Suite *room_suite(void) {
	Suite *suite = suite_create("room");
	TCase *tests = tcase_create("room");
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_roster_travels_as_differences);
	tcase_add_test(tests, a_member_whose_peer_goes_is_away_and_later_gone);
	tcase_add_test(tests, a_peer_that_left_and_goes_says_nothing_twice);
	tcase_add_test(tests, of_each_pair_exactly_one_is_polite_and_both_know_it);
	tcase_add_test(tests, who_joins_while_nothing_is_pushed_stands_in_the_same_event);
	tcase_add_test(tests, joining_and_other_events_keep_their_order);
	tcase_add_test(tests, who_was_told_a_number_with_the_roster_gets_later_ones_under_another);
	tcase_add_test(tests, one_event_of_joining_grows_to_a_limit_only);
	tcase_add_test(tests, what_joiners_are_shown_is_what_there_is_now);
	tcase_add_test(tests, rooms_do_not_hear_of_each_other);
	tcase_add_test(tests, numbers_run_on_and_a_push_carries_the_version_after_its_last_event);
	tcase_add_test(tests, what_was_pushed_is_not_changed_by_what_comes_later);
	suite_add_tcase(suite, tests);
	return suite;
}
