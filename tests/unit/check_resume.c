/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Coming back, backlogs and rates: what must hold when peers go and come. The model in tests/model is where the rules are
 * proven; here the code is held to them, one by one. */
#include "check_portal.h"

#include <string.h>

#include "fake_host.h"

static fake_host *fake;
static portal_peer *a, *b;

static void set_up_with(const char *general) {
	g_autofree char *config = g_strdup_printf("{'general':{%s},'room-home':{},'room-attic':{}}", general);
	fake = fake_host_new(config);
	a = join(fake, "home", 'a');
	b = join(fake, "home", 'b');
	json_decref(events(fake, a));
}

static void set_up(void) {
	set_up_with("'room_rate':100000,'rate':100000,'burst':100000");
}

static void tear_down(void) {
	fake_host_free(fake);
}

static portal_peer *new_peer(void) {
	return portal_attach(fake->core, NULL);
}

/* Joins as member B, with more fields. */
static json_t *join_b(portal_peer *peer, const char *more) {
	g_autofree char *request = g_strdup_printf("{'request':'join','room':'home','key':'bbbbbbbbbbbbbbbbbbbbbb'%s}", more);
	return ask(fake, peer, request);
}

static void refused_b(portal_peer *peer, const char *more, const char *code) {
	json_auto_t *reply = join_b(peer, more);
	ck_assert_msg(g_strcmp0(json_string_value(json_object_get(reply, "code")), code) == 0, "join %s should be refused with %s, got %s",
		more, code, json_dumps(reply, 0));
}

static void back_b(portal_peer *peer, const char *more) {
	json_auto_t *reply = join_b(peer, more);
	ck_assert_msg(json_is_true(json_object_get(reply, "resumed")), "join %s: %s", more, json_dumps(reply, 0));
}

static json_t *relay(portal_peer *from, int seq, int payload) {
	g_autofree char *numbered = seq > 0 ? g_strdup_printf("'seq':%d,", seq) : g_strdup("");
	g_autofree char *request = g_strdup_printf("{'request':'relay',%s'signals':[{'type':'x','payload':%d}]}", numbered, payload);
	return ask(fake, from, request);
}

/* What the member gets: the payloads of signals, the names of other events. */
static void gets(portal_peer *peer, const char *expected) {
	json_auto_t *all = events(fake, peer);
	json_t *short_form = json_array(), *event;
	size_t i;
	json_array_foreach(all, i, event) {
		json_t *payload = json_object_get(event, "payload");
		json_array_append(short_form, payload != NULL ? payload : json_object_get(event, "event"));
	}
	ck_json(short_form, expected);
}

START_TEST(who_comes_back_gets_what_it_missed_and_the_others_hear_back) {
	json_decref(relay(a, 0, 1));
	gets(b, "[1]");
	json_decref(ask(fake, b, "{'request':'ack','ack':1}"));
	json_decref(relay(a, 0, 2));
	gets(b, "[2]"); /* pushed, and lost on the way */
	portal_detach(fake->core, b);
	json_decref(relay(a, 0, 3));
	portal_peer *again = new_peer();
	ck_json(join_b(again, ",'attempt':2,'ack':1"), "{'portal':'success','resumed':true,'room':'home','id':'rZVsfdimiZs8t3s63d1uCf','seq':0,'ack':1,"
		"'version':4,'n':3,'limits':{'max_signal':65536,'max_signals':256,'max_request':262144,'max_metadata':4096,"
		"'max_display':128,'max_depth':32,'window':256,'max_backlog':1048576,'ack_every':32,'ack_timeout':30,'rate':100000,"
		"'burst':100000,'byte_rate':1048576,'byte_burst':4194304}}");
	gets(again, "[2,3]");
	gets(a, "['away','back']");
}
END_TEST

START_TEST(coming_back_works_ten_times_with_nothing_missed_and_with_everything) {
	portal_peer *peer = b;
	int n = 0;
	for(int i = 0; i < 10; i++) {
		portal_detach(fake->core, peer);
		bool missed = i % 2 == 0;
		if(missed) {
			json_decref(relay(a, 0, i));
			n++;
		}
		peer = new_peer();
		g_autofree char *more = g_strdup_printf(",'attempt':%d,'ack':%d", i + 2, missed ? n - 1 : n);
		back_b(peer, more);
		g_autofree char *expected = missed ? g_strdup_printf("[%d]", i) : g_strdup("[]");
		gets(peer, expected);
	}
	gets(a, "['away','back','away','back','away','back','away','back','away','back',"
		"'away','back','away','back','away','back','away','back','away','back']");
}
END_TEST

START_TEST(what_is_acknowledged_before_it_is_pushed_again_does_not_shift_the_numbers) {
	json_decref(relay(a, 0, 1));
	json_decref(relay(a, 0, 2));
	gets(b, "[1,2]");
	/* It comes back without what is still on its way, gets that, and acknowledges it before anything was pushed again. */
	back_b(b, ",'attempt':2,'ack':0");
	json_decref(ask(fake, b, "{'request':'ack','ack':2}"));
	json_decref(relay(a, 0, 3));
	json_auto_t *pushes = pushed(fake, b);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(pushes, 0), "n")), 3);
}
END_TEST

