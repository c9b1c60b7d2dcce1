/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file request.c
 * \brief The table of what members may ask, its handlers, and the order of judgement.
 *
 * A request is judged in this order: the peer's member; `ack`, which is honoured even if the rest is refused; `seq`; the
 * fields; the rates; the effect. A refusal for its fields or its effect uses the number up, so that those behind it do not
 * wait for ever; one for its rate does not: the same number comes again, and those behind it wait for it. */
#include "request.h"

#include "event.h"
#include "key.h"
#include "list.h"
#include "relay.h"

#define PIN_MAX 256
#define PING_MAX 1024

static json_t *handle_list(portal_call *call) {
	return portal_list_rooms(call, false);
}

static json_t *handle_exists(portal_call *call) {
	const char *name = portal_field_string(call->body, "room");
	return portal_event_exists(name, portal_registry_find(call->registry, name) != NULL);
}

portal_room *portal_request_room(portal_call *call) {
	const char *name = portal_field_string(call->body, "room");
	portal_room *room = name == NULL ? NULL : portal_registry_find(call->registry, name);
	if(name == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_NOT_SET, "room: is missing");
	else if(room == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_NOT_FOUND, "No such room: %s", name);
	return room;
}

/* 0 if it named none: such a try counts as newer than all. */
static guint64 attempt_of(const portal_call *call) {
	return (guint64)json_integer_value(portal_field_get(call->body, "attempt"));
}

/* Whether this peer, with what it says, may enter this room at all. */
static portal_error check_entry(portal_call *call, const portal_room *room) {
	const char *pin = portal_field_string(call->body, "pin");
	if(room->pin != NULL && pin == NULL)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_WRONG_PIN, "pin: is missing, and this room has one");
	if(room->pin != NULL && !portal_secrets_equal(room->pin, pin))
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_WRONG_PIN, "pin: is wrong");
	if(room->locked)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_LOCKED, "The room takes no new members");
	if(portal_room_count(room) >= (guint)room->max_members)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_FULL, "The room is full");
	if(call->registry->census.members >= (guint)call->registry->census.limits.max_total_members)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_SERVER_FULL, "The server has all the members that it may have");
	return PORTAL_OK;
}

/* What is told to a whole room has a rate of its own, so that many together cannot flood it either. */
static portal_error spend_on_room(portal_call *call, portal_room *room) {
	const portal_census *census = &call->registry->census;
	double rate = (double)census->limits.room_rate;
	guint wait = portal_bucket_take(&room->telling, 1, rate, rate, census->host->now(census->host->context));
	if(wait == 0)
		return PORTAL_OK;
	return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
		"Too much happens in this room at once: send it again later");
}

/* What is pushed again counts as the member's, on whichever peer it comes back. */
static portal_error spend_on_replay(portal_call *call, portal_member *member, size_t weight) {
	const portal_census *census = &call->registry->census;
	guint wait = portal_bucket_take(&member->bytes, (double)weight, (double)census->limits.byte_rate,
		(double)census->limits.byte_burst, census->host->now(census->host->context));
	if(wait == 0)
		return PORTAL_OK;
	return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
		"Too much was pushed again: come back later");
}

static json_t *enter(portal_call *call, portal_room *room, const char *id, const char *made_key) {
	if(portal_field_get(call->body, "ack") != NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_MEMBER_GONE, "ack: there is no membership to come back to; join without it");
		return NULL;
	}
	if(check_entry(call, room) != PORTAL_OK || spend_on_room(call, room) != PORTAL_OK)
		return NULL;
	portal_member *member = portal_member_new(room, &call->registry->census, call->peer, id,
		portal_field_get(call->body, "display"), portal_field_get(call->body, "metadata"));
	member->attempt = attempt_of(call);
	portal_registry_enter(call->registry, member);
	return portal_event_joined_reply(call->registry, member, made_key);
}

