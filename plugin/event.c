/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file event.c
 * \brief Builds all outgoing JSON. In json_pack's formats, `o*` and `s*` leave a field out where there is no value, since
 * every byte of an entry is sent once for each member of the room. */
#include "event.h"

json_t *portal_event_success(void) {
	return json_pack("{s:s}", "portal", "success");
}

json_t *portal_event_error(const portal_failure *failure) {
	json_t *reply = json_pack("{s:s, s:i, s:s, s:s}", "portal", "error", "error_code", (int)failure->error,
		"error", failure->text, "code", portal_error_code(failure->error));
	if(failure->retry_after > 0)
		json_object_set_new(reply, "retry_after", json_integer(failure->retry_after));
	return reply;
}

json_t *portal_event_pong(json_t *ping) {
	return json_pack("{s:s, s:O*}", "portal", "pong", "ping", ping);
}

json_t *portal_event_exists(const char *room, bool exists) {
	return json_pack("{s:s, s:s, s:b}", "portal", "success", "room", room, "exists", exists);
}

json_t *portal_event_version(const portal_room *room) {
	return json_pack("{s:s, s:I}", "portal", "success", "version", (json_int_t)room->version);
}

json_t *portal_event_member_entry(const portal_member *member) {
	json_t *object = json_pack("{s:s, s:O*, s:O*}", "id", member->id, "display", member->display, "metadata", member->metadata);
	if(member->peer == NULL)
		json_object_set_new(object, "away", json_true());
	return object;
}

#define MANY 32 /* members; for fewer it is not worth the memory */

json_t *portal_event_shown(portal_member *member, bool to_polite) {
	if(member->shown[to_polite] != NULL)
		return json_incref(member->shown[to_polite]);
	json_t *object = portal_event_member_entry(member);
	json_object_set_new(object, "polite", json_boolean(to_polite));
	if(portal_room_count(member->room) >= MANY)
		portal_member_keep_shown(member, to_polite, json_incref(object));
	return object;
}

static json_t *others_of(const portal_member *member) {
	json_t *list = json_array();
	for(GTreeNode *node = g_tree_node_first(member->room->members); node != NULL; node = g_tree_node_next(node)) {
		portal_member *other = g_tree_node_value(node);
		if(other != member)
			json_array_append_new(list, portal_event_shown(other, portal_member_is_polite(member, other)));
	}
	return list;
}

json_t *portal_event_joined_reply(portal_member *member, const char *key, json_t *ice_servers) {
	const portal_room *room = member->room;
	return json_pack("{s:s, s:b, s:i, s:s, s:s, s:s*, s:I, s:I, s:o, s:s*, s:O*, s:O, s:I, s:o*}", "portal", "success", "resumed", 0,
		"protocol", PORTAL_PROTOCOL, "room", room->name, "id", member->id, "key", key,
		"version", (json_int_t)room->version, "n", (json_int_t)member->stream.last, "members", others_of(member),
		"description", room->options->description, "metadata", room->options->metadata, "limits", portal_member_limits_json(member),
		"resume_timeout", room->options->limits.resume_timeout, "ice_servers", ice_servers);
}

json_t *portal_event_resumed_reply(portal_member *member, json_t *ice_servers) {
	const portal_stream *stream = &member->stream;
	return json_pack("{s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:O, s:o*}", "portal", "success", "resumed", 1,
		"room", member->room->name, "id", member->id, "seq", (json_int_t)stream->done, "ack", (json_int_t)stream->acked,
		"version", (json_int_t)member->room->version, "n", (json_int_t)stream->last, "limits", portal_member_limits_json(member),
		"ice_servers", ice_servers);
}

json_t *portal_event_roster(const portal_member *member) {
	const portal_room *room = member->room;
	return json_pack("{s:s, s:s, s:I, s:I, s:o, s:s*, s:O*}", "portal", "success", "room", room->name, "version", (json_int_t)room->version,
		"n", (json_int_t)member->stream.last, "members", others_of(member), "description", room->options->description,
		"metadata", room->options->metadata);
}

