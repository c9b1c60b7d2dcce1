/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file limit.c
 * \brief Token buckets; who has which, and what costs how much, is decided by those who use them. */
#include "limit.h"

#include <math.h>

static void refill(portal_bucket *bucket, double rate, gint64 now) {
	bucket->spent = MAX(0.0, bucket->spent - (double)(now - bucket->at) * rate / G_USEC_PER_SEC);
	bucket->at = now;
}

guint portal_bucket_wait(portal_bucket *bucket, double cost, double rate, double burst, gint64 now) {
	refill(bucket, rate, now);
	double missing = bucket->spent + MIN(cost, burst) - burst;
	return missing > 0.0 ? (guint)MIN(ceil(missing / rate * 1000.0), (double)G_MAXINT32) : 0;
}

guint portal_bucket_take(portal_bucket *bucket, double cost, double rate, double burst, gint64 now) {
	guint wait = portal_bucket_wait(bucket, cost, rate, burst, now);
	if(wait == 0)
		bucket->spent += cost;
	return wait;
}

void portal_bucket_charge(portal_bucket *bucket, double cost, double rate, gint64 now) {
	refill(bucket, rate, now);
	bucket->spent += cost;
}
