/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file call.h
 * \brief One request on its way through the core: who asks, what, and what became of it. */
#ifndef PORTAL_CALL_H
#define PORTAL_CALL_H

#include "error.h"
#include "fields.h"
#include "registry.h"

typedef struct portal_call portal_call;
struct portal_call {
	portal_registry *registry;
	portal_peer *peer;       /*!< NULL for the Admin API */
	const json_t *body;
	size_t weight;           /*!< of the body */
	const char *name;        /*!< of the request, if there is one of that name; static */
	bool watched;            /*!< whether those who watch the server are told if it is refused */
	portal_failure failure;  /*!< why there is no reply */
};

/*! \brief Carries out a request whose fields were checked against its table.
 * @returns the reply (owned by the caller), or NULL with the failure set and nothing changed */
typedef json_t *(*portal_handler)(portal_call *call);

/*! \brief One row of a table of requests; a table ends with a name of NULL. */
typedef struct portal_request {
	const char *name;
	const portal_field *fields; /*!< NULL if it has none */
	portal_handler handler;
	double (*cost)(const portal_call *call); /*!< requests that it counts for; NULL: one */
	bool members_only;
	bool watched;               /*!< event handlers are told of refusals */
	bool numbered;              /*!< takes a `seq`, and then waits for its turn */
} portal_request;

/*! \brief Looks at a body before anything else does: an object, not too deep, not too heavy; weighs it. */
portal_error portal_call_look(portal_call *call);

/*! \brief Takes so much out of what the caller may do, or refuses with `rate_limited`. A member's rates are its own and move
 * with it; a peer without one has small ones. The Admin API has none. */
portal_error portal_call_spend(portal_call *call, double requests, size_t bytes);

/*! \brief Counts an answer to what the peer may be given, and to what it has to read: what it weighs is known only now. */
void portal_call_account(portal_registry *registry, portal_peer *peer, const json_t *answer);

/*! \brief The row that the body asks for, NULL with the failure set if there is none.
 * \param tables where it may be; ends with NULL */
const portal_request *portal_call_find(portal_call *call, const portal_request *const *tables);

/*! \brief The limits that hold for the caller: those of its room, or of the one that it asks for; else the server's. */
const portal_limits *portal_call_limits(const portal_call *call);

/*! \brief The reply that says why the call failed. Counts it, and tells those who watch. Owned by the caller. */
json_t *portal_call_refusal(portal_call *call);

/*! \brief The same for what is told to a whole room: its rates are its own, so that many together cannot flood it either. */
portal_error portal_call_spend_on_room(portal_call *call, portal_room *room);

/*! \brief The room that the field `room` names; NULL, with the failure set, if there is none. Borrowed. */
portal_room *portal_call_room(portal_call *call);

/*! \brief Checks the fields and the rates and runs the handler, unless the call has failed already. Never NULL, owned by the caller. */
json_t *portal_call_answer(portal_call *call, const portal_request *request);

#endif
