/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file request.c
 * \brief The table of what members may ask, its handlers, and the order of judgement.
 *
 * A request is judged in this order: the peer's member; `ack`, which is honoured even if the rest is refused; `seq`; the
 * fields; the rates; the effect. A refusal for its fields or its effect uses the number up, so that those behind it do not
 * wait for ever; one for its rate does not: the same number comes again, and those behind it wait for it. */
#include "request.h"

#include "event.h"
#include "join.h"
#include "manage.h"
#include "relay.h"

#define PING_MAX 1024

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
	if(portal_call_spend_on_room(call, member->room) != PORTAL_OK)
		return NULL;
	bool display = replace(&member->display, call->body, "display");
	bool metadata = replace(&member->metadata, call->body, "metadata");
	if(display || metadata) {
		portal_member_drop_shown(member);
		portal_room_changed(member->room, member);
	}
	return portal_event_version(member->room);
}

static json_t *handle_sync(portal_call *call) {
	portal_stream_seal(&call->peer->member->stream); /* its number stands for what is in the roster */
	return portal_event_roster(call->peer->member);
}

static json_t *handle_ack(portal_call *call) {
	(void)call; /* the number itself was honoured already, as on any request */
	return portal_event_success();
}

static json_t *handle_ping(portal_call *call) {
	return portal_event_pong(portal_field_get(call->body, "ping"));
}

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
	{ .name = "join", .fields = portal_join_fields, .handler = portal_join, .watched = true },
	{ .name = "relay", .fields = relay_fields, .handler = portal_relay, .cost = portal_relay_cost, .members_only = true,
		.numbered = true },
	{ .name = "configure", .fields = configure_fields, .handler = handle_configure, .members_only = true, .numbered = true },
	{ .name = "leave", .handler = handle_leave, .members_only = true, .numbered = true },
	{ .name = "sync", .handler = handle_sync, .members_only = true },
	{ .name = "ack", .fields = ack_fields, .handler = handle_ack, .members_only = true },
	{ .name = "ping", .fields = ping_fields, .handler = handle_ping },
	{ 0 },
};

static const portal_request *const tables[] = { requests, portal_manage_requests, NULL };

/* Reads a number that a client counts up, 0 if it gave none. */
static portal_error read_number(portal_call *call, const char *name, json_int_t min, guint64 *number) {
	const portal_field fields[] = { { .name = name, .type = PORTAL_TYPE_INTEGER, .min = min, .max = G_MAXINT64 }, { 0 } };
	*number = 0;
	if(portal_fields_check(fields, call->body, portal_call_limits(call), &call->failure) == PORTAL_OK)
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
	const portal_limits *limits = portal_call_limits(call);
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
		const portal_request *request = waiting->body == NULL ? NULL : portal_call_find(&call, tables);
		json_t *answer = take_turn(&call, request);
		portal_call_account(registry, peer, answer);
		portal_peer_answer(peer, waiting->transaction, answer);
		portal_waiting_free(waiting);
	}
}

/* A number that was done gets its answer again; that costs as the first time. */
static json_t *answer_again(portal_call *call, guint64 seq) {
	if(portal_call_spend(call, 1, call->weight) != PORTAL_OK)
		return portal_call_refusal(call);
	json_t *answer = portal_stream_answer_again(&call->peer->member->stream, seq);
	if(answer != NULL)
		return answer;
	portal_fail(&call->failure, JANUS_PORTAL_ERROR_ANSWER_GONE, "seq: this number was done, and its answer is no longer kept");
	return portal_call_refusal(call);
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
	return portal_call_refusal(call);
}

static json_t *put_in_order(portal_call *call, const portal_request *request, guint64 seq, const char *transaction,
		json_t *body) {
	portal_stream *stream = &call->peer->member->stream;
	json_int_t window = portal_call_limits(call)->window;
	switch(portal_stream_judge(stream, seq, (guint64)window)) {
	case PORTAL_TURN_NOW:
		return take_turn(call, request);
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
	return portal_call_refusal(call);
}

static json_t *judge(portal_call *call, const char *transaction, json_t *body) {
	portal_peer *peer = call->peer;
	portal_call_look(call);
	portal_failure refused = call->failure;
	const portal_request *request = portal_call_find(call, tables);
	if(request == NULL) {
		if(refused.error != PORTAL_OK)
			call->failure = refused;
		return portal_call_refusal(call);
	}
	if(request->members_only && peer->member == NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_NOT_SET, "This handle is in no room: join one first");
		return portal_call_refusal(call);
	}
	call->failure = (portal_failure) { 0 };
	guint64 seq = 0;
	if(peer->member != NULL && honour_ack(call) != PORTAL_OK)
		return portal_call_refusal(call);
	if(request->numbered && read_number(call, "seq", 1, &seq) != PORTAL_OK)
		return portal_call_refusal(call);
	/* A body that was refused on sight still has a number, which must be used up in its turn. */
	call->failure = refused;
	if(seq != 0)
		return put_in_order(call, request, seq, transaction, body);
	return portal_call_answer(call, request);
}

json_t *portal_request_handle(portal_registry *registry, portal_peer *peer, const char *transaction, json_t *body) {
	portal_call call = { .registry = registry, .peer = peer, .body = body };
	peer->count++;
	PORTAL_COUNT(peer->member != NULL ? &peer->member->stats : &registry->stats, requests, 1);
	json_t *reply = judge(&call, transaction, body);
	if(reply != NULL)
		portal_call_account(registry, peer, reply);
	let_waiting_follow(registry, peer);
	return reply;
}
