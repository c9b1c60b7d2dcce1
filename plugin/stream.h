/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file stream.h
 * \brief One member's ordered inbox and numbered outbox: the heart of Portal.
 *
 * Janus hands a client's messages to the plugin concurrently and out of order (janus.c runs each in a thread pool). The
 * inbox puts those that carry a `seq` in order again: each takes effect once, when all before it have. The outbox numbers
 * what is told to the member, so that its client sees gaps and repetitions. */
#ifndef PORTAL_STREAM_H
#define PORTAL_STREAM_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "error.h"
#include "stats.h"

/*! \brief A numbered request that came before its turn. */
typedef struct portal_waiting {
	guint64 seq;
	char *transaction; /*!< Janus's, of the request; its answer carries it */
	json_t *body;      /*!< a reference; NULL if it was refused on sight and only its number has to be used up */
	size_t weight;     /*!< of the body; what waits is bounded together with the transaction, whose length is the client's too */
	portal_failure refused; /*!< why, when body is NULL */
} portal_waiting;

/*! \brief What a numbered request was answered, kept in case that its client did not get it. */
typedef struct portal_answer {
	json_t *answer; /*!< a reference; never changed */
	size_t weight;
} portal_answer;

/*! \brief One event of the outbox, shared with the other members that are told the same. */
typedef struct portal_entry {
	json_t *event;   /*!< a reference; never changed once it was pushed, or while others have it */
	size_t weight;
	guint64 version; /*!< of the room, once the event is applied */
	gint64 at;       /*!< when it happened, microseconds */
} portal_entry;

typedef struct portal_stream {
	/* inbox */
	guint64 done;          /*!< the last seq that took effect */
	GHashTable *waiting;   /*!< seq → portal_waiting; NULL until something had to wait */
	size_t waiting_weight;
	GQueue answers;        /*!< of portal_answer *, to the last numbers up to `done`, oldest first */
	size_t answers_weight;
	/* outbox: the events acked + 1 … last, in a ring */
	portal_entry *ring;    /*!< `capacity` places, of which that of number n is n modulo capacity; NULL while there is none */
	guint64 capacity;      /*!< a power of two, or 0 */
	guint64 acked;         /*!< the highest n that the client acknowledged */
	guint64 pushed;        /*!< the highest n that was ever pushed to it */
	guint64 last;          /*!< n of the newest event, 0 before the first */
	size_t backlog;        /*!< weight of what is in the ring */
	const char *gathers;   /*!< the list in the newest event that takes more, since nobody has seen that one; NULL if none */
	size_t *all_backlogs;  /*!< of all streams together, kept up to date here */
} portal_stream;

/*! \param all_backlogs counts the backlogs of all streams; has to outlive the stream */
void portal_stream_init(portal_stream *stream, size_t *all_backlogs);
void portal_stream_clear(portal_stream *stream);

/*! \brief Where a number stands. */
typedef enum portal_turn {
	PORTAL_TURN_NOW,
	PORTAL_TURN_DONE,    /*!< took effect before */
	PORTAL_TURN_LATER,   /*!< may wait */
	PORTAL_TURN_TOO_FAR, /*!< more than a window ahead */
} portal_turn;

portal_turn portal_stream_judge(const portal_stream *stream, guint64 seq, guint64 window);

/*! \brief Keeps a request until its turn. The same number coming again takes the place of the copy that waits.
 * Takes ownership of `waiting`, also on failure.
 * @returns false if the requests that wait, with their transactions, would weigh more than max_weight together */
bool portal_stream_hold(portal_stream *stream, portal_waiting *waiting, size_t max_weight);

/*! \brief The waiting request whose turn it is, or NULL. Owned by the caller. */
portal_waiting *portal_stream_take(portal_stream *stream);

void portal_waiting_free(portal_waiting *waiting);

/*! \brief The next number took effect, and this is what was answered (borrowed). It is kept while it is one of the last
 * `window`, and those weigh at most max_weight together: an answer may list thousands of failures. */
void portal_stream_answered(portal_stream *stream, json_t *answer, guint64 window, size_t max_weight);

/*! \brief The answer that a number got when it took effect, marked `duplicate`; NULL if it is no longer kept.
 * Owned by the caller. */
json_t *portal_stream_answer_again(const portal_stream *stream, guint64 seq);

/*! \brief Forgets the requests that wait: their peer is gone, so nobody would get the answers. */
void portal_stream_drop_waiting(portal_stream *stream);

/*! \brief Appends an event (borrowed) to the outbox, as number `last`. It stays until it is acknowledged. */
void portal_stream_append(portal_stream *stream, json_t *event, size_t weight, guint64 version, gint64 now);

/*! \brief Until the event just appended is pushed, or another follows, more of its kind goes into the same one.
 * \param list its field that is a list; static */
void portal_stream_gather(portal_stream *stream, const char *list);

/*! \brief Adds an item (borrowed) to the list in the newest event. What the others have of that event stays as it is.
 * @returns false, with nothing changed, if that one does not gather, or is large enough */
bool portal_stream_add(portal_stream *stream, json_t *item, size_t weight, guint64 version);

/*! \brief The newest event stays as it is, since somebody is about to be told that he knows all up to its number. */
void portal_stream_seal(portal_stream *stream);

/*! \brief Takes the events after number `cursor`, in order: at most 64, or 64 KiB of them, whichever is less.
 * \param[in,out] cursor the last number that the peer was given; moved on
 * \param[out] version of the room after the last of them
 * \param[out] weight of them together
 * \param stats count what was pushed before, and how long the others had to wait
 * @returns a new array, NULL if there is none after `cursor` */
json_t *portal_stream_collect(portal_stream *stream, guint64 *cursor, guint64 *version, size_t *weight, portal_stats *stats,
	gint64 now);

/*! \brief The client has everything up to `ack`, so that need not be kept. Refused if it is above what was pushed. */
portal_error portal_stream_acknowledge(portal_stream *stream, guint64 ack, portal_failure *failure);

/*! \brief The weight of what would be pushed again after `cursor`. */
size_t portal_stream_weight_after(const portal_stream *stream, guint64 cursor);

#endif