/* Whether a member may come back as this try says, which acknowledges what it has. */
static portal_error check_return(portal_call *call, portal_member *member) {
	guint64 attempt = attempt_of(call);
	if(attempt != 0 && attempt <= member->attempt)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_SUPERSEDED, "attempt: a later one was accepted already");
	const json_t *given = portal_field_get(call->body, "ack");
	guint64 ack = given == NULL ? member->stream.acked : (guint64)json_integer_value(given);
	if(ack < member->stream.acked)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_EVENTS_GONE,
			"ack: is below what was acknowledged before, and those events are gone; join without it");
	if(ack > member->stream.pushed) /* checked before anything is spent or changed */
		return portal_member_acknowledge(member, ack, &call->failure);
	if(spend_on_replay(call, member, portal_stream_weight_after(&member->stream, ack)) != PORTAL_OK)
		return call->failure.error;
	if(member->peer == NULL && spend_on_room(call, member->room) != PORTAL_OK)
		return call->failure.error;
	return portal_member_acknowledge(member, ack, &call->failure);
}

static json_t *come_back(portal_call *call, portal_member *member) {
	if(check_return(call, member) != PORTAL_OK)
		return NULL;
	member->attempt = MAX(member->attempt, attempt_of(call));
	portal_registry_back(call->registry, member, call->peer);
	return portal_event_resumed_reply(call->registry, member);
}

static const portal_field join_fields[] = {
	{ .name = "room", .type = PORTAL_TYPE_NAME, .min = 1, .max = PORTAL_ROOM_MAX }, /* required: room_not_set says so */
	{ .name = "display", .type = PORTAL_TYPE_STRING, .limit = PORTAL_LIMIT(max_display) },
	{ .name = "metadata", .type = PORTAL_TYPE_OBJECT, .limit = PORTAL_LIMIT(max_metadata) },
	{ .name = "pin", .type = PORTAL_TYPE_STRING, .max = PIN_MAX },
	{ .name = "key", .type = PORTAL_TYPE_NAME, .min = PORTAL_KEY_MIN, .max = PORTAL_KEY_MAX },
	{ .name = "attempt", .type = PORTAL_TYPE_INTEGER, .min = 1, .max = G_MAXINT64 },
	{ .name = "ack", .type = PORTAL_TYPE_INTEGER, .min = 0, .max = G_MAXINT64 },
	{ 0 },
};

/* Joins, or takes up the membership that lives under the same key: on this peer, or from whichever peer has it. */
static json_t *handle_join(portal_call *call) {
	portal_room *room = portal_request_room(call);
	if(room == NULL)
		return NULL;
	const char *key = portal_field_string(call->body, "key");
	char made[PORTAL_MADE_KEY_LENGTH + 1], id[PORTAL_ID_LENGTH + 1];
	if(key == NULL)
		portal_key_make(call->registry->census.host, made);
	portal_id_of_key(key != NULL ? key : made, id);
	portal_member *member = portal_room_find(room, id);
	if(call->peer->member != NULL && call->peer->member != member) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ALREADY_JOINED, "This handle is in a room already: attach another one");
		return NULL;
	}
	if(call->peer->used) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_PEER_USED, "This handle was in a room before: attach a new one");
		return NULL;
	}
	return member != NULL ? come_back(call, member) : enter(call, room, id, key == NULL ? made : NULL);
}

static json_t *handle_leave(portal_call *call) {
	portal_registry_leave(call->registry, call->peer->member, "leave");
	return portal_event_success();
}

/* Puts a field of the body in the place of what was there; null takes it away. Returns whether that made a difference. */
static bool replace(json_t **place, const json_t *body, const char *name) {
	const json_t *given = json_object_get(body, name);
	if(given == NULL)
		return false;
	json_t *value = portal_field_get(body, name);
	if(value == *place || (value != NULL && json_equal(value, *place)))
		return false;
	json_decref(*place);
	*place = json_incref(value);
	return true;
}

static json_t *handle_configure(portal_call *call) {
	portal_member *member = call->peer->member;
	if(spend_on_room(call, member->room) != PORTAL_OK)
		return NULL;
	bool display = replace(&member->display, call->body, "display");
	bool metadata = replace(&member->metadata, call->body, "metadata");
	if(display || metadata)
		portal_room_changed(member->room, member);
	return portal_event_version(member->room);
}

