/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file config.h
 * \brief What the administrator wants, checked: limits and rooms. */
#ifndef PORTAL_CONFIG_H
#define PORTAL_CONFIG_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "host.h"

#define PORTAL_DEPTH_CEILING 64 /*!< max_depth can't be set above this */

/*! \brief The options of `general`. All are json_int_t, so that a field can name the one that bounds it (fields.h). */
typedef struct portal_limits {
	json_int_t max_signal;        /*!< weight of one payload, bytes */
	json_int_t max_signals;       /*!< signals in one request */
	json_int_t max_request;       /*!< weight of one request, bytes; also of all requests that wait for their turn */
	json_int_t max_metadata;      /*!< weight, bytes */
	json_int_t max_display;       /*!< bytes */
	json_int_t max_depth;         /*!< nesting of a body, itself being 1 */
	json_int_t max_members;       /*!< of a room that does not say otherwise */
	json_int_t max_rooms;
	json_int_t max_total_members;
	json_int_t window;            /*!< numbered requests that may wait, answers that are kept */
	json_int_t max_backlog;       /*!< weight of what one member has not acknowledged, bytes; also while it is away */
	json_int_t max_total_backlog; /*!< the same of all members together */
	json_int_t ack_every;         /*!< events after which a client should acknowledge */
	json_int_t ack_timeout;       /*!< seconds that a member may be full without acknowledging anything */
	json_int_t rate, burst;       /*!< requests of a member, a second and at once; a signal to k members costs k */
	json_int_t byte_rate, byte_burst; /*!< bytes of a member's requests, answers and replays */
	json_int_t room_rate;         /*!< what is told to a whole room, a second: joining, coming back, configuring */
	json_int_t resume_timeout;    /*!< seconds that a member whose peer is gone may come back */
} portal_limits;

/*! \brief The properties of a room, all of them optional. Made from JSON, which is what is kept and changed; these are only read. */
typedef struct portal_room_options {
	portal_limits limits;  /*!< its own where it may have them, else those of the server; first, see config.c */
	char *description;     /*!< NULL if none */
	char *secret;          /*!< to manage it; NULL if none; this and the next may be hashes (key.h) */
	char *pin;             /*!< to join; NULL if none */
	bool is_private;       /*!< not in the public list */
	bool locked;           /*!< takes no new members */
	bool signed_tokens;    /*!< takes those only who have a token that the host's secret signed */
	json_t *metadata;      /*!< an object; NULL if none */
	GHashTable *allowed;   /*!< a set of hashes of tokens without salt; NULL if no token is needed */
} portal_room_options;

typedef struct portal_room_config {
	char *room;
	json_t *given;         /*!< its properties, as they were written */
} portal_room_config;

/*! \brief The ICE servers that members are told of. */
typedef struct portal_ice_config {
	json_t *servers;       /*!< an array of {urls, username, credential}; NULL if none */
	char *turn_secret;     /*!< shared with the TURN server; NULL if it has none */
	json_int_t turn_ttl;   /*!< seconds that credentials made with it hold */
} portal_ice_config;

typedef struct portal_config {
	portal_limits limits;  /*!< first, see config.c */
	char *admin_key;       /*!< NULL if none: then only the Admin API may do what it is for */
	bool events;           /*!< whether event handlers are told */
	char *state_file;      /*!< NULL for the usual one */
	portal_ice_config ice;
	GPtrArray *rooms;      /*!< of portal_room_config *, in the order of the file */
} portal_config;

/*! \brief What is wrong with a configuration. */
typedef struct portal_config_error {
	char *path; /*!< such as "room-home.pin"; NULL if it concerns the whole */
	char *text;
} portal_config_error;

/*! \brief Checks a configuration and fills in the defaults.
 * \param json one object a category, as config_jcfg.h reads it; borrowed
 * \param error on failure filled with strings that the caller frees (portal_config_error_clear)
 * @returns NULL if anything is unknown, has the wrong type or is out of range: a typo in `pin` must not open a room */
portal_config *portal_config_new(const json_t *json, portal_config_error *error);
void portal_config_free(portal_config *config);
void portal_config_error_clear(portal_config_error *error);

/*! \brief Reads the properties of a room.
 * \param defaults limits of the server \param category how an error calls the room \param given an object; borrowed
 * @returns NULL with the error set if anything is unknown, has the wrong type or is out of range */
portal_room_options *portal_room_options_new(const portal_limits *defaults, const char *category, const json_t *given,
	portal_config_error *error);
void portal_room_options_free(portal_room_options *options);

/*! \brief What the properties become when a request changes some.
 * \param given those before; borrowed, not changed \param body whose fields that have the name of a property, behind the prefix,
 * change it; null takes it away @returns a new object, not checked; owned by the caller */
json_t *portal_room_options_changed(const json_t *given, const json_t *body, const char *prefix);

/*! \brief Makes hashes of all that is secret among the properties, so that nothing else is kept of it. \param given changed */
void portal_room_options_seal(json_t *given, const portal_host *host);

/*! \brief The limits that clients are told in the reply to `join`. Owned by the caller. */
json_t *portal_limits_json(const portal_limits *limits);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(portal_config, portal_config_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(portal_room_options, portal_room_options_free)

#endif
