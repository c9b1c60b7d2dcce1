/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file truth.c
 * \brief The plainest server that keeps README's promises: it is told by the real one only what was refused and when, and
 * knows by itself what must not be granted, and what has to follow. */
#include "truth.h"

#include <string.h>

#include "fields.h"
#include "peer.h"
#include "room.h"

#define ENVELOPE 256
#define HOUR (3600 * (gint64)G_USEC_PER_SEC)
#define EVENTS_A_PUSH 64
#define BYTES_A_PUSH 65536

typedef struct truth_held {
	json_t *body;
	guint64 seq;
	size_t weight;
} truth_held;

typedef struct truth_past {
	const char *code;
	gint64 until;
} truth_past;

static void unref(void *json) {
	json_decref(json);
}

static size_t weight_of(const json_t *value) {
	size_t weight = 0;
	bool measured = portal_weigh(value, PORTAL_DEPTH_CEILING, &weight);
	promise(measured, "the core says something that is nested too deep to be weighed");
	return weight;
}

/* What an event weighs around the type and the payload of its signal: with room, id and names as long as they are. */
#define AROUND_SIGNAL 166

/* A payload is weighed once, by itself, so its lines count as if they began less far to the right. */
static size_t weight_of_event(const json_t *event) {
	const json_t *payload = json_object_get(event, "payload");
	return payload == NULL ? weight_of(event) : weight_of(payload) + weight_of(json_object_get(event, "type")) + AROUND_SIGNAL;
}

static const char *string_of(const json_t *object, const char *name) {
	return json_string_value(json_object_get(object, name));
}

static json_int_t number_of(const json_t *object, const char *name) {
	return json_integer_value(json_object_get(object, name));
}

