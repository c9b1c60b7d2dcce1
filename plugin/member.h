/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file member.h
 * \brief One participant of one room. */
#ifndef PORTAL_MEMBER_H
#define PORTAL_MEMBER_H

#include "config.h"
#include "key.h"
#include "limit.h"
#include "peer.h"
#include "stats.h"
#include "stream.h"

typedef struct portal_room portal_room;

/*! \brief What all members of all rooms share. The queues hold those that time or size will end, each in the order in which
 * that comes. */
typedef struct portal_census {
	const portal_host *host;
	portal_limits limits;
	json_t *limits_json; /*!< what the members are told of them; NULL until there is one */
	guint members;
	size_t backlogs; /*!< weight of all their backlogs */
	GSequence *away; /*!< those without a peer, in the order in which their time to come back ends */
	GSequence *full; /*!< those that have to acknowledge something, in the order in which their time to do so ends */
	GQueue overflowing; /*!< those whose backlog is above its maximum: their membership is about to end */
	GQueue renewals; /*!< those with credentials that expire, the oldest first: they hold equally long for all */
	GQueue shown;    /*!< those of whom there is JSON ready */
} portal_census;

struct portal_member {
	char id[PORTAL_ID_LENGTH + 1];
	portal_room *room;  /*!< owns the member */
	portal_census *census;
	portal_peer *peer;  /*!< NULL while it is away */
	guint64 attempt;    /*!< of the last join that was accepted, 0 if it named none */
	json_t *display;    /*!< a string; NULL if none */
	json_t *metadata;   /*!< an object; NULL if none */
	json_t *shown[2];   /*!< what the others see of it, an impolite one and a polite one, if that is ready; else NULL */
	portal_stream stream;
	portal_bucket requests, bytes; /*!< its rates, which move with it from peer to peer */
	portal_bucket returns; /*!< how often it comes back from being away */
	guint64 received;   /*!< signals */
	guint64 last_relay; /*!< the relay that reached it last, so that a list that names it twice reaches it once */
	GSequenceIter *in_away, *in_full;    /*!< its places in the queues of the census, NULL where it is in none */
	GList in_overflowing, in_renewals, in_shown;
	guint64 to_acknowledge; /*!< the event up to which it has to, while it is among the full ones */
	bool pressed;       /*!< it has to acknowledge all, and in time though it may be away meanwhile */
	gint64 away_until, full_until, renewed; /*!< microseconds */
	portal_stats stats;
};

/*! \brief A member, not yet in its room's list. \param display, metadata borrowed, NULL if none */
portal_member *portal_member_new(portal_room *room, portal_census *census, portal_peer *peer, const char *id,
	json_t *display, json_t *metadata);

/*! \brief Frees a member and parts it from its peer. */
void portal_member_free(portal_member *member);

/*! \brief Gives a member that has none a peer, which starts after what is acknowledged. */
void portal_member_take_peer(portal_member *member, portal_peer *peer);

/*! \brief Parts a member from its peer, if it has one; it is away then. What waited for its turn is forgotten. */
void portal_member_lose_peer(portal_member *member);

/*! \brief What it is told of the limits that hold for it. Borrowed. */
json_t *portal_member_limits_json(portal_member *member);

/*! \brief Keeps ready what a polite one, or an impolite one, sees of a member (stolen), so that it is made once where many join
 * one after the other. */
void portal_member_keep_shown(portal_member *member, bool to_polite, json_t *shown);

/*! \brief What is ready is not what it looks like any more, or not needed any more. */
void portal_member_drop_shown(portal_member *member);

/*! \brief Puts an event (borrowed) into the member's stream and wakes its peer.
 * \param weight of the event, which many members may share \param version of the room, once the event is applied */
void portal_member_tell(portal_member *member, json_t *event, size_t weight, guint64 version);

/*! \brief The same for one of many events of a kind: nobody having seen the last one yet, this goes into that one.
 * \param list the field of the event, static, that is a list with just this item (borrowed) in it */
void portal_member_tell_of(portal_member *member, json_t *event, const char *list, json_t *item, size_t weight, guint64 version);

/*! \brief Whether a signal of this weight may still be put into the member's stream. The last quarter of a backlog is for
 * what cannot be refused, so that nobody's signals can end another's membership. Marks the member as full if not. */
bool portal_member_takes(portal_member *member, size_t weight);

/*! \brief Memory is short: the member has to acknowledge all that it was told within ack_timeout, wherever it is meanwhile; one that is
 * away within ack_timeout after the end of its time to come back. @returns false, with nothing changed, if it has to already */
bool portal_member_press(portal_member *member);

/*! \brief The client has everything up to `ack`. Refused if it cannot have. */
portal_error portal_member_acknowledge(portal_member *member, guint64 ack, portal_failure *failure);

void portal_census_init(portal_census *census, const portal_host *host, const portal_limits *limits);
void portal_census_clear(portal_census *census);

/*! \brief The member whose time in a queue is over, NULL if there is none. */
portal_member *portal_census_away_too_long(const portal_census *census, gint64 now);
portal_member *portal_census_full_too_long(const portal_census *census, gint64 now);

/*! \brief It was given credentials that expire now. */
void portal_member_renewed(portal_member *member);

/*! \brief Of a pair, the one with the greater id is polite: both sides know it without asking. */
bool portal_member_is_polite(const portal_member *member, const portal_member *towards);

#endif
