/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fake_janus.c
 * \brief What Janus's core does with a plugin (janus.c, ice.c), as far as it matters to one that only signals. */
#include "fake_janus.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <janus/debug.h>
#include <janus/plugins/plugin.h>

#include "../unit/janus_variables.h"

#define PATIENCE 60 /* real seconds until a plugin that has something to do all the time is said to hang */
#define PLUGIN "janus.plugin.portal"

janus_plugin *create(void);

fake_setup fake_janus;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* round all that follows; the plugin is never called under it */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static janus_plugin *plugin;
static bool running, races;
static gint64 now;
static guint32 randomness;
static guint interrupted; /* calls of getrandom() */
static GPtrArray *handles;
static GHashTable *sessions; /* janus_plugin_session * → fake_handle, of those that are not freed */
static GHashTable *kept;     /* json_t * → kept_json */
static guint requests, closed_pcs;

/* Threads of the plugin, and what each of them waits for. */
static guint threads, made, idle, signalled, blocked, ticking;
static bool tick_due;
static pthread_cond_t *tick_condition, *idle_condition;
static pthread_mutex_t *tick_mutex;
static __thread bool is_plugins, starts_plugin;
static __thread int depth; /* of the mutexes that the plugin holds in this thread; libFuzzer's own are forgotten before each call */

/* ----- The linker has these called in the place of the functions of that name, and calls those by __real_ */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
gint64 __wrap_g_get_monotonic_time(void);
gint64 __wrap_g_get_real_time(void);
ssize_t __wrap_getrandom(void *buffer, size_t length, unsigned int flags);

static void enter(void) {
	__real_pthread_mutex_lock(&lock);
}

static void leave(void) {
	__real_pthread_mutex_unlock(&lock);
}

typedef struct start {
	void *(*run)(void *);
	void *data;
} start;

static void *run_thread(void *data) {
	start begun = *(start *)data;
	g_free(data);
	is_plugins = true;
	void *result = begun.run(begun.data);
	promise(depth == 0, "a thread ends with a mutex locked");
	enter();
	threads--;
	pthread_cond_broadcast(&changed);
	leave();
	return result;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *data) {
	if(!starts_plugin && !is_plugins)
		return __real_pthread_create(thread, attributes, run, data);
	enter();
	bool can = ++made != fake_janus.no_thread;
	threads += can;
	leave();
	if(!can)
		return EAGAIN;
	start *begun = g_new(start, 1);
	*begun = (start) { run, data };
	return __real_pthread_create(thread, attributes, run_thread, begun);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex) {
	int result = __real_pthread_mutex_lock(mutex);
	depth++;
	return result;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex) {
	depth--;
	return __real_pthread_mutex_unlock(mutex);
}

/* A flusher has nothing to do. */
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
	if(!is_plugins)
		return __real_pthread_cond_wait(condition, mutex);
	enter();
	idle_condition = condition;
	idle++;
	pthread_cond_broadcast(&changed);
	leave();
	int result = __real_pthread_cond_wait(condition, mutex);
	enter();
	idle--;
	signalled -= signalled > 0;
	leave();
	return result;
}

/* Somebody is about to have something to do. */
int __wrap_pthread_cond_signal(pthread_cond_t *condition) {
	enter();
	if(condition == idle_condition && signalled < idle)
		signalled++;
	leave();
	return __real_pthread_cond_signal(condition);
}