static json_t *handle_sync(portal_call *call) {
	return portal_event_roster(call->peer->member);
}

static json_t *handle_ack(portal_call *call) {
	(void)call; /* the number itself was honoured already, as on any request */
	return portal_event_success();
}

static json_t *handle_ping(portal_call *call) {
	return portal_event_pong(portal_field_get(call->body, "ping"));
}

static const portal_field list_fields[] = { PORTAL_PAGE_FIELDS, { 0 } };
static const portal_field exists_fields[] = {
	{ .name = "room", .type = PORTAL_TYPE_NAME, .required = true, .min = 1, .max = PORTAL_ROOM_MAX },
	{ 0 },
};
static const portal_field relay_fields[] = {
	{ .name = "signals", .type = PORTAL_TYPE_ARRAY, .required = true, .limit = PORTAL_LIMIT(max_signals) },
	{ 0 },
};
static const portal_field configure_fields[] = {
	{ .name = "display", .type = PORTAL_TYPE_STRING, .limit = PORTAL_LIMIT(max_display) },
	{ .name = "metadata", .type = PORTAL_TYPE_OBJECT, .limit = PORTAL_LIMIT(max_metadata) },
	{ 0 },
};
static const portal_field ack_fields[] = {
	{ .name = "ack", .type = PORTAL_TYPE_INTEGER, .required = true },
	{ 0 },
};
static const portal_field ping_fields[] = {
	{ .name = "ping", .type = PORTAL_TYPE_ANY, .max = PING_MAX },
	{ 0 },
};

static const portal_request requests[] = {
	{ .name = "list", .fields = list_fields, .handler = handle_list },
	{ .name = "exists", .fields = exists_fields, .handler = handle_exists },
	{ .name = "join", .fields = join_fields, .handler = handle_join },
	{ .name = "relay", .fields = relay_fields, .handler = portal_relay, .cost = portal_relay_cost, .members_only = true, .numbered = true },
	{ .name = "configure", .fields = configure_fields, .handler = handle_configure, .members_only = true, .numbered = true },
	{ .name = "leave", .handler = handle_leave, .members_only = true, .numbered = true },
	{ .name = "sync", .handler = handle_sync, .members_only = true },
	{ .name = "ack", .fields = ack_fields, .handler = handle_ack, .members_only = true },
	{ .name = "ping", .fields = ping_fields, .handler = handle_ping },
	{ 0 },
};

/* Reads a number that a client counts up, 0 if it gave none. */
static portal_error read_number(portal_call *call, const char *name, json_int_t min, guint64 *number) {
	const portal_field fields[] = { { .name = name, .type = PORTAL_TYPE_INTEGER, .min = min, .max = G_MAXINT64 }, { 0 } };
	*number = 0;
	if(portal_fields_check(fields, call->body, &call->registry->census.limits, &call->failure) == PORTAL_OK)
		*number = (guint64)json_integer_value(portal_field_get(call->body, name));
	return call->failure.error;
}

static portal_error honour_ack(portal_call *call) {
	guint64 ack;
	if(read_number(call, "ack", 0, &ack) != PORTAL_OK)
		return call->failure.error;
	return portal_member_acknowledge(call->peer->member, ack, &call->failure);
}

/* Carries out the request whose turn it is, and keeps its answer in case that its client did not get it. */
static json_t *take_turn(portal_call *call, const portal_request *request) {
	json_t *answer = portal_call_answer(call, request);
	const portal_limits *limits = &call->registry->census.limits;
	if(call->failure.error != JANUS_PORTAL_ERROR_RATE_LIMITED && call->peer->member != NULL) /* not limited, and not `leave` */
		portal_stream_answered(&call->peer->member->stream, answer, (guint64)limits->window, (size_t)limits->max_request);
	return answer;
}

/* Carries out those that waited for the number that was just done, up to one that is limited: that one comes again. */
static void let_waiting_follow(portal_registry *registry, portal_peer *peer) {
	portal_waiting *waiting;
	while(peer->member != NULL && (waiting = portal_stream_take(&peer->member->stream)) != NULL) {
		portal_call call = { .registry = registry, .peer = peer, .body = waiting->body, .weight = waiting->weight,
			.failure = waiting->refused };
		const portal_request *request = waiting->body == NULL ? NULL : portal_call_find(&call, requests);
		portal_peer_answer(peer, waiting->transaction, take_turn(&call, request));
		portal_waiting_free(waiting);
	}
}

