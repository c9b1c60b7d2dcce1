/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file config.h
 * \brief What the administrator wants, checked: limits and rooms. */
#ifndef PORTAL_CONFIG_H
#define PORTAL_CONFIG_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

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

typedef struct portal_room_config {
	char *room;
	char *description; /*!< NULL if none */
	char *pin;         /*!< NULL if none */
	bool is_private;
	bool locked;
	json_int_t max_members;
} portal_room_config;

typedef struct portal_config {
	portal_limits limits;
	GPtrArray *rooms; /*!< of portal_room_config *, in the order of the file */
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

/*! \brief The limits that clients are told in the reply to `join`. Owned by the caller. */
json_t *portal_limits_json(const portal_limits *limits);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(portal_config, portal_config_free)

#endif
