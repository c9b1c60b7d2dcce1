/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file portal.c
 * \brief The front door: keeps the peers, and passes everything on to whoever decides it. */
#include "portal.h"

#include <string.h>

#include "admin.h"
#include "event.h"
#include "fields.h"
#include "peer.h"
#include "registry.h"
#include "request.h"

struct portal_core {
	portal_registry registry;
	GHashTable *peers; /* a set of portal_peer, which it owns */
};

static void free_peer(void *peer) {
	portal_peer_free(peer);
}

portal_core *portal_new(const portal_host *host, const portal_config *config) {
	portal_core *made = g_new0(portal_core, 1);
	portal_registry_init(&made->registry, host, config);
	made->peers = g_hash_table_new_full(NULL, NULL, free_peer, NULL);
	return made;
}

#define STATE_FORMAT 1

/* Reads the properties of one room of a state; NULL with the error set if they are not understood. */
static portal_room_options *read_room(const portal_core *core, const char *name, const json_t *given, char **error) {
	portal_config_error wrong = { 0 };
	portal_room_options *options = NULL;
	if(!portal_is_name(name) || strlen(name) > PORTAL_ROOM_MAX)
		*error = g_strdup_printf("rooms: no room can be called “%s”", name);
	else if((options = portal_room_options_new(&core->registry.census.limits, name, given, &wrong)) == NULL)
		*error = g_strdup_printf("rooms.%s: %s", wrong.path, wrong.text);
	portal_config_error_clear(&wrong);
	return options;
}

static bool check_state(const portal_core *core, const json_t *state, char **error) {
	json_t *rooms = json_object_get(state, "rooms"), *given;
	const char *name;
	if(json_integer_value(json_object_get(state, "portal_state")) != STATE_FORMAT || !json_is_object(rooms)) {
		*error = g_strdup_printf("this is no state of format %d that Portal wrote", STATE_FORMAT);
		return false;
	}
	size_t count = (size_t)g_tree_nnodes(core->registry.rooms);
	json_object_foreach(rooms, name, given) {
		g_autoptr(portal_room_options) options = read_room(core, name, given, error);
		if(options == NULL)
			return false;
		count += portal_registry_find(&core->registry, name) == NULL;
	}
	if(count > (size_t)core->registry.census.limits.max_rooms) {
		*error = g_strdup_printf("with its rooms there would be %zu, which is more than general.max_rooms allows", count);
		return false;
	}
	return true;
}

bool portal_restore(portal_core *core, const json_t *state, char **error) {
	portal_registry *registry = &core->registry;
	json_t *given;
	const char *name;
	if(!check_state(core, state, error))
		return false;
	json_object_foreach(json_object_get(state, "rooms"), name, given) {
		json_object_set(registry->saved, name, given);
		if(portal_registry_find(registry, name) == NULL)
			portal_registry_add_room(registry, name, given, read_room(core, name, given, error));
		else
			portal_registry_log(registry, PORTAL_LOG_WARNING,
				"room %s was made permanent, but is in the jcfg as well: the jcfg counts", name);
	}
	return true;
}

bool portal_snapshot_take(portal_core *core, portal_snapshot *snapshot) {
	portal_registry *registry = &core->registry;
	if(!registry->unsaved)
		return false;
	registry->unsaved = false;
	/* The properties of a room are replaced and never changed, so a copy of the list is enough. */
	*snapshot = (portal_snapshot) { registry->generation,
		json_pack("{s:i, s:o}", "portal_state", STATE_FORMAT, "rooms", json_copy(registry->saved)) };
	return true;
}

void portal_snapshot_clear(portal_snapshot *snapshot) {
	json_decref(snapshot->state);
}

void portal_reply_not_saved(json_t *reply) {
	json_object_set_new(reply, "permanent", json_false());
}

void portal_free(portal_core *core) {
	portal_registry_clear(&core->registry); /* first, since the members part from their peers */
	g_hash_table_destroy(core->peers);
	g_free(core);
}

guint portal_count_rooms(const portal_core *core) {
	return (guint)g_tree_nnodes(core->registry.rooms);
}

portal_peer *portal_attach(portal_core *core, void *session) {
	portal_peer *peer = portal_peer_new(core->registry.census.host, session);
	g_hash_table_add(core->peers, peer);
	return peer;
}

void portal_detach(portal_core *core, portal_peer *peer) {
	if(peer->member != NULL)
		portal_registry_away(&core->registry, peer->member);
	g_hash_table_remove(core->peers, peer);
	portal_registry_settle(&core->registry);
}

json_t *portal_handle(portal_core *core, portal_peer *peer, const char *transaction, json_t *body) {
	json_t *reply = portal_request_handle(&core->registry, peer, transaction, body);
	portal_registry_settle(&core->registry);
	return reply;
}

json_t *portal_admin(portal_core *core, const json_t *body) {
	json_t *reply = portal_admin_handle(&core->registry, body);
	portal_registry_settle(&core->registry);
	return reply;
}

void portal_tick(portal_core *core) {
	portal_registry_tidy(&core->registry);
	portal_registry_press(&core->registry);
	portal_registry_settle(&core->registry);
}

bool portal_next_push(portal_core *core, portal_peer *peer, portal_push *push) {
	portal_push *answer = g_queue_pop_head(&peer->answers);
	if(answer != NULL) {
		*push = *answer;
		g_free(answer);
		return true;
	}
	portal_member *member = peer->member;
	guint64 version = 0;
	size_t weight = 0;
	json_t *events = member == NULL ? NULL : portal_stream_collect(&member->stream, &peer->cursor, &version, &weight,
		&member->stats, portal_registry_now(&core->registry));
	if(events == NULL)
		return false;
	/* Not the cursor as it was: what was acknowledged meanwhile is skipped. */
	guint64 n = peer->cursor - json_array_size(events) + 1;
	portal_registry_gave(&core->registry, peer, weight);
	*push = (portal_push) { NULL, portal_event_push(member->room, n, version, events) };
	return true;
}

void portal_push_clear(portal_push *push) {
	g_free(push->transaction);
	json_decref(push->message);
}

json_t *portal_describe(const portal_core *core, const portal_peer *peer) {
	(void)core;
	return portal_event_description(peer);
}

json_t *portal_refuse_jsep(void) {
	portal_failure failure;
	portal_fail(&failure, JANUS_PORTAL_ERROR_JSEP_REFUSED,
		"jsep: is not for this plugin, whose members connect to each other; relay descriptions as signals, in body");
	return portal_event_error(&failure);
}
