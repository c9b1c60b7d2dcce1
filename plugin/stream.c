/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file stream.c
 * \brief Order and numbers of one member's traffic; knows neither rooms nor requests. The rules
 * are modelled in tests/model/stream.pml, which shows what goes wrong without each of them. */
#include "stream.h"

#include <string.h>

#include "fields.h"

#define PUSH_MAX_ENTRIES 64
#define PUSH_MAX_WEIGHT (64 * 1024)
#define RING_MIN 8

void portal_stream_init(portal_stream *stream, size_t *all_backlogs) {
	*stream = (portal_stream) { .all_backlogs = all_backlogs };
	g_queue_init(&stream->answers);
}

static portal_entry *place_of(const portal_stream *stream, guint64 n) {
	return &stream->ring[n & (stream->capacity - 1)];
}

/* Lets go of the events up to n. */
static void release(portal_stream *stream, guint64 n) {
	while(stream->acked < n) {
		portal_entry *entry = place_of(stream, ++stream->acked);
		stream->backlog -= entry->weight;
		*stream->all_backlogs -= entry->weight;
		json_decref(entry->event);
	}
	if(stream->acked == stream->last) { /* which it is most of the time, and most of the members */
		g_clear_pointer(&stream->ring, g_free);
		stream->capacity = 0;
	}
}

static void grow(portal_stream *stream) {
	portal_stream wider = *stream;
	wider.capacity = MAX(RING_MIN, 2 * stream->capacity);
	wider.ring = g_new(portal_entry, wider.capacity);
	for(guint64 n = stream->acked + 1; n <= stream->last; n++)
		*place_of(&wider, n) = *place_of(stream, n);
	g_free(stream->ring);
	*stream = wider;
}

static void answer_free(void *data) {
	portal_answer *answer = data;
	json_decref(answer->answer);
	g_free(answer);
}

void portal_stream_clear(portal_stream *stream) {
	portal_stream_drop_waiting(stream);
	g_queue_clear_full(&stream->answers, answer_free);
	release(stream, stream->last);
	g_free(stream->ring);
}

void portal_stream_drop_waiting(portal_stream *stream) {
	g_clear_pointer(&stream->waiting, g_hash_table_destroy);
	stream->waiting_weight = 0;
}

void portal_waiting_free(portal_waiting *waiting) {
	g_free(waiting->transaction);
	json_decref(waiting->body);
	g_free(waiting);
}

portal_turn portal_stream_judge(const portal_stream *stream, guint64 seq, guint64 window) {
	if(seq <= stream->done)
		return PORTAL_TURN_DONE;
	if(seq == stream->done + 1)
		return PORTAL_TURN_NOW;
	return seq - stream->done <= window ? PORTAL_TURN_LATER : PORTAL_TURN_TOO_FAR;
}

static size_t weight_of(const portal_waiting *waiting) {
	return waiting->weight + (waiting->transaction == NULL ? 0 : strlen(waiting->transaction));
}

bool portal_stream_hold(portal_stream *stream, portal_waiting *waiting, size_t max_weight) {
	if(stream->waiting == NULL)
		stream->waiting = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, (GDestroyNotify)portal_waiting_free);
	const portal_waiting *former = g_hash_table_lookup(stream->waiting, &waiting->seq);
	size_t weight = stream->waiting_weight + weight_of(waiting) - (former != NULL ? weight_of(former) : 0);
	if(weight > max_weight) {
		portal_waiting_free(waiting);
		return false;
	}
	stream->waiting_weight = weight;
	g_hash_table_replace(stream->waiting, &waiting->seq, waiting);
	return true;
}

portal_waiting *portal_stream_take(portal_stream *stream) {
	guint64 seq = stream->done + 1;
	void *waiting = NULL;
	if(stream->waiting == NULL || !g_hash_table_steal_extended(stream->waiting, &seq, NULL, &waiting))
		return NULL;
	stream->waiting_weight -= weight_of(waiting);
	return waiting;
}

