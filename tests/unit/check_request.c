/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include <string.h>

#include "call.h"
#include "fake_host.h"

static fake_host *fake;

static void set_up(void) {
	fake = fake_host_new("{'general':{'window':8,'max_request':8192,'rate':100000,'burst':100000,'room_rate':100000,'max_total_members':6,'max_display':16,'max_metadata':200},"
		"'room-a1':{'description':'First'},'room-a2':{'pin':'1234'},'room-a3':{'is_private':true},'room-a4':{'locked':true},"
		"'room-a5':{'max_members':2},'room-a6':{'max_members':100}}");
}

static void tear_down(void) {
	fake_host_free(fake);
}

static portal_peer *new_peer(void) {
	return portal_attach(fake->core, NULL);
}

START_TEST(list_shows_public_rooms) {
	ck_ask(fake, new_peer(), "{'request':'list'}", "{'portal':'success','list':["
		"{'room':'a1','description':'First','num_members':0,'max_members':32,'pin_required':false,'locked':false},"
		"{'room':'a2','num_members':0,'max_members':32,'pin_required':true,'locked':false},"
		"{'room':'a4','num_members':0,'max_members':32,'pin_required':false,'locked':true},"
		"{'room':'a5','num_members':0,'max_members':2,'pin_required':false,'locked':false},"
		"{'room':'a6','num_members':0,'max_members':100,'pin_required':false,'locked':false}]}");
}
END_TEST

START_TEST(list_comes_in_pages) {
	json_auto_t *names = json_array();
	g_autofree char *after = NULL;
	int pages = 0;
	for(bool more = true; more; pages++) {
		g_autofree char *request = after == NULL ? g_strdup("{'request':'list','limit':2}")
			: g_strdup_printf("{'request':'list','limit':2,'after':'%s'}", after);
		json_auto_t *reply = ask(fake, new_peer(), request);
		size_t i;
		json_t *room;
		json_array_foreach(json_object_get(reply, "list"), i, room) {
			json_array_append(names, json_object_get(room, "room"));
		}
		const char *next = json_string_value(json_object_get(reply, "next"));
		more = next != NULL;
		g_free(after);
		after = g_strdup(next);
	}
	ck_assert_int_eq(pages, 3);
	ck_json(json_incref(names), "['a1','a2','a4','a5','a6']");
	/* a last page that is exactly full names no next one, and one may go on after a room that is gone */
	ck_ask(fake, new_peer(), "{'request':'list','limit':1,'after':'a5x'}", "{'portal':'success','list':["
		"{'room':'a6','num_members':0,'max_members':100,'pin_required':false,'locked':false}]}");
	ck_ask(fake, new_peer(), "{'request':'list','after':'zzz'}", "{'portal':'success','list':[]}");
}
END_TEST

START_TEST(exists_tells_of_private_rooms_too) {
	ck_ask(fake, new_peer(), "{'request':'exists','room':'a3'}", "{'portal':'success','room':'a3','exists':true}");
	ck_ask(fake, new_peer(), "{'request':'exists','room':'b'}", "{'portal':'success','room':'b','exists':false}");
	ck_refused(fake, new_peer(), "{'request':'exists'}", "missing_field", "room");
}
END_TEST