/* A field that is there and not null, which stands for absent. */
static json_t *field(const json_t *object, const char *name) {
	json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

/* A limit of a room, if it has its own, else of the server. */
static json_int_t limit(const truth_whole *truth, const truth_room *room, const char *name) {
	const json_t *own = room == NULL ? NULL : json_object_get(room->given, name);
	promise(own != NULL || json_object_get(truth->general, name) != NULL, "the target does not say its %s", name);
	return own != NULL ? json_integer_value(own) : number_of(truth->general, name);
}

static bool is_on(const json_t *given, const char *name) {
	const json_t *value = json_object_get(given, name);
	const char *text = json_string_value(value);
	return json_is_true(value) || (text != NULL && (g_ascii_strcasecmp(text, "yes") == 0
		|| g_ascii_strcasecmp(text, "true") == 0));
}

/* Whether it is a hash, so that nobody here knows what it stands for. */
static bool is_hash(const char *text) {
	return text != NULL && g_str_has_prefix(text, "sha256:");
}

static bool grants(truth_bucket *bucket, double cost, double rate, double burst, gint64 now) {
	if(!bucket->used)
		*bucket = (truth_bucket) { burst, now, true };
	bucket->left = MIN(burst, bucket->left + (double)(now - bucket->at) * rate / G_USEC_PER_SEC);
	bucket->at = now;
	bool granted = bucket->left + 0.001 >= MIN(cost, burst);
	bucket->left -= cost;
	return granted;
}

/* ----- Members and rooms */

static gint by_name(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	return strcmp(one, other);
}

static void clear_event(void *data) {
	json_decref(((truth_event *)data)->event);
}

static void free_held(void *data) {
	json_decref(((truth_held *)data)->body);
	g_free(data);
}

static void free_member(void *data) {
	truth_member *member = data;
	json_decref(member->display);
	json_decref(member->metadata);
	json_decref(member->view);
	g_hash_table_destroy(member->held);
	g_ptr_array_free(member->answers, TRUE);
	g_array_free(member->told, TRUE);
	g_array_free(member->to_tell, TRUE);
	g_free(member);
}

static void free_room(void *data) {
	truth_room *room = data;
	g_tree_destroy(room->members);
	json_decref(room->given);
	g_free(room->name);
	g_free(room);
}

static truth_room *find_room(const truth_whole *truth, const char *name) {
	return name == NULL ? NULL : g_tree_lookup(truth->rooms, name);
}

static truth_room *new_room(truth_whole *truth, const char *name, json_t *given) {
	truth_room *room = g_new0(truth_room, 1);
	room->name = g_strdup(name);
	room->given = given;
	room->members = g_tree_new_full(by_name, NULL, NULL, free_member);
	g_tree_insert(truth->rooms, room->name, room);
	return room;
}

#define each_member(room, member) \
	for(GTreeNode *node_of_##member = g_tree_node_first((room)->members); \
		node_of_##member != NULL && ((member) = g_tree_node_value(node_of_##member)) != NULL; \
		node_of_##member = g_tree_node_next(node_of_##member))

#define each_room(truth, room) \
	for(GTreeNode *node_of_##room = g_tree_node_first((truth)->rooms); \
		node_of_##room != NULL && ((room) = g_tree_node_value(node_of_##room)) != NULL; \
		node_of_##room = g_tree_node_next(node_of_##room))

/* What everybody may know of a member. */
static json_t *member_json(const truth_member *member) {
	json_t *object = json_pack("{s:s, s:O*, s:O*}", "id", member->id, "display", member->display, "metadata", member->metadata);
	if(member->peer == NULL)
		json_object_set_new(object, "away", json_true());
	return object;
}

/* Of each pair, one is polite: the one with the greater id. */
static json_t *seen_by(const truth_member *member, const truth_member *by) {
	json_t *object = member_json(member);
	json_object_set_new(object, "polite", json_boolean(strcmp(by->id, member->id) > 0));
	return object;
}

static json_t *roster_for(const truth_member *by) {
	json_t *list = json_array();
	truth_member *member;
	each_member(by->room, member) {
		if(member != by)
			json_array_append_new(list, seen_by(member, by));
	}
	return list;
}

/* ----- What is to be told */

static size_t soft_backlog(const truth_whole *truth, const truth_room *room) {
	return (size_t)limit(truth, room, "max_backlog") / 4 * 3;
}

/* If it is full, or would be with so much more, it has to acknowledge something in time from now on. */
static void mark_full(const truth_whole *truth, truth_member *member, size_t more) {
	if(member->peer != NULL && member->full_until == 0 && member->pressed_until == 0 && member->backlog + more > soft_backlog(truth, member->room))
		member->full_until = truth->host.now + limit(truth, member->room, "ack_timeout") * G_USEC_PER_SEC;
}

static void more_waits(truth_whole *truth, truth_member *member, size_t weight) {
	member->backlog += weight;
	member->added += weight;
	truth->backlogs += weight;
	mark_full(truth, member, 0);
}

static void will_be_told(truth_whole *truth, truth_member *member, json_t *event) {
	truth_event entry = { json_incref(event), weight_of_event(event), member->room->version };
	g_array_append_val(member->to_tell, entry);
	more_waits(truth, member, entry.weight);
}

/* The newest event that the core has for it; but if that is of somebody's end, to which this call has led, the one that was the last
 * that is known here. */
static json_t *newest_of(const truth_member *member) {
	const portal_stream *stream = &member->real->stream;
	json_t *newest = stream->ring[stream->last & (stream->capacity - 1)].event;
	guint64 known = member->told->len + member->to_tell->len;
	bool is_end = g_strcmp0(json_string_value(json_object_get(newest, "event")), "left") == 0;
	return is_end && known > stream->acked && known < stream->last ? stream->ring[known & (stream->capacity - 1)].event : newest;
}

/* Who joins while the last event is one of that kind, and nobody has seen it, may be put into that one. */
static bool was_gathered(truth_whole *truth, truth_member *member, json_t *about, json_t *event) {
	if(member->to_tell->len == 0)
		return false;
	truth_event *last = &g_array_index(member->to_tell, truth_event, member->to_tell->len - 1);
	const json_t *list = json_object_get(last->event, "members"), *now = json_object_get(newest_of(member), "members");
	if(list == NULL || json_array_size(now) != json_array_size(list) + 1)
		return false;
	json_t *more = json_deep_copy(last->event);
	json_array_append(json_object_get(more, "members"), about);
	json_decref(last->event);
	last->event = more;
	size_t weight = weight_of(event);
	last->weight += weight;
	last->version = member->room->version;
	more_waits(truth, member, weight);
	return true;
}

static double roster_burst(const truth_whole *truth, const truth_room *room) {
	return (double)MAX(limit(truth, room, "max_backlog") / 16, 8192);
}

/* What all of them are told has a rate, so that the roster does not fill their backlogs; it is counted even where nobody is there. */
static void count_told(const truth_whole *truth, truth_room *room, size_t weight) {
	json_int_t seconds = MAX(limit(truth, room, "resume_timeout"), limit(truth, room, "ack_timeout"));
	double burst = roster_burst(truth, room);
	grants(&room->told, (double)weight, 2 * burst / (double)seconds, burst, truth->host.now);
	room->told.left = MAX(room->told.left, -2 * burst); /* so nobody waits for more than those seconds */
}

/* The event is stolen. */
static void others_will_be_told(truth_whole *truth, truth_room *room, const truth_member *except, json_t *event) {
	truth_member *member;
	count_told(truth, room, weight_of(event));
	each_member(room, member) {
		if(member != except)
			will_be_told(truth, member, event);
	}
	json_decref(event);
}

/* Its peer is told nothing of what was queued for it, but this. */
static void close_peer(truth_peer *peer, const char *reason) {
	peer->notice = g_intern_string(reason);
	peer->answers_seen = 0;
}

static void part(truth_member *member) {
	if(member->peer == NULL)
		return;
	member->peer->member = NULL;
	member->peer->used = true;
	member->peer = NULL;
	member->full_until = 0;
	g_hash_table_remove_all(member->held);
}

/* Ends a membership without telling anybody. */
static void forget(truth_whole *truth, truth_member *member) {
	part(member);
	truth->backlogs -= member->backlog;
	truth->members--;
	g_tree_remove(member->room->members, member->id);
}

static void end_member(truth_whole *truth, truth_member *member, const char *reason) {
	truth_room *room = member->room;
	json_t *event = json_pack("{s:s, s:s, s:s}", "event", "left", "id", member->id, "reason", reason);
	forget(truth, member);
	room->version++;
	others_will_be_told(truth, room, NULL, event);
}

static void cannot_come_back(truth_whole *truth, const char *room, const char *id, const char *code) {
	truth_past *past = g_new(truth_past, 1);
	*past = (truth_past) { code, truth->host.now + HOUR };
	g_hash_table_insert(truth->past, g_strconcat(room, " ", id, NULL), past);
}

static const char *past_of(const truth_whole *truth, const char *room, const char *id) {
	g_autofree char *name = g_strconcat(room, " ", id, NULL);
	const truth_past *past = g_hash_table_lookup(truth->past, name);
	return past != NULL && past->until > truth->host.now ? past->code : NULL;
}

static void acknowledged(truth_whole *truth, truth_member *member, guint64 ack) {
	if(ack <= member->acked)
		return;
	while(member->acked < ack) {
		truth_event *event = &g_array_index(member->told, truth_event, member->acked++);
		member->backlog -= event->weight;
		truth->backlogs -= event->weight;
	}
	member->full_until = 0;
	if(ack >= member->pressed_for)
		member->pressed_until = 0;
	member->progress = truth->host.now;
	if(member->peer != NULL) {
		member->peer->unread = 0;
		member->peer->asked = false;
	}
}

/* ----- Limits of a peer, and what it has not read */

static size_t unread_allowed(const truth_whole *truth, const truth_peer *peer) {
	return MAX((size_t)limit(truth, peer->member == NULL ? NULL : peer->member->room, "max_backlog"), 1024 * 1024);
}

static void given(const truth_whole *truth, truth_peer *peer, size_t weight) {
	peer->unread += weight + ENVELOPE;
	peer->ended |= peer->unread > 4 * unread_allowed(truth, peer);
}

/* One that only asks has nothing to acknowledge, so after some answers it is given something. */
static void will_be_asked(const truth_whole *truth, truth_peer *peer) {
	if(peer->member == NULL || peer->asked || peer->unread <= unread_allowed(truth, peer) / 4)
		return;
	peer->asked = true;
	peer->member->asks++;
}

/* What was granted must have been within the limits. */
static void check_spending(const truth_whole *truth, truth_peer *peer, double cost, size_t weight) {
	const truth_member *member = peer->member;
	gint64 now = truth->host.now;
	promise(peer->unread <= 2 * unread_allowed(truth, peer), "one that has %zu bytes to read was answered", peer->unread);
	if(member == NULL) {
		promise(grants(&peer->requests, cost, 20, 100, now), "a peer without membership asks too often");
		promise(grants(&peer->bytes, (double)weight, 65536, 524288, now), "a peer without membership asks too much");
		return;
	}
	const truth_room *room = member->room;
	promise(grants(&((truth_member *)member)->requests, cost, (double)limit(truth, room, "rate"),
		(double)limit(truth, room, "burst"), now),
		"%s asks too often", member->id);
	promise(grants(&((truth_member *)member)->bytes, (double)weight, (double)limit(truth, room, "byte_rate"),
		(double)limit(truth, room, "byte_burst"), now), "%s asks too much", member->id);
}

/* An answer costs what it weighs, there or not. */
static void charge(const truth_whole *truth, truth_peer *peer, size_t weight) {
	if(peer->member != NULL)
		grants(&peer->member->bytes, (double)weight, (double)limit(truth, peer->member->room, "byte_rate"),
			(double)limit(truth, peer->member->room, "byte_burst"), truth->host.now);
	else
		grants(&peer->bytes, (double)weight, 65536, 524288, truth->host.now);
}

static void check_telling(const truth_whole *truth, truth_room *room) {
	double rate = (double)limit(truth, room, "room_rate");
	promise(grants(&room->telling, 1, rate, rate, truth->host.now), "too much happens in %s", room->name);
	count_told(truth, room, 0);
	promise(room->told.left + 0.001 >= 0, "the roster of %s takes too much of every backlog", room->name);
}

static void check_return(const truth_whole *truth, truth_member *member) {
	double rate = (double)limit(truth, member->room, "room_rate"),
		own = 10 / (double)MAX(limit(truth, member->room, "resume_timeout"), limit(truth, member->room, "ack_timeout"));
	promise(grants(&member->room->returns, 1, rate, rate, truth->host.now), "too many come back to %s", member->room->name);
	promise(grants(&member->returns, 1, own, 20, truth->host.now), "%s comes and goes as often as it likes", member->id);
}

/* ----- What was granted */

/* What is asked for, and of whom. */
typedef struct asking {
	truth_whole *truth;
	truth_peer *peer;   /* NULL for the Admin API */
	const json_t *body, *reply;
} asking;

static void check_seen(const asking *ask, const json_t *description, const truth_room *room) {
	promise(json_equal(json_object_get(description, "description"), json_object_get(room->given, "description"))
		|| json_object_get(description, "description") == json_object_get(room->given, "description"),
			"another description: %s", fuzz_text(ask->reply));
}

/* A secret of the request is that of the room, as far as this can be known here. */
static bool is_secret(const json_t *body, const char *said, const json_t *given, const char *wanted) {
	const char *kept = string_of(given, wanted), *text = string_of(body, said);
	return kept != NULL && text != NULL && (is_hash(kept) || strcmp(kept, text) == 0);
}

static bool may_join(const asking *ask, const truth_room *room) {
	const json_t *body = ask->body, *tokens = json_object_get(room->given, "allowed");
	const char *token = string_of(body, "token");
	if(json_object_get(room->given, "pin") != NULL && !is_secret(body, "pin", room->given, "pin"))
		return false;
	bool listed = tokens == NULL;
	for(size_t i = 0; i < json_array_size(tokens) && token != NULL; i++) {
		const char *one = json_string_value(json_array_get(tokens, i));
		listed |= is_hash(one) || strcmp(one, token) == 0;
	}
	g_autofree char *signature = g_strconcat("signed room=", room->name, NULL);
	return listed && (!is_on(room->given, "signed_tokens") || g_strcmp0(token, signature) == 0);
}

/* Through the Admin API a key may be left out; one that is given has to be right there too. */
static bool may_manage_all(const asking *ask) {
	if(field(ask->body, "admin_key") == NULL)
		return ask->peer == NULL;
	return g_strcmp0(string_of(ask->body, "admin_key"), ask->truth->admin_key) == 0;
}

static bool may_manage(const asking *ask, const truth_room *room) {
	if(field(ask->body, "secret") != NULL)
		return is_secret(ask->body, "secret", room->given, "secret");
	return may_manage_all(ask);
}

static void forget_view(truth_member *member, const json_t *members) {
	size_t i;
	json_t *other;
	json_decref(member->view);
	member->view = json_object();
	json_array_foreach(members, i, other)
		json_object_set(member->view, string_of(other, "id"), other);
}

/* The time at which the credentials end that a reply or an event has for the member. */
static void note_credentials(truth_member *member, const json_t *message) {
	size_t i;
	json_t *server;
	json_array_foreach(json_object_get(message, "ice_servers"), i, server) {
		const char *user = string_of(server, "username");
		if(user == NULL)
			continue;
		member->expires = g_ascii_strtoll(user, NULL, 10);
		promise(g_str_has_suffix(user, member->id), "%s has the credentials of %s", member->id, user);
	}
}

static void joined(const asking *ask, truth_room *room, const char *id) {
	truth_whole *truth = ask->truth;
	truth_member *member, *other;
	promise(past_of(truth, room->name, id) == NULL, "one that was thrown out is in again: %s", fuzz_text(ask->reply));
	promise(may_join(ask, room), "the door was shut: %s", fuzz_text(ask->reply));
	promise(!is_on(room->given, "locked"), "the room was locked: %s", fuzz_text(ask->reply));
	promise(g_tree_nnodes(room->members) < limit(truth, room, "max_members"), "the room was full: %s", fuzz_text(ask->reply));
	promise(truth->members < (guint)limit(truth, NULL, "max_total_members"), "the server was full: %s", fuzz_text(ask->reply));
	promise(field(ask->body, "ack") == NULL, "there is nothing to come back to: %s", fuzz_text(ask->reply));
	promise((field(ask->body, "key") == NULL) == (json_object_get(ask->reply, "key") != NULL),
		"whose key is it: %s", fuzz_text(ask->reply));
	check_telling(truth, room);
	member = g_new0(truth_member, 1);
	g_strlcpy(member->id, id, sizeof(member->id));
	member->room = room;
	member->peer = ask->peer;
	member->display = json_incref(field(ask->body, "display"));
	member->metadata = json_incref(field(ask->body, "metadata"));
	member->attempt = (guint64)json_integer_value(field(ask->body, "attempt"));
	member->held = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_held);
	member->answers = g_ptr_array_new_with_free_func(unref);
	member->told = g_array_new(FALSE, FALSE, sizeof(truth_event));
	member->to_tell = g_array_new(FALSE, FALSE, sizeof(truth_event));
	g_array_set_clear_func(member->told, clear_event);
	g_array_set_clear_func(member->to_tell, clear_event);
	member->progress = truth->host.now;
	member->real = ask->peer->real->member;
	promise(member->real != NULL, "one that has joined is in no room");
	ask->peer->member = member;
	ask->peer->cursor = 0;
	room->version++;
	json_auto_t *shown = member_json(member), *joined = json_pack("{s:s, s:[O]}", "event", "joined", "members", shown);
	json_object_set_new(shown, "polite", json_true());
	count_told(truth, room, weight_of(joined));
	each_member(room, other) {
		json_auto_t *about = seen_by(member, other), *event = json_pack("{s:s, s:[O]}", "event", "joined", "members", about);
		/* Whose backlog this makes too large has ended by now. */
		bool is_there = portal_room_find(member->real->room, other->id) != NULL;
		if(!is_there || !was_gathered(truth, other, about, event))
			will_be_told(truth, other, event);
	}
	g_tree_insert(room->members, member->id, member);
	truth->members++;
	truth->joins++;
	json_auto_t *roster = roster_for(member);
	promise(json_equal(roster, json_object_get(ask->reply, "members")), "a wrong roster: %s", fuzz_text(ask->reply));
	promise(number_of(ask->reply, "n") == 0 && number_of(ask->reply, "version") == (json_int_t)room->version,
		"wrong numbers: %s", fuzz_text(ask->reply));
	promise(number_of(ask->reply, "resume_timeout") == limit(truth, room, "resume_timeout"),
		"another timeout: %s", fuzz_text(ask->reply));
	check_seen(ask, ask->reply, room);
	forget_view(member, roster);
}

static void came_back(const asking *ask, truth_member *member) {
	truth_whole *truth = ask->truth;
	truth_peer *former = member->peer;
	const json_t *attempt = field(ask->body, "attempt"), *ack = field(ask->body, "ack");
	guint64 got = ack == NULL ? member->acked : (guint64)json_integer_value(ack);
	size_t again = 0;
	promise(attempt == NULL || (guint64)json_integer_value(attempt) > member->attempt,
		"a stale attempt took the membership: %s", fuzz_text(ask->reply));
	promise(got >= member->acked && got <= member->told->len,
		"it has events that it cannot have, or lacks those that are gone: %s", fuzz_text(ask->reply));
	for(guint64 n = got; n < member->told->len; n++)
		again += g_array_index(member->told, truth_event, n).weight;
	promise(grants(&member->bytes, (double)again, (double)limit(truth, member->room, "byte_rate"),
		(double)limit(truth, member->room, "byte_burst"), truth->host.now),
			"too much is pushed again: %s", fuzz_text(ask->reply));
	acknowledged(truth, member, got);
	member->attempt = MAX(member->attempt, (guint64)json_integer_value(attempt));
	if(former == NULL) {
		check_return(truth, member);
		member->room->version++;
		others_will_be_told(truth, member->room, member, json_pack("{s:s, s:s}", "event", "back", "id", member->id));
	} else if(former != ask->peer) {
		part(member);
		close_peer(former, "replaced");
	}
	if(former != ask->peer)
		member->progress = truth->host.now;
	member->peer = ask->peer;
	ask->peer->member = member;
	ask->peer->cursor = member->acked;
	mark_full(truth, member, 0);
	truth->resumes++;
	promise(number_of(ask->reply, "seq") == (json_int_t)member->done
		&& number_of(ask->reply, "ack") == (json_int_t)member->acked
		&& number_of(ask->reply, "version") == (json_int_t)member->room->version, "wrong numbers: %s", fuzz_text(ask->reply));
	promise(number_of(ask->reply, "n") >= (json_int_t)(member->told->len + member->to_tell->len),
		"events are missing: %s", fuzz_text(ask->reply));
}

static void grant_join(const asking *ask) {
	truth_room *room = find_room(ask->truth, string_of(ask->body, "room"));
	const char *id = string_of(ask->reply, "id"), *key = string_of(ask->body, "key");
	promise(room != NULL && id != NULL, "there is no such room: %s", fuzz_text(ask->reply));
	promise(!ask->peer->used, "a peer has a second membership: %s", fuzz_text(ask->reply));
	char wanted[PORTAL_ID_LENGTH + 1];
	portal_id_of_key(key != NULL ? key : string_of(ask->reply, "key"), wanted);
	promise(strcmp(id, wanted) == 0, "not the id of that key: %s", fuzz_text(ask->reply));
	truth_member *member = g_tree_lookup(room->members, id);
	promise(ask->peer->member == NULL || ask->peer->member == member, "a peer is in two rooms: %s", fuzz_text(ask->reply));
	promise(json_is_true(json_object_get(ask->reply, "resumed")) == (member != NULL), "it is %s: %s",
		member != NULL ? "back" : "new", fuzz_text(ask->reply));
	promise(g_strcmp0(string_of(ask->reply, "room"), room->name) == 0, "another room: %s", fuzz_text(ask->reply));
	if(member != NULL)
		came_back(ask, member);
	else
		joined(ask, room, id);
	note_credentials(ask->peer->member, ask->reply);
}

/* What is wrong with a signal by itself, by README's table; NULL if nothing is. */
static const char *wrong_signal(const asking *ask, const json_t *signal) {
	const json_t *type = field(signal, "type"), *payload = json_object_get(signal, "payload"), *to = field(signal, "to");
	size_t i;
	json_t *id;
	if(!json_is_object(signal))
		return "invalid_field";
	if(type == NULL)
		return "missing_field";
	if(!json_is_string(type) || json_string_length(type) < 1 || json_string_length(type) > 64)
		return "invalid_field";
	if(payload != NULL && (json_int_t)weight_of(payload) > limit(ask->truth, ask->peer->member->room, "max_signal"))
		return "too_large";
	if(payload == NULL)
		return "missing_field";
	if(to == NULL)
		return NULL;
	if(!json_is_array(to))
		return json_string_length(to) == PORTAL_ID_LENGTH && portal_is_name(json_string_value(to)) ? NULL : "invalid_field";
	json_array_foreach(to, i, id) {
		if(json_string_length(id) != PORTAL_ID_LENGTH || !portal_is_name(json_string_value(id)))
			return "invalid_field";
	}
	return json_array_size(to) > 0 ? NULL : "invalid_field";
}

/* Takes the failure of this signal and code out of the list of those that are left; an empty list if there is none. */
static json_t *failed_to(json_t *failed, size_t index, const char *code, bool *found) {
	size_t i;
	json_t *one;
	*found = false;
	json_array_foreach(failed, i, one) {
		if(number_of(one, "index") == (json_int_t)index && strcmp(string_of(one, "code"), code) == 0) {
			json_t *to = json_incref(json_object_get(one, "to"));
			json_array_remove(failed, i);
			*found = true;
			return to != NULL ? to : json_array();
		}
	}
	return json_array();
}

static bool holds(const json_t *ids, const char *id) {
	for(size_t i = 0; i < json_array_size(ids); i++) {
		if(strcmp(json_string_value(json_array_get(ids, i)), id) == 0)
			return true;
	}
	return false;
}

/* One signal to one member: in its stream, or said to be refused for being full. */
static bool deliver(const asking *ask, truth_member *to, json_t *event, size_t weight, const json_t *full) {
	truth_whole *truth = ask->truth;
	if(holds(full, to->id)) {
		/* It was full, if it is with this; unless somebody was ended since, which may have made room. */
		size_t most = (size_t)limit(truth, NULL, "max_total_backlog");
		bool was = false;
		for(guint i = 0; i < truth->host.told->len; i++)
			was |= g_strcmp0(string_of(g_ptr_array_index(truth->host.told, i), "event"), "left") == 0;
		was = was || to->real->stream.backlog + weight > soft_backlog(truth, to->room)
			|| to->real->census->backlogs + weight > most;
		promise(was, "%s has room for %zu bytes more: %s", to->id, weight, fuzz_text(ask->reply));
		mark_full(truth, to, weight);
		return false;
	}
	promise(to->backlog + weight <= soft_backlog(truth, to->room),
		"a signal goes into the last quarter: %s", fuzz_text(ask->reply));
	promise(truth->backlogs + weight <= (size_t)limit(truth, NULL, "max_total_backlog"),
		"all backlogs are full: %s", fuzz_text(ask->reply));
	will_be_told(truth, to, event);
	truth->deliveries++;
	truth->bytes += (json_int_t)weight;
	return true;
}

static json_int_t relay_one(const asking *ask, json_t *failed, size_t index, const json_t *signal) {
	truth_member *from = ask->peer->member, *member;
	bool found;
	const char *wrong = wrong_signal(ask, signal);
	if(wrong != NULL) {
		json_decref(failed_to(failed, index, wrong, &found));
		promise(found, "signal %zu is wrong (%s): %s", index, wrong, fuzz_text(ask->reply));
		return 0;
	}
	json_auto_t *full = failed_to(failed, index, "recipient_full", &found);
	json_auto_t *unknown = failed_to(failed, index, "member_not_found", &found),
		*self = failed_to(failed, index, "recipient_is_self", &found);
	json_auto_t *event = json_pack("{s:s, s:s, s:O, s:O}", "event", "signal", "from", from->id,
		"type", json_object_get(signal, "type"), "payload", json_object_get(signal, "payload"));
	json_t *to = field(signal, "to");
	json_auto_t *ids = json_is_array(to) ? json_incref(to) : to != NULL ? json_pack("[O]", to) : json_array();
	json_auto_t *reached = json_array(), *id;
	size_t weight = weight_of_event(event), i, lost = 0, own = 0;
	json_int_t relayed = 0;
	ask->truth->signals++;
	if(to == NULL) {
		each_member(from->room, member) {
			if(member != from)
				relayed += deliver(ask, member, event, weight, full);
		}
	}
	json_array_foreach(ids, i, id) {
		member = g_tree_lookup(from->room->members, json_string_value(id));
		lost += member == NULL;
		own += member == from;
		if(member == NULL)
			promise(holds(unknown, json_string_value(id)), "one is not there: %s", fuzz_text(ask->reply));
		if(member == NULL || member == from || holds(reached, member->id))
			continue;
		json_array_append(reached, id);
		relayed += deliver(ask, member, event, weight, full);
	}
	id = NULL;
	promise(json_array_size(unknown) == lost && json_array_size(self) == own,
		"signal %zu failed wrongly: %s", index, fuzz_text(ask->reply));
	return relayed;
}

static void grant_relay(const asking *ask) {
	json_auto_t *failed = json_copy(json_object_get(ask->reply, "failed"));
	json_t *signals = json_object_get(ask->body, "signals"), *signal;
	size_t i;
	json_int_t relayed = 0;
	promise(json_is_array(signals) && (json_int_t)json_array_size(signals) <= limit(ask->truth, ask->peer->member->room,
		"max_signals"),
		"too many signals: %s", fuzz_text(ask->reply));
	json_array_foreach(signals, i, signal)
		relayed += relay_one(ask, failed, i, signal);
	promise(relayed == number_of(ask->reply, "relayed"),
		"%" JSON_INTEGER_FORMAT " were relayed: %s", relayed, fuzz_text(ask->reply));
	promise(json_array_size(failed) == 0, "something failed that is right: %s", fuzz_text(ask->reply));
}

static bool differs(json_t **place, const json_t *body, const char *name) {
	json_t *value = field(body, name);
	if(json_object_get(body, name) == NULL || value == *place || (value != NULL && json_equal(value, *place)))
		return false;
	json_decref(*place);
	*place = json_incref(value);
	return true;
}

static void grant_configure(const asking *ask) {
	truth_member *member = ask->peer->member;
	check_telling(ask->truth, member->room);
	bool display = differs(&member->display, ask->body, "display"),
		metadata = differs(&member->metadata, ask->body, "metadata");
	if(display || metadata) {
		member->room->version++;
		others_will_be_told(ask->truth, member->room, member,
			json_pack("{s:s, s:o}", "event", "changed", "member", member_json(member)));
	}
	promise(number_of(ask->reply, "version") == (json_int_t)member->room->version,
		"another version: %s", fuzz_text(ask->reply));
}

static void grant_leave(const asking *ask) {
	end_member(ask->truth, ask->peer->member, "leave");
}

static void grant_sync(const asking *ask) {
	const truth_member *member = ask->peer->member;
	json_auto_t *roster = roster_for(member);
	promise(json_equal(roster, json_object_get(ask->reply, "members")), "a wrong roster: %s", fuzz_text(ask->reply));
	promise(number_of(ask->reply, "version") == (json_int_t)member->room->version,
		"another version: %s", fuzz_text(ask->reply));
	promise(number_of(ask->reply, "n") >= (json_int_t)(member->told->len + member->to_tell->len),
		"events are missing: %s", fuzz_text(ask->reply));
}

static void grant_nothing(const asking *ask) {
	(void)ask;
}

static void grant_exists(const asking *ask) {
	bool exists = find_room(ask->truth, string_of(ask->body, "room")) != NULL;
	promise(json_is_true(json_object_get(ask->reply, "exists")) == exists, "it is otherwise: %s", fuzz_text(ask->reply));
}

/* The page holds all rooms that may be seen, as far as it goes. */
static void grant_list(const asking *ask) {
	bool all = ask->peer == NULL || field(ask->body, "admin_key") != NULL;
	const char *after = string_of(ask->body, "after");
	const json_t *list = json_object_get(ask->reply, "list");
	size_t at = 0;
	truth_room *room;
	promise(!all || may_manage_all(ask), "private rooms are seen by whoever asks: %s", fuzz_text(ask->reply));
	each_room(ask->truth, room) {
		bool is_private = is_on(room->given, "is_private");
		if((after != NULL && strcmp(room->name, after) <= 0) || (is_private && !all))
			continue;
		const json_t *entry = json_array_get(list, at);
		if(entry == NULL)
			break;
		promise(g_strcmp0(string_of(entry, "room"), room->name) == 0,
			"%s is not in its place: %s", room->name, fuzz_text(ask->reply));
		promise(number_of(entry, "num_members") == g_tree_nnodes(room->members)
			&& number_of(entry, "max_members") == limit(ask->truth, room, "max_members")
			&& json_is_true(json_object_get(entry, "pin_required")) == (json_object_get(room->given, "pin") != NULL)
			&& json_is_true(json_object_get(entry, "locked")) == is_on(room->given, "locked"),
				"%s is otherwise: %s", room->name, fuzz_text(ask->reply));
		check_seen(ask, entry, room);
		at++;
	}
	promise(at == json_array_size(list), "there are rooms that there are not: %s", fuzz_text(ask->reply));
}

static void grant_stats(const asking *ask) {
	const truth_room *room = find_room(ask->truth, string_of(ask->body, "room"));
	promise(room == NULL ? field(ask->body, "room") == NULL && may_manage_all(ask) : may_manage(ask, room),
		"whoever asks may see them: %s", fuzz_text(ask->reply));
}

static void grant_listmembers(const asking *ask) {
	truth_room *room = find_room(ask->truth, string_of(ask->body, "room"));
	const json_t *list = json_object_get(ask->reply, "members");
	const char *after = string_of(ask->body, "after");
	truth_member *member;
	size_t at = 0;
	promise(room != NULL && may_manage(ask, room), "whoever asks may see them: %s", fuzz_text(ask->reply));
	each_member(room, member) {
		if(after != NULL && strcmp(member->id, after) <= 0)
			continue;
		json_auto_t *wanted = member_json(member);
		const json_t *entry = json_array_get(list, at++);
		promise(entry == NULL || json_equal(wanted, entry), "%s is not in its place: %s", member->id, fuzz_text(ask->reply));
		promise(entry != NULL || json_object_get(ask->reply, "next") != NULL, "the page ends early: %s", fuzz_text(ask->reply));
		if(entry == NULL)
			break;
	}
	promise(json_array_size(list) <= at, "there are members that there are not: %s", fuzz_text(ask->reply));
}

/* Managing */

/* The properties that a request sets, behind a prefix: whichever they are, so that this needs no table of them. */
static void set_properties(json_t *given, const json_t *body, const char *prefix) {
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)body, name, value) {
		if(!g_str_has_prefix(name, prefix) || strcmp(name, "request") == 0)
			continue;
		if(json_is_null(value))
			json_object_del(given, name + strlen(prefix));
		else
			json_object_set(given, name + strlen(prefix), value);
	}
}

