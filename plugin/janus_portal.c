/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file janus_portal.c
 * \page portal Portal: rooms in which every member has a direct connection to every other
 *
 * A *portal room* is a mesh: media and data go from member to member, and the server only introduces them. This plugin
 * gives joining, the list of members, and the relay of their offers, answers, candidates and messages, on top of Janus's
 * transports and sessions. The API is documented in README.md, whose examples are run by the tests.
 *
 * This file is the adapter: Janus's callbacks on one side, portal.h on the other. It holds no rule of the protocol.
 *
 * - **One lock** (`lock`) is held round each call to the core, and nothing is pushed under it. It is static and never
 *   destroyed, because callbacks of Janus may still be on their way when destroy() has returned; every callback takes it
 *   and looks whether there is a core.
 * - **Ready list and flushers.** The core only marks a session as ready. Two threads take one ready session at a time, fetch
 *   what there is to push under the lock, and push it without. A session is in the list, or in the hands of one flusher,
 *   never both; that keeps the order of what each peer gets. Where a transport blocks in a push, as that of Unix sockets does
 *   for a client that does not read, more of them take over.
 * - **Ticker.** Nothing in the core waits; a third thread lets time pass in it about once a second.
 * - **Lifetimes.** A session is counted: one for the table, one while it is in the ready list or in a push. Its last owner
 *   drops the one reference that a plugin has on a janus_plugin_session; nothing else does. */
#include "portal-config.h"

#include <janus/plugins/plugin.h>

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>
#include <time.h>

#include <janus/debug.h>

#include "config_jcfg.h"
#include "portal.h"
#include "state_file.h"

#define JANUS_PORTAL_VERSION PORTAL_VERSION_NUMBER
#define JANUS_PORTAL_VERSION_STRING PACKAGE_VERSION
#define JANUS_PORTAL_DESCRIPTION "Rooms in which every member has a direct WebRTC connection to every other."
#define JANUS_PORTAL_NAME "JANUS Portal plugin"
#define JANUS_PORTAL_AUTHOR "The Portal authors"
#define JANUS_PORTAL_PACKAGE "janus.plugin.portal"

#define FLUSHERS 2      /* from the beginning */
#define FLUSHERS_MAX 64 /* with those that others were in need of; an idle one costs nothing, so they stay */

__attribute__((visibility("default"))) janus_plugin *create(void); /* what Janus looks up, and all that leaves the library */
static int janus_portal_init(janus_callbacks *callback, const char *config_path);
static void janus_portal_destroy(void);
static int janus_portal_get_api_compatibility(void);
static int janus_portal_get_version(void);
static const char *janus_portal_get_version_string(void);
static const char *janus_portal_get_description(void);
static const char *janus_portal_get_name(void);
static const char *janus_portal_get_author(void);
static const char *janus_portal_get_package(void);
static void janus_portal_create_session(janus_plugin_session *handle, int *error);
static struct janus_plugin_result *janus_portal_handle_message(janus_plugin_session *handle, char *transaction,
	json_t *message, json_t *jsep);
static json_t *janus_portal_handle_admin_message(json_t *message);
static void janus_portal_setup_media(janus_plugin_session *handle);
static void janus_portal_hangup_media(janus_plugin_session *handle);
static void janus_portal_destroy_session(janus_plugin_session *handle, int *error);
static json_t *janus_portal_query_session(janus_plugin_session *handle);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* JANUS_PLUGIN_INIT sets every field first, to NULL */
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif
static janus_plugin janus_portal_plugin = JANUS_PLUGIN_INIT(
	.init = janus_portal_init,
	.destroy = janus_portal_destroy,
	.get_api_compatibility = janus_portal_get_api_compatibility,
	.get_version = janus_portal_get_version,
	.get_version_string = janus_portal_get_version_string,
	.get_description = janus_portal_get_description,
	.get_name = janus_portal_get_name,
	.get_author = janus_portal_get_author,
	.get_package = janus_portal_get_package,
	.create_session = janus_portal_create_session,
	.handle_message = janus_portal_handle_message,
	.handle_admin_message = janus_portal_handle_admin_message,
	.setup_media = janus_portal_setup_media,
	.hangup_media = janus_portal_hangup_media,
	.destroy_session = janus_portal_destroy_session,
	.query_session = janus_portal_query_session,
);
#pragma GCC diagnostic pop