/* A number that was done gets its answer again; that counts, since an answer may be large. */
static json_t *answer_again(portal_call *call, guint64 seq) {
	json_auto_t *answer = portal_stream_answer_again(&call->peer->member->stream, seq);
	size_t weight = 0;
	if(answer == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ANSWER_GONE,
			"seq: this number was done, and its answer is no longer kept");
	else if(portal_weigh(answer, PORTAL_DEPTH_CEILING, &weight))
		portal_call_spend(call, 1, call->weight + weight);
	return call->failure.error == PORTAL_OK ? json_incref(answer) : portal_event_error(&call->failure);
}

static json_t *hold(portal_call *call, guint64 seq, const char *transaction, json_t *body) {
	portal_waiting *waiting = g_new0(portal_waiting, 1);
	waiting->seq = seq;
	waiting->transaction = g_strdup(transaction);
	waiting->weight = call->failure.error == PORTAL_OK ? call->weight : 0;
	waiting->refused = call->failure;
	if(call->failure.error == PORTAL_OK)
		waiting->body = json_incref(body);
	const portal_limits *limits = &call->registry->census.limits;
	if(portal_stream_hold(&call->peer->member->stream, waiting, (size_t)limits->max_request))
		return NULL;
	portal_fail(&call->failure, JANUS_PORTAL_ERROR_WINDOW_EXCEEDED,
		"seq: more than %" JSON_INTEGER_FORMAT " bytes would wait for their turn; send it again later", limits->max_request);
	return portal_event_error(&call->failure);
}

static json_t *put_in_order(portal_call *call, const portal_request *request, guint64 seq, const char *transaction,
		json_t *body) {
	portal_stream *stream = &call->peer->member->stream;
	json_int_t window = call->registry->census.limits.window;
	json_t *answer;
	switch(portal_stream_judge(stream, seq, (guint64)window)) {
	case PORTAL_TURN_NOW:
		answer = take_turn(call, request);
		let_waiting_follow(call->registry, call->peer);
		return answer;
	case PORTAL_TURN_LATER:
		return hold(call, seq, transaction, body);
	case PORTAL_TURN_DONE:
		call->failure = (portal_failure) { 0 }; /* what it was refused for on sight does not matter any more */
		return answer_again(call, seq);
	case PORTAL_TURN_TOO_FAR:
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_WINDOW_EXCEEDED,
			"seq: is more than %" JSON_INTEGER_FORMAT " ahead of the last one that was done; send it again later", window);
		break;
	}
	return portal_event_error(&call->failure);
}

json_t *portal_request_handle(portal_registry *registry, portal_peer *peer, const char *transaction, json_t *body) {
	portal_call call = { .registry = registry, .peer = peer, .body = body };
	peer->count++;
	portal_call_look(&call);
	portal_failure refused = call.failure;
	const portal_request *request = portal_call_find(&call, requests);
	if(request == NULL)
		return portal_event_error(refused.error != PORTAL_OK ? &refused : &call.failure);
	if(request->members_only && peer->member == NULL) {
		portal_fail(&call.failure, JANUS_PORTAL_ERROR_ROOM_NOT_SET, "This handle is in no room: join one first");
		return portal_event_error(&call.failure);
	}
	call.failure = (portal_failure) { 0 };
	guint64 seq = 0;
	if(peer->member != NULL && honour_ack(&call) != PORTAL_OK)
		return portal_event_error(&call.failure);
	if(request->numbered && read_number(&call, "seq", 1, &seq) != PORTAL_OK)
		return portal_event_error(&call.failure);
	/* A body that was refused on sight still has a number, which must be used up in its turn. */
	call.failure = refused;
	if(seq != 0)
		return put_in_order(&call, request, seq, transaction, body);
	return portal_call_answer(&call, request);
}
