/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file stats.c
 * \brief Counting; event.c gives the numbers their shape. */
#include "stats.h"

void portal_stats_refusal(portal_stats *stats, portal_error error) {
	for(portal_stats *at = stats; at != NULL; at = at->whole) {
		if(at->refusals == NULL)
			at->refusals = g_new0(guint64, PORTAL_ERROR_COUNT);
		at->refusals[portal_error_index(error)]++;
	}
}

void portal_stats_clear(portal_stats *stats) {
	g_free(stats->refusals);
}

void portal_stats_latency(portal_stats *stats, gint64 latency) {
	int bucket = 0;
	for(gint64 bound = 100; bucket < PORTAL_LATENCIES && latency > bound; bound *= 10)
		bucket++;
	PORTAL_COUNT(stats, events, 1);
	PORTAL_COUNT(stats, latency, latency);
	if(bucket < PORTAL_LATENCIES)
		PORTAL_COUNT(stats, latencies[bucket], 1);
}
