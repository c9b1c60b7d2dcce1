/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The plugin itself, janus_portal.c, as Janus has it: it is started and stopped, also with files and threads that fail; handles
 * come and go, one after the other and while they are written to; transports take nothing for a while; messages of any kind
 * come from several threads at once. fake_janus.c is the Janus, and knows what has to hold of every call. What the answers say
 * is for `members` and `state` to judge; in here it is that there is one to each message, and that nothing is left behind. An
 * input is how Janus and the plugin are set up, then a list of steps. */
#include <glib/gstdio.h>
#include <pthread.h>
#include <string.h>

#include "fake_janus.h"
#include "key.h"

const char fuzz_target[] = "adapter";

#define STEPS 120
#define HANDLES_MAX 8
#define KEYS 4
#define RACERS 4
#define JCFG "janus.plugin.portal.jcfg"
#define STATE "janus.plugin.portal.state.json"

static const char *const rooms[] = { "home", "small", "hall", "a", "b", "c", "no room" };
static const char *const secrets[] = { "master", "s", "1", "wrong", "signed room=hall" };

static GHashTable *permanent; /* rooms that a restart has to bring back */
static GHashTable *unsure;    /* rooms of which that is not known */
static bool disk_fails;

/* ----- Files */

static void write_configuration(fuzz_input *input) {
	guint8 bits = fuzz_byte(input), more = fuzz_byte(input);
	fake_janus = (fake_setup) { .events = bits & 1, .tokens = bits & 2, .hangs_up = bits & 4, .loses_pushes = bits & 8 };
	static const char some_rooms[] = "room-home: { description = \"Home\"; }\n"
		"room-small: { max_members = 2; secret = \"s\"; pin = \"1\"; window = 2; }\n"
		"room-hall: { signed_tokens = true; is_private = true; }\n";
	g_autofree char *text = g_strdup_printf(
		"general: { admin_key = \"master\"; events = %s; resume_timeout = %d; max_rooms = 5; %s }\n%s%s",
		bits & 16 ? "false" : "true", bits & 32 ? 0 : 30,
		bits & 64 ? "max_backlog = 16384; max_signal = 1024; max_request = 4096; ack_timeout = 2; rate = 5; burst = 5; window = 3;"
			: "",
		bits & 128 ? "ice: { turn_secret = \"x\"; turn_ttl = 60; servers = ( { urls = \"turn:a\"; } ); }\n" : "",
		more & 1 ? "" : some_rooms);
	g_free(fuzz_file(JCFG, text, strlen(text)));
}

static char *path_of(const char *name) {
	return g_build_filename(fuzz_folder(), name, NULL);
}

/* A folder that is where the file is to be cannot be replaced by one. */
static void break_disk(bool breaks) {
	g_autofree char *path = path_of(STATE ".new");
	if(breaks)
		g_mkdir(path, 0700);
	else
		g_rmdir(path);
	disk_fails = breaks;
}

static void check_folder(void) {
	g_autoptr(GDir) open = g_dir_open(fuzz_folder(), 0, NULL);
	const char *name;
	while((name = g_dir_read_name(open)) != NULL)
		promise(strcmp(name, JCFG) == 0 || strcmp(name, STATE) == 0 || (disk_fails && strcmp(name, STATE ".new") == 0),
			"a file is left: %s", name);
}

/* ----- What is permanent, by what was answered */

static void note(const json_t *body, const json_t *reply, bool is_sure) {
	const char *room = json_string_value(json_object_get(reply, "room")),
		*request = json_string_value(json_object_get(body, "request"));
	const json_t *said = json_object_get(reply, "permanent");
	if(room == NULL || request == NULL || !json_is_true(json_object_get(body, "permanent")) || !json_is_boolean(said))
		return;
	promise(json_is_true(said) != disk_fails || !is_sure, "the disk %s, and the answer is %s", disk_fails ? "fails" : "works",
		fuzz_text(reply));
	g_hash_table_remove(permanent, room);
	g_hash_table_remove(unsure, room);
	if(!is_sure || !json_is_true(said))
		g_hash_table_add(unsure, g_strdup(room));
	else if(strcmp(request, "destroy") != 0)
		g_hash_table_add(permanent, g_strdup(room));
}