typedef enum session_state {
	SESSION_IDLE,
	SESSION_READY,   /* in the ready list */
	SESSION_PUSHING, /* in the hands of a flusher */
} session_state;

/* One handle. Everything in it but the count is guarded by `lock`. */
typedef struct portal_session {
	janus_plugin_session *handle;
	portal_peer *peer; /* NULL until the first message, and after the end */
	gint references;
	session_state state;
	bool woken;        /* while it was being pushed to */
	bool ending;       /* the core wants its end; a flusher tells Janus */
} portal_session;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards these up to `stopping`, and `host.notify` */
static pthread_cond_t some_ready = PTHREAD_COND_INITIALIZER;
static portal_core *core;      /* NULL before init() and from destroy() on */
static GHashTable *sessions;   /* janus_plugin_session * → session */
static GQueue ready = G_QUEUE_INIT;
static gint64 moved;           /* when one was taken out of the ready list last, or came into the empty one */
static portal_snapshot newest; /* what is, or is to be, in the state file; its state is NULL until something changes */
static bool stopping;
static janus_callbacks *gateway; /* set while nothing else runs, as are the next two */
static pthread_t threads[FLUSHERS_MAX + 1]; /* guarded by `lock` as long as the ticker runs, as is the next one */
static int threads_running;
static pthread_mutex_t saving = PTHREAD_MUTEX_INITIALIZER; /* round writing the state; taken before `lock`, never inside */
static char *state_path;       /* set while nothing else runs */
static guint64 saved_generation; /* guarded by `saving` */
static pthread_cond_t time_to_stop; /* of the monotonic clock: a wall clock that jumps back must not stop time in the core */

/* Gives up one reference; the last one gives Janus's handle back. Not under the lock: what that sets off in Janus is none of
 * our business. */
static void session_unref(portal_session *session) {
	if(!g_atomic_int_dec_and_test(&session->references))
		return;
	janus_refcount_decrease(&session->handle->ref);
	g_free(session);
}

/* What the core needs from outside. All of these are called under the lock. */

static gint64 host_now(void *context) {
	(void)context;
	return g_get_monotonic_time(); /* not Janus's clock, which counts from its start in some versions only */
}

static void host_wake(void *context, void *data) {
	(void)context;
	portal_session *woken = data;
	if(woken->state == SESSION_PUSHING)
		woken->woken = true;
	if(woken->state != SESSION_IDLE)
		return;
	woken->state = SESSION_READY;
	g_atomic_int_inc(&woken->references);
	if(g_queue_is_empty(&ready))
		moved = host_now(context);
	g_queue_push_tail(&ready, woken);
	pthread_cond_signal(&some_ready);
}

static void host_end(void *context, void *data) {
	portal_session *ended = data;
	ended->ending = true;
	host_wake(context, ended);
}

static void host_random(void *context, void *buffer, size_t length) {
	(void)context;
	for(size_t done = 0; done < length;) {
		ssize_t count = getrandom((char *)buffer + done, length - done, 0);
		if(count > 0)
			done += (size_t)count;
		else if(errno != EINTR)
			g_error("getrandom: %s", g_strerror(errno)); /* a key that can be guessed would be worse than an end */
	}
}

