/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file error.h
 * \brief Everything that can be refused, with its number and its stable name.
 *
 * The numbers follow VideoRoom's where it has the same error, since that is what Janus users know; programs compare the
 * names (`code` on the wire), which never change. */
#ifndef PORTAL_ERROR_H
#define PORTAL_ERROR_H

#include <glib.h>

#define PORTAL_ERRORS(X) \
	X(INVALID_JSON, 422, "invalid_json")           /* the body is not an object */ \
	X(UNKNOWN_REQUEST, 423, "unknown_request")     /* no request of that name */ \
	X(ROOM_NOT_SET, 424, "room_not_set")           /* this peer is in no room, or join named none */ \
	X(ALREADY_JOINED, 425, "already_joined")       /* this peer is in a room already */ \
	X(ROOM_NOT_FOUND, 426, "room_not_found")       /* no room of that name */ \
	X(ROOM_EXISTS, 427, "room_exists")             /* create: there is a room of that name */ \
	X(MEMBER_NOT_FOUND, 428, "member_not_found")   /* no member of that id in the room */ \
	X(MISSING_FIELD, 429, "missing_field")         /* a field that is required is not there */ \
	X(INVALID_FIELD, 430, "invalid_field")         /* a field has the wrong type or a value out of range */ \
	X(JSEP_REFUSED, 431, "jsep_refused")           /* a jsep came with the message */ \
	X(ROOM_FULL, 432, "room_full")                 /* max_members */ \
	X(WRONG_PIN, 433, "wrong_pin")                 /* the room has a pin and this is not it */ \
	X(ROOM_LOCKED, 434, "room_locked")             /* the room takes no new members */ \
	X(TOO_DEEP, 435, "too_deep")                   /* max_depth */ \
	X(TOO_LARGE, 436, "too_large")                 /* max_request, max_signal, max_signals, max_metadata, max_display */ \
	X(WINDOW_EXCEEDED, 437, "window_exceeded")     /* seq too far ahead, or too much waits; the number is not used */ \
	X(PEER_USED, 438, "peer_used")                 /* this peer had its membership: attach a new handle */ \
	X(RECIPIENT_IS_SELF, 439, "recipient_is_self") /* a signal to oneself */ \
	X(SUPERSEDED, 440, "superseded")               /* join: a later attempt of this key was accepted already */ \
	X(INVALID_ACK, 441, "invalid_ack")             /* ack above what was pushed */ \
	X(ANSWER_GONE, 442, "answer_gone")             /* seq was done, and its answer is no longer kept */ \
	X(SERVER_FULL, 443, "server_full")             /* max_total_members, max_rooms */ \
	X(RATE_LIMITED, 444, "rate_limited")           /* too much at once; the number is not used */ \
	X(RECIPIENT_FULL, 445, "recipient_full")       /* a recipient has not acknowledged enough of what it has */ \
	X(EVENTS_GONE, 446, "events_gone")             /* join: ack is below what was acknowledged before */ \
	X(MEMBER_GONE, 447, "member_gone")             /* join with ack: there is no membership to come back to */ \
	X(UNAUTHORIZED, 448, "unauthorized")           /* admin_key or secret is missing or wrong */ \
	X(WRONG_TOKEN, 449, "wrong_token")             /* join: the room takes only those with a token, and this is none */ \
	X(KICKED, 450, "kicked")                       /* join: this key's membership was ended by the room's owner */ \
	X(ROOM_DESTROYED, 451, "room_destroyed")       /* join: the room in which this key was is gone */ \
	X(ROOM_IS_STATIC, 452, "room_is_static")       /* permanent: the room is in the jcfg, which only its administrator changes */ \
	X(UNKNOWN_ERROR, 499, "unknown_error")         /* a fault of ours */

typedef enum portal_error {
	PORTAL_OK = 0,
#define PORTAL_ERROR_ENUM(name, number, code) JANUS_PORTAL_ERROR_##name = number,
	PORTAL_ERRORS(PORTAL_ERROR_ENUM)
#undef PORTAL_ERROR_ENUM
} portal_error;

/*! \brief What was refused and why. `error` is PORTAL_OK while nothing was. */
typedef struct portal_failure {
	portal_error error;
	guint retry_after; /*!< milliseconds after which the same may succeed; 0 if waiting does not help */
	char text[256];    /*!< UTF-8, ends with NUL */
} portal_failure;

/*! \brief Records an error and its text for people, and returns the error.
 * A text that is too long is cut at a whole character. */
portal_error portal_fail(portal_failure *failure, portal_error error, const char *format, ...) G_GNUC_PRINTF(3, 4);

/*! \brief As portal_fail(), of something that may succeed after so many milliseconds. */
portal_error portal_fail_for_now(portal_failure *failure, portal_error error, guint retry_after, const char *text);

/*! \brief How many errors there are, and the place of one among them, 0 … count - 1. */
#define PORTAL_ERROR_ONE(name, number, code) + 1
#define PORTAL_ERROR_COUNT (0 PORTAL_ERRORS(PORTAL_ERROR_ONE))
guint portal_error_index(portal_error error);
portal_error portal_error_at(guint index);

/*! \brief The stable name of an error, such as "room_not_found". Never NULL. */
const char *portal_error_code(portal_error error);

#endif
