/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file call.c
 * \brief The steps that every request takes, whoever sends it. */
#include "call.h"

#include <string.h>

#include "event.h"

/* What a peer without membership may do: look round, and join. Requests and bytes, a second and at once. */
#define PEER_RATE 20
#define PEER_BURST 100
#define PEER_BYTE_RATE 65536
#define PEER_BYTE_BURST 524288

/* Milliseconds in which one that reads has long acknowledged. */
#define BEHIND_WAIT 1000

portal_error portal_call_look(portal_call *call) {
	const portal_limits *limits = &call->registry->census.limits;
	if(!json_is_object(call->body))
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_JSON, "The request should be an object");
	else if(!portal_weigh(call->body, (int)limits->max_depth, &call->weight))
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_TOO_DEEP,
			"The request is nested deeper than %" JSON_INTEGER_FORMAT " levels", limits->max_depth);
	else if((json_int_t)call->weight > limits->max_request)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_TOO_LARGE,
			"The request is larger than %" JSON_INTEGER_FORMAT " bytes", limits->max_request);
	return call->failure.error;
}

static const portal_request *find_in(const portal_request *table, const char *name) {
	for(const portal_request *request = table; request->name != NULL; request++) {
		if(strcmp(request->name, name) == 0)
			return request;
	}
	return NULL;
}

const portal_request *portal_call_find(portal_call *call, const portal_request *const *tables) {
	const json_t *name = portal_field_get(call->body, "request");
	if(name == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_MISSING_FIELD, "request: is missing");
	else if(!json_is_string(name))
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "request: should be a string");
	else {
		const portal_request *request = NULL;
		while(request == NULL && *tables != NULL)
			request = find_in(*tables++, json_string_value(name));
		if(request != NULL) {
			call->name = request->name;
			call->watched = request->watched;
			return request;
		}
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_UNKNOWN_REQUEST, "request: there is no %.40s", json_string_value(name));
	}
	return NULL;
}

const portal_limits *portal_call_limits(const portal_call *call) {
	const portal_room *room = call->peer != NULL && call->peer->member != NULL ? call->peer->member->room : NULL;
	const char *name = portal_field_string(call->body, "room");
	if(room == NULL && name != NULL)
		room = portal_registry_find(call->registry, name);
	return room != NULL ? &room->options->limits : &call->registry->census.limits;
}

json_t *portal_call_refusal(portal_call *call) {
	portal_peer *peer = call->peer;
	const char *name = portal_field_string(call->body, "room");
	portal_room *room = name == NULL ? NULL : portal_registry_find(call->registry, name);
	portal_stats *stats = peer != NULL && peer->member != NULL ? &peer->member->stats
		: room != NULL ? &room->stats : &call->registry->stats;
	portal_stats_refusal(stats, call->failure.error);
	if(call->watched)
		portal_registry_notify_refusal(call->registry, peer == NULL ? NULL : peer->session, call->name,
			room == NULL ? NULL : room->name, call->failure.error);
	return portal_event_error(&call->failure);
}

portal_error portal_call_spend(portal_call *call, double requests, size_t bytes) {
	portal_peer *peer = call->peer;
	if(peer == NULL)
		return PORTAL_OK;
	portal_member *member = peer->member;
	if(portal_registry_is_behind(call->registry, peer) && member != NULL)
		return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, BEHIND_WAIT,
			"Too much was answered that is not read: acknowledge the last event");
	if(portal_registry_is_behind(call->registry, peer))
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_PEER_USED,
			"This handle, which is in no room, was answered a lot: attach a new one");
	const portal_limits *limits = portal_call_limits(call);
	gint64 at = portal_registry_now(call->registry);
	guint wait = member != NULL
		? portal_bucket_take(&member->requests, requests, (double)limits->rate, (double)limits->burst, at)
		: portal_bucket_take(&peer->requests, requests, PEER_RATE, PEER_BURST, at);
	if(wait == 0)
		wait = member != NULL
			? portal_bucket_take(&member->bytes, (double)bytes, (double)limits->byte_rate, (double)limits->byte_burst, at)
			: portal_bucket_take(&peer->bytes, (double)bytes, PEER_BYTE_RATE, PEER_BYTE_BURST, at);
	if(wait == 0)
		return PORTAL_OK;
	return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait, "Too much at once: send it again later");
}

void portal_call_account(portal_registry *registry, portal_peer *peer, const json_t *answer) {
	portal_member *member = peer->member;
	gint64 now = portal_registry_now(registry);
	size_t weight = 0;
	portal_weigh(answer, PORTAL_DEPTH_CEILING, &weight);
	if(member != NULL)
		portal_bucket_charge(&member->bytes, (double)weight, (double)member->room->options->limits.byte_rate, now);
	else
		portal_bucket_charge(&peer->bytes, (double)weight, PEER_BYTE_RATE, now);
	portal_registry_answered(registry, peer, weight);
}

json_t *portal_call_answer(portal_call *call, const portal_request *request) {
	json_t *reply = NULL;
	if(call->failure.error == PORTAL_OK && request->fields != NULL)
		portal_fields_check(request->fields, call->body, portal_call_limits(call), &call->failure);
	if(call->failure.error == PORTAL_OK)
		portal_call_spend(call, request->cost != NULL ? request->cost(call) : 1, call->weight);
	if(call->failure.error == PORTAL_OK)
		reply = request->handler(call);
	if(reply == NULL && call->failure.error == PORTAL_OK)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_UNKNOWN_ERROR, "The reply could not be made");
	if(reply == NULL)
		reply = portal_call_refusal(call);
	return reply;
}

portal_error portal_call_spend_on_room(portal_call *call, portal_room *room) {
	guint wait = portal_room_take(room, call->weight);
	if(wait == 0)
		return PORTAL_OK;
	return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
		"Too much happens in this room at once: send it again later");
}

portal_room *portal_call_room(portal_call *call) {
	const char *name = portal_field_string(call->body, "room");
	portal_room *room = name == NULL ? NULL : portal_registry_find(call->registry, name);
	if(name == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_NOT_SET, "room: is missing");
	else if(room == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_NOT_FOUND, "No such room: %s", name);
	return room;
}
