/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file peer.c
 * \brief The queue of one Janus handle. It belongs to the peer and not to the member, so that a member that comes back on
 * another peer leaves nothing to undo behind. */
#include "peer.h"

portal_peer *portal_peer_new(const portal_host *host, void *session) {
	portal_peer *peer = g_new0(portal_peer, 1);
	peer->host = host;
	peer->session = session;
	g_queue_init(&peer->answers);
	return peer;
}

static void answer_free(void *data) {
	portal_push *push = data;
	portal_push_clear(push);
	g_free(push);
}

void portal_peer_free(portal_peer *peer) {
	g_queue_clear_full(&peer->answers, answer_free);
	g_free(peer->proven);
	g_free(peer);
}

void portal_peer_answer(portal_peer *peer, const char *transaction, json_t *answer) {
	portal_push *push = g_new(portal_push, 1);
	*push = (portal_push) { g_strdup(transaction), answer };
	g_queue_push_tail(&peer->answers, push);
	portal_peer_wake(peer);
}

void portal_peer_close(portal_peer *peer, json_t *notice) {
	g_queue_clear_full(&peer->answers, answer_free);
	portal_peer_answer(peer, NULL, notice);
}

void portal_peer_reads(portal_peer *peer) {
	peer->unread = 0;
	peer->asked = false;
}

void portal_peer_end(portal_peer *peer) {
	if(!peer->ended)
		peer->host->end(peer->host->context, peer->session);
	peer->ended = true;
}

void portal_peer_wake(portal_peer *peer) {
	peer->host->wake(peer->host->context, peer->session);
}

void portal_peer_part(portal_peer *peer) {
	peer->member = NULL;
	peer->used = true;
}
