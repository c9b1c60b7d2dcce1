/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file peer.h
 * \brief One Janus handle: what waits to be pushed to it, and which member, if any, speaks through it. */
#ifndef PORTAL_PEER_H
#define PORTAL_PEER_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "host.h"
#include "limit.h"
#include "portal.h"

typedef struct portal_member portal_member;

struct portal_peer {
	const portal_host *host;
	void *session;         /*!< the host's */
	portal_member *member; /*!< NULL before join and after leave; the room owns it */
	bool used;             /*!< had its one membership: requests of it may still be in Janus's pool, so there is no second */
	GQueue answers;        /*!< of portal_push *: late answers and notices, which go out before events */
	portal_bucket requests, bytes; /*!< its rates while it has no member */
	portal_bucket tries;   /*!< at secrets, wrong ones */
	char *proven;          /*!< what it managed with last, as that is kept; NULL if nothing, or if it was wrong since (guard.c) */
	guint64 cursor;        /*!< the last event that was pushed here */
	size_t unread;         /*!< weight of what it was given since it last showed that it reads */
	bool asked;            /*!< to acknowledge, since then */
	bool ended;            /*!< the host was told to end it */
	guint64 count;         /*!< of requests that came, for describe */
};

portal_peer *portal_peer_new(const portal_host *host, void *session);

/*! \brief Frees a peer that has no member any more. */
void portal_peer_free(portal_peer *peer);

/*! \brief Queues the answer (stolen) to a request that had to wait for its turn. */
void portal_peer_answer(portal_peer *peer, const char *transaction, json_t *answer);

/*! \brief Tells the peer, and not a member, that its membership here is over. What else was queued for it is dropped.
 * \param notice stolen */
void portal_peer_close(portal_peer *peer, json_t *notice);

/*! \brief Its client has shown that it reads: it acknowledged something new. */
void portal_peer_reads(portal_peer *peer);

/*! \brief Has the host end it, once. */
void portal_peer_end(portal_peer *peer);

/*! \brief Tells the host that there is something to push. */
void portal_peer_wake(portal_peer *peer);

/*! \brief Forgets the member, which is about to end; what was queued for it is not pushed any more. */
void portal_peer_part(portal_peer *peer);

#endif