/* A failure is made good by the next change that is saved, so all that is known to be there may have been destroyed. */
static void check_rooms(void) {
	for(size_t i = 3; i < G_N_ELEMENTS(rooms) - 1; i++) {
		const json_t *reply = fake_admin(json_pack("{s:s, s:s}", "request", "exists", "room", rooms[i]));
		bool there = json_is_true(json_object_get(reply, "exists"));
		promise(g_hash_table_contains(unsure, rooms[i]) || there == g_hash_table_contains(permanent, rooms[i]),
			"after a restart %s is %sthere", rooms[i], there ? "" : "not ");
	}
}

/* ----- Messages */

static fake_handle *take_handle(fuzz_input *input) {
	GPtrArray *handles = fake_handles();
	guint8 which = fuzz_byte(input);
	/* One that is gone, now and then. */
	for(guint i = 0; i < handles->len && which < 248; i++) {
		fake_handle *handle = g_ptr_array_index(handles, (which + i) % handles->len);
		if(handle->attached)
			return handle;
	}
	return handles->len == 0 ? NULL : g_ptr_array_index(handles, which % handles->len);
}

static void key_of(guint which, char key[PORTAL_KEY_MIN + 1]) {
	memset(key, 'a' + (int)(which % KEYS), PORTAL_KEY_MIN);
	key[PORTAL_KEY_MIN] = '\0';
}

static json_t *join_body(fuzz_input *input, const fake_handle *handle) {
	guint8 how = fuzz_byte(input);
	char key[PORTAL_KEY_MIN + 1];
	key_of(how, key);
	json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "request", "join", "room", rooms[how & 32 ? how / 4 % 8 % G_N_ELEMENTS(rooms) : 0],
		"key", key, "display", key);
	if(how & 64)
		json_object_set_new(body, how & 4 ? "pin" : "token", json_string(secrets[2 + how / 4 % 4 % 3]));
	if(how & 128)
		json_object_set_new(body, "ack", json_integer(handle->next_n == 0 ? 0 : handle->next_n - 1));
	return body;
}

static void add_seq(json_t *body, fake_handle *handle, guint8 kind) {
	static const json_int_t ahead[] = { 0, 0, 0, 1, 1, 2, 3, -1 };
	if(kind >= G_N_ELEMENTS(ahead))
		return;
	json_object_set_new(body, "seq", json_integer(handle->next_seq + ahead[kind]));
	handle->next_seq += ahead[kind] == 0;
}

static json_t *relay_body(fuzz_input *input, fake_handle *handle) {
	guint8 how = fuzz_byte(input);
	char key[PORTAL_KEY_MIN + 1], id[PORTAL_ID_LENGTH + 1];
	key_of(how, key);
	portal_id_of_key(key, id);
	/* A large one, a dozen of which is a backlog, is rare, since it takes long. */
	g_autofree char *payload = g_strnfill(how == 255 ? 60000 : how & 128 ? 900 : how % 7, 'x');
	json_t *body = json_pack("{s:s, s:[{s:s*, s:s, s:s}]}", "request", "relay", "signals", "to", how & 4 ? id : NULL, "type", "x",
		"payload", payload);
	add_seq(body, handle, how / 8 % 16);
	return body;
}

static json_t *member_body(fuzz_input *input, fake_handle *handle) {
	static const char *const requests[] = { "configure", "leave", "sync", "ack", "ping", "list", "configure", "ack" };
	guint8 how = fuzz_byte(input);
	json_t *body = json_pack("{s:s}", "request", requests[how % 8]);
	json_object_set_new(body, "display", json_string(how & 8 ? "line\nbreak" : "other"));
	if(how % 8 == 3 || how % 8 == 7)
		json_object_set_new(body, "ack", json_integer(handle->next_n == 0 ? 1 : handle->next_n - 1 + how / 128));
	else if(how % 8 < 2 || how % 8 == 6)
		add_seq(body, handle, how / 16);
	return body;
}

static json_t *manage_body(fuzz_input *input, bool is_admin) {
	static const char *const requests[] = { "create", "create", "destroy", "edit", "kick", "allowed", "listmembers", "stats" };
	guint8 how = fuzz_byte(input), more = fuzz_byte(input);
	char key[PORTAL_KEY_MIN + 1], id[PORTAL_ID_LENGTH + 1];
	key_of(more, key);
	portal_id_of_key(key, id);
	json_t *body = json_pack("{s:s, s:s, s:b, s:s, s:s}", "request", requests[how % 8], "room",
		rooms[more / 4 % 8 % G_N_ELEMENTS(rooms)], "permanent", how & 8, "id", id, "action", how & 16 ? "enable" : "disable");
	if(more & 32)
		json_object_set_new(body, "new_description", json_string(key));
	if(more & 64)
		json_object_set_new(body, "pin", json_string("1"));
	if(!is_admin || how & 128)
		json_object_set_new(body, how & 64 ? "secret" : "admin_key", json_string(secrets[how & 32 ? 3 : how & 64 ? 1 : 0]));
	return body;
}