/* In a room that has other limits now, what was left of the old ones does not count. */
static void refresh(truth_room *room) {
	truth_member *member;
	room->telling.used = room->returns.used = room->told.used = false;
	room->other_limits = true;
	each_member(room, member) {
		member->requests.used = member->bytes.used = member->returns.used = false;
	}
}

/* By message a room is changed for good ten times at once, and then once a second. */
static bool grants_save(const truth_whole *truth, truth_room *room, double cost) {
	return grants(&room->saves, cost, 1, 10, truth->host.now);
}

static void change_room(const asking *ask, truth_room *room) {
	promise(ask->peer == NULL || !json_is_true(json_object_get(ask->body, "permanent")) || grants_save(ask->truth, room, 1),
		"%s is saved as often as somebody likes", room->name);
	room->version++;
	refresh(room);
	json_t *event = json_pack("{s:s, s:O*, s:O*, s:I, s:b, s:b}", "event", "room",
		"description", json_object_get(room->given, "description"),
		"metadata", json_object_get(room->given, "metadata"), "max_members", limit(ask->truth, room, "max_members"),
		"pin_required", json_object_get(room->given, "pin") != NULL, "locked", is_on(room->given, "locked"));
	others_will_be_told(ask->truth, room, NULL, event);
}

/* The rooms that there were after a restart, with this one. */
static json_int_t kept_with(const truth_whole *truth, const char *name) {
	return (json_int_t)g_hash_table_size(truth->static_names) + (json_int_t)g_hash_table_size(truth->saved)
		+ !g_hash_table_contains(truth->saved, name);
}