START_TEST(join_answers_with_everything_a_client_needs) {
	ck_ask(fake, new_peer(), "{'request':'join','room':'a1','key':'aaaaaaaaaaaaaaaaaaaaaa','display':'Ada'}",
		"{'portal':'success','resumed':false,'protocol':1,'description':'First','room':'a1','id':'7HxJTfbSp-o2Zo1lbmuJee','version':1,'n':0,"
		"'members':[],'resume_timeout':30,'limits':{'max_signal':65536,'max_signals':256,'max_request':8192,"
		"'max_metadata':200,'max_display':16,'max_depth':32,'window':8,'max_backlog':1048576,'ack_every':32,'ack_timeout':30,"
		"'rate':100000,'burst':100000,'byte_rate':1048576,'byte_burst':4194304}}");
	json_auto_t *reply = ask(fake, new_peer(), "{'request':'join','room':'a1','metadata':{'x':1}}");
	ck_assert_str_eq(json_string_value(json_object_get(reply, "key")), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX");
	json_t *first = json_array_get(json_object_get(reply, "members"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(first, "display")), "Ada");
	ck_assert_ptr_null(json_object_get(first, "metadata"));
}
END_TEST

START_TEST(join_is_refused_with_the_reason) {
	portal_peer *peer = new_peer();
	ck_refused(fake, peer, "{'request':'join'}", "room_not_set", "room");
	ck_refused(fake, peer, "{'request':'join','room':null}", "room_not_set", "room");
	ck_refused(fake, peer, "{'request':'join','room':'attic'}", "room_not_found", "No such room: attic");
	ck_refused(fake, peer, "{'request':'join','room':'a/1'}", "invalid_field", "room:");
	ck_refused(fake, peer, "{'request':'join','room':17}", "invalid_field", "room:");
	ck_refused(fake, peer, "{'request':'join','room':'a1','key':'short'}", "invalid_field", "key:");
	ck_refused(fake, peer, "{'request':'join','room':'a1','key':'has blanks, has blanks, has'}", "invalid_field", "key:");
	ck_refused(fake, peer, "{'request':'join','room':'a1','display':'01234567890123456'}", "too_large", "display:");
	ck_refused(fake, peer, "{'request':'join','room':'a1','display':['x']}", "invalid_field", "display:");
	ck_refused(fake, peer, "{'request':'join','room':'a1','metadata':'x'}", "invalid_field", "metadata:");
	g_autofree char *long_text = g_strnfill(200, 'x');
	g_autofree char *large = g_strdup_printf("{'request':'join','room':'a1','metadata':{'x':'%s'}}", long_text);
	ck_refused(fake, peer, large, "too_large", "metadata:");
	ck_refused(fake, peer, "{'request':'join','room':'a2'}", "wrong_pin", "pin:");
	ck_refused(fake, peer, "{'request':'join','room':'a2','pin':'12345'}", "wrong_pin", "pin:");
	ck_refused(fake, peer, "{'request':'join','room':'a2','pin':1234}", "invalid_field", "pin:");
	ck_refused(fake, peer, "{'request':'join','room':'a4'}", "room_locked", "no new members");
	/* none of these left anything behind */
	json_auto_t *reply = ask(fake, peer, "{'request':'join','room':'a2','pin':'1234'}");
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "version")), 1);
}
END_TEST

START_TEST(rooms_and_the_server_have_room_for_so_many) {
	join(fake, "a5", 'a');
	join(fake, "a5", 'b');
	ck_refused(fake, new_peer(), "{'request':'join','room':'a5'}", "room_full", "full");
	for(char letter = 'c'; letter <= 'f'; letter++)
		join(fake, "a6", letter);
	portal_peer *last = new_peer();
	ck_refused(fake, last, "{'request':'join','room':'a6'}", "server_full", "server");
}
END_TEST

START_TEST(a_peer_has_one_membership_in_its_life) {
	portal_peer *peer = join(fake, "a1", 'a');
	ck_refused(fake, peer, "{'request':'join','room':'a1'}", "already_joined", "already");
	ck_refused(fake, peer, "{'request':'join','room':'a6'}", "already_joined", "already");
	ck_ask(fake, peer, "{'request':'leave'}", "{'portal':'success'}");
	ck_refused(fake, peer, "{'request':'join','room':'a1'}", "peer_used", "attach");
	ck_refused(fake, peer, "{'request':'leave'}", "room_not_set", "no room");
	ck_ask(fake, peer, "{'request':'ping'}", "{'portal':'pong'}");
	ck_ask(fake, peer, "{'request':'exists','room':'a1'}", "{'portal':'success','room':'a1','exists':true}");
}
END_TEST

