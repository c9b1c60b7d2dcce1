/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file limit.h
 * \brief How much of something may happen in a time: token buckets. */
#ifndef PORTAL_LIMIT_H
#define PORTAL_LIMIT_H

#include <glib.h>

/*! \brief Fills up at a rate, up to a burst. One of all zeros is full. */
typedef struct portal_bucket {
	double spent; /*!< of the burst; more than all of it after something that was larger than a bucket */
	gint64 at;    /*!< when that was true, microseconds */
} portal_bucket;

/*! \brief Takes so much out of a bucket, if it is there. What costs more than a full bucket passes when it is full.
 * \param rate a second
 * @returns 0 if it was taken; else the milliseconds after which it would be there, and nothing was taken */
guint portal_bucket_take(portal_bucket *bucket, double cost, double rate, double burst, gint64 now);

/*! \brief What portal_bucket_take() would return, taking nothing. */
guint portal_bucket_wait(portal_bucket *bucket, double cost, double rate, double burst, gint64 now);

/*! \brief Takes so much out, there or not: for what is known only afterwards, such as the size of an answer. */
void portal_bucket_charge(portal_bucket *bucket, double cost, double rate, gint64 now);

#endif