/* The ticker waits for its second, which comes when the target says so. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
	if(!is_plugins)
		return __real_pthread_cond_timedwait(condition, mutex, until);
	enter();
	tick_condition = condition;
	tick_mutex = mutex;
	ticking++;
	pthread_cond_broadcast(&changed);
	leave();
	__real_pthread_cond_wait(condition, mutex);
	enter();
	ticking--;
	tick_due = false;
	leave();
	return ETIMEDOUT;
}

gint64 __wrap_g_get_monotonic_time(void) {
	enter();
	gint64 then = now;
	leave();
	return then;
}

gint64 __wrap_g_get_real_time(void) {
	return 1700000000 * (gint64)G_USEC_PER_SEC + __wrap_g_get_monotonic_time();
}

/* Xorshift. Like the real one it may give less than was asked for, or be interrupted. */
ssize_t __wrap_getrandom(void *buffer, size_t length, unsigned int flags) {
	(void)flags;
	enter();
	guint how = interrupted++ % 8;
	if(how == 3) {
		leave();
		errno = EINTR;
		return -1;
	}
	if(how == 5 && length > 1)
		length /= 2;
	for(size_t i = 0; i < length; i++) {
		randomness ^= randomness << 13;
		randomness ^= randomness >> 17;
		randomness ^= randomness << 5;
		((unsigned char *)buffer)[i] = (unsigned char)(randomness >> 7);
	}
	leave();
	return (ssize_t)length;
}

/* ----- JSON that was handed over: nobody changes it any more, and all references come back */

typedef struct kept_json {
	size_t references; /* ours */
	char *text;
} kept_json;

/* Takes over a reference. Under the lock. */
static json_t *keep(json_t *json) {
	kept_json *entry = g_hash_table_lookup(kept, json);
	char *text = fuzz_text(json);
	if(entry == NULL) {
		entry = g_new0(kept_json, 1);
		entry->text = text;
		g_hash_table_insert(kept, json, entry);
	} else {
		promise(strcmp(text, entry->text) == 0, "what was handed over has changed, from %s to %s", entry->text, text);
		free(text);
	}
	entry->references++;
	return json;
}

/* The plugin has ended and holds nothing any more. */
static void check_kept(void) {
	GHashTableIter iterator;
	void *json;
	kept_json *entry;
	g_hash_table_iter_init(&iterator, kept);
	while(g_hash_table_iter_next(&iterator, &json, (void **)&entry)) {
		char *text = fuzz_text(json);
		promise(strcmp(text, entry->text) == 0, "what was handed over has changed, from %s to %s", entry->text, text);
		promise(((json_t *)json)->refcount == entry->references, "%zu references instead of %zu are left to %s",
			((json_t *)json)->refcount, entry->references, text);
		for(; entry->references > 0; entry->references--)
			json_decref(json);
		free(text);
		free(entry->text);
		g_free(entry);
	}
	g_hash_table_remove_all(kept);
}

/* ----- What Janus gives plugins */

void janus_vprintf(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *line = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	const char *newline = strchr(line, '\n');
	promise(newline != NULL && newline[1] == '\0', "the log has one line each, not: %s", line);
	promise(g_utf8_validate(line, -1, NULL), "the log is not UTF-8: %s", line);
}

janus_plugin_result *janus_plugin_result_new(janus_plugin_result_type type, const char *text, json_t *content) {
	janus_plugin_result *result = g_new(janus_plugin_result, 1);
	*result = (janus_plugin_result) { type, text, content };
	return result;
}

void janus_plugin_result_destroy(janus_plugin_result *result) {
	json_decref(result->content);
	g_free(result);
}

/* The handle of a session that is not freed. Under the lock. */
static fake_handle *handle_of(const janus_plugin_session *session) {
	fake_handle *handle = g_hash_table_lookup(sessions, session);
	promise(handle != NULL, "a handle is used that is gone");
	promise(g_atomic_int_get(&session->ref.count) > 0, "a handle is used without a reference");
	return handle;
}

static void check_caller(const janus_plugin *caller) {
	promise(caller == plugin, "it names another plugin");
	promise(running || starts_plugin || races, "it calls after its end");
}

static void answered(fake_handle *handle, fake_request *request, const json_t *answer) {
	promise(!request->answered, "a message is answered twice, now with %s", fuzz_text(answer));
	request->answered = true;
	/* The answer to a number that was done is that to what was done then, which need not have been a `leave`. */
	if(fuzz_check_answer(answer) == NULL && request->leaves && json_object_get(answer, "duplicate") == NULL)
		handle->closed = true;
}

