/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file room.h
 * \brief One room: its rules and its members. Whoever changes the roster through here has told everybody of it. */
#ifndef PORTAL_ROOM_H
#define PORTAL_ROOM_H

#include "config.h"
#include "member.h"

struct portal_room {
	const portal_host *host;
	char *name;
	json_t *given;     /*!< its properties, as somebody wrote them; never changed, only replaced */
	portal_room_options *options; /*!< the same, read */
	json_t *limits_json; /*!< what its members are told of the limits; NULL until somebody joins, or if they are the server's */
	GTree *members;    /*!< id → portal_member, which it owns; sorted, so that rosters can be paged */
	guint64 version;   /*!< counts the changes of the roster and of the room */
	portal_bucket telling; /*!< the rate of what is told to the whole room */
	portal_bucket told;    /*!< its weight, see portal_room_take() */
	portal_bucket returns; /*!< of those who come back, whom nobody who joins or changes is to keep out */
	portal_bucket tries;   /*!< of its secrets, wrong ones, by whomever */
	portal_bucket saves;   /*!< of changes that are permanent */
	portal_stats stats;
};

/*! \param given borrowed \param options taken over, made of them \param whole the server's */
portal_room *portal_room_new(const portal_host *host, const char *name, json_t *given, portal_room_options *options,
	portal_stats *whole);
void portal_room_free(portal_room *room);

guint portal_room_count(const portal_room *room);

/*! \brief The member of this id, NULL if there is none. Borrowed. */
portal_member *portal_room_find(const portal_room *room, const char *id);

/*! \brief Takes a joining or a change, which the whole room is about to be told, out of its rates. That of weight, and that of
 * returns, are such that in the time in which a member may be away, or read nothing, the roster does not fill the last quarter of its
 * backlog: nobody ends another's membership by joining, changing and coming back as often as he can. All that is told is counted, but
 * leaving is never refused.
 * \param weight of the request @returns 0, or the milliseconds after which it may be told; then nothing was taken */
guint portal_room_take(portal_room *room, size_t weight);

/*! \brief The same for a member that comes back, of which each may so many in the time in which one may be away, or read nothing. */
guint portal_room_take_return(portal_room *room, portal_member *member);

/*! \brief Lets a member in (taken over) and tells the others. */
void portal_room_add(portal_room *room, portal_member *member);

/*! \brief Frees a member and tells the others why. \param reason such as "leave", static */
void portal_room_remove(portal_room *room, portal_member *member, const char *reason);

/*! \brief Tells the others that a member has lost its peer, and may come back. */
void portal_room_away(portal_room *room, const portal_member *member);

/*! \brief Tells the others that a member came back. */
void portal_room_back(portal_room *room, const portal_member *member);

/*! \brief Tells the others what a member looks like now. */
void portal_room_changed(portal_room *room, const portal_member *member);

/*! \brief Gives the room other properties, and tells the members. \param given borrowed \param options taken over */
void portal_room_edit(portal_room *room, json_t *given, portal_room_options *options);

/*! \brief Asks a member to acknowledge what it has; nobody else hears of it. */
void portal_room_ask(portal_room *room, portal_member *member);

/*! \brief Gives a member new ICE servers (stolen). */
void portal_room_renew(portal_room *room, portal_member *member, json_t *ice_servers);

#endif