START_TEST(a_living_peer_is_replaced_silently_and_told_so) {
	json_decref(relay(a, 0, 1));
	gets(b, "[1]");
	portal_peer *again = new_peer();
	back_b(again, ",'attempt':2,'ack':0");
	ck_json(pushed(fake, b), "[{'portal':'closed','reason':'replaced'}]");
	gets(again, "[1]");
	gets(a, "[]");
	ck_refused(fake, b, "{'request':'relay','signals':[]}", "room_not_set", "no room");
	refused_b(b, ",'attempt':3", "peer_used");
	portal_detach(fake->core, b); /* its late end changes nothing */
	gets(a, "[]");
	json_decref(relay(a, 0, 2));
	gets(again, "[2]");
}
END_TEST

START_TEST(a_stale_attempt_changes_nothing) {
	portal_peer *second = new_peer(), *third = new_peer();
	back_b(third, ",'attempt':3,'ack':0");
	refused_b(second, ",'attempt':2,'ack':0", "superseded");
	refused_b(second, ",'attempt':3,'ack':0", "superseded");
	json_decref(relay(a, 0, 1));
	gets(third, "[1]");
	back_b(second, ",'ack':0"); /* without a number it counts as newer than all */
	refused_b(third, ",'attempt':4", "peer_used");
}
END_TEST

START_TEST(a_lost_reply_is_repaired_by_joining_again) {
	portal_peer *again = new_peer();
	back_b(again, ",'attempt':2");
	json_auto_t *roster = ask(fake, again, "{'request':'sync'}");
	ck_assert_uint_eq(json_array_size(json_object_get(roster, "members")), 1);
}
END_TEST

START_TEST(on_the_same_peer_it_pushes_again_after_ack) {
	for(int i = 1; i <= 3; i++)
		json_decref(relay(a, 0, i));
	gets(b, "[1,2,3]");
	back_b(b, ",'attempt':2,'ack':1");
	gets(b, "[2,3]");
	back_b(b, ",'attempt':3,'ack':1");
	gets(b, "[2,3]");
	gets(a, "[]");
	ck_ask(fake, b, "{'request':'ping'}", "{'portal':'pong'}");
}
END_TEST

START_TEST(acks_that_cannot_be_are_refused_and_change_nothing) {
	for(int i = 1; i <= 3; i++)
		json_decref(relay(a, 0, i));
	gets(b, "[1,2,3]");
	json_decref(ask(fake, b, "{'request':'ack','ack':2}"));
	portal_detach(fake->core, b);
	portal_peer *again = new_peer();
	refused_b(again, ",'ack':1", "events_gone");
	refused_b(again, ",'ack':4", "invalid_ack");
	refused_b(again, ",'ack':-1", "invalid_field");
	refused_b(again, ",'attempt':0", "invalid_field");
	refused_b(again, ",'attempt':'2'", "invalid_field");
	back_b(again, ""); /* who does not know goes on after what was acknowledged */
	gets(again, "[3]");
	gets(a, "['away','back']");
}
END_TEST

START_TEST(there_is_no_coming_back_to_what_is_gone) {
	portal_detach(fake->core, b);
	pass(fake, 30000);
	portal_peer *again = new_peer();
	refused_b(again, ",'attempt':2,'ack':0", "member_gone");
	json_auto_t *reply = join_b(again, ",'attempt':3");
	ck_assert(json_is_false(json_object_get(reply, "resumed")));
	ck_assert_str_eq(json_string_value(json_object_get(reply, "id")), id_of('b')); /* the same key, the same id */
	gets(a, "['away','left','joined']");
}
END_TEST

START_TEST(without_the_key_nobody_learns_anything) {
	portal_detach(fake->core, b);
	portal_peer *other = new_peer();
	json_auto_t *reply = ask(fake, other, "{'request':'join','room':'home','key':'cccccccccccccccccccccc','ack':0}");
	ck_assert_str_eq(json_string_value(json_object_get(reply, "code")), "member_gone");
	json_auto_t *elsewhere = ask(fake, other, "{'request':'join','room':'attic','key':'bbbbbbbbbbbbbbbbbbbbbb','ack':0}");
	ck_assert_str_eq(json_string_value(json_object_get(elsewhere, "code")), "member_gone");
	/* neither the id nor the key of another room's member is of any use in this one */
	gets(a, "['away']");
}
END_TEST

START_TEST(locked_full_and_pin_concern_those_that_come_fresh) {
	fake_host_free(fake);
	fake = fake_host_new("{'room-home':{'max_members':2,'pin':'1'}}");
	a = new_peer();
	json_decref(ask(fake, a, "{'request':'join','room':'home','pin':'1','key':'aaaaaaaaaaaaaaaaaaaaaa'}"));
	b = new_peer();
	json_decref(join_b(b, ",'pin':'1'"));
	portal_detach(fake->core, b);
	refused_b(new_peer(), ",'key':'dddddddddddddddddddddd','pin':'1'", "room_full"); /* an away member keeps its place */
	back_b(new_peer(), ",'ack':0");
}
END_TEST

START_TEST(what_was_done_is_done_once_across_a_drop) {
	json_decref(relay(b, 1, 1)); /* done; its answer is lost */
	ck_assert_ptr_null(relay(b, 3, 3)); /* waits; dropped with its peer */
	portal_detach(fake->core, b);
	portal_peer *again = new_peer();
	json_auto_t *reply = join_b(again, ",'attempt':2,'ack':0");
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "seq")), 1);
	ck_json(relay(again, 1, 1), "{'portal':'success','relayed':1,'duplicate':true}");
	ck_json(relay(again, 2, 2), "{'portal':'success','relayed':1}");
	ck_json(relay(again, 3, 3), "{'portal':'success','relayed':1}");
	gets(a, "[1,'away','back',2,3]");
}
END_TEST