/* Whether it was said to be for good, which no room of the configuration can be, and no more rooms than may come back. */
static void check_permanent(const asking *ask, const char *name, bool stays) {
	bool wanted = json_is_true(json_object_get(ask->body, "permanent"));
	promise(!wanted || !stays || kept_with(ask->truth, name) <= limit(ask->truth, NULL, "max_rooms"),
		"a restart cannot bring back so many: %s", fuzz_text(ask->reply));
	if(wanted && stays)
		g_hash_table_add(ask->truth->saved, g_strdup(name));
	else if(wanted)
		g_hash_table_remove(ask->truth->saved, name);
	promise(json_is_true(json_object_get(ask->reply, "permanent")) == wanted, "permanent, or not: %s", fuzz_text(ask->reply));
	promise(!wanted || !g_hash_table_contains(ask->truth->static_names, name),
		"a room of the configuration is changed for good: %s", fuzz_text(ask->reply));
}

static truth_room *managed(const asking *ask) {
	truth_room *room = find_room(ask->truth, string_of(ask->body, "room"));
	promise(room != NULL && may_manage(ask, room), "not by this one: %s", fuzz_text(ask->reply));
	return room;
}

static gboolean is_of_room(void *name, void *past, void *room) {
	(void)past;
	return g_str_has_prefix(name, room) && ((const char *)name)[strlen(room)] == ' ';
}

static void grant_create(const asking *ask) {
	const char *name = string_of(ask->reply, "room");
	promise(may_manage_all(ask), "not by this one: %s", fuzz_text(ask->reply));
	promise(name != NULL && find_room(ask->truth, name) == NULL, "there are two of that name: %s", fuzz_text(ask->reply));
	promise(g_tree_nnodes(ask->truth->rooms) < limit(ask->truth, NULL, "max_rooms"),
		"too many rooms: %s", fuzz_text(ask->reply));
	check_permanent(ask, name, true);
	json_t *given = json_object();
	set_properties(given, ask->body, "");
	new_room(ask->truth, name, given);
	g_hash_table_foreach_remove(ask->truth->past, is_of_room, (void *)name);
}

static void grant_edit(const asking *ask) {
	truth_room *room = managed(ask);
	truth_member *member;
	check_permanent(ask, room->name, true);
	json_t *changed = json_copy(room->given);
	set_properties(changed, ask->body, "new_");
	each_member(room, member) {
		if(json_object_get(ask->body, "new_ack_timeout") != NULL)
			member->progress = -HOUR; /* one that is full already may have the time that it had, or the new one */
	}
	json_decref(room->given);
	room->given = changed;
	change_room(ask, room);
}

static void grant_allowed(const asking *ask) {
	truth_room *room = managed(ask);
	const char *action = string_of(ask->body, "action");
	check_permanent(ask, room->name, true);
	json_t *changed = json_copy(room->given), *listed = json_copy(json_object_get(changed, "allowed")), *token;
	json_t *tokens = listed != NULL ? listed : json_array();
	size_t i, j;
	if(strcmp(action, "disable") == 0) {
		json_object_del(changed, "allowed");
		json_decref(tokens);
	} else {
		json_array_foreach(json_object_get(ask->body, "allowed"), i, token) {
			if(strcmp(action, "remove") != 0)
				json_array_append(tokens, token);
			for(j = json_array_size(tokens); strcmp(action, "remove") == 0 && j > 0; j--) {
				if(json_equal(json_array_get(tokens, j - 1), token))
					json_array_remove(tokens, j - 1);
			}
		}
		json_object_set_new(changed, "allowed", tokens);
	}
	json_decref(room->given);
	room->given = changed;
	promise(json_is_true(json_object_get(ask->reply, "enabled")) == (json_object_get(changed, "allowed") != NULL),
		"on or off: %s", fuzz_text(ask->reply));
	change_room(ask, room);
}

static void grant_kick(const asking *ask) {
	truth_room *room = managed(ask);
	truth_member *member = g_tree_lookup(room->members, string_of(ask->body, "id"));
	promise(member != NULL, "nobody is kicked: %s", fuzz_text(ask->reply));
	cannot_come_back(ask->truth, room->name, member->id, "kicked");
	if(member->peer != NULL)
		close_peer(member->peer, "kicked");
	end_member(ask->truth, member, "kicked");
}