static void host_log(void *context, portal_log_level level, const char *line) {
	(void)context;
	switch(level) {
	case PORTAL_LOG_VERBOSE:
		JANUS_LOG(LOG_VERB, "[%s] %s\n", JANUS_PORTAL_PACKAGE, line);
		break;
	case PORTAL_LOG_INFO:
		JANUS_LOG(LOG_INFO, "[%s] %s\n", JANUS_PORTAL_PACKAGE, line);
		break;
	case PORTAL_LOG_WARNING:
		JANUS_LOG(LOG_WARN, "[%s] %s\n", JANUS_PORTAL_PACKAGE, line);
		break;
	case PORTAL_LOG_ERROR:
		JANUS_LOG(LOG_ERR, "[%s] %s\n", JANUS_PORTAL_PACKAGE, line);
		break;
	}
}

static gint64 host_time(void *context) {
	(void)context;
	return g_get_real_time() / G_USEC_PER_SEC;
}

/* Under the lock, so that what watches sees things in the order in which they happened; Janus only queues it. */
static void host_notify(void *context, void *data, json_t *event) {
	(void)context;
	const portal_session *session = data;
	gateway->notify_event(&janus_portal_plugin, session == NULL ? NULL : session->handle, event);
}

/* Without a secret Janus says that every token is good, so that is asked first; it looks at no NULL. */
static bool host_is_signed(void *context, const char *token, const char *descriptor) {
	(void)context;
	return gateway->auth_is_signed() && token != NULL
		&& gateway->auth_signature_contains(&janus_portal_plugin, token, descriptor);
}

static portal_host host = { .wake = host_wake, .end = host_end, .now = host_now, .time = host_time,
	.random = host_random, .log = host_log, .is_signed = host_is_signed };

/* Flushers */

/* The next ready session, whose reference goes to the caller; NULL when it is time to end. */
static portal_session *next_ready(void) {
	pthread_mutex_lock(&lock);
	while(!stopping && g_queue_is_empty(&ready))
		pthread_cond_wait(&some_ready, &lock);
	portal_session *session = stopping ? NULL : g_queue_pop_head(&ready);
	if(session != NULL) {
		session->state = SESSION_PUSHING;
		moved = host_now(NULL);
	}
	pthread_mutex_unlock(&lock);
	return session;
}

/* One push to one session, which then goes to the end of the list if there may be more: a busy one starves nobody. */
static void push_once(portal_session *session) {
	portal_push push;
	pthread_mutex_lock(&lock);
	session->woken = false;
	bool ending = session->ending && session->peer != NULL;
	session->ending = false;
	bool pushed = !ending && session->peer != NULL && portal_next_push(core, session->peer, &push);
	pthread_mutex_unlock(&lock);
	if(ending)
		gateway->end_session(session->handle); /* only notes it: Janus calls destroy_session later */
	if(pushed) {
		/* A result of 0 would not mean that it arrived, and an error only that the handle is on its way out. */
		gateway->push_event(session->handle, &janus_portal_plugin, push.transaction, push.message, NULL);
		portal_push_clear(&push);
	}
	pthread_mutex_lock(&lock);
	session->state = SESSION_IDLE;
	if(pushed || session->woken)
		host_wake(NULL, session);
	pthread_mutex_unlock(&lock);
}

static void *flush(void *unused) {
	(void)unused;
	portal_session *session;
	while((session = next_ready()) != NULL) {
		push_once(session);
		session_unref(session);
	}
	return NULL;
}

static bool start_thread(void *(*run)(void *), const char *name) {
	if(pthread_create(&threads[threads_running], NULL, run, NULL) != 0)
		return false;
	pthread_setname_np(threads[threads_running++], name);
	return true;
}

/* A flusher more for each session that is ready, if for a second none was taken: then every flusher is in a push that does not end. */
static void relieve_flushers(void) {
	if(stopping || host_now(NULL) - moved < G_USEC_PER_SEC)
		return;
	for(guint i = 0; i < ready.length && threads_running <= FLUSHERS_MAX; i++) {
		if(!start_thread(flush, "portal push"))
			return; /* there may be a thread to have in a second */
	}
}

