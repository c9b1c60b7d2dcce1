/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file request.c
 * \brief The table of what members may ask, its handlers, and the order of judgement.
 *
 * A request is judged in this order: the peer's member; `ack`, which is honoured even if the rest is refused; `seq`; the
 * fields; the effect. A refusal from the fields on uses the number up, so that those behind it do not wait for ever. */
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
	if(call->registry->members >= (guint)call->registry->limits.max_total_members)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_SERVER_FULL, "The server has all the members that it may have");
	return PORTAL_OK;
}

static json_t *enter(portal_call *call, portal_room *room, const char *key, bool is_ours) {
	char id[PORTAL_ID_LENGTH + 1];
	portal_id_of_key(key, id);
	if(portal_room_find(room, id) != NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_KEY_IN_USE, "key: a member with this key is in the room");
		return NULL;
	}
	portal_member *member = portal_member_new(room, call->peer, id,
		portal_field_get(call->body, "display"), portal_field_get(call->body, "metadata"));
	call->peer->member = member;
	portal_registry_enter(call->registry, member);
	return portal_event_joined_reply(call->registry, member, is_ours ? key : NULL);
}

static const portal_field join_fields[] = {
	{ .name = "room", .type = PORTAL_TYPE_NAME, .min = 1, .max = PORTAL_ROOM_MAX }, /* required: room_not_set says so */
	{ .name = "display", .type = PORTAL_TYPE_STRING, .limit = PORTAL_LIMIT(max_display) },
	{ .name = "metadata", .type = PORTAL_TYPE_OBJECT, .limit = PORTAL_LIMIT(max_metadata) },
	{ .name = "pin", .type = PORTAL_TYPE_STRING, .max = PIN_MAX },
	{ .name = "key", .type = PORTAL_TYPE_NAME, .min = PORTAL_KEY_MIN, .max = PORTAL_KEY_MAX },
	{ 0 },
};

static json_t *handle_join(portal_call *call) {
	if(call->peer->member != NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ALREADY_JOINED, "This handle is in a room already: attach another one");
		return NULL;
	}
	if(call->peer->used) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_PEER_USED, "This handle was in a room before: attach a new one");
		return NULL;
	}
	portal_room *room = portal_request_room(call);
	if(room == NULL || check_entry(call, room) != PORTAL_OK)
		return NULL;
	const char *key = portal_field_string(call->body, "key");
	char made[PORTAL_MADE_KEY_LENGTH + 1];
	if(key == NULL)
		portal_key_make(call->registry->host, made);
	return enter(call, room, key != NULL ? key : made, key == NULL);
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
	{ .name = "relay", .fields = relay_fields, .handler = portal_relay, .members_only = true, .numbered = true },
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
	if(portal_fields_check(fields, call->body, &call->registry->limits, &call->failure) == PORTAL_OK)
		*number = (guint64)json_integer_value(portal_field_get(call->body, name));
	return call->failure.error;
}

static portal_error honour_ack(portal_call *call) {
	guint64 ack;
	if(read_number(call, "ack", 0, &ack) != PORTAL_OK)
		return call->failure.error;
	return portal_stream_acknowledge(&call->peer->member->stream, ack, call->peer->cursor, &call->failure);
}

/* Carries out the request whose turn it is, and keeps its answer in case that its client did not get it. */
static json_t *take_turn(portal_call *call, const portal_request *request) {
	json_t *answer = portal_call_answer(call, request);
	const portal_limits *limits = &call->registry->limits;
	if(call->peer->member != NULL) /* it was not `leave` */
		portal_stream_answered(&call->peer->member->stream, answer, (guint64)limits->window, (size_t)limits->max_request);
	return answer;
}

/* Carries out those that waited for the number that was just done. */
static void let_waiting_follow(portal_registry *registry, portal_peer *peer) {
	portal_waiting *waiting;
	while(peer->member != NULL && (waiting = portal_stream_take(&peer->member->stream)) != NULL) {
		portal_call call = { registry, peer, waiting->body, waiting->refused };
		const portal_request *request = waiting->body == NULL ? NULL : portal_call_find(&call, requests);
		portal_peer_answer(peer, waiting->transaction, take_turn(&call, request));
		portal_waiting_free(waiting);
	}
}

static json_t *hold(portal_call *call, guint64 seq, const char *transaction, json_t *body, size_t weight) {
	portal_waiting *waiting = g_new0(portal_waiting, 1);
	waiting->seq = seq;
	waiting->transaction = g_strdup(transaction);
	waiting->weight = weight;
	waiting->refused = call->failure;
	if(call->failure.error == PORTAL_OK)
		waiting->body = json_incref(body);
	const portal_limits *limits = &call->registry->limits;
	if(portal_stream_hold(&call->peer->member->stream, waiting, (size_t)limits->max_request))
		return NULL;
	portal_fail(&call->failure, JANUS_PORTAL_ERROR_WINDOW_EXCEEDED,
		"seq: more than %" JSON_INTEGER_FORMAT " bytes would wait for their turn; send it again later", limits->max_request);
	return portal_event_error(&call->failure);
}

static json_t *put_in_order(portal_call *call, const portal_request *request, guint64 seq, const char *transaction,
		json_t *body, size_t weight) {
	portal_stream *stream = &call->peer->member->stream;
	json_int_t window = call->registry->limits.window;
	json_t *answer;
	switch(portal_stream_judge(stream, seq, (guint64)window)) {
	case PORTAL_TURN_NOW:
		answer = take_turn(call, request);
		let_waiting_follow(call->registry, call->peer);
		return answer;
	case PORTAL_TURN_LATER:
		return hold(call, seq, transaction, body, weight);
	case PORTAL_TURN_DONE:
		answer = portal_stream_answer_again(stream, seq);
		if(answer != NULL)
			return answer;
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ANSWER_GONE,
			"seq: this number was done, and its answer is no longer kept");
		break;
	case PORTAL_TURN_TOO_FAR:
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_WINDOW_EXCEEDED,
			"seq: is more than %" JSON_INTEGER_FORMAT " ahead of the last one that was done; send it again later", window);
		break;
	}
	return portal_event_error(&call->failure);
}

json_t *portal_request_handle(portal_registry *registry, portal_peer *peer, const char *transaction, json_t *body) {
	portal_call call = { registry, peer, body, { 0 } };
	peer->requests++;
	size_t weight = portal_call_look(&call);
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
		return put_in_order(&call, request, seq, transaction, body, weight);
	return portal_call_answer(&call, request);
}