json_t *portal_event_relayed(portal_registry *registry, json_int_t relayed, json_t *failed) {
	bool is_shared = json_array_size(failed) == 0 && relayed < PORTAL_RELAYED_SHARED;
	json_t *reply = is_shared ? json_incref(registry->relayed[relayed]) : NULL;
	if(reply == NULL)
		reply = json_pack("{s:s, s:I}", "portal", "success", "relayed", relayed);
	if(is_shared && registry->relayed[relayed] == NULL)
		registry->relayed[relayed] = json_incref(reply);
	if(json_array_size(failed) > 0)
		json_object_set_new(reply, "failed", failed);
	else
		json_decref(failed);
	return reply;
}

json_t *portal_event_signal_failed(size_t index, json_t *to, const portal_failure *failure) {
	json_t *failed = json_pack("{s:I, s:o*, s:i, s:s, s:s}", "index", (json_int_t)index, "to", to,
		"error_code", (int)failure->error, "code", portal_error_code(failure->error), "error", failure->text);
	if(failure->retry_after > 0)
		json_object_set_new(failed, "retry_after", json_integer(failure->retry_after));
	return failed;
}

json_t *portal_event_page(const char *name, json_t *list, const char *next) {
	return json_pack("{s:s, s:o, s:s*}", "portal", "success", name, list, "next", next);
}

json_t *portal_event_room_entry(const portal_room *room) {
	const portal_room_options *options = room->options;
	json_t *entry = json_pack("{s:s, s:s*, s:O*, s:i, s:I, s:b, s:b}", "room", room->name, "description", options->description,
		"metadata", options->metadata, "num_members", (int)portal_room_count(room), "max_members", options->limits.max_members,
		"pin_required", options->pin != NULL, "locked", options->locked);
	if(options->is_private)
		json_object_set_new(entry, "is_private", json_true());
	return entry;
}

json_t *portal_event_managed(const char *room, bool permanent) {
	return json_pack("{s:s, s:s, s:b}", "portal", "success", "room", room, "permanent", permanent);
}

/* The tokens themselves are secrets of those who have them, and not even kept. */
json_t *portal_event_allowed(const portal_room *room) {
	const GHashTable *allowed = room->options->allowed;
	return json_pack("{s:s, s:s, s:b, s:i}", "portal", "success", "room", room->name, "enabled", allowed != NULL,
		"num_allowed", allowed == NULL ? 0 : (int)g_hash_table_size((GHashTable *)allowed));
}

static json_t *stats_object(const portal_stats *stats) {
	json_t *refusals = json_object();
	for(guint i = 0; stats->refusals != NULL && i < PORTAL_ERROR_COUNT; i++) {
		if(stats->refusals[i] > 0)
			json_object_set_new(refusals, portal_error_code(portal_error_at(i)), json_integer((json_int_t)stats->refusals[i]));
	}
	json_t *buckets = json_array();
	guint64 count = 0;
	double bound = 0.0001;
	for(int i = 0; i < PORTAL_LATENCIES; i++, bound *= 10) {
		count += stats->latencies[i];
		/* Written in decimal and read again, so that nobody sees 0.0010000000000000002. */
		g_autofree char *text = g_strdup_printf("%.4f", bound);
		json_array_append_new(buckets, json_pack("{s:f, s:I}", "le", g_ascii_strtod(text, NULL), "count", (json_int_t)count));
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:{s:I, s:f, s:o}}", "requests", (json_int_t)stats->requests,
		"signals", (json_int_t)stats->signals, "deliveries", (json_int_t)stats->deliveries, "bytes", (json_int_t)stats->bytes,
		"joins", (json_int_t)stats->joins, "resumes", (json_int_t)stats->resumes, "replays", (json_int_t)stats->replays,
		"refusals", refusals, "latency", "count", (json_int_t)stats->events, "sum", (double)stats->latency / G_USEC_PER_SEC,
		"buckets", buckets);
}

static void add_room(json_t *reply, const portal_room *room) {
	int away = 0, slow = 0;
	json_int_t backlog = 0;
	for(GTreeNode *node = g_tree_node_first(room->members); node != NULL; node = g_tree_node_next(node)) {
		const portal_member *member = g_tree_node_value(node);
		away += member->peer == NULL;
		slow += member->in_full != NULL;
		backlog += (json_int_t)member->stream.backlog;
	}
	json_t *now = json_pack("{s:s, s:i, s:i, s:i, s:I}", "room", room->name, "members", (int)portal_room_count(room), "away", away,
		"slow", slow, "backlog", backlog);
	json_object_update(reply, now);
	json_decref(now);
}

