/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fake_host.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "key.h"

static void fake_wake(void *context, void *session) {
	(void)session;
	((fake_host *)context)->woken++;
}

static void fake_end(void *context, void *session) {
	(void)session;
	((fake_host *)context)->ended++;
}

static gint64 fake_now(void *context) {
	return ((fake_host *)context)->now;
}

static gint64 fake_time(void *context) {
	return 1700000000 + ((fake_host *)context)->now / G_USEC_PER_SEC;
}

static void fake_notify(void *context, void *session, json_t *event) {
	(void)session;
	json_array_append_new(((fake_host *)context)->told, event);
}

static bool fake_is_signed(void *context, const char *token, const char *descriptor) {
	g_autofree char *wanted = g_strconcat("signed for ", descriptor, NULL);
	return ((fake_host *)context)->signs && strcmp(token, wanted) == 0;
}

static void fake_random(void *context, void *buffer, size_t length) {
	for(size_t i = 0; i < length; i++)
		((unsigned char *)buffer)[i] = ((fake_host *)context)->next_random++;
}

static void fake_log(void *context, portal_log_level level, const char *line) {
	g_ptr_array_add(((fake_host *)context)->log, g_strdup_printf("%d: %s", (int)level, line));
}

json_t *json_of(const char *text) {
	g_autofree char *quoted = g_strdup(text);
	g_strdelimit(quoted, "'", '"');
	json_error_t error;
	json_t *json = json_loads(quoted, JSON_DECODE_ANY, &error);
	if(json == NULL)
		ck_abort_msg("the test's own JSON does not parse: %s in %s", error.text, quoted);
	return json;
}

fake_host *fake_host_new(const char *config) {
	fake_host *fake = g_new0(fake_host, 1);
	fake->now = 1000000;
	fake->log = g_ptr_array_new_with_free_func(g_free);
	fake->host = (portal_host) { .context = fake, .wake = fake_wake, .end = fake_end, .now = fake_now, .time = fake_time,
		.random = fake_random, .log = fake_log, .notify = fake_notify, .is_signed = fake_is_signed };
	fake->told = json_array();
	json_auto_t *json = json_of(config);
	portal_config_error error = { 0 };
	g_autoptr(portal_config) wanted = portal_config_new(json, &error);
	if(wanted == NULL)
		ck_abort_msg("%s %s", error.path, error.text);
	fake->core = portal_new(&fake->host, wanted);
	return fake;
}

void fake_host_free(fake_host *fake) {
	portal_free(fake->core);
	g_ptr_array_free(fake->log, TRUE);
	json_decref(fake->told);
	g_free(fake);
}

/* Notes every code that a test has provoked, for the test that looks whether any is missing. */
json_t *noted(json_t *reply) {
	const char *file = g_getenv("PORTAL_CODES"), *code = json_string_value(json_object_get(reply, "code"));
	FILE *codes = file != NULL && code != NULL ? fopen(file, "a") : NULL;
	if(codes != NULL) {
		fprintf(codes, "%s\n", code);
		fclose(codes);
	}
	json_t *failed;
	size_t i;
	json_array_foreach(json_object_get(reply, "failed"), i, failed) {
		noted(failed);
	}
	return reply;
}

json_t *ask(fake_host *fake, portal_peer *peer, const char *request) {
	json_auto_t *body = json_of(request);
	return noted(portal_handle(fake->core, peer, "t", body));
}

json_t *ask_admin(fake_host *fake, const char *request) {
	json_auto_t *body = json_of(request);
	return noted(portal_admin(fake->core, body));
}

json_t *told(fake_host *fake) {
	json_t *all = fake->told;
	fake->told = json_array();
	return all;
}

void check_json(const char *file, int line, json_t *actual, const char *expected) {
	json_auto_t *wanted = json_of(expected), *got = actual;
	if(json_equal(wanted, got))
		return;
	g_autofree char *wanted_text = json_dumps(wanted, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	g_autofree char *got_text = got == NULL ? g_strdup("nothing") : json_dumps(got, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	ck_abort_msg("%s:%d:\nexpected %s\ngot      %s", file, line, wanted_text, got_text);
}

void check_ask(const char *file, int line, fake_host *fake, portal_peer *peer, const char *request, const char *expected) {
	check_json(file, line, ask(fake, peer, request), expected);
}

void check_refused(const char *file, int line, fake_host *fake, portal_peer *peer, const char *request, const char *code,
		const char *text) {
	json_auto_t *reply = ask(fake, peer, request);
	const char *got = json_string_value(json_object_get(reply, "code"));
	const char *error = json_string_value(json_object_get(reply, "error"));
	if(g_strcmp0(got, code) != 0 || error == NULL || strstr(error, text) == NULL)
		ck_abort_msg("%s:%d: %s\nexpected %s with “%s”\ngot      %s with “%s”", file, line, request, code, text, got, error);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "portal")), "error");
	ck_assert_int_ge(json_integer_value(json_object_get(reply, "error_code")), 421);
}

void pass(fake_host *fake, gint64 milliseconds) {
	fake->now += milliseconds * 1000;
	portal_tick(fake->core);
}

json_t *pushed(fake_host *fake, portal_peer *peer) {
	json_t *all = json_array();
	portal_push push;
	while(portal_next_push(fake->core, peer, &push)) {
		json_array_append_new(all, push.transaction == NULL ? json_incref(push.message)
			: json_pack("{s:s, s:O}", "transaction", push.transaction, "answer", push.message));
		portal_push_clear(&push);
	}
	return all;
}

json_t *events(fake_host *fake, portal_peer *peer) {
	json_auto_t *pushes = pushed(fake, peer);
	json_t *all = json_array(), *push;
	size_t i;
	json_array_foreach(pushes, i, push) {
		json_array_extend(all, json_object_get(push, "events"));
	}
	return all;
}

const char *id_of(char letter) {
	static char ids[128][PORTAL_ID_LENGTH + 1];
	char key[PORTAL_KEY_MIN + 1];
	memset(key, letter, PORTAL_KEY_MIN);
	key[PORTAL_KEY_MIN] = '\0';
	portal_id_of_key(key, ids[(unsigned char)letter & 127]);
	return ids[(unsigned char)letter & 127];
}

portal_peer *join(fake_host *fake, const char *room, char letter) {
	portal_peer *peer = portal_attach(fake->core, NULL);
	char key[PORTAL_KEY_MIN + 1];
	memset(key, letter, PORTAL_KEY_MIN);
	key[PORTAL_KEY_MIN] = '\0';
	json_auto_t *body = json_pack("{s:s, s:s, s:s}", "request", "join", "room", room, "key", key);
	json_auto_t *reply = portal_handle(fake->core, peer, "join", body);
	ck_assert_str_eq(json_string_value(json_object_get(reply, "portal")), "success");
	ck_assert_str_eq(json_string_value(json_object_get(reply, "id")), id_of(letter));
	return peer;
}