START_TEST(requests_before_join_are_refused) {
	const char *const names[] = { "relay", "configure", "sync", "ack", "leave" };
	for(size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *request = g_strdup_printf("{'request':'%s','signals':[],'ack':0,'seq':1}", names[i]);
		ck_refused(fake, new_peer(), request, "room_not_set", "join");
	}
}
END_TEST

START_TEST(what_is_no_request_is_refused) {
	portal_peer *peer = new_peer();
	ck_refused(fake, peer, "[]", "invalid_json", "object");
	ck_refused(fake, peer, "'list'", "invalid_json", "object");
	ck_refused(fake, peer, "{}", "missing_field", "request:");
	ck_refused(fake, peer, "{'request':7}", "invalid_field", "request:");
	ck_refused(fake, peer, "{'request':null}", "missing_field", "request:");
	ck_refused(fake, peer, "{'request':'dance'}", "unknown_request", "dance");
	ck_refused(fake, peer, "{'request':''}", "unknown_request", "request:");
	ck_refused(fake, peer, "{'request':'LIST'}", "unknown_request", "LIST");
}
END_TEST

START_TEST(an_error_text_stays_whole_utf8_when_it_is_cut) {
	GString *request = g_string_new("{'request':'x");
	for(int i = 0; i < 200; i++)
		g_string_append(request, "é");
	g_string_append(request, "'}");
	ck_refused(fake, new_peer(), request->str, "unknown_request", "request: there is no x");
	g_string_free(request, TRUE);
}
END_TEST

static char *nested(const char *start, int levels, const char *end) {
	g_autofree char *open = g_strnfill((gsize)levels, '['), *shut = g_strnfill((gsize)levels, ']');
	return g_strconcat(start, open, shut, end, NULL);
}

START_TEST(bodies_that_are_too_deep_or_too_large_are_refused) {
	portal_peer *peer = new_peer();
	g_autofree char *deepest = nested("{'request':'ping','ping':", 31, "}");
	g_autofree char *deeper = nested("{'request':'ping','ping':", 32, "}");
	g_autofree char *deep = nested("{'request':'ping','other':", 2000, "}");
	ck_refused(fake, peer, deepest, "invalid_field", "ping:"); /* its indentation alone weighs over 1 KiB */
	ck_refused(fake, peer, deeper, "too_deep", "32 levels");
	ck_refused(fake, peer, deep, "too_deep", "32 levels");
	g_autofree char *nameless = nested("{'request':", 2000, "}");
	ck_refused(fake, peer, nameless, "too_deep", "32 levels");
	g_autofree char *long_text = g_strnfill(9000, 'x');
	g_autofree char *large = g_strdup_printf("{'request':'ping','other':'%s'}", long_text);
	ck_refused(fake, peer, large, "too_large", "8192 bytes");
}
END_TEST

START_TEST(ping_comes_back) {
	ck_ask(fake, new_peer(), "{'request':'ping','ping':{'at':[1,2]}}", "{'portal':'pong','ping':{'at':[1,2]}}");
	ck_ask(fake, new_peer(), "{'request':'ping'}", "{'portal':'pong'}");
}
END_TEST

START_TEST(configure_tells_only_what_changed) {
	portal_peer *a = join(fake, "a1", 'a'), *b = join(fake, "a1", 'b');
	ck_ask(fake, b, "{'request':'configure'}", "{'portal':'success','version':2}");
	ck_ask(fake, b, "{'request':'configure','display':'Bob','metadata':{'x':1}}", "{'portal':'success','version':3}");
	ck_ask(fake, b, "{'request':'configure','display':'Bob','metadata':{'x':1}}", "{'portal':'success','version':3}");
	ck_ask(fake, b, "{'request':'configure','display':null}", "{'portal':'success','version':4}");
	ck_refused(fake, b, "{'request':'configure','display':7,'metadata':{}}", "invalid_field", "display:");
	ck_refused(fake, b, "{'request':'configure','display':'Rob','metadata':7}", "invalid_field", "metadata:");
	json_auto_t *told = events(fake, a);
	ck_assert_uint_eq(json_array_size(told), 3);
	json_t *last = json_object_get(json_array_get(told, 2), "member");
	ck_assert_ptr_null(json_object_get(last, "display"));
	ck_json(json_incref(json_object_get(last, "metadata")), "{'x':1}");
}
END_TEST

