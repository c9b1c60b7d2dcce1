/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file forward.c
 * \brief The floor of the bench: the least that a Janus plugin can do to pass a message on. No rooms, no order, no
 * acknowledgement, no limits: a table of names, and the calling thread pushes.
 *
 *   {"request":"join","name":NAME}                  takes a name
 *   {"request":"relay","to":NAME,"payload":ANY}     pushes {"from":NAME,"payload":ANY} to one, or without `to` to all others
 *   {"request":"ping"}                              nothing but an answer */
#include <janus/plugins/plugin.h>

#include <jansson.h>
#include <pthread.h>
#include <string.h>

#define PACKAGE_OF_BENCH "janus.plugin.bench.forward"

typedef struct forward_session {
	janus_plugin_session *handle;
	char *name;
} forward_session;

static janus_callbacks *gateway;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static GHashTable *by_name; /* name → forward_session; guarded by `lock`, as are all sessions */

__attribute__((visibility("default"))) janus_plugin *create(void);

static int forward_init(janus_callbacks *callback, const char *config_path) {
	(void)config_path;
	gateway = callback;
	by_name = g_hash_table_new(g_str_hash, g_str_equal);
	return 0;
}

static void forward_destroy(void) {
}

static int forward_api(void) { return JANUS_PLUGIN_API_VERSION; }
static int forward_version(void) { return 1; }
static const char *forward_version_string(void) { return "0.0.1"; }
static const char *forward_text(void) { return "Forwards messages, for the bench of Portal"; }
static const char *forward_package(void) { return PACKAGE_OF_BENCH; }

static void forward_create_session(janus_plugin_session *handle, int *error) {
	(void)error;
	forward_session *session = g_new0(forward_session, 1);
	session->handle = handle;
	handle->plugin_handle = session;
}

static void forward_destroy_session(janus_plugin_session *handle, int *error) {
	(void)error;
	pthread_mutex_lock(&lock);
	forward_session *session = handle->plugin_handle;
	handle->plugin_handle = NULL;
	if(session != NULL && session->name != NULL && g_hash_table_lookup(by_name, session->name) == session)
		g_hash_table_remove(by_name, session->name);
	pthread_mutex_unlock(&lock);
	if(session != NULL) {
		g_free(session->name);
		g_free(session);
	}
	janus_refcount_decrease(&handle->ref);
}

static void take_name(forward_session *session, const char *name) {
	if(name == NULL || session->name != NULL)
		return;
	session->name = g_strdup(name);
	g_hash_table_replace(by_name, session->name, session);
}

/* Those to push to, each with a reference. */
static GPtrArray *targets_of(const forward_session *sender, const char *to) {
	GPtrArray *targets = g_ptr_array_new();
	GHashTableIter iter;
	gpointer found = to == NULL ? NULL : g_hash_table_lookup(by_name, to);
	if(found != NULL)
		g_ptr_array_add(targets, ((forward_session *)found)->handle);
	g_hash_table_iter_init(&iter, by_name);
	while(to == NULL && g_hash_table_iter_next(&iter, NULL, &found))
		if(found != sender)
			g_ptr_array_add(targets, ((forward_session *)found)->handle);
	for(guint i = 0; i < targets->len; i++)
		janus_refcount_increase(&((janus_plugin_session *)targets->pdata[i])->ref);
	return targets;
}

static struct janus_plugin_result *forward_handle_message(janus_plugin_session *handle, char *transaction, json_t *message,
		json_t *jsep) {
	const char *request = json_string_value(json_object_get(message, "request"));
	GPtrArray *targets = NULL;
	json_t *event = NULL;
	pthread_mutex_lock(&lock);
	forward_session *sender = handle->plugin_handle;
	if(sender != NULL && request != NULL && strcmp(request, "join") == 0)
		take_name(sender, json_string_value(json_object_get(message, "name")));
	if(sender != NULL && request != NULL && strcmp(request, "relay") == 0) {
		targets = targets_of(sender, json_string_value(json_object_get(message, "to")));
		event = json_pack("{s:s,s:O}", "from", sender->name != NULL ? sender->name : "", "payload",
			json_object_get(message, "payload"));
	}
	pthread_mutex_unlock(&lock);
	for(guint i = 0; targets != NULL && i < targets->len; i++) {
		janus_plugin_session *target = targets->pdata[i];
		if(event != NULL)
			gateway->push_event(target, create(), NULL, event, NULL);
		janus_refcount_decrease(&target->ref);
	}
	if(targets != NULL)
		g_ptr_array_free(targets, TRUE);
	json_decref(event);
	g_free(transaction);
	json_decref(message);
	json_decref(jsep);
	return janus_plugin_result_new(JANUS_PLUGIN_OK, NULL, json_pack("{s:s}", "forward", "success"));
}

static void forward_media(janus_plugin_session *handle) {
	(void)handle;
}

static json_t *forward_query(janus_plugin_session *handle) {
	(void)handle;
	return json_object();
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* JANUS_PLUGIN_INIT sets every field first, to NULL */
#ifdef __clang__
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif
static janus_plugin forward_plugin = JANUS_PLUGIN_INIT(
	.init = forward_init,
	.destroy = forward_destroy,
	.get_api_compatibility = forward_api,
	.get_version = forward_version,
	.get_version_string = forward_version_string,
	.get_description = forward_text,
	.get_name = forward_text,
	.get_author = forward_text,
	.get_package = forward_package,
	.create_session = forward_create_session,
	.handle_message = forward_handle_message,
	.setup_media = forward_media,
	.hangup_media = forward_media,
	.destroy_session = forward_destroy_session,
	.query_session = forward_query,
);
#pragma GCC diagnostic pop

janus_plugin *create(void) {
	return &forward_plugin;
}
