/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The state file. An input whose first byte is 1 is a life of a server: rooms are made, edited and destroyed, for good or not,
 * the server dies and starts again, and each room that was said to be permanent is there as it was when that was said, its
 * locks too. Any other input is the file itself: what is not understood adds nothing, and what is, written again by the core
 * that read it, loads again to the same. */
#include "state_file.h"

#include <string.h>

#include "fuzz.h"

const char fuzz_target[] = "state";

#define ROOMS_MAX 6
#define CONFIG "{\"general\":{\"max_rooms\":" G_STRINGIFY(ROOMS_MAX) ",\"resume_timeout\":0}," \
	"\"room-home\":{\"description\":\"Home\"},\"room-hall\":{\"pin\":\"1\"}}"
#define STEPS 60

static const char *const names[] = { "home", "hall", "a", "b", "c", "d", "e", "no room" };
static const char *const words[] = { NULL, "1", "2", "sha256:x:y",
		"sha256::2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" };

static fuzz_host host;
static portal_core *core;
static char *path;
static json_t *kept[G_N_ELEMENTS(names)]; /* what a permanent room is like after a restart; NULL if it is not permanent */
static bool made_here; /* all that is in the file, so that it is known to be sealed */
static json_t *first[G_N_ELEMENTS(names)]; /* what the rooms of the configuration are like, found out once for all inputs */

static portal_core *new_core(void) {
	json_auto_t *json = json_loads(CONFIG, 0, NULL);
	portal_config_error error;
	g_autoptr(portal_config) config = portal_config_new(json, &error);
	promise(config != NULL, "the target's own configuration is wrong");
	return portal_new(&host.host, config);
}

static json_t *ask(portal_core *of, json_t *body) {
	json_t *reply = portal_admin(of, body);
	fuzz_check_answer(reply);
	json_decref(body);
	return reply;
}

static bool is_success(const json_t *reply) {
	return g_strcmp0(json_string_value(json_object_get(reply, "portal")), "success") == 0;
}

static json_t *list_of(portal_core *of) {
	return ask(of, json_pack("{s:s}", "request", "list"));
}

/* How a peer that says these words is answered; a member leaves at once, since the timeout is 0. */
static json_t *knock(portal_core *of, const char *request, const char *room, const char *field, const char *word) {
	host.now += 3600 * (gint64)G_USEC_PER_SEC; /* no rate is asked about here */
	portal_tick(of);
	portal_peer *peer = portal_attach(of, NULL);
	json_auto_t *body = json_pack("{s:s, s:s, s:s}", "request", request, "room", room, "key", "0123456789abcdef012345");
	if(field != NULL)
		json_object_set_new(body, field, json_string(word));
	json_t *reply = portal_handle(of, peer, "t", body);
	promise(reply != NULL, "a request without a number waits");
	fuzz_check_answer(reply);
	portal_detach(of, peer);
	json_object_del(reply, "version");
	json_object_del(reply, "error"); /* it may name which of two keys is missing */
	return reply;
}

/* All that can be seen of a room from outside, its locks too; NULL if there is no such room. */
static json_t *likeness(portal_core *of, const char *room) {
	json_auto_t *list = list_of(of);
	json_t *seen = NULL, *entry;
	size_t i;
	json_array_foreach(json_object_get(list, "list"), i, entry) {
		if(strcmp(json_string_value(json_object_get(entry, "room")), room) == 0)
			seen = json_pack("{s:O}", "entry", entry);
	}
	if(seen == NULL)
		return NULL;
	json_t *doors = json_array();
	json_array_append_new(doors, knock(of, "join", room, NULL, NULL));
	for(size_t word = 1; word <= 2; word++) {
		json_array_append_new(doors, knock(of, "join", room, "pin", words[word]));
		json_array_append_new(doors, knock(of, "join", room, "token", words[word]));
		json_array_append_new(doors, knock(of, "listmembers", room, "secret", words[word]));
	}
	json_object_set_new(seen, "doors", doors);
	return seen;
}

/* Whoever reads the file learns no secret. */
static void check_sealed(const json_t *state) {
	const char *name;
	json_t *given, *token;
	size_t i;
	json_object_foreach(json_object_get(state, "rooms"), name, given) {
		const char *pin = json_string_value(json_object_get(given, "pin")),
			*secret = json_string_value(json_object_get(given, "secret"));
		promise(pin == NULL || g_str_has_prefix(pin, "sha256:"), "the pin of %s is in the file", name);
		promise(secret == NULL || g_str_has_prefix(secret, "sha256:"), "the secret of %s is in the file", name);
		json_array_foreach(json_object_get(given, "allowed"), i, token)
			promise(g_str_has_prefix(json_string_value(token), "sha256:"), "a token of %s is in the file", name);
	}
}

