/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model's counterexamples against the real core. Each rule of tests/model/stream.pml has a run in tests/model/traces that
 * breaks a promise when nothing but that rule is missing. Here the core is taken along each of them, step by step, by the
 * model's client, and then on, fairly, until nothing is left to be done: with the rule in place every promise is kept.
 *
 * What the model calls SOFT and HARD, two and three events of backlog, are weights here: events of 40 kB, so that a push has
 * just one of them, two fit into three quarters of max_backlog, and three into all of it. */
#include "check_portal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_host.h"
#include "room.h"

#define CONFIG "{'general':{'max_signal':50000,'max_metadata':50000,'max_backlog':130000,'resume_timeout':3600},'room-home':{}}"
#define WEIGHT 40000
#define LINKS 8    /* handles; more than any run has */
#define REQUESTS 2 /* numbered requests of each life */
#define LEAVE (REQUESTS + 1)
#define EVENTS 5
#define ROUNDS 100 /* enough to do all that is left to be done */

static const char *const rules[] = { "NO_ORDER", "NO_ONCE", "NO_KEPT", "NO_UNUSED", "NO_RESEND", "NO_REPLAY",
		"NO_ATTEMPT", "NO_HOLDER",
	"NO_CURRENT", "NO_KEEPING", "NO_ACK", "NO_REFUSAL", "NO_RESERVE", "NO_NEW_PEER" };

/* One handle of B's: what was sent on it and has not been run, what was answered, what was pushed. */
typedef struct model_link {
	portal_peer *peer; /* NULL once the server has noticed its end */
	int join, join_has, join_answered; /* attempt, and the events that it said to have; 0 if there is none */
	json_t *join_answer;
	int copies[LEAVE + 1], life_of[LEAVE + 1];
	json_t *answers[LEAVE + 1];
	bool acks[EVENTS + 1];
	GQueue pushes;
} model_link;

static fake_host *fake;
static portal_peer *a;
static model_link links[LINKS];
static int lives, signals; /* of this run: what others send in the first life; one in the second */

/* B's client */
static int life, current, attempt, got;
static bool open, finished, answered[LEAVE + 1], outstanding[LEAVE + 1];
/* The others: what A has told B in this life, and what it has heard of it */
static int sent, told_roster, expected[EVENTS + 1], heard, joins_seen;
static const char *rule;
static bool limited;

static void forget_answers(model_link *link) {
	g_clear_pointer(&link->join_answer, json_decref);
	for(int n = 1; n <= LEAVE; n++)
		g_clear_pointer(&link->answers[n], json_decref);
	for(json_t *push; (push = g_queue_pop_head(&link->pushes)) != NULL;)
		json_decref(push);
}

static int events_of_all(void) {
	return sent + told_roster;
}

static bool everybody_heard(void) {
	return sent == (life == 1 ? signals : 1) && told_roster == (life == 1);
}

static bool has_all(void) {
	return answered[1] && answered[2] && everybody_heard() && got == events_of_all();
}

/* ----- Steps of the client; each says whether it could be done */

static void send_join(int p) {
	open = false;
	links[p].join = ++attempt;
	links[p].join_has = got;
	memset(outstanding, 0, sizeof(outstanding)); /* whatever has no answer is sent again */
}

static bool attach(int p, int n) {
	(void)p;
	(void)n;
	if(current + 1 >= LINKS || outstanding[LEAVE])
		return false;
	links[++current] = (model_link) { .peer = portal_attach(fake->core, NULL), .pushes = G_QUEUE_INIT };
	send_join(current);
	return true;
}

/* The transport broke, and Janus gave the same handle to a new one: what was on its way is lost. */
static bool claim(int p, int n) {
	(void)n;
	if(p != current || !open || links[p].peer == NULL)
		return false;
	forget_answers(&links[p]);
	send_join(p);
	return true;
}

static bool read_join(int p, int n) {
	(void)n;
	model_link *link = &links[p];
	if(p != current || link->join_answer == NULL)
		return false;
	const char *code = json_string_value(json_object_get(link->join_answer, "code"));
	bool last = link->join_answered == attempt;
	ck_assert_msg(!last || code == NULL, "%s: the last join was refused with %s", rule, code);
	g_clear_pointer(&link->join_answer, json_decref);
	open = last;
	return true;
}

static bool send_number(int p, int n) {
	if(p != current || !open || links[p].peer == NULL || answered[n] || outstanding[n]
			|| (n == LEAVE && (!has_all() || lives < 2 || life > 1)))
		return false;
	links[p].copies[n]++;
	links[p].life_of[n] = life;
	outstanding[n] = true;
	return true;
}