static void take_events(fake_handle *handle, const json_t *message) {
	json_int_t n = json_integer_value(json_object_get(message, "n"));
	size_t count = json_array_size(json_object_get(message, "events"));
	promise(n > 0 && count > 0, "a push without events: %s", fuzz_text(message));
	promise(handle->next_n == 0 || n == handle->next_n, "event %" JSON_INTEGER_FORMAT " is expected, not %s",
		handle->next_n, fuzz_text(message));
	handle->next_n = handle->any_n ? 0 : n + (json_int_t)count;
}

static void take_push(fake_handle *handle, const char *transaction, const json_t *message) {
	if(transaction != NULL) {
		fake_request *request = g_hash_table_lookup(handle->requests, transaction);
		promise(request != NULL, "an answer to a message that this handle did not send: %s", transaction);
		promise(request->waits || !request->returned, "a message is answered twice, now with %s", fuzz_text(message));
		answered(handle, request, message);
		return;
	}
	const char *portal = json_string_value(json_object_get(message, "portal"));
	if(g_strcmp0(portal, "event") == 0) {
		take_events(handle, message);
		return;
	}
	promise(g_strcmp0(portal, "closed") == 0 && json_is_string(json_object_get(message, "reason")),
		"neither an event nor the end of a membership: %s", fuzz_text(message));
	promise(!handle->closed, "a membership ends twice");
	handle->closed = true;
}

/* Its transport takes nothing for a while. */
static void wait_while_held(fake_handle *handle) {
	if(handle->held) {
		handle->blocked = true;
		blocked++;
		pthread_cond_broadcast(&changed);
	}
	while(handle->blocked)
		__real_pthread_cond_wait(&changed, &lock);
	promise(!handle->freed, "a handle is freed while it is used");
}

static int push_event(janus_plugin_session *session, janus_plugin *caller, const char *transaction, json_t *message, json_t *jsep) {
	enter();
	check_caller(caller);
	promise(depth == 0, "it pushes with a mutex locked");
	promise(is_plugins, "it pushes in a thread of Janus");
	fake_handle *handle = handle_of(session);
	promise(!handle->pushing, "two pushes to one handle at the same time");
	promise(jsep == NULL, "a jsep is pushed");
	promise(json_is_object(message) && fuzz_can_be_written(message), "what is pushed is nothing that can be written");
	handle->pushing = true;
	bool arrives = handle->attached;
	if(handle->destroyed) {
		promise(handle->late > 0, "a push to a handle after its end: %s", fuzz_text(message));
		handle->late--;
	}
	if(arrives) {
		keep(json_incref(message));
		take_push(handle, transaction, message);
	}
	wait_while_held(handle);
	handle->pushing = false;
	leave();
	return !arrives ? -2 : fake_janus.loses_pushes ? 458 : 0;
}

static void close_pc(janus_plugin_session *session) {
	(void)session; /* Janus looks whether it knows it, and does nothing if not */
	enter();
	promise(depth == 0, "it closes a connection with a mutex locked");
	closed_pcs++;
	leave();
}

static void end_session(janus_plugin_session *session) {
	enter();
	promise(depth == 0, "it ends a handle with a mutex locked");
	fake_handle *handle = handle_of(session);
	promise(++handle->ended == 1, "it ends a handle twice");
	wait_while_held(handle); /* Janus never waits in here, but may be slow */
	leave();
}

static gboolean events_is_enabled(void) {
	return fake_janus.events;
}

static void notify_event(janus_plugin *caller, janus_plugin_session *session, json_t *event) {
	enter();
	check_caller(caller);
	promise(fake_janus.events, "it tells event handlers that are not there");
	promise(json_is_object(event) && fuzz_can_be_written(event), "those who watch are told something that is no object");
	if(session != NULL)
		handle_of(session);
	keep(event); /* Janus queues it */
	leave();
}

static gboolean auth_is_signed(void) {
	return fake_janus.tokens;
}

