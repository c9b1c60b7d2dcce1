/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration. An input that begins with a brace is JSON for config.c; any other is a jcfg file. What is taken has to
 * hold in a core that is made of it: a pin, a secret, a list of tokens and a lock that stand in the text are asked for at the
 * door, so no mistake in the text opens a room. What is refused says so in one line. And what config.c takes as JSON,
 * written as a jcfg file, is the same configuration. */
#include <libconfig.h>
#include <string.h>

#include "config_jcfg.h"
#include "fuzz.h"

const char fuzz_target[] = "config";

#define ROOMS_TRIED 3

/* libconfig forgets the string that it was reading when a file ends in the middle of one: a few bytes, once, of a plugin that
 * does not start. They are not ours to free. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
	return "leak:libconfig";
}

/* All names that may stand in the text, as README and the sample have them. */
static const char *const general_names[] = { "admin_key", "events", "state_file", "max_request", "max_depth", "max_rooms",
	"max_total_members", "max_total_backlog", NULL };
static const char *const limit_names[] = { "max_signal", "max_signals", "max_metadata", "max_display", "max_members", "window",
	"max_backlog", "ack_every", "ack_timeout", "rate", "burst", "byte_rate", "byte_burst", "room_rate",
		"resume_timeout", NULL };
static const char *const room_names[] = { "description", "secret", "pin", "is_private", "locked", "signed_tokens", "metadata",
	"allowed", NULL };
static const char *const ice_names[] = { "servers", "turn_secret", "turn_ttl", NULL };

static bool is_known(const char *category, const char *name) {
	if(strcmp(category, "general") == 0)
		return g_strv_contains(general_names, name) || g_strv_contains(limit_names, name);
	if(strcmp(category, "ice") == 0)
		return g_strv_contains(ice_names, name);
	return g_strv_contains(room_names, name) || g_strv_contains(limit_names, name);
}

/* Whether a boolean is set, also where Janus would have written it as a string. */
static bool is_set(const json_t *given, const char *name) {
	const json_t *value = json_object_get(given, name);
	const char *text = json_string_value(value);
	return json_is_true(value) || (text != NULL && (g_ascii_strcasecmp(text, "yes") == 0
		|| g_ascii_strcasecmp(text, "true") == 0));
}

/* What is said in place of a secret: NULL for a hash, which nobody here can say. */
static const char *plain(const json_t *given, const char *name) {
	const char *text = json_string_value(json_object_get(given, name));
	return text == NULL || g_str_has_prefix(text, "sha256:") ? NULL : text;
}

static json_t *ask(fuzz_host *host, portal_core *core, portal_peer *peer, json_t *body, const char **code) {
	host->now += 3600 * (gint64)G_USEC_PER_SEC; /* no rate is asked about here */
	json_t *reply = portal_handle(core, peer, "t", body);
	promise(reply != NULL, "a request without a number waits");
	*code = fuzz_check_answer(reply);
	json_decref(body);
	return reply;
}

/* A peer at the door of a room, with what it says there. */
static void check_door(fuzz_host *host, const portal_config *config, const portal_room_config *room, const char *pin,
		const char *token) {
	const json_t *given = room->given;
	const char *wanted_pin = json_string_value(json_object_get(given, "pin")), *code;
	bool wants_token = json_object_get(given, "allowed") != NULL || is_set(given, "signed_tokens");
	portal_core *core = portal_new(&host->host, config);
	portal_peer *peer = portal_attach(core, NULL);
	json_auto_t *reply = ask(host, core, peer, json_pack("{s:s, s:s, s:s*, s:s*, s:s}", "request", "join", "room", room->room,
		"pin", pin, "token", token, "key", "0123456789abcdef012345"), &code);
	g_autofree char *text = fuzz_text(reply);
	if(code == NULL) {
		promise(!is_set(given, "locked"), "a locked room took a member: %s", text);
		promise(wanted_pin == NULL || pin != NULL, "a room with a pin took one that did not say it: %s", text);
		promise(!wants_token || token != NULL, "a room that wants a token took one without: %s", text);
		const json_t *metadata = json_object_get(given, "metadata"), *description = json_object_get(given, "description");
		promise(json_equal(metadata, json_object_get(reply, "metadata")) || metadata == NULL, "other metadata: %s", text);
		promise(json_equal(description, json_object_get(reply, "description")) || description == NULL,
			"another description: %s", text);
		json_t *limits = json_object_get(reply, "limits");
		for(const char *const *name = limit_names; *name != NULL; name++) {
			const json_t *wanted = json_object_get(given, *name), *told = json_object_get(limits, *name);
			promise(wanted == NULL || told == NULL || json_equal(wanted, told), "%s is another one: %s", *name, text);
		}
	} else if(wanted_pin != NULL && pin == NULL) {
		promise(strcmp(code, "wrong_pin") == 0, "the pin was not asked for first: %s", text);
	} else if(wanted_pin != NULL && plain(given, "pin") != NULL && strcmp(plain(given, "pin"), pin) == 0) {
		promise(strcmp(code, "wrong_pin") != 0, "the right pin is wrong: %s", text);
	} else if(wanted_pin == NULL) {
		promise(strcmp(code, "wrong_token") == 0 ? wants_token : strcmp(code, "room_locked") == 0 && is_set(given, "locked"),
			"nothing speaks against it: %s", text);
	}
	portal_free(core);
}