START_TEST(acks_are_checked_even_if_the_rest_is_refused) {
	portal_peer *a = join(fake, "a1", 'a');
	join(fake, "a1", 'b');
	ck_refused(fake, a, "{'request':'ack','ack':1}", "invalid_ack", "ack:"); /* there is an event, but it was not pushed */
	json_decref(events(fake, a));
	ck_refused(fake, a, "{'request':'relay','ack':1,'signals':7}", "invalid_field", "signals:");
	json_auto_t *description = portal_describe(fake->core, a);
	ck_assert_int_eq(json_integer_value(json_object_get(description, "acked")), 1);
	ck_ask(fake, a, "{'request':'ack','ack':1}", "{'portal':'success'}");
	ck_refused(fake, a, "{'request':'ack','ack':2}", "invalid_ack", "ack:");
	ck_refused(fake, a, "{'request':'ack','ack':-1}", "invalid_field", "ack:");
	ck_refused(fake, a, "{'request':'ack','ack':'1'}", "invalid_field", "ack:");
	ck_refused(fake, a, "{'request':'ack'}", "missing_field", "ack:");
}
END_TEST

/* seq */

static json_t *numbered(portal_peer *peer, int seq) {
	g_autofree char *request = g_strdup_printf("{'request':'relay','seq':%d,'signals':[{'type':'n','payload':%d}]}", seq, seq);
	json_auto_t *body = json_of(request);
	g_autofree char *transaction = g_strdup_printf("t%d", seq);
	return portal_handle(fake->core, peer, transaction, body);
}

START_TEST(numbered_requests_take_effect_in_their_order) {
	portal_peer *a = join(fake, "a1", 'a'), *b = join(fake, "a1", 'b');
	json_decref(events(fake, a));
	ck_assert_ptr_null(numbered(a, 3));
	ck_assert_ptr_null(numbered(a, 2));
	ck_json(events(fake, b), "[]");
	ck_json(numbered(a, 1), "{'portal':'success','relayed':1}");
	json_auto_t *got = events(fake, b);
	ck_assert_uint_eq(json_array_size(got), 3);
	for(size_t i = 0; i < 3; i++)
		ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(got, i), "payload")), (json_int_t)i + 1);
	ck_json(pushed(fake, a), "[{'transaction':'t2','answer':{'portal':'success','relayed':1}},"
		"{'transaction':'t3','answer':{'portal':'success','relayed':1}}]");
}
END_TEST

/* Every order in which Janus may run a window full of requests: random ones, of which each is seen through. */
START_TEST(any_order_within_the_window_arrives_in_order_once_each) {
	portal_peer *a = join(fake, "a1", 'a'), *b = join(fake, "a1", 'b');
	GRand *random = g_rand_new_with_seed((guint32)_i + 1);
	int next = 1, last = 400;
	int in_flight[8], count = 0;
	json_int_t seen = 0;
	while(next <= last || count > 0) {
		while(count < 8 && next <= last && next - (int)seen <= 8)
			in_flight[count++] = next++;
		int pick = g_rand_int_range(random, 0, count);
		int seq = in_flight[pick];
		if(g_rand_int_range(random, 0, 4) != 0) /* else it comes again later, as a client's repetition would */
			in_flight[pick] = in_flight[--count];
		json_decref(numbered(a, seq));
		json_auto_t *got = events(fake, b);
		size_t i;
		json_t *event;
		json_array_foreach(got, i, event) {
			ck_assert_int_eq(json_integer_value(json_object_get(event, "payload")), ++seen);
		}
	}
	ck_assert_int_eq(seen, last);
	g_rand_free(random);
}
END_TEST