/* What the plugin does after each call. */
static bool save(portal_core *of, const char *to) {
	portal_snapshot snapshot;
	if(!portal_snapshot_take(of, &snapshot))
		return false;
	g_autofree char *error = NULL;
	json_t *again = NULL;
	if(made_here)
		check_sealed(snapshot.state);
	promise(portal_state_write(to, snapshot.state, &error), "%s", error);
	promise(portal_state_read(to, &again, &error) && json_equal(again, snapshot.state),
		"it is read back as something else: %s", error);
	promise(!portal_snapshot_take(of, &snapshot), "the same change is saved twice");
	json_decref(again);
	portal_snapshot_clear(&snapshot);
	return true;
}

/* With the file there are rooms more, of right names and not too many; those of the configuration are what they were. */
static void check_rooms(const json_t *before, const json_t *after) {
	size_t i, j, same = 0;
	json_t *one, *other;
	promise(json_array_size(after) <= ROOMS_MAX, "%zu rooms are more than may be", json_array_size(after));
	json_array_foreach(after, i, one) {
		const char *name = json_string_value(json_object_get(one, "room"));
		promise(name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0' && name[0] != '\0'
			&& strlen(name) <= 64, "there is a room “%s”", name);
		json_array_foreach(before, j, other)
			same += json_equal(one, other);
	}
	promise(same == json_array_size(before), "a room of the configuration is as the file has it");
}

/* A core that starts with the file; NULL if it refuses it. */
static portal_core *start(const char *from) {
	json_auto_t *state = NULL;
	g_autofree char *error = NULL;
	bool read = portal_state_read(from, &state, &error);
	promise(read == (error == NULL), "a refusal gives a reason, and nothing else does");
	if(!read)
		return NULL;
	portal_core *made = new_core();
	json_auto_t *before = list_of(made);
	bool restored = state == NULL || portal_restore(made, state, &error);
	promise(restored == (error == NULL), "a refusal gives a reason, and nothing else does");
	portal_snapshot snapshot;
	promise(!portal_snapshot_take(made, &snapshot), "reading the file changes it");
	json_auto_t *after = list_of(made);
	if(restored) {
		check_rooms(json_object_get(before, "list"), json_object_get(after, "list"));
		return made;
	}
	promise(json_equal(before, after), "a state that was refused left something behind");
	portal_free(made);
	return NULL;
}

/* ----- The life of a server */

/* Properties: JSON in the input, else some that matter. */
static json_t *take_properties(fuzz_input *input, const char *prefix) {
	static const char *const some[] = { "description", "pin", "secret", "locked", "is_private", "max_members", "window",
		"metadata",
		"allowed", "signed_tokens", "max_backlog" };
	json_t *body = json_object();
	size_t length;
	guint8 kind = fuzz_byte(input);
	if(kind == 0) {
		const uint8_t *bytes = fuzz_bytes(input, fuzz_byte(input), &length);
		json_auto_t *given = json_loadb((const char *)bytes, length, 0, NULL);
		json_object_update(body, given);
		return body;
	}
	for(guint count = kind % 4; count > 0; count--) {
		guint8 which = fuzz_byte(input), value = fuzz_byte(input);
		g_autofree char *name = g_strconcat(prefix, some[which % G_N_ELEMENTS(some)], NULL);
		const char *word = words[1 + value / 8 % (G_N_ELEMENTS(words) - 1)];
		switch(value % 8) {
		case 0:
			json_object_set_new(body, name, json_null());
			break;
		case 1:
			json_object_set_new(body, name, json_boolean(value & 8));
			break;
		case 2:
			json_object_set_new(body, name, json_integer(value & 8 ? 20000 : value / 16));
			break;
		case 3:
			json_object_set_new(body, name, json_pack("{s:s}", "a", word));
			break;
		case 4:
			json_object_set_new(body, name, json_pack("[s, s]", word, "2"));
			break;
		default:
			json_object_set_new(body, name, json_string(word));
		}
	}
	return body;
}

static json_t *take_change(fuzz_input *input, guint8 action) {
	json_t *body;
	switch(action % 4) {
	case 0:
		body = take_properties(input, "");
		json_object_set_new(body, "request", json_string("create"));
		break;
	case 1:
		body = take_properties(input, "new_");
		json_object_set_new(body, "request", json_string("edit"));
		break;
	case 2: {
		static const char *const actions[] = { "enable", "disable", "add", "remove" };
		body = json_pack("{s:s, s:s, s:[s]}", "request", "allowed", "action", actions[action / 8 % 4],
			"allowed", words[1 + fuzz_below(input, G_N_ELEMENTS(words) - 1)]);
		break;
	}
	default:
		body = json_pack("{s:s}", "request", "destroy");
	}
	return body;
}