/* Who manages a room has its secret. */
static void check_secret(fuzz_host *host, const portal_config *config, const portal_room_config *room) {
	const char *secret = plain(room->given, "secret"), *pin = plain(room->given, "pin"), *code;
	promise((secret == NULL || secret[0] != '\0') && (pin == NULL || pin[0] != '\0'), "%s has a key that says nothing", room->room);
	portal_core *core = portal_new(&host->host, config);
	portal_peer *peer = portal_attach(core, NULL);
	json_decref(ask(host, core, peer, json_pack("{s:s, s:s}", "request", "listmembers", "room", room->room), &code));
	promise(g_strcmp0(code, "unauthorized") == 0, "%s is managed by whoever asks", room->room);
	if(secret != NULL) {
		json_decref(ask(host, core, peer, json_pack("{s:s, s:s, s:s}", "request", "listmembers", "room", room->room,
			"secret", secret), &code));
		promise(code == NULL, "%s has a secret that opens nothing", room->room);
	}
	portal_free(core);
}

static void check_limits(const portal_limits *limits) {
	promise(limits->max_depth >= 1 && limits->max_depth <= PORTAL_DEPTH_CEILING, "max_depth");
	promise(limits->max_backlog >= 2 * limits->max_signal && limits->max_signal > 0, "a signal does not fit into a backlog");
	promise(limits->max_request > 0 && limits->max_signals > 0 && limits->window > 0, "there is nothing that may be sent");
	promise(limits->max_metadata >= 0 && limits->max_display >= 0 && limits->resume_timeout >= 0, "less than nothing");
	promise(limits->max_members >= 2 && limits->max_total_members >= 2 && limits->max_rooms >= 1, "nobody meets");
	promise(limits->rate > 0 && limits->burst > 0 && limits->byte_rate > 0 && limits->byte_burst > 0 && limits->room_rate > 0,
		"a bucket never fills up");
}

/* A core that is made of it has these rooms, and they are shut where the text shuts them. */
static void exercise(const portal_config *config) {
	fuzz_host host;
	fuzz_host_init(&host);
	check_limits(&config->limits);
	promise((json_int_t)config->rooms->len <= config->limits.max_rooms, "more rooms than max_rooms");
	portal_core *core = portal_new(&host.host, config);
	promise(portal_count_rooms(core) == config->rooms->len, "%u rooms of %u", portal_count_rooms(core), config->rooms->len);
	json_auto_t *body = json_pack("{s:s}", "request", "stats"), *reply = portal_admin(core, body);
	fuzz_check_answer(reply);
	portal_free(core);
	for(guint i = 0; i < MIN(config->rooms->len, ROOMS_TRIED); i++) {
		const portal_room_config *room = g_ptr_array_index(config->rooms, i);
		check_door(&host, config, room, NULL, NULL);
		check_door(&host, config, room, plain(room->given, "pin"), NULL);
		const char *token = json_string_value(json_array_get(json_object_get(room->given, "allowed"), 0));
		check_door(&host, config, room, plain(room->given, "pin"), token != NULL ? token : "signed room=x");
		check_secret(&host, config, room);
	}
	fuzz_host_clear(&host);
}

/* Reads a text as the plugin reads its file. */
static portal_config *read_text(const void *text, size_t length, char **error) {
	g_autofree char *path = fuzz_file("portal.jcfg", text, length);
	portal_config *config = portal_config_read(path, error);
	promise((config == NULL) == (*error != NULL), "a refusal gives a reason, and nothing else does");
	promise(*error == NULL || (strchr(*error, '\n') == NULL && g_utf8_validate(*error, -1, NULL)),
		"no line for a log: %s", *error);
	promise(*error == NULL || g_str_has_prefix(*error, path), "it does not name the file: %s", *error);
	return config;
}

/* Every name that libconfig sees in a file that was taken is one that there is. */
static void check_names(const char *text, const portal_config *config) {
	config_t file;
	config_init(&file);
	promise(config_read_string(&file, text) == CONFIG_TRUE, "what does not parse was taken");
	const config_setting_t *root = config_root_setting(&file);
	guint rooms = 0;
	for(int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *group = config_setting_get_elem(root, (unsigned)i);
		const char *category = config_setting_name(group);
		rooms += g_str_has_prefix(category, "room-");
		promise(config_setting_is_group(group), "%s is no group", category);
		for(int j = 0; j < config_setting_length(group); j++) {
			const char *name = config_setting_name(config_setting_get_elem(group, (unsigned)j));
			promise(is_known(category, name), "%s.%s was taken", category, name);
		}
	}
	promise(rooms == config->rooms->len, "%u rooms in the file, %u taken", rooms, config->rooms->len);
	config_destroy(&file);
}

