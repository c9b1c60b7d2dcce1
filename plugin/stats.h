/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file stats.h
 * \brief What is counted, of the server, of each room, of each member. */
#ifndef PORTAL_STATS_H
#define PORTAL_STATS_H

#include <glib.h>

#include "error.h"

#define PORTAL_LATENCIES 6 /*!< buckets: at most 0.1 ms, 1 ms … 10 s */

typedef struct portal_stats portal_stats;
struct portal_stats {
	portal_stats *whole;     /*!< of which these are a part: the room's, the server's; NULL at the end */
	guint64 requests;
	guint64 signals;         /*!< that members sent */
	guint64 deliveries;      /*!< of signals, one for each recipient */
	guint64 bytes;           /*!< weight of what was delivered */
	guint64 joins;
	guint64 resumes;         /*!< came back */
	guint64 replays;         /*!< events that were pushed again */
	guint64 *refusals;       /*!< by portal_error_index(); NULL until there is one, since most members have none */
	guint64 events;          /*!< pushed for the first time */
	gint64 latency;          /*!< of those together, from happening to being handed to the host, microseconds */
	guint64 latencies[PORTAL_LATENCIES];
};

/*! \brief Counts in these and in all of which they are a part. */
#define PORTAL_COUNT(stats, field, by) \
	do { \
		for(portal_stats *portal_at = (stats); portal_at != NULL; portal_at = portal_at->whole) \
			portal_at->field += (by); \
	} while(0)

void portal_stats_refusal(portal_stats *stats, portal_error error);
void portal_stats_clear(portal_stats *stats);

/*! \brief An event was handed over so many microseconds after it happened. */
void portal_stats_latency(portal_stats *stats, gint64 latency);

#endif
