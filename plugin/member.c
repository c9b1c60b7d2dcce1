/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file member.c
 * \brief A member is its id, what the others see of it, its stream and the peer that it is reached through, if it is not
 * away. */
#include "member.h"

#include <string.h>

#include "room.h"

static gint64 now(const portal_census *census) {
	return census->host->now(census->host->context);
}

/* A deadline, which lies in the member at the same place for all members of a queue. */
static gint by_away_until(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	gint64 a = ((const portal_member *)one)->away_until, b = ((const portal_member *)other)->away_until;
	return (a > b) - (a < b);
}

static gint by_full_until(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	gint64 a = ((const portal_member *)one)->full_until, b = ((const portal_member *)other)->full_until;
	return (a > b) - (a < b);
}

static void take_out(GSequenceIter **place) {
	if(*place != NULL)
		g_sequence_remove(*place);
	*place = NULL;
}

static bool is_in(const GQueue *queue, const GList *place) {
	return place->prev != NULL || place->next != NULL || queue->head == place;
}

static void unlink_from(GQueue *queue, GList *place) {
	if(is_in(queue, place))
		g_queue_unlink(queue, place);
}

void portal_census_init(portal_census *census, const portal_host *host, const portal_limits *limits) {
	*census = (portal_census) { .host = host, .limits = *limits };
	census->away = g_sequence_new(NULL);
	census->full = g_sequence_new(NULL);
}

void portal_census_clear(portal_census *census) {
	g_sequence_free(census->away);
	g_sequence_free(census->full);
	json_decref(census->limits_json);
}

static portal_member *first_of(GSequence *queue) {
	GSequenceIter *first = g_sequence_get_begin_iter(queue);
	return g_sequence_iter_is_end(first) ? NULL : g_sequence_get(first);
}

portal_member *portal_census_away_too_long(const portal_census *census, gint64 at) {
	portal_member *member = first_of(census->away);
	return member != NULL && member->away_until <= at ? member : NULL;
}

portal_member *portal_census_full_too_long(const portal_census *census, gint64 at) {
	portal_member *member = first_of(census->full);
	return member != NULL && member->full_until <= at ? member : NULL;
}

void portal_member_renewed(portal_member *member) {
	unlink_from(&member->census->renewals, &member->in_renewals);
	g_queue_push_tail_link(&member->census->renewals, &member->in_renewals);
	member->renewed = now(member->census);
}

static const portal_limits *limits_of(const portal_member *member) {
	return &member->room->options->limits;
}

portal_member *portal_member_new(portal_room *room, portal_census *census, portal_peer *peer, const char *id,
		json_t *display, json_t *metadata) {
	portal_member *member = g_new0(portal_member, 1);
	g_strlcpy(member->id, id, sizeof(member->id));
	member->room = room;
	member->census = census;
	member->display = json_incref(display);
	member->metadata = json_incref(metadata);
	member->in_overflowing.data = member->in_renewals.data = member->in_shown.data = member;
	member->stats.whole = &room->stats;
	portal_stream_init(&member->stream, &census->backlogs);
	portal_member_take_peer(member, peer);
	return member;
}

void portal_member_free(portal_member *member) {
	if(member->peer != NULL)
		portal_peer_part(member->peer);
	take_out(&member->in_away);
	take_out(&member->in_full);
	unlink_from(&member->census->overflowing, &member->in_overflowing);
	unlink_from(&member->census->renewals, &member->in_renewals);
	portal_member_drop_shown(member);
	portal_stream_clear(&member->stream);
	portal_stats_clear(&member->stats);
	json_decref(member->display);
	json_decref(member->metadata);
	g_free(member);
}

static size_t soft_backlog(const portal_member *member) {
	return (size_t)limits_of(member)->max_backlog / 4 * 3;
}

/* From now on the member has to acknowledge something within ack_timeout. */
static void mark_full(portal_member *member) {
	if(member->peer == NULL || member->in_full != NULL)
		return;
	member->to_acknowledge = member->stream.acked + 1;
	member->full_until = now(member->census) + limits_of(member)->ack_timeout * G_USEC_PER_SEC;
	member->in_full = g_sequence_insert_sorted(member->census->full, member, by_full_until, NULL);
}

static void unmark_full(portal_member *member) {
	take_out(&member->in_full);
	member->pressed = false;
}