static gboolean auth_signature_contains(janus_plugin *caller, const char *token, const char *descriptor) {
	promise(fake_janus.tokens && token != NULL && descriptor != NULL, "a token is looked at that is not signed or not there");
	enter();
	check_caller(caller);
	leave();
	return g_str_has_prefix(token, "signed ") && strcmp(token + strlen("signed "), descriptor) == 0;
}

static janus_callbacks callbacks = { .push_event = push_event, .close_pc = close_pc, .end_session = end_session,
	.events_is_enabled = events_is_enabled, .notify_event = notify_event, .auth_is_signed = auth_is_signed,
	.auth_signature_contains = auth_signature_contains };

/* ----- Start and end */

static void free_handle(void *data) {
	fake_handle *handle = data;
	g_hash_table_destroy(handle->requests);
	g_free(handle);
}

/* What Janus looks at before it starts a plugin. */
static void check_plugin(void) {
	promise(plugin != NULL && plugin->get_api_compatibility() >= JANUS_PLUGIN_API_VERSION, "Janus would not take it");
	promise(strcmp(plugin->get_package(), PLUGIN) == 0 && plugin->get_name() != NULL && plugin->get_author() != NULL
		&& plugin->get_description() != NULL && plugin->get_version_string() != NULL && plugin->get_version() > 0,
		"the plugin does not say what it is");
}

void fake_janus_begin(void) {
	plugin = create();
	check_plugin();
	fake_janus = (fake_setup) { 0 };
	now = G_USEC_PER_SEC;
	randomness = 2463534242u;
	requests = closed_pcs = interrupted = 0;
	handles = g_ptr_array_new_with_free_func(free_handle);
	sessions = g_hash_table_new(NULL, NULL);
	kept = g_hash_table_new(NULL, NULL);
}

void fake_janus_end(void) {
	promise(g_hash_table_size(sessions) == 0, "%u handles are not given back", g_hash_table_size(sessions));
	g_ptr_array_free(handles, TRUE);
	g_hash_table_destroy(sessions);
	g_hash_table_destroy(kept);
}

GPtrArray *fake_handles(void) {
	return handles;
}

bool fake_is_running(void) {
	return running;
}

static bool is_quiet(void) {
	return idle + blocked + ticking == threads && signalled == 0 && !tick_due;
}

static void wait_for_quiet(void) {
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE;
	while(!is_quiet())
		promise(__real_pthread_cond_timedwait(&changed, &lock, &until) == 0,
			"the plugin has something to do for ever: of %u threads %u have nothing to do, %u wait for a transport, %u for time",
			threads, idle, blocked, ticking);
}

void fake_settle(void) {
	enter();
	wait_for_quiet();
	leave();
}

/* Whoever calls a plugin that does not run gets an answer, and nothing else happens. */
static void check_stopped(void) {
	janus_plugin_session session = { 0 };
	int error = 0;
	promise(threads == 0, "%u threads are left", threads);
	plugin->create_session(&session, &error);
	promise(error != 0, "a handle is taken by a plugin that does not run");
	error = 0;
	plugin->destroy_session(&session, &error);
	promise(error != 0, "a handle is ended that is not there");
	plugin->setup_media(&session);
	plugin->hangup_media(&session);
	json_t *body = json_object(), *description = plugin->query_session(&session), *reply = plugin->handle_admin_message(body);
	promise(reply == NULL, "an administrator is answered by a plugin that does not run: %s", fuzz_text(reply));
	promise(json_is_object(description) && json_object_size(description) == 0, "a handle is described that is not there");
	json_decref(description);
	janus_plugin_result *result = plugin->handle_message(&session, g_strdup("x"), body, NULL);
	promise(result->type == JANUS_PLUGIN_ERROR && result->text != NULL, "a message is taken by a plugin that does not run");
	janus_plugin_result_destroy(result);
	result = plugin->handle_message(&session, g_strdup("x"), json_object(), json_object());
	promise(result->type != JANUS_PLUGIN_OK_WAIT, "a message is kept by a plugin that does not run");
	janus_plugin_result_destroy(result);
}