/* It left, and lives once more; not on a handle that had its membership, however its client tries. */
static void live_again(void) {
	json_auto_t *body = json_pack("{s:s, s:s, s:s}", "request", "join", "room", "home", "key", "bbbbbbbbbbbbbbbbbbbbbb");
	json_auto_t *refusal = portal_handle(fake->core, links[current].peer, "again", body);
	ck_assert_str_eq(json_string_value(json_object_get(refusal, "code")), "peer_used");
	life = 2;
	got = attempt = sent = told_roster = heard = 0;
	memset(answered, 0, sizeof(answered));
	memset(outstanding, 0, sizeof(outstanding));
	ck_assert(attach(0, 0));
}

static bool read_answer(int p, int n) {
	if(p != current || !open || links[p].answers[n] == NULL)
		return false;
	json_auto_t *answer = g_steal_pointer(&links[p].answers[n]);
	const char *code = json_string_value(json_object_get(answer, "code"));
	if(answered[n])
		return true;
	if(g_strcmp0(code, "rate_limited") == 0) {
		outstanding[n] = false;
	} else {
		/* To have left already is what it wanted. */
		bool good = n == LEAVE ? code == NULL || strcmp(code, "room_not_set") == 0
			: json_integer_value(json_object_get(answer, "relayed")) == 1;
		ck_assert_msg(good, "%s: request %d was answered with %s", rule, n, code);
		answered[n] = true;
		if(n == LEAVE)
			live_again();
	}
	return true;
}

static bool read_push(int p, int n) {
	(void)n;
	if(p != current || !open || g_queue_is_empty(&links[p].pushes))
		return false;
	json_auto_t *push = g_queue_pop_head(&links[p].pushes);
	/* Its client would not come back after that. */
	ck_assert_msg(strcmp(json_string_value(json_object_get(push, "portal")), "event") == 0, "%s: closed: %s", rule,
		json_string_value(json_object_get(push, "reason")));
	int first = (int)json_integer_value(json_object_get(push, "n"));
	if(first > got + 1) {
		send_join(p); /* a gap: what is missing once more, on the same peer */
		return true;
	}
	size_t i;
	json_t *event;
	json_array_foreach(json_object_get(push, "events"), i, event) {
		if(first + (int)i <= got)
			continue;
		ck_assert_msg(++got <= events_of_all(), "%s: event %d, of %d", rule, got, events_of_all());
		int payload = (int)json_integer_value(json_array_get(json_object_get(event, "payload"),
			0)); /* 0 of what is no signal */
		ck_assert_msg(payload == expected[got], "%s: event %d is signal %d, not %d", rule, got, payload, expected[got]);
		links[p].acks[got] = true;
	}
	return true;
}

/* ----- Steps of the server */

/* Late answers, which go out before events, are replies like any other. */
static void take_late_answers(model_link *link) {
	portal_push push;
	while(link->peer != NULL && !g_queue_is_empty(&link->peer->answers)) {
		ck_assert(portal_next_push(fake->core, link->peer, &push));
		if(push.transaction == NULL) {
			g_queue_push_tail(&link->pushes, json_incref(push.message));
		} else {
			json_t **place = &link->answers[atoi(push.transaction)];
			json_decref(*place);
			*place = json_incref(push.message);
		}
		portal_push_clear(&push);
	}
}

/* A hears of B: its requests took effect in order, once each, and in the name of the life that sent them. */
static void let_a_hear(void) {
	json_auto_t *all = events(fake, a), *event;
	size_t i;
	json_array_foreach(all, i, event) {
		const char *name = json_string_value(json_object_get(event, "event"));
		const json_t *payload = json_object_get(event, "payload");
		if(strcmp(name, "joined") == 0) {
			joins_seen++;
			heard = 0;
		} else if(strcmp(name, "signal") == 0) {
			int of_life = (int)json_integer_value(json_array_get(payload, 0)),
				number = (int)json_integer_value(json_array_get(payload, 1));
			ck_assert_msg(of_life == joins_seen, "%s: request %d of life %d took effect in life %d", rule, number,
				of_life, joins_seen);
			ck_assert_msg(number == ++heard, "%s: request %d took effect in place of %d", rule, number, heard);
		} else if(strcmp(name, "left") == 0) {
			ck_assert_msg(strcmp(json_string_value(json_object_get(event, "reason")), "leave") == 0, "%s: B was removed", rule);
		}
	}
	event = NULL;
}

