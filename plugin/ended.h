/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file ended.h
 * \brief Memberships that somebody else ended: for an hour their keys cannot come back, so that no client undoes a kick by
 * reconnecting. */
#ifndef PORTAL_ENDED_H
#define PORTAL_ENDED_H

#include <glib.h>

#include "error.h"

typedef struct portal_ended_list {
	GHashTable *by_member; /*!< "room id" → portal_ended, which the queue owns */
	GQueue order;          /*!< the oldest first */
} portal_ended_list;

void portal_ended_init(portal_ended_list *list);
void portal_ended_clear(portal_ended_list *list);

/*! \brief \param error why a join under this id is refused from now on */
void portal_ended_remember(portal_ended_list *list, const char *room, const char *id, portal_error error, gint64 now);

/*! @returns why this id may not join that room, PORTAL_OK if it may */
portal_error portal_ended_find(portal_ended_list *list, const char *room, const char *id, gint64 now);

/*! \brief There is a new room of that name, which has nothing to do with what was before. */
void portal_ended_forget_room(portal_ended_list *list, const char *room);

#endif