START_TEST(requests_of_a_former_peer_do_nothing) {
	portal_peer *again = new_peer();
	back_b(again, ",'attempt':2,'ack':0");
	json_auto_t *reply = relay(b, 1, 99);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "code")), "room_not_set");
	ck_json(relay(again, 1, 1), "{'portal':'success','relayed':1}");
	gets(a, "[1]");
}
END_TEST

START_TEST(leaving_while_away_is_not_possible_but_timing_out_is_certain) {
	portal_detach(fake->core, a);
	portal_detach(fake->core, b);
	pass(fake, 30000);
	portal_peer *c = new_peer();
	json_auto_t *reply = ask(fake, c, "{'request':'join','room':'home'}");
	ck_assert_uint_eq(json_array_size(json_object_get(reply, "members")), 0);
}
END_TEST

START_TEST(a_resume_timeout_of_zero_means_gone_at_once) {
	fake_host_free(fake);
	set_up_with("'resume_timeout':0");
	portal_detach(fake->core, b);
	gets(a, "['left']");
}
END_TEST

/* backlog */

/* A signal of about 1 KB from A to B; returns what its reply says of B: 0 delivered, 1 full. */
static int heavy(void) {
	g_autofree char *text = g_strnfill(1000, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'relay','signals':[{'type':'x','payload':'%s'}]}", text);
	json_auto_t *reply = ask(fake, a, request);
	const json_t *failed = json_array_get(json_object_get(reply, "failed"), 0);
	if(failed == NULL)
		return json_integer_value(json_object_get(reply, "relayed")) == 1 ? 0 : -1;
	ck_assert_str_eq(json_string_value(json_object_get(failed, "code")), "recipient_full");
	ck_assert_int_gt(json_integer_value(json_object_get(failed, "retry_after")), 0);
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(failed, "to"), 0)), id_of('b'));
	return 1;
}

static int fill_b(void) {
	int count = 0;
	while(heavy() == 0 && count < 10000)
		count++;
	return count;
}

START_TEST(a_full_recipient_refuses_signals_and_takes_them_again_after_an_ack) {
	fake_host_free(fake);
	set_up_with("'max_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	int count = fill_b();
	ck_assert_int_ge(count, 9);
	ck_assert_int_le(count, 12); /* three quarters of 16 KiB */
	json_decref(events(fake, b));
	ck_assert_int_eq(heavy(), 1); /* pushed is not acknowledged */
	json_decref(ask(fake, b, "{'request':'ack','ack':1}"));
	ck_assert_int_eq(heavy(), 0);
	ck_assert_int_eq(heavy(), 1);
}
END_TEST

START_TEST(others_get_theirs_when_one_is_full) {
	fake_host_free(fake);
	set_up_with("'max_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	fill_b();
	portal_peer *c = join(fake, "home", 'c');
	json_auto_t *reply = relay(a, 0, 7);
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "relayed")), 2); /* a small one still fits into B's */
	while(json_object_get(reply, "failed") == NULL) {
		json_decref(reply);
		reply = relay(a, 0, 7);
	}
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "relayed")), 1);
	json_auto_t *got = events(fake, c);
	ck_assert_uint_ge(json_array_size(got), 2);
}
END_TEST

START_TEST(an_away_member_is_bounded_by_the_same_cap) {
	fake_host_free(fake);
	set_up_with("'max_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	portal_detach(fake->core, b);
	int count = fill_b();
	ck_assert_int_ge(count, 9);
	ck_assert_int_le(count, 12);
	pass(fake, 29000);
	gets(a, "['away']"); /* full and away is no reason to end it early */
	portal_peer *again = new_peer();
	back_b(again, ",'ack':0");
	json_auto_t *got = events(fake, again);
	ck_assert_uint_eq(json_array_size(got), (size_t)count);
}
END_TEST

START_TEST(who_is_full_and_acknowledges_nothing_in_time_is_too_slow) {
	fake_host_free(fake);
	set_up_with("'max_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	fill_b();
	pass(fake, 29000);
	json_decref(events(fake, b));
	json_decref(ask(fake, b, "{'request':'ack','ack':1}")); /* slow, but it reads */
	while(heavy() == 0)
		;
	pass(fake, 29999);
	gets(a, "[]");
	pass(fake, 1);
	json_auto_t *told = events(fake, a);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(told, 0), "reason")), "too_slow");
	ck_json(pushed(fake, b), "[{'portal':'closed','reason':'too_slow'}]");
}
END_TEST

START_TEST(the_last_quarter_is_for_the_roster_and_its_overflow_ends_who_does_not_read) {
	fake_host_free(fake);
	set_up_with("'max_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000,'room_rate':100000");
	fill_b();
	int changes = 0;
	for(json_auto_t *told = json_array(); json_array_size(told) == 0 && changes < 1000; changes++) {
		g_autofree char *request = g_strdup_printf("{'request':'configure','display':'%d'}", changes);
		json_decref(ask(fake, a, request));
		json_decref(told);
		told = events(fake, a);
	}
	ck_assert_int_gt(changes, 10);
	ck_assert_int_lt(changes, 100);
	ck_json(pushed(fake, b), "[{'portal':'closed','reason':'too_slow'}]");
	ck_ask(fake, a, "{'request':'ping'}", "{'portal':'pong'}");
}
END_TEST

