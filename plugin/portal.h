/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file portal.h
 * \brief The front door of the core: all that a host has to know.
 *
 * The core is plain C with GLib and jansson and knows nothing of Janus. It is single-threaded by contract: the host holds
 * one lock round each of these calls. It never pushes by itself; it calls host->wake(), and the host takes what there is
 * with portal_next_push(), outside of any other call, and pushes it without the lock. */
#ifndef PORTAL_H
#define PORTAL_H

#include <jansson.h>
#include <stdbool.h>

#include "config.h"
#include "host.h"

typedef struct portal_core portal_core;
typedef struct portal_peer portal_peer;

/*! \brief One thing to push to a peer. */
typedef struct portal_push {
	char *transaction; /*!< of the request that this answers; NULL for events */
	json_t *message;   /*!< a reference; what it points to is never changed again */
} portal_push;

/*! \brief A portal with the rooms of a configuration.
 * \param host stays the caller's, and has to outlive the portal
 * \param config borrowed, and not needed afterwards */
portal_core *portal_new(const portal_host *host, const portal_config *config);

/*! \brief Adds the rooms that were made permanent, before any peer turns up. A room of the configuration that has the same name
 * wins, which is logged, and the other one is kept for later.
 * \param state as portal_snapshot_take() gave it, read back; borrowed
 * \param error on failure why this is no such state, for the log; the caller frees it
 * @returns false if there is anything in it that is not understood: then nothing was added, and it must not be overwritten */
bool portal_restore(portal_core *core, const json_t *state, char **error);

/*! \brief What has to be on disk before a reply may say `permanent`. */
typedef struct portal_snapshot {
	guint64 generation; /*!< a greater one replaces a smaller one */
	json_t *state;      /*!< a reference; never changed any more, so it may be written without the lock */
} portal_snapshot;

/*! \brief The state to be written for the call just made, if that changed it. To be called under the same lock.
 * @returns false, with nothing set, if there is nothing to be written */
bool portal_snapshot_take(portal_core *core, portal_snapshot *snapshot);
void portal_snapshot_clear(portal_snapshot *snapshot);

/*! \brief What to change in a reply if its snapshot could not be written. \param reply changed */
void portal_reply_not_saved(json_t *reply);

/*! \brief Frees everything, the peers that are still attached too. Nobody is told. */
void portal_free(portal_core *core);

guint portal_count_rooms(const portal_core *core);

/*! \brief A peer turns up. \param session what host->wake() will name it by */
portal_peer *portal_attach(portal_core *core, void *session);

/*! \brief A peer is gone; it is freed, and the others hear that its member is away. */
void portal_detach(portal_core *core, portal_peer *peer);

/*! \brief A request of a peer.
 * \param transaction borrowed; only kept for requests that have to wait
 * \param body borrowed; the core keeps references to parts of it, so it must not be changed afterwards
 * @returns the reply (owned by the caller), or NULL if the request waits for its turn: then the answer is pushed later */
json_t *portal_handle(portal_core *core, portal_peer *peer, const char *transaction, json_t *body);

/*! \brief A request of the Admin API. \param body borrowed, may be NULL. @returns the reply, owned by the caller */
json_t *portal_admin(portal_core *core, const json_t *body);

/*! \brief Lets time pass: to be called about once a second, since nothing else may happen for as long. */
void portal_tick(portal_core *core);

/*! \brief The next thing to push to a peer. @returns false, with `push` not set, if there is nothing */
bool portal_next_push(portal_core *core, portal_peer *peer, portal_push *push);
void portal_push_clear(portal_push *push);

/*! \brief What an administrator may know of a peer: room, id, counters; no secrets. Owned by the caller. */
json_t *portal_describe(const portal_core *core, const portal_peer *peer);

/*! \brief The reply to a message that came with a `jsep`. Owned by the caller. */
json_t *portal_refuse_jsep(void);

#endif