START_TEST(a_number_that_was_done_gets_its_first_answer_again) {
	portal_peer *a = join(fake, "a1", 'a'), *b = join(fake, "a1", 'b');
	json_decref(numbered(a, 1));
	json_decref(events(fake, b));
	ck_json(numbered(a, 1), "{'portal':'success','relayed':1,'duplicate':true}");
	ck_json(events(fake, b), "[]");
	for(int seq = 2; seq <= 9; seq++)
		json_decref(numbered(a, seq));
	ck_refused(fake, a, "{'request':'relay','seq':1,'signals':[]}", "answer_gone", "seq:");
	ck_ask(fake, a, "{'request':'relay','seq':2,'signals':[]}", "{'portal':'success','relayed':1,'duplicate':true}");
}
END_TEST

START_TEST(numbers_too_far_ahead_are_refused_and_not_used) {
	portal_peer *a = join(fake, "a1", 'a');
	ck_refused(fake, a, "{'request':'relay','seq':9,'signals':[]}", "window_exceeded", "seq:");
	for(int seq = 8; seq >= 1; seq--)
		json_decref(numbered(a, seq));
	ck_ask(fake, a, "{'request':'relay','seq':9,'signals':[]}", "{'portal':'success','relayed':0}");
}
END_TEST

START_TEST(what_waits_is_bounded_in_bytes) {
	portal_peer *a = join(fake, "a1", 'a');
	g_autofree char *text = g_strnfill(5000, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'relay','seq':2,'signals':[{'type':'x','payload':'%s'}]}", text);
	json_auto_t *body = json_of(request);
	ck_assert_ptr_null(portal_handle(fake->core, a, "t2", body));
	json_auto_t *other = json_copy(body);
	json_object_set_new(other, "seq", json_integer(3));
	ck_json(portal_handle(fake->core, a, "t3", other), "{'portal':'error','error_code':437,'code':'window_exceeded',"
		"'error':'seq: more than 8192 bytes would wait for their turn; send it again later'}");
	ck_json(numbered(a, 1), "{'portal':'success','relayed':0}");
	ck_json(portal_handle(fake->core, a, "t3", other), "{'portal':'success','relayed':0}");
}
END_TEST

/* The name that a client gives a request is kept as long as the request, be there a body or not. */
START_TEST(what_waits_is_bounded_in_bytes_of_transactions_too) {
	portal_peer *a = join(fake, "a1", 'a');
	g_autofree char *transaction = g_strnfill(5000, 't');
	g_autofree char *deep = nested("{'request':'relay','seq':4,'signals':", 40, "}");
	json_auto_t *body = json_of("{'request':'relay','seq':2,'signals':[]}"), *refused = json_of(deep);
	ck_assert_ptr_null(portal_handle(fake->core, a, transaction, body));
	json_auto_t *other = json_copy(body);
	json_object_set_new(other, "seq", json_integer(3));
	ck_json(portal_handle(fake->core, a, transaction, other), "{'portal':'error','error_code':437,'code':'window_exceeded',"
		"'error':'seq: more than 8192 bytes would wait for their turn; send it again later'}");
	ck_json(portal_handle(fake->core, a, transaction, refused), "{'portal':'error','error_code':437,'code':'window_exceeded',"
		"'error':'seq: more than 8192 bytes would wait for their turn; send it again later'}");
	ck_assert_ptr_null(portal_handle(fake->core, a, "t3", other));
	ck_json(numbered(a, 1), "{'portal':'success','relayed':0}");
	ck_json(numbered(a, 4), "{'portal':'success','relayed':0}");
}
END_TEST