static bool run_join(int p, int n) {
	(void)n;
	model_link *link = &links[p];
	if(link->peer == NULL || link->join == 0)
		return false;
	json_auto_t *body = json_pack("{s:s, s:s, s:s, s:i}", "request", "join", "room", "home", "key", "bbbbbbbbbbbbbbbbbbbbbb",
		"attempt", link->join);
	if(link->join_has > 0) /* until it has anything, it repeats its first join */
		json_object_set_new(body, "ack", json_integer(link->join_has));
	json_decref(link->join_answer);
	link->join_answer = portal_handle(fake->core, link->peer, "join", body);
	link->join_answered = link->join;
	link->join = 0;
	const char *code = json_string_value(json_object_get(link->join_answer, "code"));
	ck_assert_msg(g_strcmp0(code, "events_gone") != 0, "%s: a client that lost nothing cannot come back", rule);
	return true;
}

static bool run_number(int p, int n) {
	model_link *link = &links[p];
	if(link->peer == NULL || link->copies[n] == 0)
		return false;
	link->copies[n]--;
	json_auto_t *body = n == LEAVE ? json_pack("{s:s, s:i}", "request", "leave", "seq", n)
		: json_pack("{s:s, s:i, s:[{s:s, s:[i, i]}]}", "request", "relay", "seq", n, "signals", "type", "x",
			"payload", link->life_of[n], n);
	portal_member *member = link->peer->member;
	if(limited && member != NULL)
		member->requests = (portal_bucket) { .spent = 1e9, .at = fake->now };
	g_autofree char *transaction = g_strdup_printf("%d", n);
	json_t *answer = portal_handle(fake->core, link->peer, transaction, body);
	if(limited && member != NULL)
		member->requests = (portal_bucket) { 0 };
	if(answer != NULL) {
		json_decref(link->answers[n]);
		link->answers[n] = answer;
	}
	take_late_answers(link);
	return true;
}

static bool run_ack(int p, int n) {
	model_link *link = &links[p];
	if(link->peer == NULL || !link->acks[n])
		return false;
	link->acks[n] = false;
	json_auto_t *body = json_pack("{s:s, s:i}", "request", "ack", "ack", n);
	json_auto_t *answer = portal_handle(fake->core, link->peer, "ack", body);
	const char *code = json_string_value(json_object_get(answer, "code"));
	ck_assert_msg(code == NULL || strcmp(code, "room_not_set") == 0, "%s: ack %d was refused with %s", rule, n, code);
	return true;
}

static bool push_one(int p, int n) {
	(void)n;
	model_link *link = &links[p];
	portal_push push;
	if(link->peer == NULL)
		return false;
	take_late_answers(link);
	if(!portal_next_push(fake->core, link->peer, &push))
		return false;
	g_queue_push_tail(&link->pushes, json_incref(push.message));
	portal_push_clear(&push);
	return true;
}

static bool detach(int p, int n) {
	(void)n;
	model_link *link = &links[p];
	if(link->peer == NULL || (p == current && outstanding[LEAVE]))
		return false;
	portal_detach(fake->core, link->peer);
	forget_answers(link);
	*link = (model_link) { .pushes = G_QUEUE_INIT };
	return true;
}

/* ----- Steps of the others */

static json_t *heavy_text(void) {
	g_autofree char *text = g_strnfill(WEIGHT, 'x');
	return json_string(text);
}

static bool send_signal(int p, int n) {
	(void)p;
	(void)n;
	if(joins_seen != life || sent == (life == 1 ? signals : 1))
		return false;
	json_auto_t *body = json_pack("{s:s, s:[{s:s, s:s, s:[i, o]}]}", "request", "relay", "signals", "to", id_of('b'),
		"type", "x",
		"payload", sent + 1, heavy_text());
	json_auto_t *answer = portal_handle(fake->core, a, "signal", body);
	if(json_integer_value(json_object_get(answer, "relayed")) == 0) {
		const json_t *failed = json_array_get(json_object_get(answer, "failed"), 0);
		ck_assert_str_eq(json_string_value(json_object_get(failed, "code")), "recipient_full"); /* it tries again */
		return false;
	}
	sent++;
	expected[events_of_all()] = sent;
	return true;
}