bool fake_start(const char *folder) {
	promise(!running && threads == 0, "it runs already");
	made = idle = signalled = blocked = ticking = 0;
	tick_due = false;
	idle_condition = tick_condition = NULL;
	starts_plugin = true;
	depth = 0;
	int result = plugin->init(&callbacks, folder);
	starts_plugin = false;
	promise(depth == 0, "init() leaves a mutex locked");
	running = result == 0;
	if(running) {
		promise(fake_janus.no_thread == 0 || fake_janus.no_thread > made, "it runs with a thread too few");
		fake_settle();
	} else {
		check_stopped();
	}
	return running;
}

void fake_pass(gint64 milliseconds) {
	enter();
	now += milliseconds * 1000;
	leave();
}

void fake_tick(void) {
	enter();
	tick_due = true;
	pthread_mutex_t *mutex = tick_mutex;
	pthread_cond_t *condition = tick_condition;
	leave();
	/* The ticker holds it until it waits. */
	__real_pthread_mutex_lock(mutex);
	__real_pthread_cond_signal(condition);
	__real_pthread_mutex_unlock(mutex);
	fake_settle();
}

void fake_race(bool do_race) {
	if(!do_race)
		fake_settle();
	races = do_race;
}

void fake_hold(fake_handle *handle, bool held) {
	enter();
	handle->held = held;
	if(!held && handle->blocked) {
		handle->blocked = false;
		blocked--;
		pthread_cond_broadcast(&changed);
	}
	leave();
}

/* ----- Handles */

static void free_session(const janus_refcount *counter) {
	janus_plugin_session *session = janus_refcount_containerof(counter, janus_plugin_session, ref);
	enter();
	fake_handle *handle = g_hash_table_lookup(sessions, session);
	promise(handle != NULL && !handle->freed, "a handle is given back twice");
	promise(!handle->attached, "a handle is given back that Janus still has");
	promise(!handle->pushing, "a handle is given back during a push");
	promise(depth == 0, "a handle is given back with a mutex locked");
	handle->freed = true;
	g_hash_table_remove(sessions, session);
	leave();
	g_free(session);
}

fake_handle *fake_attach(void) {
	janus_plugin_session *session = g_new0(janus_plugin_session, 1);
	/* What Janus sets up only afterwards is of no use to the plugin before. */
	session->ref.count = -1000;
	int error = 0;
	depth = 0;
	plugin->create_session(session, &error);
	promise(depth == 0, "a call leaves a mutex locked");
	promise(session->ref.count == -1000, "references are counted before there are any");
	if(error != 0) {
		promise(!running || races, "a handle is refused");
		g_free(session);
		return NULL;
	}
	janus_refcount_init(&session->ref, free_session);
	janus_refcount_increase(&session->ref); /* one is the plugin's */
	fake_handle *handle = g_new0(fake_handle, 1);
	handle->session = session;
	handle->attached = true;
	handle->next_seq = 1;
	handle->requests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	enter();
	g_hash_table_insert(sessions, session, handle);
	g_ptr_array_add(handles, handle);
	leave();
	return handle;
}

/* Janus's own reference. */
static void drop(fake_handle *handle) {
	janus_plugin_session *session = handle->session;
	janus_refcount_decrease(&session->ref);
}

void fake_detach(fake_handle *handle) {
	enter();
	bool was_attached = handle->attached;
	/* It may be in the hands of a flusher, or in their list. */
	bool in_use = races || blocked > 0 || !is_quiet();
	handle->attached = false;
	leave();
	if(!was_attached)
		return;
	janus_plugin_session *session = handle->session;
	g_atomic_int_set(&session->stopped, 1);
	depth = 0;
	if(fake_janus.hangs_up)
		plugin->hangup_media(session);
	int error = 0;
	plugin->destroy_session(session, &error);
	promise(depth == 0, "a call leaves a mutex locked");
	enter();
	promise(error == 0 || !running || races, "a handle cannot be ended");
	handle->destroyed = true;
	handle->late = in_use;
	leave();
	drop(handle);
	enter();
	promise(handle->freed || in_use, "a handle is not given back");
	leave();
}