static void grant_destroy(const asking *ask) {
	truth_room *room = managed(ask);
	GTreeNode *node;
	check_permanent(ask, room->name, false);
	while((node = g_tree_node_first(room->members)) != NULL) {
		truth_member *member = g_tree_node_value(node);
		cannot_come_back(ask->truth, room->name, member->id, "room_destroyed");
		if(member->peer != NULL)
			close_peer(member->peer, "room_destroyed");
		forget(ask->truth, member);
	}
	g_tree_remove(ask->truth->rooms, room->name);
}

typedef struct truth_request {
	const char *name;
	bool members_only, numbered;
	bool anybodys; /* also through the Admin API */
	void (*grant)(const asking *ask);
} truth_request;

static const truth_request requests[] = {
	{ "join", false, false, false, grant_join },
	{ "relay", true, true, false, grant_relay },
	{ "configure", true, true, false, grant_configure },
	{ "leave", true, true, false, grant_leave },
	{ "sync", true, false, false, grant_sync },
	{ "ack", true, false, false, grant_nothing },
	{ "ping", false, false, false, grant_nothing },
	{ "list", false, false, true, grant_list },
	{ "exists", false, false, true, grant_exists },
	{ "create", false, false, true, grant_create },
	{ "edit", false, false, true, grant_edit },
	{ "destroy", false, false, true, grant_destroy },
	{ "kick", false, false, true, grant_kick },
	{ "allowed", false, false, true, grant_allowed },
	{ "listmembers", false, false, true, grant_listmembers },
	{ "stats", false, false, true, grant_stats },
};

static const truth_request *find_request(const json_t *body) {
	const char *name = string_of(body, "request");
	for(size_t i = 0; name != NULL && i < G_N_ELEMENTS(requests); i++) {
		if(strcmp(requests[i].name, name) == 0)
			return &requests[i];
	}
	return NULL;
}

/* What a request counts for: one for each recipient of each signal, at least one. */
static double cost_of(const truth_peer *peer, const truth_request *request, const json_t *body) {
	double cost = 0;
	size_t i;
	json_t *signal;
	json_array_foreach(request->grant == grant_relay ? json_object_get(body, "signals") : NULL, i, signal) {
		const json_t *to = field(signal, "to");
		if(to == NULL)
			cost += g_tree_nnodes(peer->member->room->members) - 1;
		else
			cost += json_is_array(to) ? (double)json_array_size(to) : 1;
	}
	return MAX(1, cost);
}

/* ----- What was refused */

/* Whether a limit is so large that it is not in the way, of which this much is left for sure. */
static bool is_far(truth_bucket *bucket, double rate, double burst, double large, gint64 now) {
	grants(bucket, 0, rate, burst, now);
	return burst >= large && bucket->left > burst / 2;
}

static bool roster_is_in_the_way(const asking *ask, truth_room *room) {
	if(room->other_limits) /* how much was spent before is not known */
		return true;
	count_told(ask->truth, room, 0);
	return room->told.left < MIN(roster_burst(ask->truth, room), (double)weight_of(ask->body)) + 0.001;
}

/* Rates of inputs that have none to speak of; wrong tries at secrets have rates of their own. */
static bool may_be_limited(const asking *ask, truth_room *room) {
	const truth_whole *truth = ask->truth;
	truth_peer *peer = ask->peer;
	truth_member *member = peer->member;
	if(member == NULL || peer->unread > 2 * unread_allowed(truth, peer)
			|| strstr(string_of(ask->reply, "error"), "wrong tries") != NULL)
		return true;
	gint64 now = truth->host.now;
	double room_rate = (double)limit(truth, room, "room_rate");
	return !is_far(&member->requests, (double)limit(truth, room, "rate"), (double)limit(truth, room, "burst"), 100000, now)
		|| !is_far(&member->bytes, (double)limit(truth, room, "byte_rate"), (double)limit(truth, room, "byte_burst"),
			100000000, now)
		|| !is_far(&room->telling, room_rate, room_rate, 100000, now)
		|| roster_is_in_the_way(ask, room);
}

/* Whether so many changes of the room that is asked for were permanent that this one may be refused. */
static bool is_saved_too_often(const asking *ask) {
	truth_room *room = find_room(ask->truth, string_of(ask->body, "room"));
	if(room == NULL || !json_is_true(json_object_get(ask->body, "permanent")))
		return false;
	grants_save(ask->truth, room, 0);
	return room->saves.left < 1.001;
}

static bool says(const asking *ask, const char *name, const char *wanted) {
	return wanted != NULL && g_strcmp0(string_of(ask->body, name), wanted) == 0;
}

/* What is wanted of one who manages: the room's secret if a secret was said, else the admin_key. */
static const char *wanted_of_manager(const truth_whole *truth, const json_t *body) {
	const truth_room *room = find_room(truth, string_of(body, "room"));
	return field(body, "secret") == NULL ? truth->admin_key : room == NULL ? NULL : string_of(room->given, "secret");
}

/* That it may have been right, which is not known here of a hash. */
static void note_proof(const truth_whole *truth, truth_peer *peer, const json_t *body) {
	const char *wanted = wanted_of_manager(truth, body), *said = string_of(body, field(body, "secret") == NULL ? "admin_key" : "secret");
	if(wanted != NULL && said != NULL && (is_hash(wanted) || strcmp(wanted, said) == 0))
		peer->proven = g_intern_string(wanted);
}

/* A peer may be wrong three times, and then once in two seconds; all peers together, at what one room or the server has, twenty
 * times, and then once a second. But one that was right may be wrong once in any case. */
static void count_try(const asking *ask) {
	truth_whole *truth = ask->truth;
	truth_peer *peer = ask->peer;
	const char *error = string_of(ask->reply, "error"), *proven = peer->proven;
	truth_bucket *tries = g_str_has_prefix(error, "admin_key") ? &truth->tries : &find_room(truth, string_of(ask->body, "room"))->tries;
	promise(grants(&peer->tries, 1, 0.5, 3, truth->host.now), "a peer may guess as often as it likes");
	bool granted = grants(tries, 1, 1, 20, truth->host.now);
	peer->proven = NULL;
	promise(granted || (proven != NULL && g_strcmp0(proven, wanted_of_manager(truth, ask->body)) == 0),
		"many peers may guess as often as they like");
}

/* Every refusal has its reason; one that is not listed here is about a field, or is looked at where it is expected. */
static void check_refusal(const asking *ask, const truth_request *request, const char *code) {
	const truth_whole *truth = ask->truth;
	const truth_peer *peer = ask->peer;
	const char *name = string_of(ask->body, "room"), *key = string_of(ask->body, "key");
	truth_room *room = find_room(truth, name);
	char id[PORTAL_ID_LENGTH + 1] = "";
	if(key != NULL)
		portal_id_of_key(key, id);
	const truth_member *member = room == NULL ? NULL : g_tree_lookup(room->members, id);
	const json_t *attempt = field(ask->body, "attempt"), *ack = field(ask->body, "ack");
	guint64 got = (guint64)json_integer_value(ack);
	bool joins = request != NULL && request->grant == grant_join, right = true;
	/* Creating and listing are for who has the admin_key, and a secret stands for nothing there. */
	bool of_room = room != NULL && request != NULL && request->grant != grant_create && request->grant != grant_list;
	if(strcmp(code, "unknown_request") == 0)
		right = request == NULL || (peer == NULL && !request->anybodys);
	else if(strcmp(code, "room_not_found") == 0)
		right = room == NULL && !(joins && key != NULL && past_of(truth, name, id) != NULL);
	else if(strcmp(code, "room_exists") == 0)
		right = room != NULL;
	else if(strcmp(code, "room_not_set") == 0)
		right = name == NULL || peer->member == NULL;
	else if(strcmp(code, "room_full") == 0)
		right = member == NULL && g_tree_nnodes(room->members) >= limit(truth, room, "max_members");
	else if(strcmp(code, "room_locked") == 0)
		right = member == NULL && is_on(room->given, "locked");
	else if(strcmp(code, "server_full") == 0)
		right = joins ? truth->members >= (guint)limit(truth, NULL, "max_total_members")
			: g_tree_nnodes(truth->rooms) >= limit(truth, NULL, "max_rooms")
			|| (json_is_true(json_object_get(ask->body, "permanent"))
				&& kept_with(truth, name != NULL ? name : "") > limit(truth, NULL, "max_rooms"));
	else if(strcmp(code, "wrong_pin") == 0)
		right = member == NULL && json_object_get(room->given, "pin") != NULL
			&& !says(ask, "pin", string_of(room->given, "pin"));
	else if(strcmp(code, "wrong_token") == 0)
		right = member == NULL && (json_object_get(room->given, "allowed") != NULL || is_on(room->given, "signed_tokens"));
	else if(strcmp(code, "peer_used") == 0)
		right = peer->used || peer->unread > 2 * unread_allowed(truth, peer);
	else if(strcmp(code, "already_joined") == 0)
		right = peer->member != NULL && peer->member != member;
	else if(strcmp(code, "superseded") == 0)
		right = member != NULL && attempt != NULL && (guint64)json_integer_value(attempt) <= member->attempt;
	else if(strcmp(code, "events_gone") == 0)
		right = member != NULL && ack != NULL && got < member->acked;
	else if(strcmp(code, "member_gone") == 0)
		right = joins && member == NULL && ack != NULL;
	else if(strcmp(code, "invalid_ack") == 0)
		right = ack != NULL && (member == NULL || got > member->told->len);
	else if(strcmp(code, "member_not_found") == 0)
		right = room != NULL && g_tree_lookup(room->members, string_of(ask->body, "id")) == NULL;
	else if(strcmp(code, "unauthorized") == 0)
		right = of_room && field(ask->body, "secret") != NULL ? !says(ask, "secret", string_of(room->given, "secret"))
			: !says(ask, "admin_key", truth->admin_key) && (peer != NULL || field(ask->body, "admin_key") != NULL);
	else if(strcmp(code, "room_is_static") == 0)
		right = json_is_true(json_object_get(ask->body, "permanent")) && g_hash_table_contains(truth->static_names, name);
	else if(strcmp(code, "rate_limited") == 0)
		right = peer != NULL && g_str_has_prefix(string_of(ask->reply, "error"), "permanent") ? is_saved_too_often(ask)
			: peer == NULL || may_be_limited(ask, peer->member == NULL ? NULL : peer->member->room);
	else if(strcmp(code, "kicked") == 0 || strcmp(code, "room_destroyed") == 0)
		right = g_strcmp0(past_of(truth, name, id), code) == 0;
	promise(right, "there is no reason for it: %s, asked %s", fuzz_text(ask->reply), fuzz_text(ask->body));
}

