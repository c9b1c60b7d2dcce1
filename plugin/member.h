/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file member.h
 * \brief One participant of one room. */
#ifndef PORTAL_MEMBER_H
#define PORTAL_MEMBER_H

#include "key.h"
#include "peer.h"
#include "stream.h"

typedef struct portal_room portal_room;

struct portal_member {
	char id[PORTAL_ID_LENGTH + 1];
	portal_room *room;  /*!< owns the member */
	portal_peer *peer;
	json_t *display;    /*!< a string; NULL if none */
	json_t *metadata;   /*!< an object; NULL if none */
	portal_stream stream;
	guint64 signals_in, signals_out; /*!< from it and to it */
	guint64 last_relay; /*!< the relay that reached it last, so that a list that names it twice reaches it once */
};

/*! \brief A member, not yet in its room's list. \param display, metadata borrowed, NULL if none */
portal_member *portal_member_new(portal_room *room, portal_peer *peer, const char *id, json_t *display, json_t *metadata);

/*! \brief Frees a member and parts it from its peer. */
void portal_member_free(portal_member *member);

/*! \brief Puts an event (borrowed) into the member's stream and wakes its peer.
 * \param weight of the event, which many members may share \param version of the room, once the event is applied */
void portal_member_tell(portal_member *member, json_t *event, size_t weight, guint64 version);

/*! \brief Of a pair, the one with the greater id is polite: both sides know it without asking. */
bool portal_member_is_polite(const portal_member *member, const portal_member *towards);

#endif