static void add_server(json_t *reply, const portal_registry *registry) {
	const portal_census *census = &registry->census;
	json_t *now = json_pack("{s:f, s:i, s:i, s:i, s:i, s:I}",
		"uptime", (double)(portal_registry_now(registry) - registry->started) / G_USEC_PER_SEC,
		"rooms", g_tree_nnodes(registry->rooms), "members", (int)census->members, "away", g_sequence_get_length(census->away),
		"slow", g_sequence_get_length(census->full), "backlog", (json_int_t)census->backlogs);
	json_object_update(reply, now);
	json_decref(now);
}

json_t *portal_event_stats(const portal_registry *registry, const portal_room *room) {
	json_t *reply = stats_object(room == NULL ? &registry->stats : &room->stats);
	json_object_set_new(reply, "portal", json_string("success"));
	if(room == NULL)
		add_server(reply, registry);
	else
		add_room(reply, room);
	return reply;
}

json_t *portal_event_joined(json_t *shown) {
	return json_pack("{s:s, s:[O]}", "event", "joined", PORTAL_EVENT_JOINED_LIST, shown);
}

json_t *portal_event_of(const char *event, const portal_member *member) {
	return json_pack("{s:s, s:s}", "event", event, "id", member->id);
}

json_t *portal_event_left(const portal_member *member, const char *reason) {
	return json_pack("{s:s, s:s, s:s}", "event", "left", "id", member->id, "reason", reason);
}

json_t *portal_event_changed(const portal_member *member) {
	return json_pack("{s:s, s:o}", "event", "changed", "member", portal_event_member_entry(member));
}

json_t *portal_event_ask(void) {
	return json_pack("{s:s}", "event", "ack");
}

json_t *portal_event_room(const portal_room *room) {
	const portal_room_options *options = room->options;
	return json_pack("{s:s, s:s*, s:O*, s:I, s:b, s:b}", "event", "room", "description", options->description,
		"metadata", options->metadata, "max_members", options->limits.max_members, "pin_required", options->pin != NULL,
		"locked", options->locked);
}

json_t *portal_event_ice(json_t *ice_servers) {
	return json_pack("{s:s, s:o}", "event", "ice", "ice_servers", ice_servers);
}

json_t *portal_event_signal(const portal_member *from, const char *type, json_t *payload) {
	return json_pack("{s:s, s:s, s:s, s:O}", "event", "signal", "from", from->id, "type", type, "payload", payload);
}

json_t *portal_event_closed(const char *reason) {
	return json_pack("{s:s, s:s}", "portal", "closed", "reason", reason);
}

json_t *portal_event_push(const portal_room *room, guint64 n, guint64 version, json_t *events) {
	return json_pack("{s:s, s:s, s:I, s:I, s:o}", "portal", "event", "room", room->name,
		"n", (json_int_t)n, "version", (json_int_t)version, "events", events);
}

json_t *portal_event_description(const portal_peer *peer) {
	json_t *object = json_pack("{s:I, s:I}", "requests", (json_int_t)peer->count, "unread", (json_int_t)peer->unread);
	const portal_member *member = peer->member;
	if(member == NULL)
		return object;
	const portal_stream *stream = &member->stream;
	json_t *more = json_pack("{s:s, s:s, s:O*, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "room", member->room->name,
		"id", member->id, "display", member->display, "n", (json_int_t)stream->last, "pushed", (json_int_t)peer->cursor,
		"acked", (json_int_t)stream->acked, "queued", (json_int_t)(stream->last - peer->cursor), "backlog", (json_int_t)stream->backlog,
		"seq", (json_int_t)stream->done, "received", (json_int_t)member->received,
		"waiting", stream->waiting == NULL ? 0 : (int)g_hash_table_size(stream->waiting));
	json_t *counted = stats_object(&member->stats);
	json_object_update_missing(object, more);
	json_object_update_missing(object, counted);
	json_decref(more);
	json_decref(counted);
	return object;
}
