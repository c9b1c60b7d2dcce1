/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include <string.h>

#include "fake_host.h"
#include "fields.h"

static fake_host *fake;
static portal_peer *a, *b, *c;

static void set_up(void) {
	fake = fake_host_new("{'general':{'max_signal':1024,'max_signals':4},'room-home':{},'room-attic':{}}");
	a = join(fake, "home", 'a');
	b = join(fake, "home", 'b');
	c = join(fake, "home", 'c');
	json_decref(events(fake, a));
	json_decref(events(fake, b));
}

static void tear_down(void) {
	fake_host_free(fake);
}

/* The text with 'A', 'B', 'C' and 'D' (who is nowhere) replaced by ids */
static char *with_ids(const char *text) {
	GString *filled = g_string_new(text);
	for(char letter = 'a'; letter <= 'd'; letter++) {
		char name[] = { '\'', (char)(letter - 'a' + 'A'), '\'', '\0' };
		g_autofree char *id = g_strdup_printf("'%s'", id_of(letter));
		g_string_replace(filled, name, id, 0);
	}
	return g_string_free(filled, FALSE);
}

static void relay(const char *signals, const char *reply) {
	g_autofree char *text = g_strdup_printf("{'request':'relay','signals':%s}", signals);
	g_autofree char *request = with_ids(text), *expected = with_ids(reply);
	ck_ask(fake, a, request, expected);
}

static void got(portal_peer *peer, const char *text) {
	g_autofree char *expected = with_ids(text);
	ck_json(events(fake, peer), expected);
}

START_TEST(to_one) {
	relay("[{'to':'B','type':'description','payload':{'sdp':'v=0'}}]", "{'portal':'success','relayed':1}");
	got(b, "[{'event':'signal','from':'A','type':'description','payload':{'sdp':'v=0'}}]");
	got(a, "[]");
	got(c, "[]");
}
END_TEST

START_TEST(to_everybody_else) {
	relay("[{'type':'chat','payload':'hi'}]", "{'portal':'success','relayed':2}");
	got(b, "[{'event':'signal','from':'A','type':'chat','payload':'hi'}]");
	got(c, "[{'event':'signal','from':'A','type':'chat','payload':'hi'}]");
	got(a, "[]");
}
END_TEST

START_TEST(to_null_is_to_everybody_else) {
	relay("[{'to':null,'type':'x','payload':0}]", "{'portal':'success','relayed':2}");
}
END_TEST

START_TEST(to_several_each_once) {
	relay("[{'to':['B','C','B'],'type':'x','payload':0}]", "{'portal':'success','relayed':2}");
	got(b, "[{'event':'signal','from':'A','type':'x','payload':0}]");
	got(c, "[{'event':'signal','from':'A','type':'x','payload':0}]");
	relay("[{'to':['B','B'],'type':'x','payload':0},{'to':'B','type':'y','payload':0}]", "{'portal':'success','relayed':2}");
}
END_TEST

START_TEST(several_signals_keep_their_order) {
	relay("[{'to':'B','type':'1','payload':0},{'type':'2','payload':0},{'to':'B','type':'3','payload':0}]", "{'portal':'success','relayed':4}");
	got(b, "[{'event':'signal','from':'A','type':'1','payload':0},{'event':'signal','from':'A','type':'2','payload':0},"
		"{'event':'signal','from':'A','type':'3','payload':0}]");
	got(c, "[{'event':'signal','from':'A','type':'2','payload':0}]");
}
END_TEST

START_TEST(payloads_are_opaque) {
	relay("[{'to':'B','type':'a','payload':null},{'to':'B','type':'b','payload':[1,2.5,true]},"
		"{'to':'B','type':'target','payload':{'from':'x','to':'y','type':'z','payload':0}}]", "{'portal':'success','relayed':3}");
	got(b, "[{'event':'signal','from':'A','type':'a','payload':null},"
		"{'event':'signal','from':'A','type':'b','payload':[1,2.5,true]},"
		"{'event':'signal','from':'A','type':'target','payload':{'from':'x','to':'y','type':'z','payload':0}}]");
}
END_TEST

START_TEST(nobody_there_to_hear_is_no_error) {
	json_decref(ask(fake, b, "{'request':'leave'}"));
	json_decref(ask(fake, c, "{'request':'leave'}"));
	relay("[{'type':'x','payload':0}]", "{'portal':'success','relayed':0}");
	relay("[]", "{'portal':'success','relayed':0}");
}
END_TEST

START_TEST(unknown_recipients_and_oneself_are_named_and_the_rest_gets_it) {
	relay("[{'to':['B','D','A'],'type':'x','payload':0},{'to':'C','type':'y','payload':0}]",
		"{'portal':'success','relayed':2,'failed':["
		"{'index':0,'to':['D'],'error_code':428,'code':'member_not_found','error':'to: no such member in this room'},"
		"{'index':0,'to':['A'],'error_code':439,'code':'recipient_is_self','error':'to: is the sender itself'}]}");
	got(b, "[{'event':'signal','from':'A','type':'x','payload':0}]");
	got(c, "[{'event':'signal','from':'A','type':'y','payload':0}]");
}
END_TEST

