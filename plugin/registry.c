/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file registry.c
 * \brief Owns the rooms and counts their members. */
#include "registry.h"

#include <stdarg.h>
#include <string.h>

#include "event.h"

static gint compare_names(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	return strcmp(one, other);
}

static void free_room(gpointer room) {
	portal_room_free(room);
}

void portal_registry_init(portal_registry *registry, const portal_host *host, const portal_config *config) {
	*registry = (portal_registry) { .census = { .host = host, .limits = config->limits } };
	registry->limits_json = portal_limits_json(&config->limits);
	registry->rooms = g_tree_new_full(compare_names, NULL, NULL, free_room);
	for(guint i = 0; i < config->rooms->len; i++) {
		portal_room *room = portal_room_new(g_ptr_array_index(config->rooms, i));
		g_tree_insert(registry->rooms, room->name, room);
	}
}

void portal_registry_clear(portal_registry *registry) {
	g_tree_destroy(registry->rooms);
	json_decref(registry->limits_json);
}

portal_room *portal_registry_find(const portal_registry *registry, const char *name) {
	return g_tree_lookup(registry->rooms, name);
}

void portal_registry_enter(portal_registry *registry, portal_member *member) {
	registry->census.members++;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "%s joined %s", member->id, member->room->name);
	portal_room_add(member->room, member);
}

void portal_registry_leave(portal_registry *registry, portal_member *member, const char *reason) {
	registry->census.members--;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "%s left %s (%s)", member->id, member->room->name, reason);
	portal_room_remove(member->room, member, reason);
}

void portal_registry_away(portal_registry *registry, portal_member *member) {
	if(registry->census.limits.resume_timeout == 0) {
		portal_registry_leave(registry, member, "timeout");
		return;
	}
	portal_member_lose_peer(member);
	portal_room_away(member->room, member);
}

void portal_registry_back(portal_registry *registry, portal_member *member, portal_peer *peer) {
	(void)registry;
	portal_peer *former = member->peer;
	if(former == NULL)
		portal_room_back(member->room, member);
	if(former != NULL && former != peer) {
		portal_member_lose_peer(member);
		portal_peer_close(former, portal_event_closed("replaced"));
	}
	portal_member_take_peer(member, peer);
}

/* Ends a membership that its member does not end itself, and tells its peer, if it has one. */
static void end(portal_registry *registry, portal_member *member, const char *reason) {
	portal_peer *peer = member->peer;
	portal_registry_leave(registry, member, reason);
	if(peer != NULL)
		portal_peer_close(peer, portal_event_closed(reason));
}

void portal_registry_settle(portal_registry *registry) {
	portal_census *census = &registry->census;
	gint64 now = census->host->now(census->host->context);
	portal_member *member;
	while((member = g_queue_peek_head(&census->away)) != NULL
			&& now - member->away_since >= census->limits.resume_timeout * G_USEC_PER_SEC)
		end(registry, member, "timeout");
	while((member = g_queue_peek_head(&census->full)) != NULL
			&& now - member->full_since >= census->limits.ack_timeout * G_USEC_PER_SEC)
		end(registry, member, "too_slow");
	/* Last, since telling the others of an end may be what fills them up. */
	while((member = g_queue_peek_head(&census->overflowing)) != NULL)
		end(registry, member, "too_slow");
}

/* What Janus wraps each message in: its own fields, indented, and a place in a queue. */
#define ENVELOPE 256

/* What may be unread on a peer without anybody's wondering: a backlog, but room for some large answers in any case. */
static size_t unread_allowed(const portal_registry *registry) {
	return MAX((size_t)registry->census.limits.max_backlog, 1024 * 1024);
}

bool portal_registry_is_behind(const portal_registry *registry, const portal_peer *peer) {
	return peer->unread > 2 * unread_allowed(registry);
}

void portal_registry_gave(portal_registry *registry, portal_peer *peer, size_t weight) {
	peer->unread += weight + ENVELOPE;
	if(peer->unread <= 4 * unread_allowed(registry) || peer->ended)
		return;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "A handle is ended that does not read%s%s",
		peer->member == NULL ? "" : ", of ", peer->member == NULL ? "" : peer->member->id);
	portal_peer_end(peer);
}

void portal_registry_answered(portal_registry *registry, portal_peer *peer, size_t weight) {
	portal_registry_gave(registry, peer, weight);
	if(peer->member == NULL || peer->asked || peer->unread <= unread_allowed(registry) / 4)
		return;
	peer->asked = true;
	portal_room_ask(peer->member->room, peer->member);
}

void portal_registry_log(const portal_registry *registry, portal_log_level level, const char *format, ...) {
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	g_vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	registry->census.host->log(registry->census.host->context, level, line);
}