START_TEST(a_refusal_uses_its_number_up) {
	portal_peer *a = join(fake, "a1", 'a');
	ck_assert_ptr_null(numbered(a, 4));
	ck_refused(fake, a, "{'request':'relay','seq':1,'signals':7}", "invalid_field", "signals:");
	ck_refused(fake, a, "{'request':'configure','seq':2,'display':7}", "invalid_field", "display:");
	json_auto_t *again = ask(fake, a, "{'request':'relay','seq':1,'signals':7}");
	ck_assert(json_is_true(json_object_get(again, "duplicate")));
	ck_assert_str_eq(json_string_value(json_object_get(again, "code")), "invalid_field");
	json_decref(numbered(a, 3));
	ck_json(pushed(fake, a), "[{'transaction':'t4','answer':{'portal':'success','relayed':0}}]");
}
END_TEST

START_TEST(a_body_refused_on_sight_uses_its_number_up_in_its_turn) {
	portal_peer *a = join(fake, "a1", 'a');
	g_autofree char *deep = nested("{'request':'relay','seq':2,'signals':", 40, "}");
	ck_assert_ptr_null(ask(fake, a, deep));
	g_autofree char *text = g_strnfill(9000, 'x');
	g_autofree char *large = g_strdup_printf("{'request':'relay','seq':3,'signals':[{'type':'x','payload':'%s'}]}", text);
	ck_assert_ptr_null(ask(fake, a, large));
	json_decref(numbered(a, 1));
	json_auto_t *answers = pushed(fake, a);
	ck_assert_uint_eq(json_array_size(answers), 2);
	json_t *first = json_object_get(json_array_get(answers, 0), "answer");
	json_t *second = json_object_get(json_array_get(answers, 1), "answer");
	ck_assert_str_eq(json_string_value(json_object_get(first, "code")), "too_deep");
	ck_assert_str_eq(json_string_value(json_object_get(second, "code")), "too_large");
	ck_json(numbered(a, 4), "{'portal':'success','relayed':0}");
}
END_TEST

START_TEST(seq_is_checked_and_only_where_it_counts) {
	portal_peer *a = join(fake, "a1", 'a');
	ck_refused(fake, a, "{'request':'relay','seq':0,'signals':[]}", "invalid_field", "seq:");
	ck_refused(fake, a, "{'request':'relay','seq':-1,'signals':[]}", "invalid_field", "seq:");
	ck_refused(fake, a, "{'request':'relay','seq':'1','signals':[]}", "invalid_field", "seq:");
	ck_refused(fake, a, "{'request':'relay','seq':1.0,'signals':[]}", "invalid_field", "seq:");
	ck_ask(fake, a, "{'request':'ping','seq':7}", "{'portal':'pong'}");
	ck_ask(fake, a, "{'request':'relay','seq':null,'signals':[]}", "{'portal':'success','relayed':0}");
	ck_ask(fake, a, "{'request':'relay','signals':[]}", "{'portal':'success','relayed':0}");
}
END_TEST

START_TEST(leave_in_the_middle_drops_what_waits_behind_it) {
	portal_peer *a = join(fake, "a1", 'a'), *b = join(fake, "a1", 'b');
	ck_assert_ptr_null(numbered(a, 3));
	ck_assert_ptr_null(ask(fake, a, "{'request':'leave','seq':2}"));
	json_decref(events(fake, a));
	ck_json(numbered(a, 1), "{'portal':'success','relayed':1}");
	json_auto_t *got = events(fake, b);
	ck_assert_uint_eq(json_array_size(got), 2);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(got, 1), "event")), "left");
	ck_json(pushed(fake, a), "[{'transaction':'t','answer':{'portal':'success'}}]");
	ck_refused(fake, a, "{'request':'leave','seq':2}", "room_not_set", "no room");
}
END_TEST

START_TEST(a_peer_may_go_while_its_requests_wait) {
	portal_peer *a = join(fake, "a1", 'a'), *b = join(fake, "a1", 'b');
	ck_assert_ptr_null(numbered(a, 2));
	portal_detach(fake->core, a);
	json_auto_t *got = events(fake, b);
	ck_assert_uint_eq(json_array_size(got), 1);
}
END_TEST