bool portal_member_press(portal_member *member) {
	if(member->pressed)
		return false;
	unmark_full(member);
	member->to_acknowledge = member->stream.last;
	/* One that is away has its time to come back first; but going and coming again does not begin it anew. */
	member->full_until = (member->peer != NULL ? now(member->census) : member->away_until)
		+ limits_of(member)->ack_timeout * G_USEC_PER_SEC;
	member->in_full = g_sequence_insert_sorted(member->census->full, member, by_full_until, NULL);
	member->pressed = true;
	return true;
}

/* Few rooms have limits of their own, and a server may have many rooms. */
json_t *portal_member_limits_json(portal_member *member) {
	bool of_server = memcmp(limits_of(member), &member->census->limits, sizeof(portal_limits)) == 0;
	json_t **kept = of_server ? &member->census->limits_json : &member->room->limits_json;
	if(*kept == NULL)
		*kept = portal_limits_json(limits_of(member));
	return *kept;
}

void portal_member_keep_shown(portal_member *member, bool to_polite, json_t *shown) {
	member->shown[to_polite] = shown;
	if(!is_in(&member->census->shown, &member->in_shown))
		g_queue_push_tail_link(&member->census->shown, &member->in_shown);
}

void portal_member_drop_shown(portal_member *member) {
	unlink_from(&member->census->shown, &member->in_shown);
	g_clear_pointer(&member->shown[false], json_decref);
	g_clear_pointer(&member->shown[true], json_decref);
}

void portal_member_take_peer(portal_member *member, portal_peer *peer) {
	take_out(&member->in_away);
	portal_member_drop_shown(member); /* it may have been away */
	member->peer = peer;
	peer->member = member;
	peer->cursor = member->stream.acked;
	if(member->stream.backlog > soft_backlog(member))
		mark_full(member);
	if(member->stream.last > member->stream.acked)
		portal_peer_wake(peer);
}

void portal_member_lose_peer(portal_member *member) {
	if(member->peer == NULL)
		return;
	portal_peer_part(member->peer);
	member->peer = NULL;
	portal_member_drop_shown(member);
	portal_stream_drop_waiting(&member->stream);
	if(!member->pressed)
		unmark_full(member);
	member->away_until = now(member->census) + limits_of(member)->resume_timeout * G_USEC_PER_SEC;
	member->in_away = g_sequence_insert_sorted(member->census->away, member, by_away_until, NULL);
}

/* There is more in its stream. */
static void told(portal_member *member) {
	if(member->stream.backlog > soft_backlog(member))
		mark_full(member);
	if(member->stream.backlog > (size_t)limits_of(member)->max_backlog
			&& !is_in(&member->census->overflowing, &member->in_overflowing))
		g_queue_push_tail_link(&member->census->overflowing, &member->in_overflowing);
	if(member->peer != NULL)
		portal_peer_wake(member->peer);
}

void portal_member_tell(portal_member *member, json_t *event, size_t weight, guint64 version) {
	portal_stream_append(&member->stream, event, weight, version, now(member->census));
	told(member);
}

void portal_member_tell_of(portal_member *member, json_t *event, const char *list, json_t *item, size_t weight, guint64 version) {
	if(!portal_stream_add(&member->stream, item, weight, version)) {
		portal_stream_append(&member->stream, event, weight, version, now(member->census));
		portal_stream_gather(&member->stream, list);
	}
	told(member);
}

bool portal_member_takes(portal_member *member, size_t weight) {
	const portal_census *census = member->census;
	if(member->stream.backlog + weight > soft_backlog(member)) {
		mark_full(member);
		return false;
	}
	return (guint64)census->backlogs + weight <= (guint64)census->limits.max_total_backlog; /* more than 32 bits may count */
}

portal_error portal_member_acknowledge(portal_member *member, guint64 ack, portal_failure *failure) {
	guint64 before = member->stream.acked;
	if(portal_stream_acknowledge(&member->stream, ack, failure) == PORTAL_OK && member->stream.acked > before) {
		if(member->stream.acked >= member->to_acknowledge)
			unmark_full(member); /* it may be slow, but it reads */
		if(member->peer != NULL)
			portal_peer_reads(member->peer);
	}
	return failure->error;
}

bool portal_member_is_polite(const portal_member *member, const portal_member *towards) {
	return strcmp(member->id, towards->id) > 0;
}
