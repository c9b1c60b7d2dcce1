/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file registry.c
 * \brief Owns the rooms and counts their members. */
#include "registry.h"

#include <stdarg.h>
#include <string.h>

#include "event.h"
#include "ice.h"

static gint compare_names(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	return strcmp(one, other);
}

static void free_room(gpointer room) {
	portal_room_free(room);
}

void portal_registry_init(portal_registry *registry, const portal_host *host, const portal_config *config) {
	*registry = (portal_registry) { .admin_key = g_strdup(config->admin_key) };
	portal_census_init(&registry->census, host, &config->limits);
	portal_ended_init(&registry->ended);
	registry->ice = (portal_ice_config) { .servers = json_incref(config->ice.servers),
		.turn_secret = g_strdup(config->ice.turn_secret), .turn_ttl = config->ice.turn_ttl };
	registry->rooms = g_tree_new_full(compare_names, NULL, NULL, free_room);
	registry->static_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	registry->saved = json_object();
	registry->started = portal_registry_now(registry);
	for(guint i = 0; i < config->rooms->len; i++) {
		const portal_room_config *wanted = g_ptr_array_index(config->rooms, i);
		portal_config_error unused;
		portal_room_options *options = portal_room_options_new(&config->limits, wanted->room, wanted->given, &unused);
		g_assert(options != NULL); /* checked when the configuration was read */
		portal_room *room = portal_room_new(host, wanted->room, wanted->given, options, &registry->stats);
		g_hash_table_add(registry->static_names, g_strdup(room->name));
		g_tree_insert(registry->rooms, room->name, room);
	}
}

void portal_registry_clear(portal_registry *registry) {
	g_tree_destroy(registry->rooms);
	portal_census_clear(&registry->census);
	portal_ended_clear(&registry->ended);
	g_hash_table_destroy(registry->static_names);
	portal_stats_clear(&registry->stats);
	for(int i = 0; i < PORTAL_RELAYED_SHARED; i++)
		json_decref(registry->relayed[i]);
	json_decref(registry->saved);
	json_decref(registry->ice.servers);
	g_free(registry->ice.turn_secret);
	g_free(registry->admin_key);
}

gint64 portal_registry_now(const portal_registry *registry) {
	return registry->census.host->now(registry->census.host->context);
}

/* Tells those who watch the server. The event is stolen, and made for nothing if nobody watches, so it should be small. */
static void notify(const portal_registry *registry, void *session, json_t *event) {
	const portal_host *host = registry->census.host;
	if(host->notify != NULL)
		host->notify(host->context, session, event);
	else
		json_decref(event);
}

portal_room *portal_registry_find(const portal_registry *registry, const char *name) {
	return g_tree_lookup(registry->rooms, name);
}

bool portal_registry_is_static(const portal_registry *registry, const char *name) {
	return g_hash_table_contains(registry->static_names, name);
}

/* Rooms */

portal_room *portal_registry_add_room(portal_registry *registry, const char *name, json_t *given,
		portal_room_options *options) {
	portal_room *room = portal_room_new(registry->census.host, name, given, options, &registry->stats);
	g_tree_insert(registry->rooms, room->name, room);
	portal_ended_forget_room(&registry->ended, name);
	notify(registry, NULL, json_pack("{s:s, s:s}", "event", "created", "room", name));
	return room;
}

void portal_registry_edit_room(portal_registry *registry, portal_room *room, json_t *given, portal_room_options *options) {
	portal_room_edit(room, given, options);
	notify(registry, NULL, json_pack("{s:s, s:s}", "event", "edited", "room", room->name));
}

void portal_registry_destroy_room(portal_registry *registry, portal_room *room) {
	g_autoptr(GPtrArray) peers = g_ptr_array_new();
	for(GTreeNode *node = g_tree_node_first(room->members); node != NULL; node = g_tree_node_next(node)) {
		portal_member *member = g_tree_node_value(node);
		portal_ended_remember(&registry->ended, room->name, member->id, JANUS_PORTAL_ERROR_ROOM_DESTROYED,
			portal_registry_now(registry));
		if(member->peer != NULL)
			g_ptr_array_add(peers, member->peer);
	}
	registry->census.members -= portal_room_count(room);
	notify(registry, NULL, json_pack("{s:s, s:s, s:i}", "event", "destroyed", "room", room->name,
		"num_members", (int)portal_room_count(room)));
	g_tree_remove(registry->rooms, room->name); /* which frees it, and parts its members from their peers */
	for(guint i = 0; i < peers->len; i++)
		portal_peer_close(g_ptr_array_index(peers, i), portal_event_closed("room_destroyed"));
}