/* what clients do wrong must not fill the operator's log, nor secrets get there */
START_TEST(client_mistakes_are_not_logged_and_secrets_never) {
	portal_peer *peer = new_peer();
	for(int i = 0; i < 10; i++) {
		json_decref(ask(fake, peer, "{'request':'dance'}"));
		json_decref(ask(fake, peer, "{'request':'join','room':'a2','pin':'0000'}"));
	}
	ck_assert_uint_eq(fake->log->len, 0);
	json_decref(ask(fake, peer, "{'request':'join','room':'a2','pin':'1234','key':'kkkkkkkkkkkkkkkkkkkkkk'}"));
	json_decref(ask(fake, peer, "{'request':'leave'}"));
	for(guint i = 0; i < fake->log->len; i++) {
		const char *line = g_ptr_array_index(fake->log, i);
		ck_assert_int_eq(line[0] - '0', PORTAL_LOG_VERBOSE);
		ck_assert_ptr_null(strstr(line, "1234"));
		ck_assert_ptr_null(strstr(line, "kkkk"));
	}
}
END_TEST

START_TEST(admin_lists_rooms_and_members) {
	join(fake, "a3", 'a');
	join(fake, "a3", 'b');
	json_auto_t *request = json_of("{'request':'list','limit':1,'after':'a2'}");
	ck_json(portal_admin(fake->core, request), "{'portal':'success','next':'a3','list':["
		"{'room':'a3','num_members':2,'max_members':32,'pin_required':false,'locked':false,'is_private':true}]}");
	json_auto_t *members = json_of("{'request':'listmembers','room':'a3','limit':1}");
	json_auto_t *page = portal_admin(fake->core, members);
	json_object_set(members, "after", json_object_get(page, "next"));
	json_auto_t *rest = portal_admin(fake->core, members);
	ck_assert_uint_eq(json_array_size(json_object_get(page, "members")), 1);
	ck_assert_uint_eq(json_array_size(json_object_get(rest, "members")), 1);
	ck_assert_ptr_null(json_object_get(rest, "next"));
	ck_assert(!json_equal(json_object_get(page, "members"), json_object_get(rest, "members")));
	ck_json(json_incref(json_object_get(page, "room")), "'a3'");
}
END_TEST

START_TEST(admin_refuses_what_it_does_not_know) {
	ck_json(portal_admin(fake->core, NULL),
		"{'portal':'error','error_code':422,'code':'invalid_json','error':'The request should be an object'}");
	const char *const requests[] = { "{}", "{'request':'join','room':'a1'}", "{'request':'listmembers'}",
		"{'request':'listmembers','room':'attic'}", "{'request':'list','limit':0}", "{'request':'list','after':7}" };
	const char *const codes[] = { "missing_field", "unknown_request", "missing_field", "room_not_found", "invalid_field",
		"invalid_field" };
	for(size_t i = 0; i < G_N_ELEMENTS(requests); i++) {
		json_auto_t *request = json_of(requests[i]), *reply = portal_admin(fake->core, request);
		ck_assert_str_eq(json_string_value(json_object_get(reply, "code")), codes[i]);
	}
}
END_TEST

START_TEST(describe_tells_counters_but_no_secrets) {
	portal_peer *a = join(fake, "a1", 'a');
	join(fake, "a1", 'b');
	json_decref(numbered(a, 1));
	json_decref(numbered(a, 3));
	ck_json(portal_describe(fake->core, a), "{'requests':3,'unread':1616,'room':'a1','id':'7HxJTfbSp-o2Zo1lbmuJee','n':1,'pushed':0,'acked':0,"
		"'queued':1,'backlog':251,'seq':1,'waiting':1,'received':0,'signals':1,'deliveries':1,'bytes':170,'joins':1,'resumes':0,"
		"'replays':0,'refusals':{},'latency':{'count':0,'sum':0.0,'buckets':[{'le':0.0001,'count':0},{'le':0.001,'count':0},"
		"{'le':0.01,'count':0},{'le':0.1,'count':0},{'le':1.0,'count':0},{'le':10.0,'count':0}]}}");
	ck_json(portal_describe(fake->core, new_peer()), "{'requests':0,'unread':0}");
}
END_TEST