static json_t *any_json(fuzz_input *input) {
	size_t length;
	const uint8_t *bytes = fuzz_bytes(input, fuzz_byte(input), &length);
	json_t *given = json_loadb((const char *)bytes, length, JSON_DECODE_ANY, NULL);
	return given != NULL ? given : json_object();
}

static json_t *take_body(fuzz_input *input, fake_handle *handle, guint8 kind) {
	switch(kind % 8) {
	case 0:
	case 1:
		return join_body(input, handle);
	case 2:
	case 3:
	case 4:
		return relay_body(input, handle);
	case 5:
		return member_body(input, handle);
	case 6:
		return manage_body(input, false);
	default:
		return any_json(input);
	}
}

static void ask(fake_handle *handle, json_t *body, json_t *jsep, bool is_sure) {
	json_incref(body);
	const json_t *reply = fake_message(handle, body, jsep);
	if(reply != NULL)
		note(body, reply, is_sure);
	json_decref(body);
}

/* Until Janus is told to end the handle. Only of one that has so much to read already that it is refused: else it takes long. */
static void flood(fake_handle *handle) {
	if(fake_query(handle) <= 2 * 1024 * 1024)
		return;
	for(int i = 0; i < 8000 && handle->attached && handle->ended == 0; i++) {
		fake_message(handle, json_pack("{s:s}", "request", "ping"), NULL);
		fake_settle();
	}
	promise(!handle->attached || handle->ended == 1 || handle->blocked, "a handle that reads nothing is not ended");
}

static void administer(json_t *body, bool is_sure) {
	json_incref(body);
	const json_t *reply = fake_admin(body);
	if(reply != NULL)
		note(body, reply, is_sure);
	json_decref(body);
}

/* ----- Several at once */

typedef struct racer {
	enum { ASKS, ADMINISTERS, LOOKS, DETACHES, DESTROYS } what;
	fake_handle *handle;
	json_t *body, *jsep;
	const json_t *reply;
	pthread_t thread;
} racer;

static void *run_racer(void *data) {
	racer *one = data;
	switch(one->what) {
	case ASKS:
		one->reply = fake_message(one->handle, json_incref(one->body), json_incref(one->jsep));
		break;
	case ADMINISTERS:
		one->reply = fake_admin(json_incref(one->body));
		break;
	case LOOKS:
		fake_query(one->handle);
		break;
	case DETACHES:
		fake_detach(one->handle);
		break;
	case DESTROYS:
		fake_destroy();
		break;
	}
	return NULL;
}

static racer take_racer(fuzz_input *input) {
	guint8 kind = fuzz_byte(input);
	racer one = { .handle = take_handle(input) };
	if(one.handle == NULL || kind % 16 == 12) {
		one.what = ADMINISTERS;
		one.body = manage_body(input, true);
	} else if(kind % 16 == 13) {
		one.what = LOOKS;
	} else if(kind % 16 > 13) {
		one.what = kind >= 240 ? DESTROYS : DETACHES;
	} else {
		one.what = ASKS;
		one.body = take_body(input, one.handle, kind);
		one.jsep = kind >= 240 ? json_object() : NULL;
	}
	return one;
}

static void release_all(void) {
	for(guint i = 0; i < fake_handles()->len; i++)
		fake_hold(g_ptr_array_index(fake_handles(), i), false);
}

/* Whether the plugin was ended meanwhile. */
static bool race(fuzz_input *input) {
	racer racers[RACERS];
	guint count = 2 + fuzz_below(input, RACERS - 1);
	bool destroys = false;
	for(guint i = 0; i < count; i++) {
		racers[i] = take_racer(input);
		for(guint j = 0; j < i; j++) {
			/* Janus ends each handle once, and itself too. */
			bool twice = racers[i].what == racers[j].what && (racers[i].what == DESTROYS || racers[i].handle == racers[j].handle);
			if(twice && racers[i].what >= DETACHES)
				racers[i].what = LOOKS;
		}
		destroys |= racers[i].what == DESTROYS;
	}
	if(destroys)
		release_all();
	fake_race(true);
	for(guint i = 0; i < count; i++)
		promise(pthread_create(&racers[i].thread, NULL, run_racer, &racers[i]) == 0, "no thread");
	for(guint i = 0; i < count; i++)
		pthread_join(racers[i].thread, NULL);
	fake_race(false);
	for(guint i = 0; i < count; i++) {
		if(racers[i].reply != NULL)
			note(racers[i].body, racers[i].reply, false);
		json_decref(racers[i].body);
		json_decref(racers[i].jsep);
	}
	return destroys;
}

