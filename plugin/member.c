/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file member.c
 * \brief A member is its id, what the others see of it, its stream and the peer that it is reached through, if it is not
 * away. */
#include "member.h"

#include <string.h>

static gint64 now(const portal_census *census) {
	return census->host->now(census->host->context);
}

static bool is_in(const GQueue *queue, const GList *place) {
	return place->prev != NULL || place->next != NULL || queue->head == place;
}

static void put_in(GQueue *queue, GList *place) {
	if(!is_in(queue, place))
		g_queue_push_tail_link(queue, place);
}

static void take_out(GQueue *queue, GList *place) {
	if(is_in(queue, place))
		g_queue_unlink(queue, place);
}

portal_member *portal_member_new(portal_room *room, portal_census *census, portal_peer *peer, const char *id,
		json_t *display, json_t *metadata) {
	portal_member *member = g_new0(portal_member, 1);
	g_strlcpy(member->id, id, sizeof(member->id));
	member->room = room;
	member->census = census;
	member->display = json_incref(display);
	member->metadata = json_incref(metadata);
	member->in_away.data = member->in_full.data = member->in_overflowing.data = member;
	portal_stream_init(&member->stream, &census->backlogs);
	portal_member_take_peer(member, peer);
	return member;
}

void portal_member_free(portal_member *member) {
	if(member->peer != NULL)
		portal_peer_part(member->peer);
	take_out(&member->census->away, &member->in_away);
	take_out(&member->census->full, &member->in_full);
	take_out(&member->census->overflowing, &member->in_overflowing);
	portal_stream_clear(&member->stream);
	json_decref(member->display);
	json_decref(member->metadata);
	g_free(member);
}

static size_t soft_backlog(const portal_census *census) {
	return (size_t)census->limits.max_backlog / 4 * 3;
}

/* From now on the member has to acknowledge something within ack_timeout. */
static void mark_full(portal_member *member) {
	if(member->peer == NULL || is_in(&member->census->full, &member->in_full))
		return;
	member->full_since = now(member->census);
	put_in(&member->census->full, &member->in_full);
}

void portal_member_take_peer(portal_member *member, portal_peer *peer) {
	take_out(&member->census->away, &member->in_away);
	member->peer = peer;
	peer->member = member;
	peer->cursor = member->stream.acked;
	if(member->stream.backlog > soft_backlog(member->census))
		mark_full(member);
	if(member->stream.last > member->stream.acked)
		portal_peer_wake(peer);
}

void portal_member_lose_peer(portal_member *member) {
	if(member->peer == NULL)
		return;
	portal_peer_part(member->peer);
	member->peer = NULL;
	portal_stream_drop_waiting(&member->stream);
	take_out(&member->census->full, &member->in_full);
	member->away_since = now(member->census);
	put_in(&member->census->away, &member->in_away);
}

void portal_member_tell(portal_member *member, json_t *event, size_t weight, guint64 version) {
	portal_stream_append(&member->stream, event, weight, version);
	if(member->stream.backlog > soft_backlog(member->census))
		mark_full(member);
	if(member->stream.backlog > (size_t)member->census->limits.max_backlog)
		put_in(&member->census->overflowing, &member->in_overflowing);
	if(member->peer != NULL)
		portal_peer_wake(member->peer);
}

bool portal_member_takes(portal_member *member, size_t weight) {
	const portal_census *census = member->census;
	if(member->stream.backlog + weight > soft_backlog(census)) {
		mark_full(member);
		return false;
	}
	return census->backlogs + weight <= (size_t)census->limits.max_total_backlog;
}

portal_error portal_member_acknowledge(portal_member *member, guint64 ack, portal_failure *failure) {
	guint64 before = member->stream.acked;
	if(portal_stream_acknowledge(&member->stream, ack, failure) == PORTAL_OK && member->stream.acked > before) {
		take_out(&member->census->full, &member->in_full); /* it is slow, but it reads */
		if(member->peer != NULL)
			portal_peer_reads(member->peer);
	}
	return failure->error;
}

bool portal_member_is_polite(const portal_member *member, const portal_member *towards) {
	return strcmp(member->id, towards->id) > 0;
}