void portal_stream_answered(portal_stream *stream, json_t *answer, guint64 window, size_t max_weight) {
	portal_answer *kept = g_new0(portal_answer, 1);
	kept->answer = json_incref(answer);
	portal_weigh(answer, PORTAL_DEPTH_CEILING, &kept->weight);
	g_queue_push_tail(&stream->answers, kept);
	stream->answers_weight += kept->weight;
	stream->done++;
	while(stream->answers.length > window || (stream->answers.length > 1 && stream->answers_weight > max_weight)) {
		portal_answer *oldest = g_queue_pop_head(&stream->answers);
		stream->answers_weight -= oldest->weight;
		answer_free(oldest);
	}
}

json_t *portal_stream_answer_again(const portal_stream *stream, guint64 seq) {
	guint64 back = stream->done - seq;
	if(back >= stream->answers.length)
		return NULL;
	const portal_answer *kept = g_queue_peek_nth((GQueue *)&stream->answers, stream->answers.length - 1 - (guint)back);
	/* A copy: the first one may be in the hands of a transport, and what was pushed is never changed. */
	json_t *again = json_copy(kept->answer);
	json_object_set_new(again, "duplicate", json_true());
	return again;
}

void portal_stream_append(portal_stream *stream, json_t *event, size_t weight, guint64 version,
		gint64 now) {
	if(stream->last - stream->acked == stream->capacity)
		grow(stream);
	*place_of(stream, ++stream->last) = (portal_entry) { json_incref(event), weight, version, now };
	stream->backlog += weight;
	*stream->all_backlogs += weight;
	stream->gathers = NULL;
}

void portal_stream_gather(portal_stream *stream, const char *list) {
	stream->gathers = list;
}

bool portal_stream_add(portal_stream *stream, json_t *item, size_t weight, guint64 version) {
	if(stream->gathers == NULL)
		return false;
	portal_entry *newest = place_of(stream, stream->last);
	if(newest->weight + weight > PUSH_MAX_WEIGHT)
		return false;
	/* Others may have it, too. (Whoever gave up theirs, without the lock, has read it before.) */
	if(__atomic_load_n(&newest->event->refcount, __ATOMIC_ACQUIRE) > 1) {
		json_t *own = json_copy(newest->event);
		json_object_set_new(own, stream->gathers, json_copy(json_object_get(own, stream->gathers)));
		json_decref(newest->event);
		newest->event = own;
	}
	json_array_append(json_object_get(newest->event, stream->gathers), item);
	newest->weight += weight;
	newest->version = version;
	stream->backlog += weight;
	*stream->all_backlogs += weight;
	return true;
}

void portal_stream_seal(portal_stream *stream) {
	stream->gathers = NULL;
}

json_t *portal_stream_collect(portal_stream *stream, guint64 *cursor, guint64 *version, size_t *weight,
		portal_stats *stats, gint64 now) {
	json_t *events = NULL;
	*weight = 0;
	*cursor = MAX(*cursor, stream->acked);
	for(int count = 0; *cursor < stream->last && count < PUSH_MAX_ENTRIES; count++) {
		const portal_entry *entry = place_of(stream, *cursor + 1);
		if(events != NULL && *weight + entry->weight > PUSH_MAX_WEIGHT)
			break;
		*weight += entry->weight;
		if(events == NULL)
			events = json_array();
		json_array_append(events, entry->event);
		*version = entry->version;
		if(++*cursor <= stream->pushed)
			PORTAL_COUNT(stats, replays, 1);
		else
			portal_stats_latency(stats, now - entry->at);
	}
	stream->pushed = MAX(stream->pushed, *cursor);
	if(stream->pushed == stream->last)
		portal_stream_seal(stream);
	return events;
}

portal_error portal_stream_acknowledge(portal_stream *stream, guint64 ack, portal_failure *failure) {
	if(ack > stream->pushed)
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_ACK,
			"ack: %" G_GUINT64_FORMAT " is above %" G_GUINT64_FORMAT ", the last event that was pushed", ack, stream->pushed);
	release(stream, ack);
	return PORTAL_OK;
}

size_t portal_stream_weight_after(const portal_stream *stream, guint64 cursor) {
	size_t weight = 0;
	for(guint64 n = MAX(cursor, stream->acked) + 1; n <= stream->pushed; n++)
		weight += place_of(stream, n)->weight;
	return weight;
}
