/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file list.h
 * \brief Lists in pages: of rooms, and of the members of a room. */
#ifndef PORTAL_LIST_H
#define PORTAL_LIST_H

#include "call.h"

/*! \brief Fields of every paged request: `after`, the last name of the page before, and `limit`, entries a page. */
#define PORTAL_PAGE_FIELDS \
	{ .name = "after", .type = PORTAL_TYPE_NAME, .min = 1, .max = PORTAL_ROOM_MAX }, \
	{ .name = "limit", .type = PORTAL_TYPE_INTEGER, .min = 1, .max = 10000 }

/*! \brief One page of the rooms, in the order of their names. \param private_too also those that are hidden from the public */
json_t *portal_list_rooms(const portal_call *call, bool private_too);

/*! \brief One page of a room's members, in the order of their ids. */
json_t *portal_list_members(const portal_call *call, const portal_room *room);

#endif
