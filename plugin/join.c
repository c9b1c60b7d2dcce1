/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file join.c
 * \brief Who may enter a room, and who may come back to it. Everything is checked before anything changes. */
#include "join.h"

#include "event.h"
#include "guard.h"
#include "key.h"

const portal_field portal_join_fields[] = {
	{ .name = "room", .type = PORTAL_TYPE_NAME, .min = 1, .max = PORTAL_ROOM_MAX }, /* required: room_not_set says so */
	{ .name = "display", .type = PORTAL_TYPE_STRING, .limit = PORTAL_LIMIT(max_display) },
	{ .name = "metadata", .type = PORTAL_TYPE_OBJECT, .limit = PORTAL_LIMIT(max_metadata) },
	{ .name = "pin", .type = PORTAL_TYPE_STRING, .max = PORTAL_SECRET_MAX },
	{ .name = "token", .type = PORTAL_TYPE_STRING, .max = PORTAL_TOKEN_MAX },
	{ .name = "key", .type = PORTAL_TYPE_NAME, .min = PORTAL_KEY_MIN, .max = PORTAL_KEY_MAX },
	{ .name = "attempt", .type = PORTAL_TYPE_INTEGER, .min = 1, .max = G_MAXINT64 },
	{ .name = "ack", .type = PORTAL_TYPE_INTEGER, .min = 0, .max = G_MAXINT64 },
	{ 0 },
};

/* 0 if it named none: such a try counts as newer than all. */
static guint64 attempt_of(const portal_call *call) {
	return (guint64)json_integer_value(portal_field_get(call->body, "attempt"));
}

/* Whether this peer, with what it says, may enter this room at all. */
static portal_error check_entry(portal_call *call, portal_room *room) {
	if(portal_guard_entry(call, room) != PORTAL_OK)
		return call->failure.error;
	if(room->options->locked)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_LOCKED, "The room takes no new members");
	if(portal_room_count(room) >= (guint)room->options->limits.max_members)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_FULL, "The room is full");
	if(call->registry->census.members >= (guint)call->registry->census.limits.max_total_members)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_SERVER_FULL, "The server has all the members that it may have");
	return PORTAL_OK;
}

/* What is pushed again counts as the member's, on whichever peer it comes back; one that is away is told of to the whole room.
 * A try that the room has no place for costs the member nothing, or many that come back at once would use up what they need. */
static portal_error spend_on_return(portal_call *call, portal_member *member, size_t replay) {
	const portal_limits *limits = &member->room->options->limits;
	gint64 now = portal_registry_now(call->registry);
	guint wait = portal_bucket_wait(&member->bytes, (double)replay, (double)limits->byte_rate, (double)limits->byte_burst, now);
	if(wait > 0)
		return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
			"Too much was pushed again: come back later");
	wait = member->peer == NULL ? portal_room_take_return(member->room, member) : 0;
	if(wait > 0)
		return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
			"Too much coming and going at once: come back later");
	portal_bucket_charge(&member->bytes, (double)replay, (double)limits->byte_rate, now);
	return PORTAL_OK;
}

static json_t *enter(portal_call *call, portal_room *room, const char *id, const char *made_key) {
	if(portal_field_get(call->body, "ack") != NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_MEMBER_GONE, "ack: there is no membership to come back to; join without it");
		return NULL;
	}
	if(check_entry(call, room) != PORTAL_OK || portal_call_spend_on_room(call, room) != PORTAL_OK)
		return NULL;
	portal_member *member = portal_member_new(room, &call->registry->census, call->peer, id,
		portal_field_get(call->body, "display"), portal_field_get(call->body, "metadata"));
	member->attempt = attempt_of(call);
	portal_registry_enter(call->registry, member);
	return portal_event_joined_reply(member, made_key, portal_registry_ice_servers(call->registry, member));
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
	if(spend_on_return(call, member, portal_stream_weight_after(&member->stream, ack)) != PORTAL_OK)
		return call->failure.error;
	return portal_member_acknowledge(member, ack, &call->failure);
}

static json_t *come_back(portal_call *call, portal_member *member) {
	if(check_return(call, member) != PORTAL_OK)
		return NULL;
	member->attempt = MAX(member->attempt, attempt_of(call));
	portal_registry_back(call->registry, member, call->peer);
	return portal_event_resumed_reply(member, portal_registry_ice_servers(call->registry, member));
}

/* Who was thrown out does not come back, be the room still there or not. */
static portal_error check_past(portal_call *call, const char *id) {
	const char *room = portal_field_string(call->body, "room");
	portal_error error = room == NULL ? PORTAL_OK
		: portal_ended_find(&call->registry->ended, room, id, portal_registry_now(call->registry));
	if(error == PORTAL_OK)
		return PORTAL_OK;
	return portal_fail(&call->failure, error, error == JANUS_PORTAL_ERROR_KICKED ? "This member was removed from the room"
		: "The room was destroyed");
}

/* Joins, or takes up the membership that lives under the same key: on this peer, or from whichever peer has it. */
json_t *portal_join(portal_call *call) {
	const char *key = portal_field_string(call->body, "key");
	char made[PORTAL_MADE_KEY_LENGTH + 1], id[PORTAL_ID_LENGTH + 1];
	if(key == NULL)
		portal_key_make(call->registry->census.host, made);
	portal_id_of_key(key != NULL ? key : made, id);
	if(check_past(call, id) != PORTAL_OK)
		return NULL;
	portal_room *room = portal_call_room(call);
	if(room == NULL)
		return NULL;
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