bool portal_registry_may_save(const portal_registry *registry, const char *name) {
	const char *saved;
	json_t *unused;
	guint count = g_hash_table_size(registry->static_names) + (json_object_get(registry->saved, name) == NULL);
	json_object_foreach(registry->saved, saved, unused)
		count += !portal_registry_is_static(registry, saved);
	return (json_int_t)count <= registry->census.limits.max_rooms;
}

void portal_registry_save_room(portal_registry *registry, const portal_room *room) {
	json_object_set(registry->saved, room->name, room->given);
	registry->generation++;
	registry->unsaved = true;
}

void portal_registry_forget_room(portal_registry *registry, const char *name) {
	/* Written also if it is not among them: the file may still have it, if an earlier write failed. */
	json_object_del(registry->saved, name);
	registry->generation++;
	registry->unsaved = true;
}

/* Members */

static void *session_of(const portal_member *member) {
	return member->peer == NULL ? NULL : member->peer->session;
}

static json_t *about(const char *event, const portal_member *member) {
	return json_pack("{s:s, s:s, s:s}", "event", event, "room", member->room->name, "id", member->id);
}

void portal_registry_enter(portal_registry *registry, portal_member *member) {
	registry->census.members++;
	PORTAL_COUNT(&member->stats, joins, 1);
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "%s joined %s", member->id, member->room->name);
	portal_room_add(member->room, member);
	json_t *event = about("joined", member);
	json_object_set_new(event, "num_members", json_integer(portal_room_count(member->room)));
	notify(registry, session_of(member), event);
}

void portal_registry_leave(portal_registry *registry, portal_member *member, const char *reason) {
	registry->census.members--;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "%s left %s (%s)", member->id, member->room->name, reason);
	json_t *event = about("left", member);
	json_object_set_new(event, "reason", json_string(reason));
	json_object_set_new(event, "num_members", json_integer(portal_room_count(member->room) - 1));
	notify(registry, session_of(member), event);
	portal_room_remove(member->room, member, reason);
}

void portal_registry_away(portal_registry *registry, portal_member *member) {
	if(member->room->options->limits.resume_timeout == 0) {
		portal_member_lose_peer(member); /* first: Janus drops what is notified of a handle that ends */
		portal_registry_leave(registry, member, "timeout");
		return;
	}
	notify(registry, NULL, about("away", member));
	portal_member_lose_peer(member);
	portal_room_away(member->room, member);
}

void portal_registry_back(portal_registry *registry, portal_member *member, portal_peer *peer) {
	portal_peer *former = member->peer;
	PORTAL_COUNT(&member->stats, resumes, 1);
	if(former == NULL)
		portal_room_back(member->room, member);
	if(former != NULL && former != peer) {
		portal_member_lose_peer(member);
		portal_peer_close(former, portal_event_closed("replaced"));
	}
	portal_member_take_peer(member, peer);
	notify(registry, peer->session, about("back", member));
}

/* Ends a membership that its member does not end itself, and tells its peer, if it has one. */
static void end(portal_registry *registry, portal_member *member, const char *reason) {
	portal_peer *peer = member->peer;
	portal_registry_leave(registry, member, reason);
	if(peer != NULL)
		portal_peer_close(peer, portal_event_closed(reason));
}

void portal_registry_kick(portal_registry *registry, portal_member *member) {
	portal_ended_remember(&registry->ended, member->room->name, member->id, JANUS_PORTAL_ERROR_KICKED,
		portal_registry_now(registry));
	notify(registry, session_of(member), about("kicked", member));
	end(registry, member, "kicked");
}

json_t *portal_registry_ice_servers(portal_registry *registry, portal_member *member) {
	const portal_host *host = registry->census.host;
	if(portal_ice_expires(&registry->ice))
		portal_member_renewed(member);
	return portal_ice_servers(&registry->ice, member->id, host->time(host->context));
}

