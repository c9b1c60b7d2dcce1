/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file registry.h
 * \brief All rooms, and what holds for all of them. */
#ifndef PORTAL_REGISTRY_H
#define PORTAL_REGISTRY_H

#include "ended.h"
#include "room.h"

#define PORTAL_RELAYED_SHARED 64

typedef struct portal_registry {
	portal_census census;
	char *admin_key;       /*!< NULL if none */
	portal_ice_config ice;
	GTree *rooms;          /*!< name → portal_room, which it owns; sorted, so that lists can be paged */
	GHashTable *static_names; /*!< a set of the names that are in the jcfg, which only its administrator changes */
	json_t *saved;         /*!< name → properties, of the rooms that outlive the server, those too that are not there now */
	guint64 generation;    /*!< counts the changes of that */
	bool unsaved;          /*!< the last call changed it */
	portal_ended_list ended;
	json_t *relayed[PORTAL_RELAYED_SHARED]; /*!< the replies to relays that reached so many, NULL where none was given yet */
	guint64 relays;        /*!< relays so far, see portal_member.last_relay */
	portal_bucket tries;   /*!< of the admin_key, wrong ones, by whomever */
	portal_bucket telling_refusals;
	guint64 untold_refusals;
	gint64 started;
	portal_stats stats;
} portal_registry;

void portal_registry_init(portal_registry *registry, const portal_host *host, const portal_config *config);
void portal_registry_clear(portal_registry *registry);

/*! \brief The room of this name, NULL if there is none. Borrowed. */
portal_room *portal_registry_find(const portal_registry *registry, const char *name);

/*! \brief Whether the room of this name, be it there or not, is there again after a restart as the jcfg has it. */
bool portal_registry_is_static(const portal_registry *registry, const char *name);

/*! \brief A new room. \param name that no other has \param given borrowed \param options taken over, made of them */
portal_room *portal_registry_add_room(portal_registry *registry, const char *name, json_t *given, portal_room_options *options);

/*! \brief Gives a room other properties. \param given borrowed \param options taken over, made of them */
void portal_registry_edit_room(portal_registry *registry, portal_room *room, json_t *given, portal_room_options *options);

/*! \brief Ends all memberships of a room, tells their peers, and frees it. */
void portal_registry_destroy_room(portal_registry *registry, portal_room *room);

/*! \brief Whether a room of this name may outlive the server: a restart brings back those of the jcfg and all that are saved, also
 * those that are destroyed for now, and with more than max_rooms the server would not start. */
bool portal_registry_may_save(const portal_registry *registry, const char *name);

/*! \brief Has a room outlive the server, with the properties that it has now. */
void portal_registry_save_room(portal_registry *registry, const portal_room *room);

/*! \brief The room of this name does not outlive the server any more */
void portal_registry_forget_room(portal_registry *registry, const char *name);

/*! \brief Ends what time and size have brought to an end: who was away for too long, or does not read. Called after every call
 * that may have told members something, never in the middle of one. */
void portal_registry_settle(portal_registry *registry);

/*! \brief Where three quarters of what all backlogs may weigh together are used, has those with a large part in it acknowledge all
 * that they were told: else a few hundred that acknowledge nothing, each within its own limit, would keep all others from being
 * told anything. */
void portal_registry_press(portal_registry *registry);

/*! \brief Drops what was kept ready for those who would join within the same second. */
void portal_registry_tidy(portal_registry *registry);

/*! \brief A member's peer is gone; the member may come back. */
void portal_registry_away(portal_registry *registry, portal_member *member);

/*! \brief A member comes back on a peer; one that still held it is told so.
 * \param peer may be the very one that holds it: then it gets again what is not acknowledged */
void portal_registry_back(portal_registry *registry, portal_member *member, portal_peer *peer);

/*! \brief Lets a member (taken over) into its room. */
void portal_registry_enter(portal_registry *registry, portal_member *member);

/*! \brief Ends a membership; the member is freed and the others hear why. \param reason static */
void portal_registry_leave(portal_registry *registry, portal_member *member, const char *reason);

/*! \brief Ends a membership that may not be taken up again, and tells its peer, if it has one. */
void portal_registry_kick(portal_registry *registry, portal_member *member);

/*! \brief The ICE servers that a member is to use from now on, NULL if there are none. Owned by the caller. */
json_t *portal_registry_ice_servers(portal_registry *registry, portal_member *member);

/*! \brief A peer was given something to read: Janus queues it, without any bound, until the client takes it. Who does not show
 * that it reads, by acknowledging or by using a new handle, whose number it cannot know otherwise, is asked to, then refused
 * (portal_registry_is_behind), then ended; a member is away then, and loses nothing by it. */
void portal_registry_gave(portal_registry *registry, portal_peer *peer, size_t weight);

/*! \brief The same of an answer. Events need no asking: there is a rule for when they are acknowledged. */
void portal_registry_answered(portal_registry *registry, portal_peer *peer, size_t weight);

/*! \brief Whether a peer has so much to read that it is not to be given more. */
bool portal_registry_is_behind(const portal_registry *registry, const portal_peer *peer);

/*! \brief Tells those who watch the server of a refusal: of only so many a second, the others are counted.
 * \param session whose doing it was, NULL if nobody's */
void portal_registry_notify_refusal(portal_registry *registry, void *session, const char *request, const char *room,
	portal_error error);

gint64 portal_registry_now(const portal_registry *registry);

/*! \brief One line for the operator's log. */
void portal_registry_log(const portal_registry *registry, portal_log_level level, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

#endif