static void change(fuzz_input *input, guint8 action) {
	guint which = fuzz_below(input, G_N_ELEMENTS(names));
	bool permanent = action & 4;
	json_t *body = take_change(input, action);
	json_object_set_new(body, "room", json_string(names[which]));
	json_object_set_new(body, "permanent", json_boolean(permanent));
	const char *request = json_string_value(json_object_get(body, "request"));
	bool destroy = request != NULL && strcmp(request, "destroy") == 0;
	json_auto_t *before = list_of(core), *reply = ask(core, body);
	g_autofree char *text = fuzz_text(reply);
	bool saved = save(core, path), done = is_success(reply);
	promise(saved == (done && permanent), "%s, and %s", text, saved ? "saved" : "not saved");
	promise(!done || json_is_true(json_object_get(reply, "permanent")) == permanent,
		"permanent is not what was asked for: %s", text);
	promise(!(permanent && done && first[which] != NULL), "a room of the configuration was changed for good: %s", text);
	if(!done) {
		json_auto_t *after = list_of(core);
		promise(json_equal(before, after), "what was refused has changed something: %s", text);
	} else if(permanent) {
		json_decref(kept[which]);
		kept[which] = destroy ? NULL : likeness(core, names[which]);
		promise(destroy || kept[which] != NULL, "the room is not there: %s", text);
	}
}

/* The server dies, and another one starts with the file. */
static void restart(void) {
	portal_free(core);
	core = start(path);
	promise(core != NULL, "what was saved is refused");
	guint rooms = 0;
	for(size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		json_auto_t *now = likeness(core, names[i]);
		const json_t *wanted = first[i] != NULL ? first[i] : kept[i];
		rooms += wanted != NULL;
		g_autofree char *text = fuzz_text(now), *wanted_text = fuzz_text(wanted);
		promise(now == wanted || json_equal(now, wanted), "after the restart %s is %s, not %s", names[i], text, wanted_text);
	}
	promise(portal_count_rooms(core) == rooms, "%u rooms, not %u", portal_count_rooms(core), rooms);
}

/* A file that was damaged is refused or read, and is left as it was. */
static void damage(fuzz_input *input) {
	g_autofree char *text = NULL;
	gsize length = 0;
	if(!g_file_get_contents(path, &text, &length, NULL) || length == 0)
		return;
	size_t place = (fuzz_byte(input) << 8 | fuzz_byte(input)) % length;
	guint8 with = fuzz_byte(input);
	if(with == 0)
		length = place;
	else
		text[place] = (char)with;
	g_autofree char *damaged = fuzz_file("damaged.json", text, length);
	portal_core *other = start(damaged);
	if(other != NULL)
		portal_free(other);
}

static void live(fuzz_input *input) {
	path = fuzz_file("state.json", "", 0);
	remove(path);
	core = new_core();
	for(size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if(first[i] == NULL)
			first[i] = likeness(core, names[i]);
	}
	for(int i = 0; i < STEPS && fuzz_more(input); i++) {
		guint8 action = fuzz_byte(input);
		if(action >= 240)
			damage(input);
		else if(action >= 200)
			restart();
		else
			change(input, action);
	}
	restart();
	portal_free(core);
	for(size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_clear_pointer(&kept[i], json_decref);
	g_clear_pointer(&path, g_free);
}

/* ----- The file itself */

static void read_file(const uint8_t *data, size_t size) {
	g_autofree char *given = fuzz_file("given.json", data, size), *written = fuzz_file("written.json", "", 0);
	portal_core *one = start(given);
	if(one == NULL)
		return;
	/* It has to change something in order to write: a room that nobody can have destroyed before. */
	static const char none[] = "a-room-that-is-not-there";
	json_auto_t *list = list_of(one);
	json_auto_t *made = ask(one, json_pack("{s:s, s:s, s:b}", "request", "create", "room", none, "permanent", 1));
	if(is_success(made)) {
		promise(save(one, written), "a permanent room is not saved");
		json_auto_t *gone = ask(one, json_pack("{s:s, s:s, s:b}", "request", "destroy", "room", none, "permanent", 1));
		promise(is_success(gone) && save(one, written), "a permanent room is not taken away for good");
		portal_core *other = start(written);
		promise(other != NULL, "what was saved is refused");
		json_auto_t *same = list_of(other);
		g_autofree char *text = fuzz_text(list), *other_text = fuzz_text(same);
		promise(json_equal(list, same), "it was %s and loads again as %s", text, other_text);
		portal_free(other);
	}
	portal_free(one);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_input input = { data, data + size };
	fuzz_host_init(&host);
	if(size > 0 && data[0] == 1) {
		fuzz_byte(&input);
		made_here = true;
		live(&input);
	} else {
		made_here = false;
		read_file(data, size);
	}
	fuzz_host_clear(&host);
	return 0;
}
