/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file guard.h
 * \brief Who may what: the admin_key for the server, a room's secret for the room, pin and token for joining it.
 *
 * What is missing in the configuration opens nothing: without an admin_key nobody has it, without a secret nobody manages
 * the room but who has the admin_key. The Admin API has proven itself to Janus, so there a key may be left out; one that is
 * given has to be right there too.
 *
 * Guessing is slow: a peer has a few wrong tries and then one every two seconds; all peers together have twenty at the secrets of
 * a room, and then one a second. While there is none left, right ones are refused as well. So whoever guesses keeps new members
 * from a room that asks for something; that is the price of its being of no use to guess. Those who are inside, who come back, who manage
 * from a handle that they have managed from before and who use the Admin API are not concerned. */
#ifndef PORTAL_GUARD_H
#define PORTAL_GUARD_H

#include "call.h"

#define PORTAL_SECRET_MAX 256 /*!< bytes */
#define PORTAL_TOKEN_MAX 1024 /*!< bytes: a signed one lists all that it is good for */

/*! \brief Fields of every request that may be guarded. */
#define PORTAL_GUARD_FIELDS \
	{ .name = "admin_key", .type = PORTAL_TYPE_STRING, .max = PORTAL_SECRET_MAX }, \
	{ .name = "secret", .type = PORTAL_TYPE_STRING, .max = PORTAL_SECRET_MAX }

/*! \brief What the admin_key is for. */
portal_error portal_guard_server(portal_call *call);

/*! \brief Managing a room: its secret, or the admin_key. */
portal_error portal_guard_room(portal_call *call, portal_room *room);

/*! \brief Joining a room afresh: pin and token. */
portal_error portal_guard_entry(portal_call *call, portal_room *room);

#endif