static void *tick(void *unused) {
	(void)unused;
	pthread_mutex_lock(&lock);
	while(!stopping) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&time_to_stop, &lock, &until);
		relieve_flushers();
		if(core != NULL)
			portal_tick(core);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void stop_threads(void) {
	pthread_mutex_lock(&lock);
	stopping = true;
	pthread_cond_broadcast(&some_ready);
	pthread_cond_broadcast(&time_to_stop);
	pthread_mutex_unlock(&lock);
	while(threads_running > 0)
		pthread_join(threads[--threads_running], NULL);
}

static bool start_threads(void) {
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&time_to_stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	stopping = false;
	pthread_mutex_lock(&lock);
	bool started = start_thread(tick, "portal tick");
	for(int i = 0; started && i < FLUSHERS; i++)
		started = start_thread(flush, "portal push");
	pthread_mutex_unlock(&lock);
	if(!started)
		stop_threads();
	return started;
}

/* Janus's callbacks */

janus_plugin *create(void) {
	return &janus_portal_plugin;
}

/* The generation of the state that has to be on disk for the call just made, 0 if that changed nothing. Under the lock. */
static guint64 take_snapshot(void) {
	portal_snapshot snapshot;
	if(!portal_snapshot_take(core, &snapshot))
		return 0;
	portal_snapshot_clear(&newest);
	newest = snapshot;
	return snapshot.generation;
}

/* Has a generation on disk; not under the lock, since a disk may be slow. Those who wait for one write have the next one in common. */
static bool save(guint64 generation, char **error) {
	pthread_mutex_lock(&saving);
	if(generation > saved_generation) {
		pthread_mutex_lock(&lock);
		portal_snapshot snapshot = { newest.generation, json_incref(newest.state) };
		pthread_mutex_unlock(&lock);
		if(snapshot.state == NULL)
			*error = g_strdup("the plugin is stopping");
		else if(portal_state_write(state_path, snapshot.state, error))
			saved_generation = snapshot.generation;
		portal_snapshot_clear(&snapshot);
	}
	bool saved = generation <= saved_generation;
	pthread_mutex_unlock(&saving);
	return saved;
}

/* Ends a call to the core: gives the lock back and saves what was made permanent. The reply says if it could not be written. */
static json_t *unlock_and_save(json_t *reply) {
	g_autofree char *error = NULL;
	guint64 generation = core != NULL ? take_snapshot() : 0;
	pthread_mutex_unlock(&lock);
	if(generation != 0 && !save(generation, &error)) {
		JANUS_LOG(LOG_WARN, "[%s] Rooms could not be made permanent: %s\n", JANUS_PORTAL_PACKAGE, error);
		portal_reply_not_saved(reply);
	}
	return reply;
}

/* Reads the rooms that were made permanent into the core. */
static bool restore(portal_core *into, char **error) {
	json_t *state = NULL;
	g_autofree char *why = NULL;
	bool restored = portal_state_read(state_path, &state, error);
	if(restored && state != NULL && !portal_restore(into, state, &why)) {
		*error = g_strdup_printf("%s: %s", state_path, why);
		restored = false;
	}
	json_decref(state);
	return restored;
}