static void judge_jcfg(const uint8_t *data, size_t size) {
	g_autofree char *error = NULL, *text = g_strndup((const char *)data, size);
	/* libconfig would read other files of this machine, which are no part of the input. */
	if(strstr(text, "@include") != NULL)
		return;
	g_autoptr(portal_config) config = read_text(data, size, &error);
	if(config == NULL)
		return;
	promise(strlen(text) == size, "a file was taken up to the NUL in it");
	check_names(text, config);
	exercise(config);
}

/* JSON as a jcfg file */

static bool write_value(GString *text, const json_t *value);

static bool write_string(GString *text, const char *string) {
	g_string_append_c(text, '"');
	for(; *string != '\0'; string++) {
		if(*string == '"' || *string == '\\')
			g_string_append_printf(text, "\\%c", *string);
		else if((unsigned char)*string < 0x20)
			g_string_append_printf(text, "\\x%02x", (unsigned char)*string);
		else
			g_string_append_c(text, *string);
	}
	g_string_append_c(text, '"');
	return true;
}

/* libconfig's names are narrower than JSON's. */
static bool is_name(const char *name) {
	return g_ascii_isalpha(name[0]) && name[strspn(name,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0'
		&& g_ascii_strcasecmp(name, "true") != 0 && g_ascii_strcasecmp(name, "false") != 0;
}

static bool write_settings(GString *text, const json_t *object) {
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)object, name, value) {
		if(!is_name(name))
			return false;
		g_string_append_printf(text, "%s = ", name);
		if(!write_value(text, value))
			return false;
		g_string_append(text, ";\n");
	}
	return true;
}

static bool write_list(GString *text, const json_t *array) {
	size_t i;
	json_t *value;
	g_string_append(text, "( ");
	json_array_foreach(array, i, value) {
		if(i > 0)
			g_string_append(text, ", ");
		if(!write_value(text, value))
			return false;
	}
	g_string_append(text, " )");
	return true;
}

/* Returns false for what a jcfg file cannot say: null, and numbers that may not come back the same. */
static bool write_value(GString *text, const json_t *value) {
	switch(json_typeof(value)) {
	case JSON_OBJECT:
		g_string_append(text, "{ ");
		if(!write_settings(text, value))
			return false;
		g_string_append(text, "}");
		return true;
	case JSON_ARRAY:
		return write_list(text, value);
	case JSON_STRING:
		return write_string(text, json_string_value(value));
	case JSON_INTEGER:
		g_string_append_printf(text, "%" JSON_INTEGER_FORMAT "L", json_integer_value(value));
		return json_integer_value(value) >= 0;
	case JSON_TRUE:
	case JSON_FALSE:
		g_string_append(text, json_is_true(value) ? "true" : "false");
		return true;
	default:
		return false;
	}
}

static void check_same(const portal_config *one, const portal_config *other) {
	promise(memcmp(&one->limits, &other->limits, sizeof(one->limits)) == 0, "the limits differ");
	promise(g_strcmp0(one->admin_key, other->admin_key) == 0 && one->events == other->events, "general differs");
	promise(g_strcmp0(one->state_file, other->state_file) == 0, "the state file differs");
	promise(one->ice.servers == other->ice.servers || json_equal(one->ice.servers, other->ice.servers),
		"the ICE servers differ");
	promise(g_strcmp0(one->ice.turn_secret, other->ice.turn_secret) == 0 && one->ice.turn_ttl == other->ice.turn_ttl,
		"ICE differs");
	promise(one->rooms->len == other->rooms->len, "%u rooms, and %u", one->rooms->len, other->rooms->len);
	for(guint i = 0; i < one->rooms->len; i++) {
		const portal_room_config *room = g_ptr_array_index(one->rooms, i), *same = g_ptr_array_index(other->rooms, i);
		g_autofree char *text = fuzz_text(room->given), *other_text = fuzz_text(same->given);
		promise(strcmp(room->room, same->room) == 0 && json_equal(room->given, same->given),
			"room %s is %s, and as jcfg %s: %s",
			room->room, text, same->room, other_text);
	}
}

static void judge_json(const uint8_t *data, size_t size) {
	json_auto_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if(json == NULL)
		return;
	portal_config_error wrong = { 0 };
	g_autoptr(portal_config) config = portal_config_new(json, &wrong);
	promise((config == NULL) == (wrong.text != NULL), "a refusal gives a reason, and nothing else does");
	promise(config == NULL || wrong.path == NULL, "what is taken has nothing wrong");
	portal_config_error_clear(&wrong);
	g_autoptr(GString) text = g_string_new("");
	if(config == NULL)
		return;
	const char *category, *name;
	json_t *group, *unused;
	json_object_foreach(json, category, group) {
		json_object_foreach(group, name, unused)
			promise(is_known(category, name), "%s.%s was taken", category, name);
	}
	exercise(config);
	if(!write_settings(text, json))
		return;
	g_autofree char *error = NULL;
	g_autoptr(portal_config) same = read_text(text->str, text->len, &error);
	promise(same != NULL, "it is taken as JSON, and refused as jcfg: %s\n%s", error, text->str);
	check_same(config, same);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if(size > 0 && data[0] == '{')
		judge_json(data, size);
	else
		judge_jcfg(data, size);
	return 0;
}