static bool fits(const json_t *value, size_t size, json_int_t most) {
	return value == NULL || (json_int_t)size <= most;
}

/* A request was carried out, or refused, which changes nothing. */
static void judge(truth_whole *truth, truth_peer *peer, const truth_request *request, const json_t *body, const json_t *reply) {
	const char *code = fuzz_check_answer(reply), *name = string_of(body, "room");
	asking ask = { truth, peer, body, reply };
	const char *error = string_of(reply, "error");
	if(code != NULL && peer != NULL && (g_str_has_suffix(error, ": is wrong") || strstr(error, "not one that this room takes") != NULL))
		count_try(&ask);
	else if(peer != NULL && request != NULL && request->anybodys)
		note_proof(truth, peer, body);
	if(code != NULL) {
		check_refusal(&ask, request, code);
		return;
	}
	size_t weight = 0;
	promise(request != NULL, "there is no such request: %s", fuzz_text(reply));
	promise(portal_weigh(body, (int)limit(truth, NULL, "max_depth"), &weight),
		"the request is nested too deep: %s", fuzz_text(reply));
	promise((json_int_t)weight <= limit(truth, NULL, "max_request"), "the request is too large: %s", fuzz_text(reply));
	promise(!request->members_only || peer->member != NULL, "for members only: %s", fuzz_text(reply));
	if(peer == NULL) {
		request->grant(&ask);
		return;
	}
	check_spending(truth, peer, cost_of(peer, request, body), weight);
	const json_t *display = field(body, "display"), *metadata = field(body, "metadata");
	const truth_room *room = peer->member != NULL ? peer->member->room : find_room(truth, name);
	if(request->grant == grant_join || request->grant == grant_configure)
		promise(fits(display, json_string_length(display), limit(truth, room, "max_display"))
			&& fits(metadata, metadata == NULL ? 0 : weight_of(metadata), limit(truth, room, "max_metadata")),
				"it is too large: %s", fuzz_text(reply));
	request->grant(&ask);
}

/* ----- Order */

static void account(const truth_whole *truth, truth_peer *peer, const json_t *answer) {
	size_t weight = weight_of(answer);
	charge(truth, peer, weight);
	given(truth, peer, weight);
	will_be_asked(truth, peer);
}

/* The next number was answered: unless it is to come again, it took effect. */
static void turn_taken(truth_whole *truth, truth_peer *peer, const truth_request *request, const json_t *body, json_t *reply) {
	truth_member *member = peer->member;
	const char *code = string_of(reply, "code");
	judge(truth, peer, request, body, reply);
	if(peer->member == member && g_strcmp0(code, "rate_limited") != 0) {
		member->done++;
		g_ptr_array_add(member->answers, json_incref(reply));
	}
}

static void given_again(const truth_whole *truth, truth_peer *peer, guint64 seq, const json_t *body, const json_t *reply) {
	const truth_member *member = peer->member;
	const char *code = fuzz_check_answer(reply);
	guint64 window = (guint64)limit(truth, member->room, "window");
	size_t weight = 0;
	for(guint64 at = seq; at <= member->done; at++)
		weight += weight_of(g_ptr_array_index(member->answers, at - 1));
	if(json_object_get(reply, "duplicate") == NULL) {
		bool kept = member->done - seq < window && (seq == member->done
			|| (json_int_t)weight <= limit(truth, NULL, "max_request"));
		promise(g_strcmp0(code, "rate_limited") == 0 || (!kept && g_strcmp0(code, "answer_gone") == 0),
			"no second answer: %s", fuzz_text(reply));
		return;
	}
	json_auto_t *wanted = json_copy(g_ptr_array_index(member->answers, seq - 1));
	json_object_set_new(wanted, "duplicate", json_true());
	promise(json_equal(wanted, reply), "the second answer is not the first: %s", fuzz_text(reply));
	/* What is nested too deep was not weighed: its number counts, whatever came with it. */
	size_t asked = 0;
	portal_weigh(body, (int)limit(truth, NULL, "max_depth"), &asked);
	check_spending(truth, peer, 1, asked);
}

static size_t held_weight(const truth_member *member, guint64 except) {
	GHashTableIter iterator;
	void *value;
	size_t weight = 0;
	g_hash_table_iter_init(&iterator, member->held);
	while(g_hash_table_iter_next(&iterator, NULL, &value))
		weight += ((truth_held *)value)->seq != except ? ((truth_held *)value)->weight : 0;
	return weight;
}

static gboolean has_seq(void *key, void *value, void *seq) {
	(void)key;
	return ((truth_held *)value)->seq == *(guint64 *)seq;
}

/* What is refused on sight waits with nothing but its number and its transaction. */
static bool is_refused_on_sight(const truth_whole *truth, const json_t *body) {
	size_t weight = 0;
	return !portal_weigh(body, (int)limit(truth, NULL, "max_depth"), &weight)
		|| (json_int_t)weight > limit(truth, NULL, "max_request");
}

static void put_in_order(truth_whole *truth, truth_peer *peer, const truth_request *request, guint64 seq,
		const char *transaction, json_t *body,
		json_t *reply) {
	truth_member *member = peer->member;
	const char *code = string_of(reply, "code");
	guint64 window = (guint64)limit(truth, member->room, "window");
	size_t weight = strlen(transaction) + (is_refused_on_sight(truth, body) ? 0 : weight_of(body));
	if(seq <= member->done) {
		promise(reply != NULL, "what was done waits");
		given_again(truth, peer, seq, body, reply);
	} else if(seq == member->done + 1) {
		promise(reply != NULL, "it is the turn of %" G_GUINT64_FORMAT, seq);
		turn_taken(truth, peer, request, body, reply);
	} else if(reply != NULL) {
		promise(g_strcmp0(code, "window_exceeded") == 0, "%" G_GUINT64_FORMAT " does not wait for its turn", seq);
		promise(seq - member->done > window || (json_int_t)(held_weight(member, seq) + weight) > limit(truth, NULL,
			"max_request"),
			"%" G_GUINT64_FORMAT " could wait", seq);
	} else {
		truth_held *held = g_new(truth_held, 1);
		promise(seq - member->done <= window, "%" G_GUINT64_FORMAT " is too far ahead to wait", seq);
		g_hash_table_foreach_remove(member->held, has_seq, &seq); /* the copy that waited */
		*held = (truth_held) { json_incref(body), seq, weight };
		g_hash_table_insert(member->held, g_strdup(transaction), held);
		promise((json_int_t)held_weight(member, 0) <= limit(truth, NULL, "max_request"), "too much waits");
	}
}

/* The core has queued answers for this peer: to what waited, and what was kept back. */
static void late_answers(truth_whole *truth, truth_peer *peer) {
	GQueue *queue = &peer->real->answers;
	const portal_push *first = g_queue_peek_head(queue);
	/* It was closed, just now maybe (settled() looks why): then there is nothing but that. */
	if(peer->notice != NULL || (first != NULL && first->transaction == NULL))
		return;
	promise(queue->length >= peer->answers_seen, "answers of a peer are gone");
	for(; peer->answers_seen < queue->length; peer->answers_seen++) {
		portal_push *push = g_queue_peek_nth(queue, peer->answers_seen);
		promise(push->transaction != NULL, "a peer is closed, and told something else before");
		truth_member *member = peer->member;
		char *transaction = NULL;
		truth_held *held = NULL;
		bool was_held = member != NULL && g_hash_table_steal_extended(member->held, push->transaction,
			(void **)&transaction, (void **)&held);
		promise(was_held, "an answer to something that did not wait");
		promise(held->seq == member->done + 1, "%" G_GUINT64_FORMAT " follows %" G_GUINT64_FORMAT, held->seq, member->done);
		turn_taken(truth, peer, find_request(held->body), held->body, push->message);
		account(truth, peer, push->message);
		g_free(transaction);
		free_held(held);
	}
}

/* ----- What time and size have ended */

static void ended(truth_whole *truth, truth_member *member, const char *reason) {
	gint64 now = truth->host.now;
	truth_peer *peer = member->peer;
	if(strcmp(reason, "timeout") == 0) {
		promise(peer == NULL && member->away_until <= now, "%s was given up too early", member->id);
	} else {
		bool slow = peer != NULL && now - member->progress >= limit(truth, member->room, "ack_timeout") * G_USEC_PER_SEC;
		slow |= member->pressed_until != 0 && member->pressed_until <= now;
		/* Beside what is known of it there may be one event more, that the core has thought of by itself. */
		bool overflows = member->seen_backlog + member->added + 2048 > (size_t)limit(truth, member->room, "max_backlog");
		promise(slow || overflows, "%s is not too slow", member->id);
	}
	/* If something waited for what was asked just now, its answer went with the peer: did it take effect before the end? */
	truth->lost |= peer != NULL && peer == truth->caller && g_hash_table_size(member->held) > 0;
	if(peer != NULL)
		close_peer(peer, reason);
	end_member(truth, member, reason);
}

static void settled(truth_whole *truth) {
	GPtrArray *told = truth->host.told;
	for(guint i = 0; i < told->len; i++) {
		const json_t *event = g_ptr_array_index(told, i);
		const char *reason = string_of(event, "reason");
		if(g_strcmp0(string_of(event, "event"), "left") != 0
				|| (strcmp(reason, "timeout") != 0 && strcmp(reason, "too_slow") != 0))
			continue;
		truth_room *room = find_room(truth, string_of(event, "room"));
		truth_member *member = room == NULL ? NULL : g_tree_lookup(room->members, string_of(event, "id"));
		promise(member != NULL, "one left that was not there");
		ended(truth, member, reason);
		promise(number_of(event, "num_members") == g_tree_nnodes(room->members), "those who watch are told a wrong number");
	}
	g_ptr_array_set_size(told, 0);
}

/* ----- Calls */

