/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file truth.h
 * \brief What rooms and members are like, kept beside the core from nothing but what was asked and what was answered.
 *
 * The core is right if it never says anything else. So each request goes through here: its answer is judged by README's
 * rules, what everybody has to be told of it is put down, and each push is compared with that, event by event. After every
 * step the core's own books are compared with these. Code of the core is used for three things only: the id that goes with a
 * key, the weight of a value, and looking into its structures. */
#ifndef TRUTH_H
#define TRUTH_H

#include "fuzz.h"
#include "member.h"

#define TURN_TTL 60 /*!< seconds that credentials hold, if the configuration has a TURN server */

typedef struct truth_room truth_room;
typedef struct truth_member truth_member;
typedef struct truth_peer truth_peer;

/*! \brief A limit as tokens that are left: it is told only of what was granted, so it may have more than the core's, never less. */
typedef struct truth_bucket {
	double left;
	gint64 at;
	bool used;
} truth_bucket;

struct truth_room {
	char *name;
	json_t *given;    /*!< its properties, as they were asked for */
	guint64 version;
	GTree *members;   /*!< id → truth_member, which it owns */
	truth_bucket telling, returns;
	truth_bucket told;  /*!< in bytes */
	bool other_limits;  /*!< than it began with */
	truth_bucket tries; /*!< wrong ones at its secrets, by whomever */
	truth_bucket saves; /*!< of changes that are permanent, but for the Admin API's */
};

/*! \brief What a member is to be told, and, at the place of its number, was told. */
typedef struct truth_event {
	json_t *event;
	size_t weight;
	guint64 version;
} truth_event;

struct truth_member {
	char id[PORTAL_ID_LENGTH + 1];
	truth_room *room;
	truth_peer *peer;          /*!< NULL while it is away */
	const portal_member *real; /*!< the core's */
	json_t *display, *metadata;
	guint64 attempt;
	guint64 done;
	GHashTable *held;          /*!< transaction → body, of those that wait; see truth_held */
	GPtrArray *answers;        /*!< of numbers 1 … done */
	GArray *told;              /*!< of truth_event: numbers 1 … pushed */
	GArray *to_tell;           /*!< of truth_event, in their order, without those that the core decides on its own: ack and ice */
	guint64 acked;
	size_t backlog;            /*!< weight of both, less what was acknowledged */
	size_t seen_backlog;       /*!< the core's, when it was last looked at */
	size_t added;              /*!< to the backlog since */
	json_t *view;              /*!< id → member, as its client has pieced it together from reply and events */
	guint asks;                /*!< events `ack` that are still to come */
	gint64 expires;            /*!< seconds since 1970, of its credentials; 0 if it has none */
	gint64 away_until, full_until, progress;
	gint64 pressed_until;      /*!< it has to acknowledge all up to `pressed_for` by then, 0 if it has not */
	guint64 pressed_for;
	truth_bucket requests, bytes, returns;
};

struct truth_peer {
	portal_peer *real;
	truth_member *member;
	bool used;
	guint64 cursor;
	size_t unread;
	bool ended;
	bool asked;                /*!< to acknowledge, since it last did */
	guint answers_seen;        /*!< of those that the core has queued for it */
	const char *notice;        /*!< reason of the `closed` that it has to be told; NULL if none */
	truth_bucket requests, bytes, tries;
	const char *proven;        /*!< the secret that it may have managed with, if it was not wrong since */
	guint64 transactions;
};

typedef struct truth_whole {
	fuzz_host host;
	portal_core *core;
	json_t *general;           /*!< of the configuration: all limits are in it */
	const char *admin_key;
	GHashTable *static_names;  /*!< of the configuration */
	GHashTable *saved;         /*!< a set of the names of rooms that are there after a restart too */
	GTree *rooms;              /*!< name → truth_room */
	GPtrArray *peers;          /*!< of truth_peer */
	GHashTable *past;          /*!< "room id" → truth_past: who may not come back */
	size_t backlogs;
	truth_bucket tries;        /*!< wrong ones at the admin_key, by whomever */
	guint members;
	json_int_t requests, joins, resumes, signals, deliveries, bytes, events, replays;
	const truth_peer *caller;  /*!< whose request is being carried out */
	bool lost;                 /*!< the core did what nobody can know from outside: the run ends here */
} truth_whole;

truth_whole *truth_new(const char *config);
void truth_free(truth_whole *truth);

truth_peer *truth_attach(truth_whole *truth);
void truth_detach(truth_whole *truth, truth_peer *peer);

/*! \brief A request (stolen), with everything that follows from it. */
void truth_ask(truth_whole *truth, truth_peer *peer, json_t *body);

/*! \brief The same through the Admin API. */
void truth_ask_admin(truth_whole *truth, json_t *body);

void truth_pass(truth_whole *truth, gint64 milliseconds);

/*! \brief The client of a peer reads one push. @returns whether there was one */
bool truth_read(truth_whole *truth, truth_peer *peer);

/*! \brief Compares the core's books with these. \param whole also all that it says of itself when it is asked */
void truth_check(truth_whole *truth, bool whole);

/*! \brief Once everything was read: each client's picture of its room is the room. */
void truth_check_views(truth_whole *truth);

#endif