/* Credentials are replaced when a quarter of their time is left. Who is away gets new ones when it comes back. */
static void renew_credentials(portal_registry *registry, gint64 now) {
	gint64 age = registry->ice.turn_ttl * G_USEC_PER_SEC / 4 * 3;
	portal_member *member;
	while((member = g_queue_peek_head(&registry->census.renewals)) != NULL && now - member->renewed >= age) {
		json_t *servers = portal_registry_ice_servers(registry, member); /* which puts it at the end */
		if(member->peer != NULL)
			portal_room_renew(member->room, member, servers);
		else
			json_decref(servers);
	}
}

void portal_registry_settle(portal_registry *registry) {
	portal_census *census = &registry->census;
	gint64 now = portal_registry_now(registry);
	portal_member *member;
	renew_credentials(registry, now);
	while((member = portal_census_away_too_long(census, now)) != NULL)
		end(registry, member, "timeout");
	while((member = portal_census_full_too_long(census, now)) != NULL)
		end(registry, member, "too_slow");
	/* Last, since telling the others of an end may be what fills them up. */
	while((member = g_queue_peek_head(&census->overflowing)) != NULL)
		end(registry, member, "too_slow");
}

/* Those with less than half of an equal part have less than half of it all. */
static bool has_large_part(const portal_census *census, const portal_member *member) {
	return (guint64)member->stream.backlog * 2 * census->members > census->backlogs;
}

void portal_registry_press(portal_registry *registry) {
	const portal_census *census = &registry->census;
	if((guint64)census->backlogs <= (guint64)census->limits.max_total_backlog / 4 * 3)
		return;
	for(GTreeNode *place = g_tree_node_first(registry->rooms); place != NULL; place = g_tree_node_next(place)) {
		portal_room *room = g_tree_node_value(place);
		for(GTreeNode *node = g_tree_node_first(room->members); node != NULL; node = g_tree_node_next(node)) {
			portal_member *member = g_tree_node_value(node);
			if(has_large_part(census, member) && portal_member_press(member))
				portal_room_ask(room, member);
		}
	}
}

void portal_registry_tidy(portal_registry *registry) {
	portal_member *member;
	while((member = g_queue_peek_head(&registry->census.shown)) != NULL)
		portal_member_drop_shown(member);
}

/* Answers */

/* What Janus wraps each message in: its own fields, indented, and a place in a queue. */
#define ENVELOPE 256

/* What may be unread on a peer without anybody's wondering: a backlog, but room for some large answers in any case. */
static guint64 unread_allowed(const portal_registry *registry, const portal_peer *peer) {
	const portal_limits *limits = peer->member != NULL ? &peer->member->room->options->limits : &registry->census.limits;
	return (guint64)MAX(limits->max_backlog, 1024 * 1024);
}

bool portal_registry_is_behind(const portal_registry *registry, const portal_peer *peer) {
	return peer->unread > 2 * unread_allowed(registry, peer);
}

void portal_registry_gave(portal_registry *registry, portal_peer *peer, size_t weight) {
	peer->unread += weight + ENVELOPE;
	if(peer->unread <= 4 * unread_allowed(registry, peer) || peer->ended)
		return;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "A handle is ended that does not read%s%s",
		peer->member == NULL ? "" : ", of ", peer->member == NULL ? "" : peer->member->id);
	portal_peer_end(peer);
}

void portal_registry_answered(portal_registry *registry, portal_peer *peer, size_t weight) {
	portal_registry_gave(registry, peer, weight);
	if(peer->member == NULL || peer->asked || peer->unread <= unread_allowed(registry, peer) / 4)
		return;
	peer->asked = true;
	portal_room_ask(peer->member->room, peer->member);
}

/* Watching */

#define REFUSALS_TOLD 10 /* a second */

void portal_registry_notify_refusal(portal_registry *registry, void *session, const char *request, const char *room,
		portal_error error) {
	if(portal_bucket_take(&registry->telling_refusals, 1, REFUSALS_TOLD, REFUSALS_TOLD, portal_registry_now(registry)) > 0) {
		registry->untold_refusals++;
		return;
	}
	json_t *event = json_pack("{s:s, s:s, s:s*, s:s}", "event", "refused", "request", request, "room", room,
		"code", portal_error_code(error));
	if(registry->untold_refusals > 0)
		json_object_set_new(event, "suppressed", json_integer((json_int_t)registry->untold_refusals));
	registry->untold_refusals = 0;
	notify(registry, session, event);
}

void portal_registry_log(const portal_registry *registry, portal_log_level level, const char *format, ...) {
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	g_vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	registry->census.host->log(registry->census.host->context, level, line);
}