START_TEST(all_backlogs_together_are_bounded) {
	fake_host_free(fake);
	set_up_with("'max_backlog':16384,'max_total_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	portal_peer *c = join(fake, "home", 'c');
	int count = 0;
	g_autofree char *text = g_strnfill(1000, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'relay','signals':[{'type':'x','payload':'%s'}]}", text);
	for(bool full = false; !full && count < 100; count++) {
		json_auto_t *reply = ask(fake, a, request);
		full = json_object_get(reply, "failed") != NULL;
	}
	ck_assert_int_ge(count, 6);
	ck_assert_int_le(count, 9); /* half of what each of the two could take */
	json_decref(events(fake, c));
	json_decref(ask(fake, c, "{'request':'leave'}")); /* which gives all of its back */
	ck_assert_int_eq(heavy(), 0);
}
END_TEST

/* Fills B and C with what A says, as far as all backlogs together allow. */
static void fill_all(void) {
	g_autofree char *text = g_strnfill(1000, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'relay','signals':[{'type':'x','payload':'%s'}]}", text);
	for(bool full = false; !full;) {
		json_auto_t *reply = ask(fake, a, request);
		full = json_object_get(reply, "failed") != NULL;
	}
}

static void acknowledge(portal_peer *peer, json_int_t ack) {
	g_autofree char *request = g_strdup_printf("{'request':'ack','ack':%" JSON_INTEGER_FORMAT "}", ack);
	ck_ask(fake, peer, request, "{'portal':'success'}");
}

START_TEST(who_holds_what_all_may_have_has_to_acknowledge_all_of_it) {
	fake_host_free(fake);
	set_up_with("'max_total_backlog':32768,'max_signal':2048,'rate':100000,'burst':100000");
	portal_peer *c = join(fake, "home", 'c');
	fill_all(); /* each of them is far from its own limit */
	pass(fake, 1000);
	json_auto_t *to_b = events(fake, b), *to_c = events(fake, c);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(to_b, json_array_size(to_b) - 1), "event")), "ack");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(to_c, json_array_size(to_c) - 1), "event")), "ack");
	acknowledge(b, (json_int_t)json_array_size(to_b)); /* B reads */
	ck_assert_int_eq(heavy(), -1); /* relayed to both */
	acknowledge(c, 2); /* C just says so, and goes and comes back meanwhile */
	pass(fake, 20000);
	portal_detach(fake->core, c);
	pass(fake, 1000);
	c = new_peer();
	json_decref(ask(fake, c, "{'request':'join','room':'home','key':'cccccccccccccccccccccc'}"));
	json_decref(events(fake, a));
	pass(fake, 8999);
	gets(a, "[]");
	pass(fake, 1);
	json_auto_t *told = events(fake, a);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(told, 0), "reason")), "too_slow");
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(told, 0), "id")), id_of('c'));
	back_b(b, "");
}
END_TEST

START_TEST(who_is_away_when_memory_is_short_has_until_it_was_asked_for) {
	fake_host_free(fake);
	set_up_with("'max_total_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	fill_all();
	pass(fake, 1000);
	pass(fake, 20000);
	portal_detach(fake->core, b);
	json_decref(events(fake, a));
	pass(fake, 9999);
	gets(a, "[]");
	pass(fake, 1);
	json_auto_t *told = events(fake, a);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(told, 0), "reason")), "too_slow");
}
END_TEST

/* Who came back and went again between two ticks was never asked, and held what all may have for as long as it liked. */
START_TEST(who_is_never_there_when_memory_is_short_has_its_time_to_come_back_and_to_acknowledge) {
	fake_host_free(fake);
	set_up_with("'max_total_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	fill_all();
	portal_detach(fake->core, b);
	for(int second = 1; second < 60; second++) {
		pass(fake, 1000);
		if(second % 29 > 0)
			continue;
		b = new_peer();
		back_b(b, "");
		portal_detach(fake->core, b);
	}
	json_decref(events(fake, a));
	ck_assert_int_eq(heavy(), 1);
	pass(fake, 999);
	gets(a, "[]");
	pass(fake, 1);
	json_auto_t *told = events(fake, a);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(told, 0), "reason")), "too_slow");
	b = new_peer();
	json_auto_t *reply = join_b(b, "");
	ck_assert(json_is_false(json_object_get(reply, "resumed")));
	ck_assert_int_eq(heavy(), 0);
}
END_TEST

START_TEST(who_is_away_when_memory_is_short_and_acknowledges_in_time_stays) {
	fake_host_free(fake);
	set_up_with("'max_total_backlog':16384,'max_signal':2048,'rate':100000,'burst':100000");
	fill_all();
	portal_detach(fake->core, b);
	pass(fake, 29000);
	b = new_peer();
	back_b(b, "");
	pass(fake, 30000); /* it has a whole ack_timeout, and more, once it is back */
	json_auto_t *told = events(fake, b);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(told, json_array_size(told) - 1), "event")), "ack");
	acknowledge(b, (json_int_t)json_array_size(told));
	pass(fake, 60000);
	gets(a, "['away','back']");
	ck_assert_int_eq(heavy(), 0);
}
END_TEST

/* rates */

static bool limited(json_t *reply, json_int_t *retry_after) {
	bool is = g_strcmp0(json_string_value(json_object_get(reply, "code")), "rate_limited") == 0;
	*retry_after = json_integer_value(json_object_get(reply, "retry_after"));
	json_decref(reply);
	return is;
}