static int janus_portal_init(janus_callbacks *callback, const char *config_path) {
	if(callback == NULL || config_path == NULL)
		return -1;
	g_autofree char *path = g_strdup_printf("%s/%s.jcfg", config_path, JANUS_PORTAL_PACKAGE);
	g_autofree char *error = NULL;
	g_autoptr(portal_config) config = portal_config_read(path, &error);
	if(config == NULL) {
		JANUS_LOG(LOG_ERR, "[%s] %s\n", JANUS_PORTAL_PACKAGE, error);
		JANUS_LOG(LOG_ERR, "[%s] Not started: mend the file, or move it away to start without rooms\n", JANUS_PORTAL_PACKAGE);
		return -1;
	}
	gateway = callback;
	host.notify = NULL; /* until all rooms of old are there, which is no news */
	g_free(state_path);
	state_path = config->state_file != NULL ? g_strdup(config->state_file)
		: g_strdup_printf("%s/%s.state.json", config_path, JANUS_PORTAL_PACKAGE);
	saved_generation = 0;
	portal_core *made = portal_new(&host, config);
	if(!restore(made, &error)) {
		JANUS_LOG(LOG_ERR, "[%s] %s\n", JANUS_PORTAL_PACKAGE, error);
		JANUS_LOG(LOG_ERR, "[%s] Not started: bring back a copy of that file, or move it away to start without the rooms that were "
			"made permanent\n", JANUS_PORTAL_PACKAGE);
		portal_free(made);
		return -1;
	}
	/* The last thing that can fail, since Janus unloads the library of an init() that did, threads or not. */
	if(!start_threads()) {
		JANUS_LOG(LOG_ERR, "[%s] Not started: no thread can be made\n", JANUS_PORTAL_PACKAGE);
		portal_free(made);
		return -1;
	}
	guint rooms = portal_count_rooms(made);
	pthread_mutex_lock(&lock);
	host.notify = config->events && gateway->events_is_enabled() ? host_notify : NULL;
	sessions = g_hash_table_new(NULL, NULL);
	core = made;
	pthread_mutex_unlock(&lock);
	if(rooms == 0)
		JANUS_LOG(LOG_WARN, "[%s] There are no rooms: %s lists none\n", JANUS_PORTAL_PACKAGE, path);
	if(!config->events && gateway->events_is_enabled())
		JANUS_LOG(LOG_WARN, "[%s] Event handlers are not told of rooms: general.events is off\n", JANUS_PORTAL_PACKAGE);
	JANUS_LOG(LOG_INFO, "[%s] %s %s started, %u room(s)\n", JANUS_PORTAL_PACKAGE, JANUS_PORTAL_NAME,
		JANUS_PORTAL_VERSION_STRING, rooms);
	return 0;
}

static void janus_portal_destroy(void) {
	pthread_mutex_lock(&lock);
	bool running = core != NULL;
	pthread_mutex_unlock(&lock);
	if(!running)
		return;
	stop_threads();
	pthread_mutex_lock(&lock);
	portal_free(core);
	core = NULL;
	portal_snapshot_clear(&newest);
	newest.state = NULL;
	/* Janus ends without destroy_session for those that are still there. */
	GList *left = g_queue_is_empty(&ready) ? NULL : g_steal_pointer(&ready.head);
	g_queue_init(&ready);
	left = g_list_concat(left, g_hash_table_get_values(sessions));
	g_clear_pointer(&sessions, g_hash_table_destroy);
	pthread_mutex_unlock(&lock);
	g_list_free_full(left, (GDestroyNotify)session_unref);
	JANUS_LOG(LOG_INFO, "[%s] Stopped\n", JANUS_PORTAL_PACKAGE);
}

static int janus_portal_get_api_compatibility(void) {
	return JANUS_PLUGIN_API_VERSION;
}

static int janus_portal_get_version(void) {
	return JANUS_PORTAL_VERSION;
}

static const char *janus_portal_get_version_string(void) {
	return JANUS_PORTAL_VERSION_STRING;
}

static const char *janus_portal_get_description(void) {
	return JANUS_PORTAL_DESCRIPTION;
}

static const char *janus_portal_get_name(void) {
	return JANUS_PORTAL_NAME;
}

static const char *janus_portal_get_author(void) {
	return JANUS_PORTAL_AUTHOR;
}

static const char *janus_portal_get_package(void) {
	return JANUS_PORTAL_PACKAGE;
}

/* Runs on the one thread that serves all of Janus's requests but messages, so it does nothing that could take time. The
 * reference count of the handle is set up after this returns (ice.c), so nothing may be pushed or counted here. */