truth_whole *truth_new(const char *config) {
	truth_whole *made = g_new0(truth_whole, 1);
	portal_config_error error = { 0 };
	json_auto_t *json = json_loads(config, 0, NULL);
	g_autoptr(portal_config) wanted = portal_config_new(json, &error);
	promise(wanted != NULL, "the target's own configuration is wrong: %s %s", error.path, error.text);
	fuzz_host_init(&made->host);
	made->core = portal_new(&made->host.host, wanted);
	made->general = json_incref(json_object_get(json, "general"));
	made->admin_key = string_of(made->general, "admin_key");
	made->static_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	made->saved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	made->rooms = g_tree_new_full(by_name, NULL, NULL, free_room);
	made->peers = g_ptr_array_new();
	made->past = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for(guint i = 0; i < wanted->rooms->len; i++) {
		const portal_room_config *room = g_ptr_array_index(wanted->rooms, i);
		new_room(made, room->room, json_incref(room->given));
		g_hash_table_add(made->static_names, g_strdup(room->room));
	}
	return made;
}

static void free_peer(truth_peer *peer) {
	g_free(peer);
}

void truth_free(truth_whole *truth) {
	portal_free(truth->core);
	for(guint i = 0; i < truth->peers->len; i++)
		free_peer(g_ptr_array_index(truth->peers, i));
	g_ptr_array_free(truth->peers, TRUE);
	g_tree_destroy(truth->rooms);
	g_hash_table_destroy(truth->past);
	g_hash_table_destroy(truth->saved);
	g_hash_table_destroy(truth->static_names);
	json_decref(truth->general);
	fuzz_host_clear(&truth->host);
	g_free(truth);
}

/* Late answers first, since they belong to what was asked; then what the core has ended. */
static void finish_call(truth_whole *truth) {
	for(guint i = 0; i < truth->peers->len; i++)
		late_answers(truth, g_ptr_array_index(truth->peers, i));
	settled(truth);
	truth->caller = NULL;
}

truth_peer *truth_attach(truth_whole *truth) {
	truth_peer *peer = g_new0(truth_peer, 1);
	peer->real = portal_attach(truth->core, peer);
	g_ptr_array_add(truth->peers, peer);
	return peer;
}

void truth_detach(truth_whole *truth, truth_peer *peer) {
	truth_member *member = peer->member;
	json_int_t seconds = member == NULL ? 0 : limit(truth, member->room, "resume_timeout");
	portal_detach(truth->core, peer->real);
	if(member != NULL) {
		part(member);
		member->away_until = truth->host.now + seconds * G_USEC_PER_SEC;
		if(seconds > 0) {
			member->room->version++;
			others_will_be_told(truth, member->room, member, json_pack("{s:s, s:s}", "event", "away", "id", member->id));
		}
	}
	g_ptr_array_remove(truth->peers, peer);
	g_ptr_array_remove(truth->host.ended, peer);
	promise(!g_ptr_array_find(truth->host.ended, peer, NULL), "the host is told twice to end a peer");
	free_peer(peer);
	finish_call(truth);
}

/* The number of a field that counts, if it is one; false if the request is to be refused for it. */
static bool read_count(const json_t *body, const char *name, json_int_t least, guint64 *count) {
	const json_t *value = field(body, name);
	*count = (guint64)json_integer_value(value);
	return value == NULL || (json_is_integer(value) && json_integer_value(value) >= least);
}

/* Whose member it is; `ack`, honoured even if the rest is refused; `seq`. */
static void follow(truth_whole *truth, truth_peer *peer, const char *transaction, json_t *body, json_t *reply) {
	const truth_request *request = find_request(body);
	guint64 ack = 0, seq = 0;
	bool right = json_is_object(body) && request != NULL && (!request->members_only || peer->member != NULL);
	if(right && peer->member != NULL) {
		right = read_count(body, "ack", 0, &ack) && ack <= peer->member->told->len;
		if(right)
			acknowledged(truth, peer->member, ack);
	}
	right = right && (!request->numbered || read_count(body, "seq", 1, &seq));
	if(!right) {
		promise(reply != NULL && fuzz_check_answer(reply) != NULL, "what is wrong was not refused");
	} else if(request->numbered && seq > 0) {
		put_in_order(truth, peer, request, seq, transaction, body, reply);
	} else {
		promise(reply != NULL, "a request without number waits");
		judge(truth, peer, request, body, reply);
	}
}

void truth_ask(truth_whole *truth, truth_peer *peer, json_t *body) {
	g_autofree char *transaction = g_strdup_printf("%" G_GUINT64_FORMAT, ++peer->transactions);
	truth->caller = peer;
	json_auto_t *reply = portal_handle(truth->core, peer->real, transaction, body);
	truth->requests++;
	follow(truth, peer, transaction, body, reply);
	if(reply != NULL)
		account(truth, peer, reply);
	peer->ended |= peer->real->ended && peer->unread > 4 * unread_allowed(truth, peer);
	finish_call(truth);
	json_decref(body);
}

void truth_ask_admin(truth_whole *truth, json_t *body) {
	json_auto_t *reply = portal_admin(truth->core, body);
	portal_snapshot snapshot;
	truth->requests++;
	promise(reply != NULL, "the Admin API waits for an answer");
	judge(truth, NULL, find_request(body), body, reply);
	if(portal_snapshot_take(truth->core, &snapshot))
		portal_snapshot_clear(&snapshot);
	finish_call(truth);
	json_decref(body);
}

/* Those with a large part in what all may have together are asked to acknowledge, once; who is away has its time to come back first. */
static void press(truth_whole *truth) {
	guint64 most = (guint64)limit(truth, NULL, "max_total_backlog") / 4 * 3;
	truth_room *room;
	truth_member *member;
	each_room(truth, room) {
		each_member(room, member) {
			if(member->pressed_until != 0 || member->real->census->backlogs <= most
					|| (guint64)member->real->stream.backlog * 2 * truth->members <= member->real->census->backlogs)
				continue;
			member->asks++;
			member->full_until = 0;
			member->pressed_for = member->real->stream.last;
			member->pressed_until = (member->peer != NULL ? truth->host.now : member->away_until)
				+ limit(truth, member->room, "ack_timeout") * G_USEC_PER_SEC;
		}
	}
}

void truth_pass(truth_whole *truth, gint64 milliseconds) {
	truth->host.now += milliseconds * 1000;
	press(truth);
	portal_tick(truth->core);
	finish_call(truth);
}

/* ----- Pushes */

/* A client pieces together who is there, as README tells it to. */
static void show(truth_member *member, const json_t *event) {
	const char *name = string_of(event, "event"), *id = string_of(event, "id");
	json_t *about = json_object_get(event, "member"), *known = json_object_get(member->view, id != NULL ? id : "");
	size_t i;
	if(strcmp(name, "joined") == 0)
		json_array_foreach(json_object_get(event, "members"), i, about)
			json_object_set_new(member->view, string_of(about, "id"), json_copy(about));
	else if(strcmp(name, "left") == 0)
		promise(json_object_del(member->view, id) == 0, "%s left, of whom nothing was told", id);
	else if(strcmp(name, "away") == 0)
		promise(json_object_set_new(known, "away", json_true()) == 0, "%s is away, of whom nothing was told", id);
	else if(strcmp(name, "back") == 0)
		promise(json_object_del(known, "away") == 0, "%s is back, who was not away", id);
	else if(strcmp(name, "changed") == 0) {
		known = json_object_get(member->view, string_of(about, "id"));
		promise(known != NULL, "%s changed, of whom nothing was told", string_of(about, "id"));
		json_object_del(known, "display");
		json_object_del(known, "metadata");
		json_object_update(known, about);
	}
}

/* What is new to the client has to be what was next to be told, or something that the core thinks of by itself. */
static void read_new(truth_whole *truth, truth_member *member, json_t *event) {
	const char *name = string_of(event, "event");
	truth_event entry = { json_incref(event), weight_of(event), 0 };
	promise(name != NULL, "an event has no name: %s", fuzz_text(event));
	truth->events++;
	if(strcmp(name, "ack") == 0 || strcmp(name, "ice") == 0) {
		promise(strcmp(name, "ice") == 0 ? json_array_size(json_object_get(event, "ice_servers")) > 0
			: json_object_size(event) == 1,
			"more than its name: %s", fuzz_text(event));
		promise(strcmp(name, "ice") == 0 || member->asks-- > 0, "%s is asked for nothing", member->id);
		note_credentials(member, event);
		member->backlog += entry.weight;
		truth->backlogs += entry.weight;
	} else {
		promise(member->to_tell->len > 0, "%s is told what did not happen: %s", member->id, fuzz_text(event));
		const truth_event *next = &g_array_index(member->to_tell, truth_event, 0);
		promise(json_equal(next->event, event), "%s is told %s, not %s", member->id, fuzz_text(event), fuzz_text(next->event));
		entry.version = next->version;
		entry.weight = next->weight;
		g_array_remove_index(member->to_tell, 0);
	}
	g_array_append_val(member->told, entry);
	show(member, event);
}

static void read_events(truth_whole *truth, truth_peer *peer, const json_t *message) {
	truth_member *member = peer->member;
	json_t *events = json_object_get(message, "events"), *event;
	size_t i, weight = 0;
	promise(member != NULL, "one that is in no room hears of one: %s", fuzz_text(message));
	guint64 n = MAX(peer->cursor, member->acked) + 1;
	promise(g_strcmp0(string_of(message, "portal"), "event") == 0
		&& g_strcmp0(string_of(message, "room"), member->room->name) == 0,
		"not from its room: %s", fuzz_text(message));
	promise(number_of(message, "n") == (json_int_t)n, "it should go on with %" G_GUINT64_FORMAT ": %s", n, fuzz_text(message));
	promise(json_array_size(events) > 0 && json_array_size(events) <= EVENTS_A_PUSH,
		"a push of no size: %s", fuzz_text(message));
	json_array_foreach(events, i, event) {
		if(n + i > member->told->len) {
			read_new(truth, member, event);
		} else {
			promise(json_equal(g_array_index(member->told, truth_event, n + i - 1).event, event),
				"it was told otherwise before: %s", fuzz_text(message));
			truth->replays++;
		}
		weight += g_array_index(member->told, truth_event, n + i - 1).weight;
	}
	promise(json_array_size(events) == 1 || weight <= BYTES_A_PUSH, "a push of %zu bytes", weight);
	peer->cursor = n + json_array_size(events) - 1;
	guint64 version = g_array_index(member->told, truth_event, peer->cursor - 1).version;
	promise(version == 0 || number_of(message, "version") == (json_int_t)version,
		"it is not version %" G_GUINT64_FORMAT ": %s", version, fuzz_text(message));
	promise(number_of(message, "version") <= (json_int_t)member->room->version,
		"a version that is still to come: %s", fuzz_text(message));
	given(truth, peer, weight);
}