START_TEST(a_member_of_another_room_is_not_found) {
	portal_peer *d = join(fake, "attic", 'd');
	relay("[{'to':'D','type':'x','payload':0}]", "{'portal':'success','relayed':0,'failed':["
		"{'index':0,'to':['D'],'error_code':428,'code':'member_not_found','error':'to: no such member in this room'}]}");
	got(d, "[]");
}
END_TEST

START_TEST(one_bad_signal_does_not_spoil_the_rest) {
	const char *const bad[] = {
		"7", "null", "{'to':'B','payload':0}", "{'to':'B','type':'','payload':0}", "{'to':'B','type':7,'payload':0}", "{'to':'B','type':'x'}", "{'to':7,'type':'x','payload':0}", "{'to':[],'type':'x','payload':0}",
		"{'to':['B',7],'type':'x','payload':0}", "{'to':'B!','type':'x','payload':0}", "{'to':'','type':'x','payload':0}", "{'to':{},'type':'x','payload':0}",
	};
	for(size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *text = g_strdup_printf("{'request':'relay','signals':[%s,{'type':'good','payload':0}]}", bad[i]);
		g_autofree char *request = with_ids(text);
		json_auto_t *reply = ask(fake, a, request);
		ck_assert_int_eq(json_integer_value(json_object_get(reply, "relayed")), 2);
		json_t *failed = json_object_get(reply, "failed"), *first = json_array_get(failed, 0);
		ck_assert_msg(json_array_size(failed) == 1, "%s", request);
		ck_assert_int_eq(json_integer_value(json_object_get(first, "index")), 0);
		int number = (int)json_integer_value(json_object_get(first, "error_code"));
		ck_assert_msg(number == 429 || number == 430, "%s: %d", request, number);
		got(b, "[{'event':'signal','from':'A','type':'good','payload':0}]");
	}
}
END_TEST

START_TEST(sizes_are_limited) {
	g_autofree char *fits = g_strnfill(1000, 'x'), *large = g_strnfill(1023, 'x'), *type = g_strnfill(65, 't');
	g_autofree char *one = g_strdup_printf("[{'to':'B','type':'x','payload':'%s'}]", fits);
	relay(one, "{'portal':'success','relayed':1}");
	g_autofree char *two = g_strdup_printf("[{'to':'B','type':'x','payload':'%s'}]", large);
	relay(two, "{'portal':'success','relayed':0,'failed':[{'index':0,'error_code':436,'code':'too_large',"
		"'error':'payload: should be at most 1024 bytes'}]}");
	g_autofree char *three = g_strdup_printf("[{'to':'B','type':'%s','payload':0}]", type);
	relay(three, "{'portal':'success','relayed':0,'failed':[{'index':0,'error_code':430,'code':'invalid_field',"
		"'error':'type: should be at most 64 bytes'}]}");
	relay("[{'type':'1','payload':0},{'type':'2','payload':0},{'type':'3','payload':0},{'type':'4','payload':0}]", "{'portal':'success','relayed':8}");
	ck_refused(fake, a, "{'request':'relay','signals':[{'type':'1','payload':0},{'type':'2','payload':0},{'type':'3','payload':0},{'type':'4','payload':0},{'type':'5','payload':0}]}",
		"too_large", "signals:");
}
END_TEST

/* A payload is weighed by itself and the rest is added, which has to be as much as the whole event weighs. */
START_TEST(a_signal_weighs_what_its_event_does) {
	relay("[{'to':'B','type':'chat','payload':'as \\\\n it is written'}]", "{'portal':'success','relayed':1}");
	json_auto_t *told = events(fake, b), *known = portal_describe(fake->core, a);
	size_t weight = 0;
	ck_assert(portal_weigh(json_array_get(told, 0), 32, &weight));
	ck_assert_int_eq(json_integer_value(json_object_get(known, "bytes")), (json_int_t)weight);
}
END_TEST

Suite *relay_suite(void) {
	Suite *suite = suite_create("relay");
	TCase *tests = tcase_create("relay");
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, to_one);
	tcase_add_test(tests, to_everybody_else);
	tcase_add_test(tests, to_null_is_to_everybody_else);
	tcase_add_test(tests, to_several_each_once);
	tcase_add_test(tests, several_signals_keep_their_order);
	tcase_add_test(tests, payloads_are_opaque);
	tcase_add_test(tests, nobody_there_to_hear_is_no_error);
	tcase_add_test(tests, unknown_recipients_and_oneself_are_named_and_the_rest_gets_it);
	tcase_add_test(tests, a_member_of_another_room_is_not_found);
	tcase_add_test(tests, one_bad_signal_does_not_spoil_the_rest);
	tcase_add_test(tests, sizes_are_limited);
	tcase_add_test(tests, a_signal_weighs_what_its_event_does);
	suite_add_tcase(suite, tests);
	return suite;
}
