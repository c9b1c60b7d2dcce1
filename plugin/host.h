/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file host.h
 * \brief What the core needs from whoever runs it: in Janus the adapter (janus_portal.c), in the tests a fake.
 *
 * All of these are called from inside a call to the core, so with the host's lock held. They must not call the core. */
#ifndef PORTAL_HOST_H
#define PORTAL_HOST_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum portal_log_level {
	PORTAL_LOG_VERBOSE, /*!< what clients do, their mistakes too */
	PORTAL_LOG_INFO,
	PORTAL_LOG_WARNING, /*!< the operator should look */
	PORTAL_LOG_ERROR,
} portal_log_level;

typedef struct portal_host {
	void *context; /*!< handed back in every call below */
	/*! \brief There is something for the peer of this session: portal_next_push() will give it.
	 * Cheap and idempotent; the host pulls later, outside of the call that it is in. */
	void (*wake)(void *context, void *session);
	/*! \brief The peer of this session is to be ended: portal_detach() is called for it some time later. */
	void (*end)(void *context, void *session);
	/*! \brief Microseconds of a clock that only goes forward. */
	gint64 (*now)(void *context);
	/*! \brief Seconds since 1970 (UTC), for what others compare with their own clocks. */
	gint64 (*time)(void *context);
	/*! \brief Fills a buffer with bytes fit for keys. Does not fail. */
	void (*random)(void *context, void *buffer, size_t length);
	/*! \brief Writes one line, without newline, to the operator's log. */
	void (*log)(void *context, portal_log_level level, const char *line);
	/*! \brief Tells those who watch the server what happened; may be NULL if nobody does.
	 * \param session whose doing it was, NULL if nobody's \param event stolen; holds ids and counts, never payloads or secrets */
	void (*notify)(void *context, void *session, json_t *event);
	/*! \brief Whether a token was signed for this by whoever holds the host's own secret. False whenever in doubt. */
	bool (*is_signed)(void *context, const char *token, const char *descriptor);
} portal_host;

#endif
