/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file registry.h
 * \brief All rooms, and the limits that hold for all of them. */
#ifndef PORTAL_REGISTRY_H
#define PORTAL_REGISTRY_H

#include "room.h"

typedef struct portal_registry {
	portal_census census;
	json_t *limits_json; /*!< what clients are told of the limits */
	GTree *rooms;        /*!< name → portal_room, which it owns; sorted, so that lists can be paged */
	guint64 relays;      /*!< relays so far, see portal_member.last_relay */
} portal_registry;

void portal_registry_init(portal_registry *registry, const portal_host *host, const portal_config *config);
void portal_registry_clear(portal_registry *registry);

/*! \brief The room of this name, NULL if there is none. Borrowed. */
portal_room *portal_registry_find(const portal_registry *registry, const char *name);

/*! \brief Ends what time and size have brought to an end: who was away for too long, or does not read. Called after every
 * call that may have told members something, never in the middle of one. */
void portal_registry_settle(portal_registry *registry);

/*! \brief A member's peer is gone; the member may come back. */
void portal_registry_away(portal_registry *registry, portal_member *member);

/*! \brief A member comes back on a peer; one that still held it is told so.
 * \param peer may be the very one that holds it: then it gets again what is not acknowledged */
void portal_registry_back(portal_registry *registry, portal_member *member, portal_peer *peer);

/*! \brief Lets a member (taken over) into its room. */
void portal_registry_enter(portal_registry *registry, portal_member *member);

/*! \brief Ends a membership; the member is freed and the others hear why. \param reason static */
void portal_registry_leave(portal_registry *registry, portal_member *member, const char *reason);

/*! \brief A peer was given something to read: Janus queues it, without any bound, until the client takes it. Who does not show
 * that it reads, by acknowledging or by using a new handle, whose number it cannot know otherwise, is asked to, then refused
 * (portal_registry_is_behind), then ended; a member is away then, and loses nothing by it. */
void portal_registry_gave(portal_registry *registry, portal_peer *peer, size_t weight);

/*! \brief The same of an answer. Events need no asking: there is a rule for when they are acknowledged. */
void portal_registry_answered(portal_registry *registry, portal_peer *peer, size_t weight);

/*! \brief Whether a peer has so much to read that it is not to be given more. */
bool portal_registry_is_behind(const portal_registry *registry, const portal_peer *peer);

/*! \brief One line for the operator's log. */
void portal_registry_log(const portal_registry *registry, portal_log_level level, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

#endif