START_TEST(a_member_has_a_rate_and_a_burst_and_is_told_when_to_try_again) {
	fake_host_free(fake);
	set_up_with("'rate':10,'burst':20");
	json_int_t wait;
	for(int i = 0; i < 20; i++)
		ck_assert(!limited(relay(a, 0, i), &wait));
	ck_assert(limited(relay(a, 0, 20), &wait));
	ck_assert_int_ge(wait, 1);
	ck_assert_int_le(wait, 100);
	pass(fake, wait);
	ck_assert(!limited(relay(a, 0, 20), &wait));
	ck_assert(limited(relay(a, 0, 21), &wait));
	json_auto_t *got = events(fake, b);
	ck_assert_uint_eq(json_array_size(got), 21); /* nothing was dropped silently, nothing refused got through */
}
END_TEST

START_TEST(a_limited_number_is_not_used_and_those_behind_it_wait) {
	fake_host_free(fake);
	set_up_with("'rate':10,'burst':2");
	json_int_t wait;
	ck_assert(!limited(relay(a, 1, 1), &wait));
	ck_assert(!limited(relay(a, 2, 2), &wait));
	ck_assert(limited(relay(a, 3, 3), &wait));
	ck_assert_ptr_null(relay(a, 4, 4));
	pass(fake, 200);
	ck_assert(!limited(relay(a, 3, 3), &wait));
	gets(b, "[1,2,3,4]");
	ck_json(pushed(fake, a), "[{'transaction':'t','answer':{'portal':'success','relayed':1}}]");
}
END_TEST

START_TEST(a_waiting_request_that_is_limited_says_so_and_comes_again) {
	fake_host_free(fake);
	set_up_with("'rate':10,'burst':2");
	ck_assert_ptr_null(relay(a, 3, 3));
	ck_assert_ptr_null(relay(a, 4, 4));
	ck_assert_ptr_null(relay(a, 2, 2));
	json_decref(relay(a, 1, 1));
	json_auto_t *answers = pushed(fake, a);
	ck_assert_uint_eq(json_array_size(answers), 2); /* 2 is done, 3 is limited, 4 still waits */
	json_int_t wait;
	ck_assert(!limited(json_incref(json_object_get(json_array_get(answers, 0), "answer")), &wait));
	ck_assert(limited(json_incref(json_object_get(json_array_get(answers, 1), "answer")), &wait));
	gets(b, "[1,2]");
	pass(fake, 200);
	ck_assert(!limited(relay(a, 3, 3), &wait));
	gets(b, "[3,4]");
}
END_TEST

START_TEST(a_signal_to_many_costs_many_and_one_too_dear_passes_when_the_bucket_is_full) {
	fake_host_free(fake);
	set_up_with("'rate':10,'burst':4,'room_rate':1000");
	for(char letter = 'c'; letter <= 'h'; letter++)
		join(fake, "home", letter);
	json_int_t wait;
	ck_assert(!limited(relay(a, 0, 1), &wait)); /* to seven */
	ck_assert(limited(relay(a, 0, 2), &wait));
	ck_assert_int_ge(wait, 600); /* the debt and a full bucket again */
	pass(fake, wait);
	ck_assert(!limited(relay(a, 0, 2), &wait));
}
END_TEST

START_TEST(acks_count_even_of_a_request_that_is_limited) {
	fake_host_free(fake);
	set_up_with("'rate':1,'burst':1");
	json_decref(relay(a, 0, 1));
	json_decref(events(fake, b));
	json_decref(ask(fake, b, "{'request':'ping'}"));
	json_int_t wait;
	ck_assert(limited(ask(fake, b, "{'request':'relay','ack':1,'signals':[]}"), &wait));
	json_auto_t *description = portal_describe(fake->core, b);
	ck_assert_int_eq(json_integer_value(json_object_get(description, "acked")), 1);
}
END_TEST

START_TEST(answers_and_replays_count_in_bytes) {
	fake_host_free(fake);
	set_up_with("'byte_rate':1024,'byte_burst':8192,'rate':100000,'burst':100000");
	for(int i = 0; i < 4; i++)
		ck_assert_int_eq(heavy(), 0);
	json_decref(events(fake, b));
	int times = 0;
	json_int_t wait = 0;
	while(times < 20) {
		g_autofree char *more = g_strdup_printf(",'attempt':%d,'ack':0", times + 2);
		if(limited(join_b(b, more), &wait))
			break;
		json_decref(events(fake, b));
		times++;
	}
	ck_assert_int_le(times, 3); /* of more than 4 KB each, out of a bucket of 8 KiB */
	ck_assert_int_gt(wait, 0);
	/* It may again when that time is over, and the little that asking and being refused costs. */
	pass(fake, wait);
	if(limited(join_b(b, ",'attempt':50,'ack':0"), &wait)) {
		ck_assert_int_le(wait, 500);
		pass(fake, wait + 500);
		back_b(b, ",'attempt':51,'ack':0");
	}
}
END_TEST

START_TEST(a_return_that_the_room_has_no_place_for_costs_no_bytes) {
	fake_host_free(fake);
	set_up_with("'room_rate':5,'byte_rate':1024,'byte_burst':8192,'rate':100000,'burst':100000");
	json_int_t wait;
	for(int i = 0; i < 4; i++)
		ck_assert_int_eq(heavy(), 0);
	portal_peer *c = join(fake, "home", 'c');
	json_decref(events(fake, b));
	portal_detach(fake->core, b);
	for(int i = 0; i < 5; i++) { /* the five of the room */
		portal_detach(fake->core, c);
		c = new_peer();
		ck_assert(!limited(ask(fake, c, "{'request':'join','room':'home','key':'cccccccccccccccccccccc'}"), &wait));
	}
	b = new_peer();
	for(int i = 0; i < 5; i++) { /* each would push more than 4 KB again, out of a bucket of 8 KiB */
		ck_assert(limited(join_b(b, ""), &wait));
		ck_assert_int_le(wait, 200);
	}
	pass(fake, wait);
	back_b(b, "");
	json_auto_t *again = events(fake, b);
	ck_assert_uint_eq(json_array_size(again), 15); /* the signals, and C's coming and going */
}
END_TEST

