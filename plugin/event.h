/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file event.h
 * \brief Every shape of JSON that leaves the plugin, in one place. All return a new reference, owned by the caller. */
#ifndef PORTAL_EVENT_H
#define PORTAL_EVENT_H

#include "error.h"
#include "registry.h"

#define PORTAL_PROTOCOL 1

/* Replies */
json_t *portal_event_success(void);
json_t *portal_event_error(const portal_failure *failure);
json_t *portal_event_pong(json_t *ping); /* ping borrowed, may be NULL */
json_t *portal_event_exists(const char *room, bool exists);
json_t *portal_event_version(const portal_room *room);
/*! \param key the one that the server made, NULL if the client brought its own */
/*! \param ice_servers stolen, NULL if there are none */
json_t *portal_event_joined_reply(portal_member *member, const char *key, json_t *ice_servers);
json_t *portal_event_resumed_reply(portal_member *member, json_t *ice_servers);
json_t *portal_event_roster(const portal_member *member);
/*! \param failed stolen; left out when empty, as it nearly always is: then all who are told the same number share the reply */
json_t *portal_event_relayed(portal_registry *registry, json_int_t relayed, json_t *failed);
/*! \param to stolen list of ids, NULL if the failure concerns the whole signal */
json_t *portal_event_signal_failed(size_t index, json_t *to, const portal_failure *failure);
/*! \param name "list" or "members" \param list stolen \param next where the next page begins, NULL on the last */
json_t *portal_event_page(const char *name, json_t *list, const char *next);
json_t *portal_event_room_entry(const portal_room *room);
json_t *portal_event_managed(const char *room, bool permanent);
json_t *portal_event_allowed(const portal_room *room);
/*! \param room whose they are, NULL for those of the server */
json_t *portal_event_stats(const portal_registry *registry, const portal_room *room);
json_t *portal_event_member_entry(const portal_member *member);
/*! \brief What another member sees of it, which is kept ready for a while in a large room.
 * \param to_polite whether that other one is the polite of the two */
json_t *portal_event_shown(portal_member *member, bool to_polite);

/* Entries of a push */
/*! \param shown what the receivers see of one who joined; borrowed. More of them may be added to the list of that name */
json_t *portal_event_joined(json_t *shown);
#define PORTAL_EVENT_JOINED_LIST "members"
/*! \param event "away" or "back" */
json_t *portal_event_of(const char *event, const portal_member *member);
json_t *portal_event_left(const portal_member *member, const char *reason);
json_t *portal_event_changed(const portal_member *member);
json_t *portal_event_ask(void);
json_t *portal_event_room(const portal_room *room);
/*! \param ice_servers stolen */
json_t *portal_event_ice(json_t *ice_servers);
/*! \param payload borrowed */
json_t *portal_event_signal(const portal_member *from, const char *type, json_t *payload);

/*! \brief What a peer, not a member, is told when its membership ends without its doing. \param reason such as "replaced" */
json_t *portal_event_closed(const char *reason);

/*! \brief A push. \param n number of the first of the events \param events stolen */
json_t *portal_event_push(const portal_room *room, guint64 n, guint64 version, json_t *events);

/*! \brief What an administrator may know of a peer. */
json_t *portal_event_description(const portal_peer *peer);

#endif