static void janus_portal_create_session(janus_plugin_session *handle, int *error) {
	pthread_mutex_lock(&lock);
	if(core == NULL) {
		*error = -1;
	} else {
		portal_session *made = g_new0(portal_session, 1);
		made->handle = handle;
		made->references = 1;
		g_hash_table_insert(sessions, handle, made);
	}
	pthread_mutex_unlock(&lock);
}

/* The reply to a message, NULL if it comes later; *is_gone if there is nobody to reply to. */
static json_t *reply_to(janus_plugin_session *handle, const char *transaction, json_t *message, bool *is_gone) {
	json_t *reply = NULL;
	pthread_mutex_lock(&lock);
	portal_session *sender = core == NULL ? NULL : g_hash_table_lookup(sessions, handle);
	*is_gone = sender == NULL;
	if(sender != NULL) {
		if(sender->peer == NULL)
			sender->peer = portal_attach(core, sender);
		reply = portal_handle(core, sender->peer, transaction, message);
	}
	return unlock_and_save(reply);
}

/* The core of Janus has made a PeerConnection for the jsep before the plugin is asked; it must not stay. */
static struct janus_plugin_result *refuse_jsep(janus_plugin_session *handle) {
	pthread_mutex_lock(&lock);
	bool running = core != NULL && !stopping;
	pthread_mutex_unlock(&lock);
	if(running)
		gateway->close_pc(handle);
	return janus_plugin_result_new(JANUS_PLUGIN_OK, NULL, portal_refuse_jsep());
}

/* Called by any of Janus's pool threads, several at once for one handle, and not in the order of the client. Owns the
 * transaction, the message and the jsep, whatever becomes of them. */
static struct janus_plugin_result *janus_portal_handle_message(janus_plugin_session *handle, char *transaction,
		json_t *message, json_t *jsep) {
	struct janus_plugin_result *result;
	if(jsep != NULL) {
		result = refuse_jsep(handle);
	} else {
		bool is_gone;
		json_t *reply = reply_to(handle, transaction, message, &is_gone);
		result = is_gone ? janus_plugin_result_new(JANUS_PLUGIN_ERROR, "No such handle, or the plugin is stopping", NULL)
			: janus_plugin_result_new(reply != NULL ? JANUS_PLUGIN_OK : JANUS_PLUGIN_OK_WAIT, NULL, reply);
	}
	g_free(transaction);
	json_decref(message);
	json_decref(jsep);
	return result;
}

static json_t *janus_portal_handle_admin_message(json_t *message) {
	pthread_mutex_lock(&lock);
	return unlock_and_save(core != NULL ? portal_admin(core, message) : NULL);
}

static void janus_portal_setup_media(janus_plugin_session *handle) {
	(void)handle; /* Janus wants the callback; no member has a PeerConnection with it */
}

/* Janus up to 1.2.1 calls this for every handle that ends, later ones for none of ours: membership does not depend on it. */
static void janus_portal_hangup_media(janus_plugin_session *handle) {
	(void)handle;
}

static void janus_portal_destroy_session(janus_plugin_session *handle, int *error) {
	pthread_mutex_lock(&lock);
	portal_session *ended = core == NULL ? NULL : g_hash_table_lookup(sessions, handle);
	if(ended != NULL) {
		g_hash_table_remove(sessions, handle);
		if(ended->peer != NULL)
			portal_detach(core, g_steal_pointer(&ended->peer));
	}
	pthread_mutex_unlock(&lock);
	if(ended != NULL)
		session_unref(ended);
	else
		*error = -2;
}

static json_t *janus_portal_query_session(janus_plugin_session *handle) {
	json_t *description = NULL;
	pthread_mutex_lock(&lock);
	const portal_session *asked = core == NULL ? NULL : g_hash_table_lookup(sessions, handle);
	if(asked != NULL && asked->peer != NULL)
		description = portal_describe(core, asked->peer);
	pthread_mutex_unlock(&lock);
	return description != NULL ? description : json_object();
}