/* As large as it may be, and different each time. */
static bool configure_a(int time) {
	g_autofree char *text = g_strnfill(4000, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'configure','metadata':{'%d':'%s'}}", time, text);
	json_int_t wait;
	return !limited(ask(fake, a, request), &wait);
}

/* Somebody else, with as much to say, looks in. */
static bool look_in(int time) {
	g_autofree char *text = g_strnfill(4000, 'x');
	g_autofree char *request = g_strdup_printf(
		"{'request':'join','room':'home','key':'%022d','metadata':{'x':'%s'}}", time, text);
	portal_peer *peer = new_peer();
	json_int_t wait;
	bool joined = !limited(ask(fake, peer, request), &wait);
	if(joined)
		json_decref(ask(fake, peer, "{'request':'leave'}"));
	portal_detach(fake->core, peer);
	return joined;
}

START_TEST(nobody_ends_the_membership_of_one_that_is_away_by_joining_and_changing) {
	fake_host_free(fake);
	set_up_with("'rate':1000000,'burst':1000000,'byte_rate':1073741824,'byte_burst':1073741824");
	portal_detach(fake->core, b);
	fill_b();
	int changed = 0, looked = 0;
	for(int time = 0; time < 29900; time += 10) {
		changed += configure_a(time);
		looked += look_in(time);
		pass(fake, 10);
	}
	ck_assert_int_ge(changed + looked, 10);
	back_b(new_peer(), "");
}
END_TEST

START_TEST(who_comes_back_does_not_wait_for_those_who_join_and_change) {
	int changed = 0;
	while(configure_a(changed))
		changed++;
	ck_assert_int_gt(changed, 10);
	ck_assert_int_lt(changed, 100);
	ck_assert(!look_in(0));
	for(int i = 0; i < 5; i++) {
		portal_detach(fake->core, b);
		b = new_peer();
		back_b(b, "");
	}
}
END_TEST

START_TEST(a_member_comes_and_goes_only_so_often) {
	json_int_t wait;
	for(int i = 0; i < 20; i++) {
		portal_detach(fake->core, b);
		b = new_peer();
		back_b(b, "");
	}
	back_b(b, ""); /* not from being away, which nobody else is told of */
	portal_detach(fake->core, b);
	b = new_peer();
	ck_assert(limited(join_b(b, ""), &wait));
	ck_assert_int_eq(wait, 3000); /* ten times in the half minute in which it may come back */
	pass(fake, 3000);
	back_b(b, "");
}
END_TEST

/* With a resume_timeout of 5 s thirty of them made the roster heavier than its rate for as long as they went on. */
START_TEST(a_member_comes_and_goes_as_often_as_the_longer_of_both_times_allows) {
	fake_host_free(fake);
	set_up_with("'resume_timeout':5,'ack_timeout':60");
	json_int_t wait;
	for(int i = 0; i < 20; i++) {
		portal_detach(fake->core, b);
		b = new_peer();
		back_b(b, "");
	}
	portal_detach(fake->core, b);
	b = new_peer();
	ck_assert(limited(join_b(b, ""), &wait));
	ck_assert_int_eq(wait, 6000);
	pass(fake, 4999);
	ck_assert(limited(join_b(b, ""), &wait));
	ck_assert_int_eq(wait, 1001);
}
END_TEST

/* What cannot be refused was all remembered: an hour of it kept everybody from joining and changing for minutes afterwards. */
START_TEST(what_cannot_be_refused_keeps_others_from_changing_for_a_time_to_come_back_at_the_most) {
	g_autofree char *text = g_strnfill(4000, 'x');
	g_autofree char *edit = g_strdup_printf("{'request':'edit','room':'home','new_metadata':{'x':'%s'}}", text);
	const char *configure = "{'request':'configure','display':'A'}";
	json_int_t wait;
	for(int i = 0; i < 200; i++)
		json_decref(ask_admin(fake, edit));
	ck_assert(limited(ask(fake, a, configure), &wait));
	ck_assert_int_gt(wait, 29000);
	ck_assert_int_le(wait, 30100); /* and what its own weighs */
	pass(fake, wait);
	ck_assert(!limited(ask(fake, a, configure), &wait));
	pass(fake, 60000);
	ck_assert(configure_a(0)); /* the roster has all that it may have again */
	ck_assert(configure_a(1));
}
END_TEST

START_TEST(the_bucket_moves_with_its_member) {
	fake_host_free(fake);
	set_up_with("'rate':1,'burst':3");
	json_int_t wait;
	for(int i = 0; i < 3; i++)
		ck_assert(!limited(relay(b, 0, i), &wait));
	portal_peer *again = new_peer();
	back_b(again, ",'ack':0");
	ck_assert(limited(relay(again, 0, 3), &wait));
}
END_TEST

START_TEST(a_peer_without_membership_has_a_small_bucket) {
	portal_peer *peer = new_peer();
	json_int_t wait = 0;
	int count = 0;
	while(!limited(ask(fake, peer, "{'request':'list'}"), &wait) && count < 10000)
		count++;
	ck_assert_int_ge(count, 50);
	ck_assert_int_le(count, 200);
	pass(fake, wait);
	ck_assert(!limited(ask(fake, peer, "{'request':'list'}"), &wait));
}
END_TEST