/* ----- Steps */

/* The last of it: what was held goes out, and everybody is gone. */
static void end(bool detaches) {
	release_all();
	fake_settle();
	fake_pass(11 * 1000);
	fake_tick();
	fake_check_answers();
	fake_watchdog();
	for(guint i = 0; detaches && i < fake_handles()->len; i++)
		fake_detach(g_ptr_array_index(fake_handles(), i));
	fake_settle();
	fake_stop();
	check_folder();
}

static void begin(void) {
	promise(fake_start(fuzz_folder()), "the plugin does not start");
	check_rooms();
}

/* A start that has to fail, and leaves nothing. */
static void fail_to_start(fuzz_input *input) {
	static const char *const wrong[] = { "general: { max_membres = 1; }", "{",
		"{ \"portal_state\": 1, \"rooms\": { \"no room\": {} } }" };
	guint which = fuzz_below(input, G_N_ELEMENTS(wrong));
	const char *name = which == 0 ? JCFG : STATE, *text = wrong[which];
	g_autofree char *path = path_of(name), *before = NULL;
	gsize length = 0;
	g_file_get_contents(path, &before, &length, NULL);
	g_free(fuzz_file(name, text, strlen(text)));
	promise(!fake_start(fuzz_folder()), "the plugin starts with %s", text);
	if(before != NULL)
		g_free(fuzz_file(name, before, length));
	else
		g_unlink(path);
}

static void restart(fuzz_input *input) {
	guint8 how = fuzz_byte(input);
	end(how & 1);
	if(how & 2)
		fail_to_start(input);
	fake_janus.no_thread = how / 4 % 4;
	if(fake_janus.no_thread > 0)
		promise(!fake_start(fuzz_folder()), "the plugin starts with a thread too few");
	fake_janus.no_thread = 0;
	begin();
}

static guint count_attached(void) {
	guint count = 0;
	for(guint i = 0; i < fake_handles()->len; i++)
		count += ((const fake_handle *)g_ptr_array_index(fake_handles(), i))->attached;
	return count;
}

static void step(fuzz_input *input) {
	guint8 kind = fuzz_byte(input);
	fake_handle *handle = kind % 16 > 1 ? take_handle(input) : NULL;
	if(handle == NULL && kind % 16 < 12) {
		if(count_attached() < HANDLES_MAX)
			fake_attach();
		return;
	}
	switch(kind % 16) {
	case 12: /* Admin API */
		administer(kind < 32 ? any_json(input) : kind > 240 ? NULL : manage_body(input, true), true);
		break;
	case 13:
		fake_pass(fuzz_byte(input) * 100);
		fake_tick();
		if(kind & 16)
			fake_watchdog();
		break;
	case 14:
		if(race(input)) {
			fake_stop();
			check_folder();
			begin();
		}
		break;
	case 15:
		if(kind < 128)
			restart(input);
		else
			break_disk(kind & 16);
		break;
	case 11:
		if(handle->attached && kind & 64)
			fake_detach(handle);
		else
			fake_hold(handle, kind & 128);
		break;
	case 10:
		if(kind == 250)
			flood(handle);
		else if(kind & 16)
			ask(handle, take_body(input, handle, kind / 32), any_json(input), true);
		else
			fake_query(handle);
		break;
	default:
		ask(handle, take_body(input, handle, kind), NULL, true);
	}
	fake_settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_input input = { data, data + size };
	g_autofree char *state = path_of(STATE);
	g_unlink(state);
	permanent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	unsure = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	break_disk(false);
	fake_janus_begin();
	write_configuration(&input);
	begin();
	for(int i = 0; i < STEPS && fuzz_more(&input); i++)
		step(&input);
	end(size % 2 == 0);
	break_disk(false);
	fake_janus_end();
	g_hash_table_destroy(permanent);
	g_hash_table_destroy(unsure);
	return 0;
}