void fake_watchdog(void) {
	for(guint i = 0; i < handles->len; i++) {
		fake_handle *handle = g_ptr_array_index(handles, i);
		if(handle->ended > 0)
			fake_detach(handle);
	}
}

void fake_destroy(void) {
	depth = 0;
	plugin->destroy();
	promise(depth == 0, "destroy() leaves a mutex locked");
}

void fake_stop(void) {
	if(!running)
		return;
	for(guint i = 0; i < handles->len; i++)
		fake_hold(g_ptr_array_index(handles, i), false);
	fake_destroy();
	enter();
	running = false;
	leave();
	check_stopped();
	for(guint i = 0; i < handles->len; i++) {
		fake_handle *handle = g_ptr_array_index(handles, i);
		promise(handle->freed == handle->destroyed, "a handle that was ended is not given back");
		if(handle->freed)
			continue;
		const janus_plugin_session *session = handle->session;
		promise(session->ref.count == 1, "%d references to a handle are left", session->ref.count);
		handle->attached = false;
		handle->destroyed = true;
		drop(handle);
	}
	fake_destroy();
	check_stopped();
	check_kept();
}

/* ----- Messages */

static const char *string_of(const json_t *body, const char *name) {
	return json_string_value(json_object_get(body, name));
}

static bool is_request(const json_t *body, const char *name) {
	return g_strcmp0(string_of(body, "request"), name) == 0;
}

static fake_request *new_request(fake_handle *handle, const json_t *body, const char *transaction) {
	fake_request *request = g_new0(fake_request, 1);
	request->number = ++requests;
	request->raced = races;
	request->seq = json_integer_value(json_object_get(body, "seq"));
	request->leaves = is_request(body, "leave");
	g_hash_table_insert(handle->requests, g_strdup(transaction), request);
	if(is_request(body, "join")) {
		handle->rejoined = request->number;
		handle->next_n = 0; /* what was not acknowledged comes again */
		handle->any_n |= races;
	}
	return request;
}

static void learn(fake_handle *handle, const json_t *body, const json_t *answer) {
	if(g_strcmp0(string_of(answer, "portal"), "success") != 0)
		return;
	if(is_request(body, "join"))
		handle->next_seq = json_integer_value(json_object_get(answer, "seq")) + 1;
}

/* Takes the result over. Under the lock. */
static const json_t *take_result(fake_handle *handle, fake_request *request, const json_t *body, janus_plugin_result *result,
		bool served, bool has_jsep) {
	const json_t *answer = NULL;
	promise(result != NULL, "there is no result");
	request->returned = true;
	switch(result->type) {
	case JANUS_PLUGIN_ERROR:
		promise(!served || races, "a message is not taken: %s", result->text);
		promise(result->text != NULL && result->content == NULL, "an error needs a text, and nothing else");
		promise(!request->answered, "a message is answered twice");
		request->answered = true;
		break;
	case JANUS_PLUGIN_OK:
		promise(served || has_jsep || races, "a message of a handle that is not there is taken");
		promise(json_is_object(result->content), "the answer is no object");
		answered(handle, request, result->content);
		promise(!has_jsep || g_strcmp0(string_of(result->content, "code"), "jsep_refused") == 0, "a jsep is not refused: %s",
			fuzz_text(result->content));
		answer = keep(json_incref(result->content));
		learn(handle, body, answer);
		break;
	default:
		promise((served && !has_jsep) || races, "the answer is to come, for nobody");
		promise(result->content == NULL, "there is an answer, and one is to come");
		promise(request->seq > 0, "the answer is to come for no reason, to %s", fuzz_text(body));
		request->waits = true;
	}
	janus_plugin_result_destroy(result);
	return answer;
}

