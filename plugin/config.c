/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file config.c
 * \brief Defaults and ranges of every option, and the rooms. Where the JSON comes from is not its business. */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "fields.h"

#define ROOM_PREFIX "room-"

typedef enum option_type {
	OPTION_INTEGER,
	OPTION_BOOLEAN,
	OPTION_STRING,
} option_type;

typedef struct config_option {
	const char *name;
	option_type type;
	size_t offset;
	json_int_t min, max; /* of an integer its value, of a string its bytes */
	json_int_t standard; /* default of an integer */
	bool told;           /* whether clients hear of it */
} config_option;

#define LIMIT(name, min, max, standard, told) { #name, OPTION_INTEGER, offsetof(portal_limits, name), min, max, standard, told }

static const config_option general_options[] = {
	LIMIT(max_signal, 1024, 16777216, 65536, true),
	LIMIT(max_signals, 1, 65536, 256, true),
	LIMIT(max_request, 4096, 67108864, 262144, true),
	LIMIT(max_metadata, 0, 1048576, 4096, true),
	LIMIT(max_display, 0, 65536, 128, true),
	LIMIT(max_depth, 8, PORTAL_DEPTH_CEILING, 32, true),
	LIMIT(max_members, 2, 100000, 32, false),
	LIMIT(max_rooms, 1, 1000000, 10000, false),
	LIMIT(max_total_members, 2, 10000000, 100000, false),
	LIMIT(window, 1, 65536, 256, true),
	LIMIT(max_backlog, 16384, 1073741824, 1048576, true),
	LIMIT(max_total_backlog, 16384, 1099511627776, 268435456, false),
	LIMIT(ack_every, 1, 65536, 32, true),
	LIMIT(ack_timeout, 1, 3600, 30, true),
	LIMIT(rate, 1, 1000000000, 200, true),
	LIMIT(burst, 1, 1000000000, 1000, true),
	LIMIT(byte_rate, 1024, 1099511627776, 1048576, true),
	LIMIT(byte_burst, 1024, 1099511627776, 4194304, true),
	LIMIT(room_rate, 1, 1000000000, 100, false),
	LIMIT(resume_timeout, 0, 3600, 30, false),
	{ 0 },
};

static const config_option room_options[] = {
	{ "description", OPTION_STRING, offsetof(portal_room_config, description), 0, 1024, 0, false },
	{ "pin", OPTION_STRING, offsetof(portal_room_config, pin), 1, 256, 0, false },
	{ "is_private", OPTION_BOOLEAN, offsetof(portal_room_config, is_private), 0, 0, 0, false },
	{ "locked", OPTION_BOOLEAN, offsetof(portal_room_config, locked), 0, 0, 0, false },
	{ "max_members", OPTION_INTEGER, offsetof(portal_room_config, max_members), 2, 100000, 0, false },
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

static const config_option *find_option(const config_option *options, const char *name) {
	for(const config_option *option = options; option->name != NULL; option++) {
		if(strcmp(option->name, name) == 0)
			return option;
	}
	return NULL;
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
				strcmp(category, "general") == 0 ? "general" : "a room");
		void *at = (char *)target + option->offset;
		bool set = option->type == OPTION_INTEGER ? set_integer(option, value, at, category, error)
			: option->type == OPTION_BOOLEAN ? set_boolean(option, value, at, category, error)
			: set_string(option, value, at, category, error);
		if(!set)
			return false;
	}
	return true;
}

static void room_config_free(void *data) {
	portal_room_config *room = data;
	g_free(room->room);
	g_free(room->description);
	g_free(room->pin);
	g_free(room);
}

static bool add_room(portal_config *config, const char *category, const json_t *json, portal_config_error *error) {
	const char *name = category + strlen(ROOM_PREFIX);
	if(!portal_is_name(name) || strlen(name) > PORTAL_ROOM_MAX)
		return fail(error, category, NULL, "a room's name has 1 to %d letters, digits, - and _", PORTAL_ROOM_MAX);
	if((json_int_t)config->rooms->len >= config->limits.max_rooms)
		return fail(error, category, NULL, "is one room more than general.max_rooms allows");
	portal_room_config *room = g_new0(portal_room_config, 1);
	g_ptr_array_add(config->rooms, room);
	room->room = g_strdup(name);
	room->max_members = config->limits.max_members;
	return set_options(room_options, json, room, category, error);
}

static bool fill(portal_config *config, const json_t *json, portal_config_error *error) {
	const char *category;
	json_t *value;
	json_t *general = json_object_get(json, "general");
	if(general != NULL && !set_options(general_options, general, &config->limits, "general", error))
		return false;
	/* Signals get three quarters of a backlog; one that does not fit into those would be refused for ever. */
	if(config->limits.max_backlog < 2 * config->limits.max_signal)
		return fail(error, "general", json_object_get(general, "max_backlog") != NULL ? "max_backlog" : "max_signal",
			"does not fit: max_backlog (%" JSON_INTEGER_FORMAT ") should be at least twice max_signal (%" JSON_INTEGER_FORMAT ")",
			config->limits.max_backlog, config->limits.max_signal);
	json_object_foreach((json_t *)json, category, value) {
		if(g_str_has_prefix(category, ROOM_PREFIX)) {
			if(!add_room(config, category, value, error))
				return false;
		} else if(value != general) {
			return fail(error, category, NULL, "is neither general nor a room (%sNAME)", ROOM_PREFIX);
		}
	}
	return true;
}

portal_config *portal_config_new(const json_t *json, portal_config_error *error) {
	g_autoptr(portal_config) config = g_new0(portal_config, 1);
	config->rooms = g_ptr_array_new_with_free_func(room_config_free);
	for(const config_option *option = general_options; option->name != NULL; option++)
		*(json_int_t *)((char *)&config->limits + option->offset) = option->standard;
	if(!fill(config, json, error))
		return NULL;
	return g_steal_pointer(&config);
}

void portal_config_free(portal_config *config) {
	g_ptr_array_free(config->rooms, TRUE);
	g_free(config);
}

void portal_config_error_clear(portal_config_error *error) {
	g_clear_pointer(&error->path, g_free);
	g_clear_pointer(&error->text, g_free);
}

json_t *portal_limits_json(const portal_limits *limits) {
	json_t *json = json_object();
	for(const config_option *option = general_options; option->name != NULL; option++) {
		if(option->told)
			json_object_set_new(json, option->name,
				json_integer(*(const json_int_t *)((const char *)limits + option->offset)));
	}
	return json;
}
