/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file config.c
 * \brief Defaults and ranges of every option, and the rooms. Where the JSON comes from is not its business. */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "fields.h"
#include "key.h"

#define ROOM_PREFIX "room-"

typedef enum option_type {
	OPTION_INTEGER,
	OPTION_BOOLEAN,
	OPTION_STRING,
	OPTION_SECRET,  /* a string that may be a hash */
	OPTION_OBJECT,
	OPTION_TOKENS,
	OPTION_SERVERS,
} option_type;

typedef struct config_option {
	const char *name;
	option_type type;
	size_t offset;
	json_int_t min, max; /* of an integer its value, of a string its bytes, of an object its weight, of a list its elements */
	json_int_t standard; /* default of an integer */
	bool told;           /* whether clients hear of it */
	bool own;            /* whether a room may have its own */
} config_option;

/* The limits come first in both structures that have some, so a row is good for both. */
G_STATIC_ASSERT(offsetof(portal_config, limits) == 0);
G_STATIC_ASSERT(offsetof(portal_room_options, limits) == 0);
#define LIMIT(name, min, max, standard, told, own) \
	{ #name, OPTION_INTEGER, offsetof(portal_limits, name), min, max, standard, told, own }

static const config_option limit_options[] = {
	LIMIT(max_signal, 1024, 16777216, 65536, true, true),
	LIMIT(max_signals, 1, 65536, 256, true, true),
	LIMIT(max_request, 4096, 67108864, 262144, true, false),
	LIMIT(max_metadata, 0, 1048576, 4096, true, true),
	LIMIT(max_display, 0, 65536, 128, true, true),
	LIMIT(max_depth, 8, PORTAL_DEPTH_CEILING, 32, true, false),
	LIMIT(max_members, 2, 100000, 32, false, true),
	LIMIT(max_rooms, 1, 1000000, 10000, false, false),
	LIMIT(max_total_members, 2, 10000000, 100000, false, false),
	LIMIT(window, 1, 65536, 256, true, true),
	LIMIT(max_backlog, 16384, 1073741824, 1048576, true, true),
	LIMIT(max_total_backlog, 16384, 1099511627776, 268435456, false, false),
	LIMIT(ack_every, 1, 65536, 32, true, true),
	LIMIT(ack_timeout, 1, 3600, 30, true, true),
	LIMIT(rate, 1, 1000000000, 200, true, true),
	LIMIT(burst, 1, 1000000000, 1000, true, true),
	LIMIT(byte_rate, 1024, 1099511627776, 1048576, true, true),
	LIMIT(byte_burst, 1024, 1099511627776, 4194304, true, true),
	LIMIT(room_rate, 1, 1000000000, 100, false, true),
	LIMIT(resume_timeout, 0, 3600, 30, false, true),
	{ 0 },
};

static const config_option general_options[] = {
	{ "admin_key", OPTION_SECRET, offsetof(portal_config, admin_key), 1, 256, 0, false, false },
	{ "events", OPTION_BOOLEAN, offsetof(portal_config, events), 0, 0, 0, false, false },
	{ "state_file", OPTION_STRING, offsetof(portal_config, state_file), 1, 4096, 0, false, false },
	{ 0 },
};

static const config_option ice_options[] = {
	{ "servers", OPTION_SERVERS, offsetof(portal_config, ice.servers), 0, 32, 0, false, false },
	{ "turn_secret", OPTION_STRING, offsetof(portal_config, ice.turn_secret), 1, 1024, 0, false, false },
	{ "turn_ttl", OPTION_INTEGER, offsetof(portal_config, ice.turn_ttl), 60, 31536000, 86400, false, false },
	{ 0 },
};

static const config_option room_options[] = {
	{ "description", OPTION_STRING, offsetof(portal_room_options, description), 0, 1024, 0, false, true },
	{ "secret", OPTION_SECRET, offsetof(portal_room_options, secret), 1, 256, 0, false, true },
	{ "pin", OPTION_SECRET, offsetof(portal_room_options, pin), 1, 256, 0, false, true },
	{ "is_private", OPTION_BOOLEAN, offsetof(portal_room_options, is_private), 0, 0, 0, false, true },
	{ "locked", OPTION_BOOLEAN, offsetof(portal_room_options, locked), 0, 0, 0, false, true },
	{ "signed_tokens", OPTION_BOOLEAN, offsetof(portal_room_options, signed_tokens), 0, 0, 0, false, true },
	{ "metadata", OPTION_OBJECT, offsetof(portal_room_options, metadata), 0, 4096, 0, false, true },
	{ "allowed", OPTION_TOKENS, offsetof(portal_room_options, allowed), 0, 1000, 0, false, true },
	{ 0 },
};

static bool fail(portal_config_error *error, const char *category, const char *name, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
static bool fail(portal_config_error *error, const char *category, const char *name, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	error->text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	error->path = name != NULL ? g_strdup_printf("%s.%s", category, name) : g_strdup(category);
	return false;
}

static const config_option *find_in(const config_option *options, const char *name) {
	for(const config_option *option = options; option->name != NULL; option++) {
		if(strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
}

/* What may be set in one category: its own rows, and limits, some of them or all or none. */
static const config_option *find_option(const config_option *options, const char *name) {
	const config_option *option = find_in(options, name);
	if(option == NULL && options != ice_options)
		option = find_in(limit_options, name);
	return option != NULL && options == room_options && !option->own ? NULL : option;
}

static bool set_integer(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	json_int_t number = json_integer_value(value);
	if(!json_is_integer(value) || number < option->min || number > option->max)
		return fail(error, category, option->name,
			"should be a whole number from %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT, option->min, option->max);
	*(json_int_t *)target = number;
	return true;
}

static bool set_boolean(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	/* Janus's own files write "yes" and "true" as strings too. */
	const char *text = json_is_string(value) ? json_string_value(value) : "";
	bool yes = json_is_true(value) || g_ascii_strcasecmp(text, "yes") == 0 || g_ascii_strcasecmp(text, "true") == 0;
	bool no = json_is_false(value) || g_ascii_strcasecmp(text, "no") == 0 || g_ascii_strcasecmp(text, "false") == 0;
	if(!yes && !no)
		return fail(error, category, option->name, "should be true or false");
	*(bool *)target = yes;
	return true;
}

static bool set_string(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	json_int_t length = (json_int_t)json_string_length(value);
	if(!json_is_string(value) || length < option->min || length > option->max)
		return fail(error, category, option->name,
			"should be a string of %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT " bytes, in quotes", option->min, option->max);
	*(char **)target = g_strdup(json_string_value(value));
	return true;
}

static bool set_secret(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	if(!set_string(option, value, target, category, error))
		return false;
	const char *text = json_string_value(value);
	if(portal_secret_claims_hash(text) && !portal_secret_is_hash(text))
		return fail(error, category, option->name, "begins with sha256: but is no hash: sha256:<salt>:<64 hex digits>");
	return true;
}

static bool set_object(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	size_t weight = 0;
	if(!json_is_object(value) || !portal_weigh(value, 8, &weight) || (json_int_t)weight > option->max)
		return fail(error, category, option->name,
			"should be an object, nested at most 8 deep, of at most %" JSON_INTEGER_FORMAT " bytes", option->max);
	*(json_t **)target = json_incref((json_t *)value);
	return true;
}

/* Tokens are looked up by their hash, so that neither the time that it takes nor a copy of the memory tells one. */
static bool set_tokens(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	if(!json_is_array(value) || (json_int_t)json_array_size(value) > option->max)
		return fail(error, category, option->name, "should be a list of at most %" JSON_INTEGER_FORMAT " tokens", option->max);
	GHashTable *tokens = *(GHashTable **)target = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	size_t i;
	json_t *token;
	json_array_foreach(value, i, token) {
		size_t length = json_string_length(token);
		if(!json_is_string(token) || length < 1 || length > 256)
			return fail(error, category, option->name, "should hold strings of 1 to 256 bytes");
		g_hash_table_add(tokens, portal_secret_hash("", json_string_value(token)));
	}
	return true;
}

static bool is_ice_url(const json_t *url, bool *is_turn) {
	const char *text = json_is_string(url) ? json_string_value(url) : "";
	bool turn = g_str_has_prefix(text, "turn:") || g_str_has_prefix(text, "turns:");
	*is_turn |= turn;
	return turn || g_str_has_prefix(text, "stun:") || g_str_has_prefix(text, "stuns:");
}

/* Every browser refuses a whole RTCPeerConnection for one bad server, so nothing doubtful gets there. */
static bool check_server(const json_t *server, bool has_secret, const char **wrong) {
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)server, name, value) {
		bool known = strcmp(name, "urls") == 0 || strcmp(name, "username") == 0 || strcmp(name, "credential") == 0;
		if(!known || (strcmp(name, "urls") != 0 && !json_is_string(value)))
			*wrong = "should be groups of urls and, if need be, username and credential";
	}
	json_t *urls = json_object_get(server, "urls");
	bool is_turn = false, good = json_is_array(urls) ? json_array_size(urls) > 0 : is_ice_url(urls, &is_turn);
	for(size_t i = 0; i < json_array_size(urls); i++)
		good = is_ice_url(json_array_get(urls, i), &is_turn) && good;
	bool has_own = json_object_get(server, "username") != NULL && json_object_get(server, "credential") != NULL;
	if(!good)
		*wrong = "should have urls that begin with stun:, stuns:, turn: or turns:";
	else if(is_turn && !has_own && !has_secret)
		*wrong = "has a TURN server, which needs ice.turn_secret, or its own username and credential";
	return *wrong == NULL;
}

static bool check_servers(const portal_config *config, portal_config_error *error) {
	size_t i;
	json_t *server;
	json_array_foreach(config->ice.servers, i, server) {
		const char *wrong = json_is_object(server) ? NULL : "should be a list of groups: ( { urls = [ … ] } )";
		if(wrong != NULL || !check_server(server, config->ice.turn_secret != NULL, &wrong))
			return fail(error, "ice", "servers", "%s", wrong);
	}
	return true;
}

static bool set_servers(const config_option *option, const json_t *value, void *target, const char *category,
		portal_config_error *error) {
	if(!json_is_array(value) || (json_int_t)json_array_size(value) > option->max)
		return fail(error, category, option->name, "should be a list of at most %" JSON_INTEGER_FORMAT " groups", option->max);
	*(json_t **)target = json_incref((json_t *)value);
	return true;
}

typedef bool (*setter)(const config_option *option, const json_t *value, void *target, const char *category,
	portal_config_error *error);

static const setter setters[] = {
	[OPTION_INTEGER] = set_integer, [OPTION_BOOLEAN] = set_boolean, [OPTION_STRING] = set_string, [OPTION_SECRET] = set_secret,
	[OPTION_OBJECT] = set_object, [OPTION_TOKENS] = set_tokens, [OPTION_SERVERS] = set_servers,
};

static bool set_options(const config_option *options, const json_t *json, void *target, const char *category,
		portal_config_error *error) {
	const char *name;
	json_t *value;
	if(!json_is_object(json))
		return fail(error, category, NULL, "should be a group: %s: { … }", category);
	json_object_foreach((json_t *)json, name, value) {
		const config_option *option = find_option(options, name);
		if(option == NULL)
			return fail(error, category, name, "is not an option of %s; see the sample configuration for those there are",
				options == room_options ? "a room" : category);
		if(!setters[option->type](option, value, (char *)target + option->offset, category, error))
			return false;
	}
	return true;
}

/* Signals get three quarters of a backlog; one that does not fit into those would be refused for ever. */
static bool check_limits(const portal_limits *limits, const char *category, const json_t *json, portal_config_error *error) {
	if(limits->max_backlog >= 2 * limits->max_signal)
		return true;
	return fail(error, category, json_object_get(json, "max_backlog") != NULL ? "max_backlog" : "max_signal",
		"does not fit: max_backlog (%" JSON_INTEGER_FORMAT ") should be at least twice max_signal (%" JSON_INTEGER_FORMAT ")",
		limits->max_backlog, limits->max_signal);
}

portal_room_options *portal_room_options_new(const portal_limits *defaults, const char *category, const json_t *given,
		portal_config_error *error) {
	g_autoptr(portal_room_options) options = g_new0(portal_room_options, 1);
	options->limits = *defaults;
	if(!set_options(room_options, given, options, category, error) || !check_limits(&options->limits, category, given, error))
		return NULL;
	return g_steal_pointer(&options);
}

void portal_room_options_free(portal_room_options *options) {
	g_free(options->description);
	g_free(options->secret);
	g_free(options->pin);
	json_decref(options->metadata);
	g_clear_pointer(&options->allowed, g_hash_table_destroy);
	g_free(options);
}

static void change(json_t *changed, const json_t *body, const char *prefix, const config_option *options) {
	for(const config_option *option = options; option->name != NULL; option++) {
		if(!option->own)
			continue;
		g_autofree char *name = g_strconcat(prefix, option->name, NULL);
		json_t *value = json_object_get(body, name);
		if(json_is_null(value))
			json_object_del(changed, option->name);
		else if(value != NULL)
			json_object_set(changed, option->name, value);
	}
}

json_t *portal_room_options_changed(const json_t *given, const json_t *body, const char *prefix) {
	json_t *changed = given == NULL ? json_object() : json_copy((json_t *)given);
	change(changed, body, prefix, room_options);
	change(changed, body, prefix, limit_options);
	return changed;
}

void portal_room_options_seal(json_t *given, const portal_host *host) {
	for(const config_option *option = room_options; option->name != NULL; option++) {
		json_t *value = json_object_get(given, option->name);
		if(option->type == OPTION_SECRET && json_is_string(value)) {
			char salt[17];
			portal_random_hex(host, salt, 8);
			g_autofree char *hash = portal_secret_hash(salt, json_string_value(value));
			json_object_set_new(given, option->name, json_string(hash));
		} else if(option->type == OPTION_TOKENS && json_is_array(value)) {
			json_t *hashes = json_array(), *token;
			size_t i;
			json_array_foreach(value, i, token) {
				g_autofree char *hash = portal_secret_hash("", json_string_value(token));
				json_array_append_new(hashes, json_string(hash));
			}
			json_object_set_new(given, option->name, hashes);
		}
	}
}

static void room_config_free(void *data) {
	portal_room_config *room = data;
	g_free(room->room);
	json_decref(room->given);
	g_free(room);
}

static bool add_room(portal_config *config, const char *category, json_t *json, portal_config_error *error) {
	const char *name = category + strlen(ROOM_PREFIX);
	if(!portal_is_name(name) || strlen(name) > PORTAL_ROOM_MAX)
		return fail(error, category, NULL, "a room's name has 1 to %d letters, digits, - and _", PORTAL_ROOM_MAX);
	if((json_int_t)config->rooms->len >= config->limits.max_rooms)
		return fail(error, category, NULL, "is one room more than general.max_rooms allows");
	g_autoptr(portal_room_options) options = portal_room_options_new(&config->limits, category, json, error);
	if(options == NULL)
		return false;
	portal_room_config *room = g_new0(portal_room_config, 1);
	g_ptr_array_add(config->rooms, room);
	room->room = g_strdup(name);
	room->given = json_incref(json);
	return true;
}

static bool fill(portal_config *config, const json_t *json, portal_config_error *error) {
	const char *category;
	json_t *value;
	json_t *general = json_object_get(json, "general"), *ice = json_object_get(json, "ice");
	if(general != NULL && !set_options(general_options, general, config, "general", error))
		return false;
	if(!check_limits(&config->limits, "general", general, error))
		return false;
	if(ice != NULL && (!set_options(ice_options, ice, config, "ice", error) || !check_servers(config, error)))
		return false;
	json_object_foreach((json_t *)json, category, value) {
		if(g_str_has_prefix(category, ROOM_PREFIX)) {
			if(!add_room(config, category, value, error))
				return false;
		} else if(value != general && value != ice) {
			return fail(error, category, NULL, "is neither general nor ice nor a room (%sNAME)", ROOM_PREFIX);
		}
	}
	return true;
}

portal_config *portal_config_new(const json_t *json, portal_config_error *error) {
	g_autoptr(portal_config) config = g_new0(portal_config, 1);
	config->rooms = g_ptr_array_new_with_free_func(room_config_free);
	config->events = true;
	config->ice.turn_ttl = find_in(ice_options, "turn_ttl")->standard;
	for(const config_option *option = limit_options; option->name != NULL; option++)
		*(json_int_t *)((char *)&config->limits + option->offset) = option->standard;
	if(!fill(config, json, error))
		return NULL;
	return g_steal_pointer(&config);
}

void portal_config_free(portal_config *config) {
	g_ptr_array_free(config->rooms, TRUE);
	g_free(config->admin_key);
	g_free(config->state_file);
	json_decref(config->ice.servers);
	g_free(config->ice.turn_secret);
	g_free(config);
}

void portal_config_error_clear(portal_config_error *error) {
	g_clear_pointer(&error->path, g_free);
	g_clear_pointer(&error->text, g_free);
}

json_t *portal_limits_json(const portal_limits *limits) {
	json_t *json = json_object();
	for(const config_option *option = limit_options; option->name != NULL; option++) {
		if(option->told)
			json_object_set_new(json, option->name,
				json_integer(*(const json_int_t *)((const char *)limits + option->offset)));
	}
	return json;
}
