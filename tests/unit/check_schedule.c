/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random schedules: the model's client (tests/model/stream.pml) against the real core. Member B has a network that runs its
 * requests in any order, loses peers, notices their end late or early, and keeps nothing of a lost one; member A has a good
 * one. Whatever happens, both get everything once and in order. The seed of a failing run is its loop number. */
#include "check_portal.h"

#include <stdlib.h>
#include <string.h>

#include "fake_host.h"

#define REQUESTS 60
#define LINKS 64

/* One handle of B's, and what is under way on it. */
typedef struct portal_link {
	portal_peer *peer;  /* NULL once the server has noticed its end */
	GPtrArray *pool;    /* requests that were sent, to be run in any order */
	GPtrArray *replies; /* to be read in any order */
	GQueue pushes;      /* to be read in their order */
} portal_link;

static fake_host *fake;
static GRand *chance;
static portal_peer *a;
static portal_link links[LINKS];

/* B's client */
static int current, attempt;
static bool open;
static json_int_t got, expected, acked, last_from_a;
static bool answered[REQUESTS + 1], outstanding[REQUESTS + 1];
/* A's */
static json_int_t sent_by_a, seen_by_a, n_of_a;

static void unref(void *json) {
	json_decref(json);
}

static bool one_in(int count) {
	return g_rand_int_range(chance, 0, count) == 0;
}

static void send_on_current(json_t *body) {
	g_ptr_array_add(links[current].pool, body);
}

static void send_join(void) {
	open = false;
	memset(outstanding, 0, sizeof(outstanding));
	json_t *body = json_pack("{s:s, s:s, s:s, s:i}", "request", "join", "room", "home", "key", "bbbbbbbbbbbbbbbbbbbbbb",
		"attempt", ++attempt);
	if(attempt > 1 && got > 0) /* until it has anything, it repeats its first join */
		json_object_set_new(body, "ack", json_integer(got));
	send_on_current(body);
}

static void take_next_peer(void) {
	current++;
	ck_assert_int_lt(current, LINKS);
	links[current] = (portal_link) { portal_attach(fake->core, NULL), g_ptr_array_new_with_free_func(unref),
		g_ptr_array_new_with_free_func(unref), G_QUEUE_INIT };
	send_join();
}

/* The server notices that a peer is gone: what was under way is lost, or, if it was given up long ago, long lost. */
static void end_link(portal_link *link) {
	if(link->peer == NULL)
		return;
	portal_detach(fake->core, link->peer);
	link->peer = NULL;
	g_ptr_array_set_size(link->pool, 0);
	g_ptr_array_set_size(link->replies, 0);
	g_queue_clear_full(&link->pushes, unref);
}

static void run_one(portal_link *link) {
	if(link->peer == NULL || link->pool->len == 0)
		return;
	json_t *body = g_ptr_array_steal_index_fast(link->pool, (guint)g_rand_int_range(chance, 0, (int)link->pool->len));
	/* The transaction names the request, as a client's own table would. */
	g_autofree char *transaction = g_strdup_printf("%d", (int)json_integer_value(json_object_get(body, "seq")));
	json_t *reply = portal_handle(fake->core, link->peer, transaction, body);
	const char *name = json_string_value(json_object_get(body, "request"));
	if(reply != NULL)
		g_ptr_array_add(link->replies, json_pack("{s:s, s:O, s:o}", "request", name, "body", body, "reply", reply));
	json_decref(body);
}

static void push_one(portal_link *link) {
	portal_push push;
	if(link->peer == NULL || !portal_next_push(fake->core, link->peer, &push))
		return;
	g_queue_push_tail(&link->pushes, push.transaction == NULL ? json_incref(push.message)
		: json_pack("{s:s, s:O}", "late", push.transaction, "reply", push.message));
	portal_push_clear(&push);
}

static void read_answer(int seq, const json_t *reply) {
	const char *code = json_string_value(json_object_get(reply, "code"));
	if(g_strcmp0(code, "rate_limited") == 0 || g_strcmp0(code, "window_exceeded") == 0) {
		outstanding[seq] = false;
		return;
	}
	ck_assert_msg(code == NULL, "request %d was refused with %s", seq, code);
	answered[seq] = true;
}

static void read_reply(portal_link *link) {
	if(link->replies->len == 0)
		return;
	json_auto_t *item = g_ptr_array_steal_index_fast(link->replies, (guint)g_rand_int_range(chance, 0, (int)link->replies->len));
	const json_t *body = json_object_get(item, "body"), *reply = json_object_get(item, "reply");
	const char *name = json_string_value(json_object_get(item, "request")), *code = json_string_value(json_object_get(reply, "code"));
	if(strcmp(name, "relay") == 0) {
		read_answer((int)json_integer_value(json_object_get(body, "seq")), reply);
	} else if(strcmp(name, "join") == 0 && json_integer_value(json_object_get(body, "attempt")) == attempt) {
		if(g_strcmp0(code, "rate_limited") == 0)
			send_join();
		else
			ck_assert_msg(code == NULL, "join was refused with %s", code);
		open = code == NULL;
	}
}