/* Something that cannot be refused. */
static bool tell_roster(int p, int n) {
	(void)p;
	(void)n;
	if(joins_seen != 1 || life != 1 || told_roster == 1)
		return false;
	json_auto_t *body = json_pack("{s:s, s:{s:o}}", "request", "configure", "metadata", "a", heavy_text());
	/* Here one event is more than the roster may take of a backlog; that is another rule. */
	a->member->room->told = (portal_bucket) { 0 };
	json_auto_t *answer = portal_handle(fake->core, a, "tell", body);
	a->member->room->told = (portal_bucket) { 0 };
	ck_assert_str_eq(json_string_value(json_object_get(answer, "portal")), "success");
	told_roster++;
	expected[events_of_all()] = 0;
	return true;
}

static const struct model_step { const char *name; bool (*take)(int p, int n); } steps[] = {
	{ "attach", attach }, { "claim", claim }, { "read_join", read_join }, { "send", send_number },
		{ "read_answer", read_answer },
	{ "read_push", read_push }, { "run", run_number }, { "run_join", run_join }, { "run_ack", run_ack }, { "push", push_one },
	{ "detach", detach }, { "signal", send_signal }, { "tell", tell_roster },
};

/* What cannot be done any more is left out: with the rule in place the core has gone another way. */
static bool take(const char *line, const char *next) {
	char name[32];
	int p = 0, n = 0;
	ck_assert_int_ge(sscanf(line, "%31s %d %d", name, &p, &n), 1);
	if(strcmp(name, "limited") == 0)
		return true; /* said of the step before */
	limited = next != NULL && strcmp(next, "limited") == 0;
	for(size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
		if(strcmp(steps[i].name, name) != 0)
			continue;
		bool taken = p <= current + 1 && steps[i].take(p, n);
		let_a_hear();
		limited = false;
		return taken;
	}
	ck_abort_msg("%s: there is no step %s", rule, name);
}

/* Whatever is under way arrives, whatever can be sent is. */
static void go_on(void) {
	if(current == 0 || links[current].peer == NULL)
		attach(0, 0);
	send_signal(0, 0);
	tell_roster(0, 0);
	for(int p = 1; p <= current; p++) {
		run_join(p, 0);
		read_join(p, 0);
		for(int n = 1; n <= LEAVE; n++) {
			send_number(p, n);
			run_number(p, n);
			let_a_hear();
			read_answer(p, n);
		}
		push_one(p, 0);
		read_push(p, 0);
		for(int n = 1; n <= EVENTS; n++)
			run_ack(p, n);
		let_a_hear();
	}
	finished = open && has_all() && life == lives;
}

static char **read_trace(void) {
	g_autofree char *file = g_strconcat(rule, ".trace", NULL), *text = NULL;
	g_autofree char *path = g_build_filename(g_getenv("PORTAL_SOURCE") != NULL ? g_getenv("PORTAL_SOURCE") : ".",
		"tests", "model",
		"traces", file, NULL);
	ck_assert_msg(g_file_get_contents(path, &text, NULL, NULL), "%s cannot be read", path);
	return g_strsplit(g_strchomp(text), "\n", -1);
}

START_TEST(the_core_keeps_what_the_model_breaks_without_the_rule) {
	rule = rules[_i];
	g_auto(GStrv) lines = read_trace();
	ck_assert_int_eq(sscanf(lines[0], "LIVES=%d SIGNALS=%d", &lives, &signals), 2);
	fake = fake_host_new(CONFIG);
	a = join(fake, "home", 'a');
	life = 1;
	current = attempt = got = sent = told_roster = heard = joins_seen = 0;
	open = finished = limited = false;
	memset(answered, 0, sizeof(answered));
	memset(outstanding, 0, sizeof(outstanding));
	int taken = 0;
	for(char **line = &lines[1]; *line != NULL; line++)
		taken += take(*line, line[1]);
	ck_assert_msg(taken >= 3, "%s: only %d steps could be taken", rule, taken);
	for(int i = 0; i < ROUNDS && !finished; i++)
		go_on();
	ck_assert_msg(finished, "%s: B is stuck: it has %d events of %d, and is %s", rule, got, events_of_all(), open
		? "open" : "not open");
	for(int p = 1; p <= current; p++)
		forget_answers(&links[p]);
	fake_host_free(fake);
}
END_TEST

Suite *model_suite(void) {
	Suite *suite = suite_create("model");
	TCase *tests = tcase_create("model");
	tcase_add_loop_test(tests, the_core_keeps_what_the_model_breaks_without_the_rule, 0, (int)G_N_ELEMENTS(rules));
	suite_add_tcase(suite, tests);
	return suite;
}
