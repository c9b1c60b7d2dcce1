/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file relay.c
 * \brief Signals from one member to one, to several, to everybody else. A payload is opaque: it is passed on by reference,
 * never looked into, never copied. */
#include "relay.h"

#include <string.h>

#include "event.h"
#include "fields.h"

#define TYPE_MAX 64
#define RETRY_AFTER 1000 /* milliseconds: a client that reads acknowledges much sooner, one that does not is ended much later */

/* What an event weighs around the type and the payload of its signal. */
#define AROUND 166

static const portal_field signal_fields[] = {
	{ .name = "type", .type = PORTAL_TYPE_STRING, .required = true, .min = 1, .max = TYPE_MAX },
	{ 0 },
};

/* One signal being relayed. */
typedef struct relaying {
	portal_call *call;
	portal_member *from;
	size_t index;
	json_t *event;
	size_t weight;
	guint64 relay;     /* its number, to reach nobody twice */
	json_int_t relayed;
	json_t *full;      /* ids of those that could not take it */
	json_t *failed;    /* of the whole request; borrowed */
} relaying;

static void deliver(relaying *signal, portal_member *to) {
	if(to->last_relay == signal->relay)
		return;
	to->last_relay = signal->relay;
	if(!portal_member_takes(to, signal->weight)) {
		json_array_append_new(signal->full, json_string(to->id));
		return;
	}
	portal_member_tell(to, signal->event, signal->weight, to->room->version);
	to->received++;
	PORTAL_COUNT(&signal->from->stats, deliveries, 1);
	PORTAL_COUNT(&signal->from->stats, bytes, signal->weight);
	signal->relayed++;
}

static void deliver_to_all(relaying *signal) {
	GTree *members = signal->from->room->members;
	for(GTreeNode *node = g_tree_node_first(members); node != NULL; node = g_tree_node_next(node)) {
		portal_member *member = g_tree_node_value(node);
		if(member != signal->from)
			deliver(signal, member);
	}
}

static bool is_id(const json_t *value) {
	return json_string_length(value) == PORTAL_ID_LENGTH && portal_is_name(json_string_value(value));
}

/* `to` is an id, or a list of at least one. */
static portal_error check_recipients(const json_t *to, portal_failure *failure) {
	if(json_is_string(to) && is_id(to))
		return PORTAL_OK;
	if(!json_is_array(to))
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "to: should be the id of a member, or a list of ids");
	if(json_array_size(to) == 0)
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD,
			"to: is an empty list; leave it out to reach everybody else");
	size_t i;
	json_t *id;
	json_array_foreach(to, i, id) {
		if(!is_id(id))
			return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "to[%zu]: should be the id of a member", i);
	}
	return PORTAL_OK;
}

/* Adds what could not be delivered, if anything, to the list of the request. */
static void report(relaying *signal, json_t *ids, portal_error error, guint retry_after, const char *text) {
	if(json_array_size(ids) == 0)
		return;
	portal_failure failure;
	portal_stats_refusal(&signal->from->stats, error);
	portal_fail_for_now(&failure, error, retry_after, text);
	json_array_append_new(signal->failed, portal_event_signal_failed(signal->index, json_incref(ids), &failure));
}

static void deliver_to(relaying *signal, const json_t *to) {
	json_auto_t *unknown = json_array(), *self = json_array();
	size_t count = json_is_array(to) ? json_array_size(to) : 1;
	for(size_t i = 0; i < count; i++) {
		json_t *id = json_is_array(to) ? json_array_get(to, i) : (json_t *)to;
		portal_member *member = portal_room_find(signal->from->room, json_string_value(id));
		if(member == NULL)
			json_array_append(unknown, id);
		else if(member == signal->from)
			json_array_append(self, id);
		else
			deliver(signal, member);
	}
	report(signal, unknown, JANUS_PORTAL_ERROR_MEMBER_NOT_FOUND, 0, "to: no such member in this room");
	report(signal, self, JANUS_PORTAL_ERROR_RECIPIENT_IS_SELF, 0, "to: is the sender itself");
}

static portal_error check_signal(relaying *signal, const json_t *json, portal_failure *failure) {
	if(!json_is_object(json))
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "signals[%zu]: should be an object", signal->index);
	if(portal_fields_check(signal_fields, json, portal_call_limits(signal->call), failure) != PORTAL_OK)
		return failure->error;
	const json_t *payload = json_object_get(json, "payload");
	if(payload == NULL) /* null is a payload: the end of candidates, for one */
		return portal_fail(failure, JANUS_PORTAL_ERROR_MISSING_FIELD, "payload: is missing");
	/* Once, as it may be long; the weight of the event follows from it. */
	json_int_t max = portal_call_limits(signal->call)->max_signal;
	size_t type = 0;
	portal_weigh(payload, PORTAL_DEPTH_CEILING, &signal->weight);
	if((json_int_t)signal->weight > max)
		return portal_fail(failure, JANUS_PORTAL_ERROR_TOO_LARGE,
			"payload: should be at most %" JSON_INTEGER_FORMAT " bytes", max);
	portal_weigh(json_object_get(json, "type"), PORTAL_DEPTH_CEILING, &type);
	signal->weight += type + AROUND;
	const json_t *to = portal_field_get(json, "to");
	return to == NULL ? PORTAL_OK : check_recipients(to, failure);
}

static void relay_signal(relaying *signal, const json_t *json) {
	portal_failure failure = { 0 };
	if(check_signal(signal, json, &failure) != PORTAL_OK) {
		portal_stats_refusal(&signal->from->stats, failure.error);
		json_array_append_new(signal->failed, portal_event_signal_failed(signal->index, NULL, &failure));
		return;
	}
	json_auto_t *event = portal_event_signal(signal->from, portal_field_string(json, "type"), json_object_get(json, "payload"));
	json_auto_t *full = json_array();
	signal->event = event;
	signal->full = full;
	signal->relay = ++signal->call->registry->relays;
	PORTAL_COUNT(&signal->from->stats, signals, 1);
	const json_t *to = portal_field_get(json, "to");
	if(to == NULL)
		deliver_to_all(signal);
	else
		deliver_to(signal, to);
	report(signal, full, JANUS_PORTAL_ERROR_RECIPIENT_FULL, RETRY_AFTER, "to: has not acknowledged enough of what it has");
}

json_t *portal_relay(portal_call *call) {
	json_t *failed = json_array();
	relaying signal = { .call = call, .from = call->peer->member, .failed = failed };
	json_t *json;
	json_array_foreach(json_object_get(call->body, "signals"), signal.index, json) {
		relay_signal(&signal, json);
	}
	return portal_event_relayed(call->registry, signal.relayed, failed);
}

double portal_relay_cost(const portal_call *call) {
	const portal_member *from = call->peer->member;
	double cost = 0;
	size_t i;
	json_t *signal;
	json_array_foreach(json_object_get(call->body, "signals"), i, signal) {
		const json_t *to = portal_field_get(signal, "to");
		cost += to == NULL ? portal_room_count(from->room) - 1 : json_is_array(to) ? (double)json_array_size(to) : 1;
	}
	return MAX(1, cost);
}
