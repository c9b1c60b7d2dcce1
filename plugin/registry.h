/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file registry.h
 * \brief All rooms, and the limits that hold for all of them. */
#ifndef PORTAL_REGISTRY_H
#define PORTAL_REGISTRY_H

#include "room.h"

typedef struct portal_registry {
	const portal_host *host;
	portal_limits limits;
	json_t *limits_json; /*!< what clients are told of them */
	GTree *rooms;        /*!< name → portal_room, which it owns; sorted, so that lists can be paged */
	guint members;       /*!< in all rooms together */
	guint64 relays;      /*!< relays so far, see portal_member.last_relay */
} portal_registry;

void portal_registry_init(portal_registry *registry, const portal_host *host, const portal_config *config);
void portal_registry_clear(portal_registry *registry);

/*! \brief The room of this name, NULL if there is none. Borrowed. */
portal_room *portal_registry_find(const portal_registry *registry, const char *name);

/*! \brief Lets a member (taken over) into its room. */
void portal_registry_enter(portal_registry *registry, portal_member *member);

/*! \brief Ends a membership; the member is freed and the others hear why. \param reason static */
void portal_registry_leave(portal_registry *registry, portal_member *member, const char *reason);

/*! \brief One line for the operator's log. */
void portal_registry_log(const portal_registry *registry, portal_log_level level, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

#endif
