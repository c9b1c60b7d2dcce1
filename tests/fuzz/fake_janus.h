/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fake_janus.h
 * \brief A Janus for the plugin itself (janus_portal.c): it makes and ends handles, hands messages over, takes what is pushed,
 * and holds the plugin to what Janus needs of it. Time, randomness and the moments at which threads wait are its own (the
 * linker's --wrap), so that one knows when the plugin has nothing left to do, without sleeping.
 *
 * What is promised of every call and callback is checked in here; a target says what is called. */
#ifndef FAKE_JANUS_H
#define FAKE_JANUS_H

#include "fuzz.h"

/*! \brief A message that the plugin was given, until the end of the input. */
typedef struct fake_request {
	guint number;      /*!< all messages are counted */
	json_int_t seq;    /*!< 0 if it has none */
	bool raced;        /*!< others were given at the same time */
	bool leaves;       /*!< is a `leave` */
	bool waits;        /*!< the plugin said that the answer will be pushed */
	bool returned;     /*!< the call is over */
	bool answered;
} fake_request;

/*! \brief A handle, as Janus's core knows it. What it was lives on here until the end of the input. */
typedef struct fake_handle {
	void *session;     /*!< janus_plugin_session; the address stays here when it is freed */
	bool freed;
	bool attached;     /*!< in Janus's tables */
	bool destroyed;    /*!< destroy_session() has returned */
	bool held;         /*!< its transport takes nothing: a push to it waits until it does */
	bool blocked;      /*!< one does */
	bool pushing;
	guint late;        /*!< pushes that may still begin after destroy_session(): one that was on its way */
	guint ended;       /*!< end_session() was called for it */
	bool closed;       /*!< its membership is over, and with it what waited for a turn or was queued */
	bool any_n;        /*!< it came back while several threads called, so its numbers are not known */
	guint rejoined;    /*!< number of its last `join` */
	json_int_t next_n; /*!< of the next event, 0 if not known */
	json_int_t next_seq;
	GHashTable *requests; /*!< transaction → fake_request */
} fake_handle;

/*! \brief How this Janus is set up; may be changed while the plugin is not running. */
typedef struct fake_setup {
	bool events, tokens; /*!< there are event handlers; tokens are signed */
	bool hangs_up;       /*!< hangup_media() comes before destroy_session(), as in Janus up to 1.2.1 */
	bool loses_pushes;   /*!< push_event() says that it failed */
	guint no_thread;     /*!< this one of the plugin's threads cannot be made; 0: all can */
} fake_setup;

extern fake_setup fake_janus;

void fake_janus_begin(void);

/*! \brief All that was given out has to be back. Only after fake_stop(). */
void fake_janus_end(void);

/*! \brief Starts the plugin with the files of that folder. @returns whether init() succeeded */
bool fake_start(const char *folder);

/*! \brief Ends the plugin, as Janus does: handles that are still there are not ended before. */
void fake_stop(void);

/*! \brief Only what ends the plugin, while other threads may still call it; fake_stop() has to follow. No transport may be held. */
void fake_destroy(void);
bool fake_is_running(void);

/*! \brief Waits until no thread of the plugin has anything to do, but those that wait for a transport. */
void fake_settle(void);

/*! \brief Time passes, with or without the tick that comes each second. */
void fake_pass(gint64 milliseconds);
void fake_tick(void);

/*! \brief Several threads call from here on, until nothing is left to do again: less is known of what comes of it. */
void fake_race(bool races);

/*! \brief All handles of this input, those too that are gone. */
GPtrArray *fake_handles(void);

/*! \returns NULL if the plugin takes no handles */
fake_handle *fake_attach(void);
void fake_detach(fake_handle *handle);

/*! \brief Hands a message over. \param body, jsep stolen. @returns what was answered at once (borrowed), NULL if nothing */
const json_t *fake_message(fake_handle *handle, json_t *body, json_t *jsep);

/*! \brief The same over the Admin API. \param body stolen, may be NULL */
const json_t *fake_admin(json_t *body);

/*! \brief What an administrator may look at. @returns what the client has not shown to have read */
json_int_t fake_query(fake_handle *handle);

/*! \brief Blocks or frees the transport of a handle. */
void fake_hold(fake_handle *handle, bool held);

/*! \brief Ends the handles that the plugin wanted to be ended. */
void fake_watchdog(void);

/*! \brief Every message that is to be answered by now is, and all events are pushed. No transport may be held. */
void fake_check_answers(void);

#endif