START_TEST(what_is_told_to_a_whole_room_has_a_rate_but_leaving_never) {
	fake_host_free(fake);
	set_up_with("'room_rate':5");
	json_int_t wait;
	int count = 0;
	while(count < 100) {
		g_autofree char *request = g_strdup_printf("{'request':'configure','seq':%d,'display':'%d'}", count + 1, count);
		if(limited(ask(fake, a, request), &wait))
			break;
		count++;
	}
	ck_assert_int_eq(count, 3); /* two of the five were for joining */
	portal_peer *c = new_peer();
	ck_assert(limited(ask(fake, c, "{'request':'join','room':'home'}"), &wait));
	ck_assert_int_le(wait, 200);
	ck_ask(fake, b, "{'request':'leave'}", "{'portal':'success'}");
	pass(fake, wait);
	ck_assert(!limited(ask(fake, c, "{'request':'join','room':'home'}"), &wait));
}
END_TEST

/* reading */

/* Has a peer ask for large answers until one is refused. Returns how many it got. */
static int read_nothing(portal_peer *peer, const char *request, const char *code) {
	for(int count = 0; count < 100000; count++) {
		json_auto_t *reply = ask(fake, peer, request);
		const char *refused = json_string_value(json_object_get(reply, "code"));
		if(refused != NULL) {
			ck_assert_str_eq(refused, code);
			return count;
		}
	}
	ck_abort_msg("it was never refused");
}

static void set_up_to_read(void) {
	fake_host_free(fake);
	set_up_with("'room_rate':100000,'rate':100000000,'burst':100000000,'byte_rate':1000000000,'byte_burst':1000000000");
	g_autofree char *about = g_strnfill(3000, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'configure','metadata':{'about':'%s'}}", about);
	json_decref(ask(fake, b, request));
	json_decref(events(fake, a));
	json_decref(ask(fake, a, "{'request':'ack','ack':2}"));
}

START_TEST(who_is_answered_much_is_asked_to_acknowledge_and_goes_on) {
	set_up_to_read();
	guint64 n = 2;
	for(int i = 0; i < 1000; i++) {
		json_auto_t *reply = ask(fake, a, "{'request':'sync'}");
		ck_assert_str_eq(json_string_value(json_object_get(reply, "portal")), "success");
		json_auto_t *got = events(fake, a);
		if(json_array_size(got) == 0)
			continue;
		ck_json(json_incref(got), "[{'event':'ack'}]");
		g_autofree char *ack = g_strdup_printf("{'request':'ack','ack':%" G_GUINT64_FORMAT "}", ++n);
		ck_ask(fake, a, ack, "{'portal':'success'}");
	}
	ck_assert_uint_ge(n, 2 + 1000 * 3000 / 300000);
	ck_assert_uint_eq(fake->ended, 0);
}
END_TEST

START_TEST(who_does_not_acknowledge_what_it_was_answered_is_refused_and_goes_on_after_an_ack) {
	set_up_to_read();
	int count = read_nothing(a, "{'request':'sync'}", "rate_limited");
	ck_assert_int_ge(count * 4000, 2 * 1024 * 1024);
	ck_assert_int_le(count * 3000, 2 * 1024 * 1024);
	json_auto_t *got = events(fake, a);
	ck_json(json_incref(got), "[{'event':'ack'}]"); /* asked once */
	ck_refused(fake, a, "{'request':'relay','seq':1,'signals':[]}", "rate_limited", "acknowledge");
	ck_assert_uint_eq(fake->ended, 0);
	ck_ask(fake, a, "{'request':'relay','seq':1,'signals':[],'ack':3}", "{'portal':'success','relayed':0}");
}
END_TEST

START_TEST(who_goes_on_and_reads_nothing_is_ended_and_misses_nothing_when_it_comes_back) {
	set_up_to_read();
	for(int i = 0; i < 100000 && fake->ended == 0; i++)
		json_decref(ask(fake, b, "{'request':'sync'}"));
	ck_assert_uint_eq(fake->ended, 1);
	for(int i = 0; i < 100; i++)
		json_decref(ask(fake, b, "{'request':'sync'}"));
	ck_assert_uint_eq(fake->ended, 1);
	portal_detach(fake->core, b);
	json_decref(relay(a, 1, 7));
	b = new_peer();
	back_b(b, ",'ack':0");
	gets(b, "['ack',7]");
}
END_TEST

START_TEST(a_push_that_comes_again_and_again_is_to_be_read_too) {
	set_up_to_read();
	for(int i = 0; i < 200; i++) {
		g_autofree char *text = g_strnfill(3000, 'y');
		g_autofree char *request = g_strdup_printf("{'request':'relay','signals':[{'type':'x','payload':'%s'}]}", text);
		json_decref(ask(fake, a, request));
	}
	for(int joins = 0; joins < 4; joins++) {
		json_auto_t *got = events(fake, b);
		ck_assert_uint_ge(json_array_size(got), 200);
		if(joins < 3)
			back_b(b, "");
	}
	refused_b(b, "", "rate_limited");
	back_b(b, ",'ack':1");
}
END_TEST

START_TEST(a_handle_in_no_room_is_answered_so_much_and_then_has_to_be_another) {
	set_up_to_read();
	portal_peer *visitor = new_peer();
	int count = 0;
	while(fake->ended == 0 && count < 100000) {
		json_auto_t *reply = ask(fake, visitor, "{'request':'list'}");
		const char *code = json_string_value(json_object_get(reply, "code"));
		if(g_strcmp0(code, "rate_limited") == 0)
			pass(fake, json_integer_value(json_object_get(reply, "retry_after")));
		else if(code != NULL)
			ck_assert_str_eq(code, "peer_used");
		count++;
	}
	ck_assert_uint_eq(fake->ended, 1);
	ck_refused(fake, visitor, "{'request':'join','room':'home'}", "peer_used", "attach a new one");
	json_decref(ask(fake, new_peer(), "{'request':'list'}"));
}
END_TEST

