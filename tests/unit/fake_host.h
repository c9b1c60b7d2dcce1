/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fake_host.h
 * \brief A host without Janus: it records what the core wakes and logs, and its randomness is known. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "portal.h"

typedef struct fake_host {
	portal_host host;
	portal_core *core;
	unsigned woken, ended;
	gint64 now; /* microseconds; stands still unless a test moves it */
	unsigned char next_random;
	GPtrArray *log; /* of char * "level: line" */
	json_t *told;   /* events for those who watch, since told() was called last */
	bool signs;     /* whether tokens that say that they are signed are */
} fake_host;

/*! \brief A core with the rooms of a configuration in JSON, single quotes standing for double ones. */
fake_host *fake_host_new(const char *config);
void fake_host_free(fake_host *fake);

/*! \brief JSON from text in which single quotes stand for double ones; fails the test if it does not parse. */
json_t *json_of(const char *text);

/*! \brief Sends a request; the reply is NULL if it waits. Owned by the caller. */
json_t *ask(fake_host *fake, portal_peer *peer, const char *request);

/*! \brief Notes the codes of a reply, of which each has to be provoked by some test (tests/run looks). \param reply handed back */
json_t *noted(json_t *reply);

/*! \brief The same through the Admin API. */
json_t *ask_admin(fake_host *fake, const char *request);

/*! \brief What those who watch were told since the last call. */
json_t *told(fake_host *fake);

/*! \brief Sends a request and compares the reply. */
#define ck_ask(fake, peer, request, expected) check_ask(__FILE__, __LINE__, fake, peer, request, expected)
void check_ask(const char *file, int line, fake_host *fake, portal_peer *peer, const char *request, const char *expected);

/*! \brief Sends a request that is refused; the error text must hold `text`. */
#define ck_refused(fake, peer, request, code, text) check_refused(__FILE__, __LINE__, fake, peer, request, code, text)
void check_refused(const char *file, int line, fake_host *fake, portal_peer *peer, const char *request, const char *code,
	const char *text);

/*! \brief Compares JSON with text as for json_of(); `actual` is given up. */
#define ck_json(actual, expected) check_json(__FILE__, __LINE__, actual, expected)
void check_json(const char *file, int line, json_t *actual, const char *expected);

/*! \brief Lets so many milliseconds pass. */
void pass(fake_host *fake, gint64 milliseconds);

/*! \brief All that there is to push to a peer: [{push}, …], late answers as {"transaction": …, "answer": …}. */
json_t *pushed(fake_host *fake, portal_peer *peer);

/*! \brief The events of all that there is to push, without their envelopes. */
json_t *events(fake_host *fake, portal_peer *peer);

/*! \brief A new peer that joins a room under a key of one repeated letter. */
portal_peer *join(fake_host *fake, const char *room, char letter);

/*! \brief The id that goes with the key of one repeated letter. Static storage, of the last call for that letter. */
const char *id_of(char letter);

#endif