const json_t *fake_message(fake_handle *handle, json_t *body, json_t *jsep) {
	char transaction[16];
	enter();
	/* Where another handle is now, nobody would know whose message it is. */
	fake_handle *there = g_hash_table_lookup(sessions, handle->session);
	if(there != NULL && there != handle) {
		leave();
		json_decref(body);
		json_decref(jsep);
		return NULL;
	}
	g_snprintf(transaction, sizeof(transaction), "t%u", requests + 1);
	fake_request *request = new_request(handle, body, transaction);
	keep(json_incref(body));
	if(jsep != NULL)
		keep(json_incref(jsep));
	bool served = running && handle->attached, is_racing = races;
	guint closed_before = closed_pcs;
	leave();
	depth = 0;
	janus_plugin_result *result = plugin->handle_message(handle->session, g_strdup(transaction), body, jsep);
	promise(depth == 0, "a call leaves a mutex locked");
	enter();
	const json_t *answer = take_result(handle, request, body, result, served, jsep != NULL);
	promise(is_racing || closed_pcs - closed_before == (jsep != NULL && running), "%u connections are closed",
		closed_pcs - closed_before);
	leave();
	return answer;
}

const json_t *fake_admin(json_t *body) {
	enter();
	if(body != NULL)
		keep(json_incref(body));
	bool served = running;
	leave();
	depth = 0;
	json_t *reply = plugin->handle_admin_message(body);
	promise(depth == 0, "a call leaves a mutex locked");
	promise(served || reply == NULL || races, "an administrator is answered by nobody");
	enter();
	promise(reply != NULL || !served || races, "an administrator is not answered");
	if(reply != NULL) {
		fuzz_check_answer(reply);
		keep(reply);
	}
	leave();
	json_decref(body); /* it was only lent */
	return reply;
}

json_int_t fake_query(fake_handle *handle) {
	depth = 0;
	json_t *description = plugin->query_session(handle->session);
	promise(depth == 0, "a call leaves a mutex locked");
	promise(json_is_object(description) && fuzz_can_be_written(description), "a description that cannot be written");
	promise(description->refcount == 1, "somebody else has a description");
	json_int_t unread = json_integer_value(json_object_get(description, "unread"));
	json_decref(description);
	return unread;
}

/* Whether a message that waits may go on waiting, or was given up by right. */
static bool may_wait(fake_handle *handle, const fake_request *request, json_int_t done) {
	if(request->seq == 0)
		return false;
	if(request->seq > done || request->number < handle->rejoined)
		return true;
	/* A newer copy has taken its place; which one is newer nobody knows of those that came at the same time. */
	GHashTableIter iterator;
	fake_request *other;
	g_hash_table_iter_init(&iterator, handle->requests);
	while(g_hash_table_iter_next(&iterator, NULL, (void **)&other)) {
		if(other->seq == request->seq && other != request && (other->number > request->number || other->raced))
			return true;
	}
	return false;
}

void fake_check_answers(void) {
	for(guint i = 0; i < handles->len; i++) {
		fake_handle *handle = g_ptr_array_index(handles, i);
		GHashTableIter iterator;
		const char *transaction;
		fake_request *request;
		/* Of a handle that the plugin has ended, as it does not read, Janus takes nothing more. */
		if(!handle->attached || handle->closed || handle->ended > 0)
			continue;
		json_t *description = plugin->query_session(handle->session);
		promise(json_integer_value(json_object_get(description, "queued")) == 0, "there is something to push: %s",
			fuzz_text(description));
		json_int_t done = json_integer_value(json_object_get(description, "seq"));
		json_decref(description);
		enter();
		g_hash_table_iter_init(&iterator, handle->requests);
		while(g_hash_table_iter_next(&iterator, (void **)&transaction, (void **)&request))
			promise(request->answered || may_wait(handle, request, done),
				"message %s, number %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " that are done, has no answer",
				transaction, request->seq, done);
		leave();
	}
}
