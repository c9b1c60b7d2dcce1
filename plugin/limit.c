/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file limit.c
 * \brief Token buckets; who has which, and what costs how much, is decided by those who use them. */
#include "limit.h"

#include <math.h>

static void refill(portal_bucket *bucket, double rate, gint64 now) {
	bucket->spent = MAX(0.0, bucket->spent - (double)(now - bucket->at) * rate / G_USEC_PER_SEC);
	bucket->at = now;
}

guint portal_bucket_take(portal_bucket *bucket, double cost, double rate, double burst, gint64 now) {
	refill(bucket, rate, now);
	double missing = bucket->spent + MIN(cost, burst) - burst;
	if(missing > 0.0)
		return (guint)MIN(ceil(missing / rate * 1000.0), (double)G_MAXINT32);
	bucket->spent += cost;
	return 0;
}

void portal_bucket_charge(portal_bucket *bucket, double cost, double rate, gint64 now) {
	refill(bucket, rate, now);
	bucket->spent += cost;
}