bool truth_read(truth_whole *truth, truth_peer *peer) {
	portal_push push;
	const truth_member *member = peer->member;
	if(!portal_next_push(truth->core, peer->real, &push)) {
		promise(peer->notice == NULL && peer->answers_seen == 0, "an answer is missing");
		promise(member == NULL || member->to_tell->len == 0, "%s is not told something", member->id);
		promise(member == NULL || MAX(peer->cursor, member->acked) == member->told->len, "%s is not told again", member->id);
		return false;
	}
	const char *kind = string_of(push.message, "portal");
	promise(kind != NULL && fuzz_can_be_written(push.message), "a push that cannot be written");
	if(push.transaction == NULL && strcmp(kind, "closed") == 0) {
		promise(g_strcmp0(peer->notice, string_of(push.message, "reason")) == 0,
			"it was not closed for that: %s", fuzz_text(push.message));
		peer->notice = NULL;
		late_answers(truth, peer); /* that were queued behind it */
	} else if(push.transaction != NULL) {
		promise(peer->notice != NULL || peer->answers_seen > 0, "an answer to nothing: %s", fuzz_text(push.message));
		peer->answers_seen -= peer->answers_seen > 0;
	} else {
		promise(peer->answers_seen == 0 && peer->notice == NULL, "events before answers: %s", fuzz_text(push.message));
		read_events(truth, peer, push.message);
	}
	portal_push_clear(&push);
	return true;
}

/* ----- The core's own books */

static void check_member(const truth_whole *truth, truth_member *member, guint *slow) {
	const portal_member *real = member->real;
	const portal_stream *stream = &real->stream;
	promise(strcmp(real->id, member->id) == 0 && strcmp(real->room->name, member->room->name) == 0, "another member");
	promise(real->peer == (member->peer == NULL ? NULL : member->peer->real), "%s has another peer", member->id);
	promise(real->peer == NULL || real->peer->member == real, "the peer of %s has another member", member->id);
	promise((real->in_away != NULL) == (real->peer == NULL), "%s is away, or not", member->id);
	promise(stream->acked == member->acked && stream->pushed == member->told->len,
		"%s has another number of events", member->id);
	promise(stream->done == member->done, "another number of requests of %s is done", member->id);
	promise((stream->waiting == NULL ? 0 : g_hash_table_size(stream->waiting)) == g_hash_table_size(member->held),
		"another number of requests of %s waits", member->id);
	promise(stream->waiting_weight == held_weight(member, 0), "what waits of %s is weighed wrongly", member->id);
	guint64 known = member->told->len + member->to_tell->len;
	promise(stream->last >= known, "%s will not be told something", member->id);
	promise(stream->last == known ? stream->backlog == member->backlog : stream->backlog > member->backlog,
		"a backlog of %zu bytes is counted as %zu", member->backlog, stream->backlog);
	promise(stream->backlog <= (size_t)limit(truth, member->room, "max_backlog"), "%s has more than max_backlog", member->id);
	promise(member->peer != NULL || member->away_until > truth->host.now, "%s is away for ever", member->id);
	promise(member->full_until == 0 || member->full_until > truth->host.now,
		"%s does not read, and is still there", member->id);
	promise(member->pressed_until == 0 || member->pressed_until > truth->host.now,
		"%s was asked to acknowledge, and is still there", member->id);
	promise(real->attempt == member->attempt, "another attempt of %s counts", member->id);
	*slow += real->in_full != NULL;
	member->seen_backlog = stream->backlog;
	member->added = 0;
}

static void check_peer(const truth_whole *truth, const truth_peer *peer) {
	const portal_peer *real = peer->real;
	promise((real->member == NULL) == (peer->member == NULL), "a peer is in a room, or not");
	promise(real->member == NULL || real->member == peer->member->real, "a peer has another member");
	promise(real->used == peer->used, "a peer had its membership, or not");
	promise(real->unread == peer->unread, "%zu bytes that are not read are counted as %zu", peer->unread, real->unread);
	promise(real->ended == peer->ended, "a peer is ended, or not");
	promise(peer->ended == g_ptr_array_find(truth->host.ended, peer, NULL), "the host was not told to end a peer");
	promise(real->member == NULL || MAX(real->cursor, peer->member->acked) == MAX(peer->cursor, peer->member->acked),
		"a peer is at another event");
}

/* What an administrator is told of a peer. */
static void check_description(const truth_whole *truth, const truth_peer *peer) {
	json_auto_t *description = portal_describe(truth->core, peer->real);
	const truth_member *member = peer->member;
	promise(number_of(description, "requests") == (json_int_t)peer->transactions
		&& number_of(description, "unread") == (json_int_t)peer->unread,
		"a peer is otherwise: %s", fuzz_text(description));
	promise((json_object_get(description, "room") != NULL) == (member != NULL),
		"it is in a room, or not: %s", fuzz_text(description));
	promise(member == NULL || (number_of(description, "seq") == (json_int_t)member->done
		&& number_of(description, "acked") == (json_int_t)member->acked
		&& number_of(description, "n") == number_of(description, "pushed") + number_of(description, "queued")
		&& strcmp(string_of(description, "id"), member->id) == 0), "a member is otherwise: %s", fuzz_text(description));
}

/* What the core says of itself. The Admin API has no rates, so this changes nothing but the count of requests. */
static json_t *admin(truth_whole *truth, const char *request, const char *room) {
	json_auto_t *body = json_pack("{s:s, s:s*}", "request", request, "room", room);
	json_t *reply = portal_admin(truth->core, body);
	asking ask = { truth, NULL, body, reply };
	promise(fuzz_check_answer(reply) == NULL, "it does not say: %s", fuzz_text(reply));
	find_request(body)->grant(&ask);
	truth->requests++;
	return reply;
}

static void check_stats(truth_whole *truth, guint away, guint slow, size_t backlog) {
	json_auto_t *stats = admin(truth, "stats", NULL);
	const struct { const char *name; json_int_t wanted; } rows[] = {
		{ "rooms", g_tree_nnodes(truth->rooms) }, { "members", truth->members }, { "away", away }, { "slow", slow },
		{ "backlog", (json_int_t)backlog }, { "requests", truth->requests }, { "joins", truth->joins },
			{ "resumes", truth->resumes },
		{ "signals", truth->signals }, { "deliveries", truth->deliveries }, { "bytes", truth->bytes },
			{ "replays", truth->replays },
	};
	for(size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		promise(number_of(stats, rows[i].name) == rows[i].wanted, "%s should be %" JSON_INTEGER_FORMAT ": %s", rows[i].name,
			rows[i].wanted, fuzz_text(stats));
	promise(number_of(json_object_get(stats, "latency"), "count") == truth->events,
		"%" JSON_INTEGER_FORMAT " events: %s", truth->events, fuzz_text(stats));
}

static void check_whole_room(truth_whole *truth, truth_room *room) {
	json_auto_t *members = admin(truth, "listmembers", room->name), *stats = admin(truth, "stats", room->name);
	promise(json_array_size(json_object_get(members, "members")) == (size_t)g_tree_nnodes(room->members),
		"not all of %s", room->name);
	promise(number_of(stats, "members") == g_tree_nnodes(room->members), "another number is in %s", room->name);
}

void truth_check(truth_whole *truth, bool whole) {
	guint away = 0, slow = 0;
	size_t backlog = 0;
	const portal_census *census = NULL;
	truth_room *room;
	truth_member *member;
	if(truth->lost)
		return;
	each_room(truth, room) {
		const portal_room *real = NULL;
		each_member(room, member) {
			check_member(truth, member, &slow);
			promise(real == NULL || real == member->real->room, "there are two rooms %s", room->name);
			real = member->real->room;
			census = member->real->census;
			promise(portal_room_find(real, member->id) == member->real, "%s is not in the list of its room", member->id);
			away += member->peer == NULL;
			backlog += member->real->stream.backlog;
		}
		promise(real == NULL || portal_room_count(real) == (guint)g_tree_nnodes(room->members),
			"another number is in %s", room->name);
		promise(real == NULL || real->version == room->version, "%s is at another version", room->name);
	}
	promise(census == NULL || (census->members == truth->members && census->backlogs == backlog
		&& (guint)g_sequence_get_length(census->away) == away && (guint)g_sequence_get_length(census->full) == slow
		&& census->overflowing.length == 0), "the census counts wrongly");
	for(guint i = 0; i < truth->peers->len; i++)
		check_peer(truth, g_ptr_array_index(truth->peers, i));
	if(!whole)
		return;
	promise(portal_count_rooms(truth->core) == (guint)g_tree_nnodes(truth->rooms), "another number of rooms");
	json_decref(admin(truth, "list", NULL));
	each_room(truth, room)
		check_whole_room(truth, room);
	for(guint i = 0; i < truth->peers->len; i++)
		check_description(truth, g_ptr_array_index(truth->peers, i));
	check_stats(truth, away, slow, backlog);
}

void truth_check_views(truth_whole *truth) {
	truth_room *room;
	truth_member *member;
	each_room(truth, room) {
		each_member(room, member) {
			if(truth->lost || member->peer == NULL || member->to_tell->len > 0)
				continue;
			promise(member->asks == 0, "%s should be asked to acknowledge", member->id);
			gint64 left = member->expires - truth->host.host.time(&truth->host);
			promise(member->expires == 0 || left >= TURN_TTL / 4,
				"the credentials of %s end in %d seconds", member->id, (int)left);
			json_auto_t *roster = roster_for(member), *wanted = json_object(), *other;
			size_t i;
			json_array_foreach(roster, i, other)
				json_object_set(wanted, string_of(other, "id"), other);
			other = NULL;
			promise(json_equal(member->view, wanted), "%s has pieced together %s, not %s", member->id, fuzz_text(member->view),
				fuzz_text(wanted));
		}
	}
}