Suite *resume_suite(void) {
	Suite *suite = suite_create("resume");
	TCase *back = tcase_create("back");
	tcase_add_checked_fixture(back, set_up, tear_down);
	tcase_add_test(back, who_comes_back_gets_what_it_missed_and_the_others_hear_back);
	tcase_add_test(back, coming_back_works_ten_times_with_nothing_missed_and_with_everything);
	tcase_add_test(back, what_is_acknowledged_before_it_is_pushed_again_does_not_shift_the_numbers);
	tcase_add_test(back, a_living_peer_is_replaced_silently_and_told_so);
	tcase_add_test(back, a_stale_attempt_changes_nothing);
	tcase_add_test(back, a_lost_reply_is_repaired_by_joining_again);
	tcase_add_test(back, on_the_same_peer_it_pushes_again_after_ack);
	tcase_add_test(back, acks_that_cannot_be_are_refused_and_change_nothing);
	tcase_add_test(back, there_is_no_coming_back_to_what_is_gone);
	tcase_add_test(back, without_the_key_nobody_learns_anything);
	tcase_add_test(back, locked_full_and_pin_concern_those_that_come_fresh);
	tcase_add_test(back, what_was_done_is_done_once_across_a_drop);
	tcase_add_test(back, requests_of_a_former_peer_do_nothing);
	tcase_add_test(back, leaving_while_away_is_not_possible_but_timing_out_is_certain);
	tcase_add_test(back, a_resume_timeout_of_zero_means_gone_at_once);
	suite_add_tcase(suite, back);
	TCase *backlog = tcase_create("backlog");
	tcase_add_checked_fixture(backlog, set_up, tear_down);
	tcase_add_test(backlog, a_full_recipient_refuses_signals_and_takes_them_again_after_an_ack);
	tcase_add_test(backlog, others_get_theirs_when_one_is_full);
	tcase_add_test(backlog, an_away_member_is_bounded_by_the_same_cap);
	tcase_add_test(backlog, who_is_full_and_acknowledges_nothing_in_time_is_too_slow);
	tcase_add_test(backlog, the_last_quarter_is_for_the_roster_and_its_overflow_ends_who_does_not_read);
	tcase_add_test(backlog, all_backlogs_together_are_bounded);
	tcase_add_test(backlog, who_holds_what_all_may_have_has_to_acknowledge_all_of_it);
	tcase_add_test(backlog, who_is_away_when_memory_is_short_has_until_it_was_asked_for);
	tcase_add_test(backlog, who_is_never_there_when_memory_is_short_has_its_time_to_come_back_and_to_acknowledge);
	tcase_add_test(backlog, who_is_away_when_memory_is_short_and_acknowledges_in_time_stays);
	suite_add_tcase(suite, backlog);
	TCase *rates = tcase_create("rates");
	tcase_add_checked_fixture(rates, set_up, tear_down);
	tcase_add_test(rates, a_member_has_a_rate_and_a_burst_and_is_told_when_to_try_again);
	tcase_add_test(rates, a_limited_number_is_not_used_and_those_behind_it_wait);
	tcase_add_test(rates, a_waiting_request_that_is_limited_says_so_and_comes_again);
	tcase_add_test(rates, a_signal_to_many_costs_many_and_one_too_dear_passes_when_the_bucket_is_full);
	tcase_add_test(rates, acks_count_even_of_a_request_that_is_limited);
	tcase_add_test(rates, answers_and_replays_count_in_bytes);
	tcase_add_test(rates, a_return_that_the_room_has_no_place_for_costs_no_bytes);
	tcase_add_test(rates, nobody_ends_the_membership_of_one_that_is_away_by_joining_and_changing);
	tcase_add_test(rates, who_comes_back_does_not_wait_for_those_who_join_and_change);
	tcase_add_test(rates, a_member_comes_and_goes_only_so_often);
	tcase_add_test(rates, a_member_comes_and_goes_as_often_as_the_longer_of_both_times_allows);
	tcase_add_test(rates, what_cannot_be_refused_keeps_others_from_changing_for_a_time_to_come_back_at_the_most);
	tcase_add_test(rates, the_bucket_moves_with_its_member);
	tcase_add_test(rates, a_peer_without_membership_has_a_small_bucket);
	tcase_add_test(rates, what_is_told_to_a_whole_room_has_a_rate_but_leaving_never);
	suite_add_tcase(suite, rates);
	TCase *reading = tcase_create("reading");
	tcase_add_checked_fixture(reading, set_up, tear_down);
	tcase_add_test(reading, who_is_answered_much_is_asked_to_acknowledge_and_goes_on);
	tcase_add_test(reading, who_does_not_acknowledge_what_it_was_answered_is_refused_and_goes_on_after_an_ack);
	tcase_add_test(reading, who_goes_on_and_reads_nothing_is_ended_and_misses_nothing_when_it_comes_back);
	tcase_add_test(reading, a_push_that_comes_again_and_again_is_to_be_read_too);
	tcase_add_test(reading, a_handle_in_no_room_is_answered_so_much_and_then_has_to_be_another);
	suite_add_tcase(suite, reading);
	return suite;
}