static void read_push(portal_link *link) {
	if(!open || g_queue_is_empty(&link->pushes))
		return;
	json_auto_t *push = g_queue_pop_head(&link->pushes);
	const json_t *late = json_object_get(push, "late");
	if(late != NULL) {
		read_answer(atoi(json_string_value(late)), json_object_get(push, "reply"));
		return;
	}
	ck_assert_str_eq(json_string_value(json_object_get(push, "portal")), "event"); /* nobody ever closes B */
	json_int_t n = json_integer_value(json_object_get(push, "n"));
	if(n > got + 1) {
		send_join(); /* a gap */
		return;
	}
	size_t i;
	json_t *event;
	json_array_foreach(json_object_get(push, "events"), i, event) {
		if(n + (json_int_t)i <= got)
			continue;
		got++;
		if(strcmp(json_string_value(json_object_get(event, "event")), "signal") == 0) {
			json_int_t number = json_integer_value(json_object_get(event, "payload"));
			ck_assert_int_eq(number, last_from_a + 1);
			last_from_a = number;
		}
	}
}

static void send_request(void) {
	for(int seq = 1; seq <= REQUESTS; seq++) {
		if(answered[seq] || outstanding[seq])
			continue;
		outstanding[seq] = true;
		send_on_current(json_pack("{s:s, s:i, s:[{s:s, s:i}]}", "request", "relay", "seq", seq, "signals", "type", "x", "payload", seq));
		return;
	}
}

static void acknowledge(void) {
	if(got > acked || one_in(4))
		send_on_current(json_pack("{s:s, s:I}", "request", "ack", "ack", got));
	acked = got;
}

/* A sends its next signal, if B's stream takes it, and reads what came. */
static void play_a(void) {
	json_auto_t *got_by_a = pushed(fake, a), *push;
	size_t i, j;
	json_t *event;
	json_array_foreach(got_by_a, i, push) {
		ck_assert_int_eq(json_integer_value(json_object_get(push, "n")), n_of_a + 1);
		json_array_foreach(json_object_get(push, "events"), j, event) {
			n_of_a++;
			if(strcmp(json_string_value(json_object_get(event, "event")), "signal") == 0)
				ck_assert_int_eq(json_integer_value(json_object_get(event, "payload")), ++seen_by_a);
		}
	}
	push = NULL;
	if(sent_by_a == expected || g_rand_int_range(chance, 0, 3) > 0)
		return;
	g_autofree char *request = g_strdup_printf("{'request':'relay','ack':%d,'signals':[{'to':'%s','type':'x','payload':%d}]}",
		(int)n_of_a, id_of('b'), (int)sent_by_a + 1);
	json_auto_t *reply = ask(fake, a, request);
	if(json_object_get(reply, "failed") == NULL && json_object_get(reply, "code") == NULL)
		sent_by_a++;
}

static bool is_complete(void) {
	for(int seq = 1; seq <= REQUESTS; seq++) {
		if(!answered[seq])
			return false;
	}
	return open && sent_by_a == expected && last_from_a == expected && seen_by_a == REQUESTS;
}

static void step(bool faults) {
	portal_link *any = &links[g_rand_int_range(chance, 1, current + 1)];
	if(faults && one_in(120) && current < LINKS - 3) {
		take_next_peer(); /* B gives its peer up; the server will notice, or has */
		if(one_in(2))
			take_next_peer(); /* and the next one before its join has run: that one is stale when it does */
	}
	if(faults && one_in(60))
		end_link(any);
	if(links[current].peer == NULL)
		take_next_peer();
	if(open && !one_in(3))
		send_request();
	if(open && one_in(6))
		acknowledge();
	if(one_in(2))
		run_one(any);
	run_one(&links[current]);
	push_one(one_in(3) ? any : &links[current]);
	read_reply(&links[current]);
	if(one_in(2))
		read_push(&links[current]);
	play_a();
	pass(fake, g_rand_int_range(chance, 0, 20));
}

START_TEST(whatever_the_network_does_everything_arrives_once_and_in_order) {
	chance = g_rand_new_with_seed((guint32)_i);
	fake = fake_host_new(_i % 2 == 0
		? "{'general':{'resume_timeout':3600,'window':16},'room-home':{}}"
		: "{'general':{'resume_timeout':3600,'window':8,'rate':100,'burst':5,'max_backlog':16384,'max_signal':1024},'room-home':{}}");
	a = join(fake, "home", 'a');
	current = attempt = 0;
	open = false;
	got = acked = last_from_a = sent_by_a = seen_by_a = n_of_a = 0;
	expected = 100;
	memset(answered, 0, sizeof(answered));
	json_decref(events(fake, a));
	/* B has to be there before A can send to it, and nothing may be in front of what A counts. */
	take_next_peer();
	run_one(&links[1]);
	for(int i = 0; i < 1500; i++)
		step(true);
	for(int i = 0; i < 20000 && !is_complete(); i++)
		step(false);
	ck_assert_msg(is_complete(), "after %d links: B has %d of %d from A, A has %d of %d from B, B is %s", current, (int)last_from_a,
		(int)expected, (int)seen_by_a, REQUESTS, open ? "open" : "not open");
	for(int i = 1; i <= current; i++) {
		end_link(&links[i]);
		g_ptr_array_free(links[i].pool, TRUE);
		g_ptr_array_free(links[i].replies, TRUE);
	}
	g_rand_free(chance);
	fake_host_free(fake);
}
END_TEST

Suite *schedule_suite(void) {
	Suite *suite = suite_create("schedule");
	TCase *tests = tcase_create("schedule");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, whatever_the_network_does_everything_arrives_once_and_in_order, 0, 100);
	suite_add_tcase(suite, tests);
	return suite;
}
