/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file portal.c
 * \brief The front door: keeps the peers, and passes everything on to whoever decides it. */
#include "portal.h"

#include "admin.h"
#include "event.h"
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

void portal_free(portal_core *core) {
	portal_registry_clear(&core->registry); /* first, since the members part from their peers */
	g_hash_table_destroy(core->peers);
	g_free(core);
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
	return portal_admin_handle(&core->registry, body);
}

void portal_tick(portal_core *core) {
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
	json_t *events = member == NULL ? NULL : portal_stream_collect(&member->stream, &peer->cursor, &version, &weight);
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