START_TEST(a_jsep_is_refused) {
	json_auto_t *reply = noted(portal_refuse_jsep());
	ck_assert_str_eq(json_string_value(json_object_get(reply, "code")), "jsep_refused");
}
END_TEST

static json_t *forget_to_answer(portal_call *call) {
	(void)call;
	return NULL;
}

START_TEST(a_handler_that_makes_no_reply_is_our_fault_and_says_so) {
	portal_registry registry;
	json_auto_t *nothing = json_object();
	portal_config_error error;
	g_autoptr(portal_config) config = portal_config_new(nothing, &error);
	portal_registry_init(&registry, &fake->host, config);
	portal_call call = { .registry = &registry, .body = nothing };
	const portal_request request = { .name = "x", .handler = forget_to_answer };
	json_auto_t *reply = noted(portal_call_answer(&call, &request));
	ck_assert_str_eq(json_string_value(json_object_get(reply, "code")), "unknown_error");
	portal_registry_clear(&registry);
}
END_TEST

Suite *request_suite(void) {
	Suite *suite = suite_create("request");
	TCase *tests = tcase_create("requests");
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, list_shows_public_rooms);
	tcase_add_test(tests, list_comes_in_pages);
	tcase_add_test(tests, exists_tells_of_private_rooms_too);
	tcase_add_test(tests, join_answers_with_everything_a_client_needs);
	tcase_add_test(tests, join_is_refused_with_the_reason);
	tcase_add_test(tests, rooms_and_the_server_have_room_for_so_many);
	tcase_add_test(tests, a_peer_has_one_membership_in_its_life);
	tcase_add_test(tests, requests_before_join_are_refused);
	tcase_add_test(tests, what_is_no_request_is_refused);
	tcase_add_test(tests, an_error_text_stays_whole_utf8_when_it_is_cut);
	tcase_add_test(tests, bodies_that_are_too_deep_or_too_large_are_refused);
	tcase_add_test(tests, ping_comes_back);
	tcase_add_test(tests, configure_tells_only_what_changed);
	tcase_add_test(tests, acks_are_checked_even_if_the_rest_is_refused);
	tcase_add_test(tests, client_mistakes_are_not_logged_and_secrets_never);
	tcase_add_test(tests, admin_lists_rooms_and_members);
	tcase_add_test(tests, admin_refuses_what_it_does_not_know);
	tcase_add_test(tests, describe_tells_counters_but_no_secrets);
	tcase_add_test(tests, a_jsep_is_refused);
	tcase_add_test(tests, a_handler_that_makes_no_reply_is_our_fault_and_says_so);
	suite_add_tcase(suite, tests);
	TCase *order = tcase_create("order");
	tcase_add_checked_fixture(order, set_up, tear_down);
	tcase_add_test(order, numbered_requests_take_effect_in_their_order);
	tcase_add_loop_test(order, any_order_within_the_window_arrives_in_order_once_each, 0, 20);
	tcase_add_test(order, a_number_that_was_done_gets_its_first_answer_again);
	tcase_add_test(order, numbers_too_far_ahead_are_refused_and_not_used);
	tcase_add_test(order, what_waits_is_bounded_in_bytes);
	tcase_add_test(order, what_waits_is_bounded_in_bytes_of_transactions_too);
	tcase_add_test(order, a_refusal_uses_its_number_up);
	tcase_add_test(order, a_body_refused_on_sight_uses_its_number_up_in_its_turn);
	tcase_add_test(order, seq_is_checked_and_only_where_it_counts);
	tcase_add_test(order, leave_in_the_middle_drops_what_waits_behind_it);
	tcase_add_test(order, a_peer_may_go_while_its_requests_wait);
	suite_add_tcase(suite, order);
	return suite;
}
