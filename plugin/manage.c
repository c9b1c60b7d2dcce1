/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file manage.c
 * \brief Creating, editing, destroying rooms, and looking at them. The properties of a room are read and judged by config.c,
 * the same whether they come from the jcfg, from a request or from the state file. */
#include "manage.h"

#include <string.h>

#include "event.h"
#include "guard.h"
#include "key.h"
#include "list.h"

#define MADE_NAME_BYTES 6

static json_t *handle_list(portal_call *call) {
	bool wants_all = portal_field_get(call->body, "admin_key") != NULL || call->peer == NULL;
	if(wants_all && portal_guard_server(call) != PORTAL_OK)
		return NULL;
	return portal_list_rooms(call, wants_all);
}

static json_t *handle_exists(portal_call *call) {
	const char *name = portal_field_string(call->body, "room");
	return portal_event_exists(name, portal_registry_find(call->registry, name) != NULL);
}

/* The room of the request, if the caller may manage it. */
static portal_room *managed_room(portal_call *call) {
	portal_room *room = portal_call_room(call);
	return room != NULL && portal_guard_room(call, room) == PORTAL_OK ? room : NULL;
}

static bool is_permanent(const portal_call *call) {
	return json_is_true(portal_field_get(call->body, "permanent"));
}

/* The jcfg is the administrator's: what it says holds again after a restart, so nobody may promise otherwise, not even of a
 * room that was destroyed for now and made anew. */
static portal_error check_static(portal_call *call, const char *name) {
	if(is_permanent(call) && portal_registry_is_static(call->registry, name))
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_IS_STATIC,
			"permanent: this room is in the jcfg, which is changed only by hand");
	return PORTAL_OK;
}

/* What is said to be kept must not keep the server from starting. */
static portal_error check_place(portal_call *call, const char *name) {
	if(is_permanent(call) && !portal_registry_may_save(call->registry, name))
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_SERVER_FULL,
			"permanent: with the rooms that come back after a restart the server has all that it may have");
	return PORTAL_OK;
}

/* Reads properties that a request has set; the failure names the field as the request does. */
static portal_room_options *read_options(portal_call *call, const json_t *given, const char *prefix) {
	portal_config_error wrong = { 0 };
	portal_room_options *options = portal_room_options_new(&call->registry->census.limits, "", given, &wrong);
	if(options != NULL)
		return options;
	const char *dot = strrchr(wrong.path, '.');
	portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "%s%s: %s", prefix, dot == NULL ? "" : dot + 1, wrong.text);
	portal_config_error_clear(&wrong);
	return NULL;
}

/* The same, and of what is secret only hashes are left. */
static portal_room_options *read_and_seal(portal_call *call, json_t *given, const char *prefix) {
	g_autoptr(portal_room_options) plain = read_options(call, given, prefix);
	if(plain == NULL)
		return NULL;
	portal_room_options_seal(given, call->registry->census.host);
	return read_options(call, given, prefix);
}

static json_t *handle_create(portal_call *call) {
	portal_registry *registry = call->registry;
	const char *name = portal_field_string(call->body, "room");
	char made[2 * MADE_NAME_BYTES + 1];
	if(portal_guard_server(call) != PORTAL_OK)
		return NULL;
	if(name == NULL) {
		portal_random_hex(registry->census.host, made, MADE_NAME_BYTES);
		name = made;
	}
	if(portal_registry_find(registry, name) != NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_ROOM_EXISTS, "There is a room %s already", name);
		return NULL;
	}
	if(check_static(call, name) != PORTAL_OK || check_place(call, name) != PORTAL_OK)
		return NULL;
	if((json_int_t)g_tree_nnodes(registry->rooms) >= registry->census.limits.max_rooms) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_SERVER_FULL, "The server has all the rooms that it may have");
		return NULL;
	}
	json_auto_t *given = portal_room_options_changed(NULL, call->body, "");
	portal_room_options *options = read_and_seal(call, given, "");
	if(options == NULL)
		return NULL;
	const portal_room *room = portal_registry_add_room(registry, name, given, options);
	if(is_permanent(call))
		portal_registry_save_room(registry, room);
	return portal_event_managed(room->name, is_permanent(call));
}

/* Changes of a room that are written, a second and at once: while the disk takes one, a thread of Janus waits that others need. */
#define SAVES 1
#define SAVES_BURST 10

static portal_error spend_on_saving(portal_call *call, portal_room *room) {
	if(call->peer == NULL || !is_permanent(call))
		return PORTAL_OK;
	guint wait = portal_bucket_take(&room->saves, 1, SAVES, SAVES_BURST, portal_registry_now(call->registry));
	return wait == 0 ? PORTAL_OK : portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
		"permanent: too many changes of this room at once: send it again later");
}

/* Gives the room other properties, for good if that is asked for. */
static json_t *change(portal_call *call, portal_room *room, json_t *given, const char *prefix) {
	g_autoptr(portal_room_options) options = check_place(call, room->name) == PORTAL_OK ? read_and_seal(call, given, prefix) : NULL;
	if(options == NULL || spend_on_saving(call, room) != PORTAL_OK)
		return NULL;
	portal_registry_edit_room(call->registry, room, given, g_steal_pointer(&options));
	if(is_permanent(call))
		portal_registry_save_room(call->registry, room);
	return portal_event_managed(room->name, is_permanent(call));
}

static json_t *handle_edit(portal_call *call) {
	portal_room *room = managed_room(call);
	if(room == NULL || check_static(call, room->name) != PORTAL_OK)
		return NULL;
	json_auto_t *given = portal_room_options_changed(room->given, call->body, "new_");
	return change(call, room, given, "new_");
}

static json_t *handle_destroy(portal_call *call) {
	portal_room *room = managed_room(call);
	if(room == NULL || check_static(call, room->name) != PORTAL_OK)
		return NULL;
	bool forgotten = is_permanent(call);
	if(forgotten)
		portal_registry_forget_room(call->registry, room->name);
	json_t *reply = portal_event_managed(room->name, forgotten);
	portal_registry_destroy_room(call->registry, room);
	return reply;
}

static json_t *handle_kick(portal_call *call) {
	portal_room *room = managed_room(call);
	if(room == NULL)
		return NULL;
	portal_member *member = portal_room_find(room, portal_field_string(call->body, "id"));
	if(member == NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_MEMBER_NOT_FOUND, "id: no such member in this room");
		return NULL;
	}
	portal_registry_kick(call->registry, member);
	return portal_event_success();
}

/* Position of a token's hash in a list of them, its length if it is not there. */
static size_t find_token(const json_t *hashes, const char *hash) {
	size_t i = 0;
	while(i < json_array_size(hashes) && strcmp(json_string_value(json_array_get(hashes, i)), hash) != 0)
		i++;
	return i;
}

/* Adds the tokens of the request to the list, or takes them out. */
static portal_error change_tokens(portal_call *call, json_t *hashes, bool add) {
	size_t i;
	json_t *token;
	json_array_foreach(json_object_get(call->body, "allowed"), i, token) {
		if(!json_is_string(token))
			return portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "allowed[%zu]: should be a string", i);
		g_autofree char *hash = portal_secret_hash("", json_string_value(token));
		size_t place = find_token(hashes, hash);
		if(add && place == json_array_size(hashes))
			json_array_append(hashes, token); /* in plain, so that its length is judged */
		else if(!add)
			json_array_remove(hashes, place);
	}
	return PORTAL_OK;
}

/* The list of hashes that a room has, sealed; empty if it has none. */
static json_t *tokens_of(const portal_room *room) {
	json_t *hashes = json_array();
	GHashTableIter iterator;
	void *hash;
	if(room->options->allowed == NULL)
		return hashes;
	g_hash_table_iter_init(&iterator, room->options->allowed);
	while(g_hash_table_iter_next(&iterator, &hash, NULL))
		json_array_append_new(hashes, json_string(hash));
	return hashes;
}

static json_t *handle_allowed(portal_call *call) {
	portal_room *room = managed_room(call);
	if(room == NULL || check_static(call, room->name) != PORTAL_OK)
		return NULL;
	const char *action = portal_field_string(call->body, "action");
	json_auto_t *given = json_copy(room->given), *tokens = tokens_of(room);
	bool enable = strcmp(action, "enable") == 0, disable = strcmp(action, "disable") == 0, add = strcmp(action, "add") == 0;
	if(!enable && !disable && !add && strcmp(action, "remove") != 0) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "action: should be enable, disable, add or remove");
		return NULL;
	}
	if(!enable && !disable && room->options->allowed == NULL) {
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "action: this room takes everybody; enable its list first");
		return NULL;
	}
	if(!disable && change_tokens(call, tokens, enable || add) != PORTAL_OK)
		return NULL;
	if(disable)
		json_object_del(given, "allowed");
	else
		json_object_set(given, "allowed", tokens);
	json_auto_t *changed = change(call, room, given, "");
	if(changed == NULL)
		return NULL;
	json_t *reply = portal_event_allowed(room);
	json_object_set(reply, "permanent", json_object_get(changed, "permanent"));
	return reply;
}

static json_t *handle_listmembers(portal_call *call) {
	const portal_room *room = managed_room(call);
	return room == NULL ? NULL : portal_list_members(call, room);
}

static json_t *handle_stats(portal_call *call) {
	if(portal_field_get(call->body, "room") == NULL)
		return portal_guard_server(call) == PORTAL_OK ? portal_event_stats(call->registry, NULL) : NULL;
	const portal_room *room = managed_room(call);
	return room == NULL ? NULL : portal_event_stats(call->registry, room);
}

#define ROOM_FIELD { .name = "room", .type = PORTAL_TYPE_NAME, .min = 1, .max = PORTAL_ROOM_MAX }
#define REQUIRED_ROOM_FIELD { .name = "room", .type = PORTAL_TYPE_NAME, .required = true, .min = 1, .max = PORTAL_ROOM_MAX }
#define PERMANENT_FIELD { .name = "permanent", .type = PORTAL_TYPE_BOOLEAN }

static const portal_field list_fields[] = { PORTAL_GUARD_FIELDS, PORTAL_PAGE_FIELDS, { 0 } };
static const portal_field exists_fields[] = { REQUIRED_ROOM_FIELD, { 0 } };
static const portal_field create_fields[] = { PORTAL_GUARD_FIELDS, ROOM_FIELD, PERMANENT_FIELD, { 0 } };
static const portal_field room_fields[] = { PORTAL_GUARD_FIELDS, REQUIRED_ROOM_FIELD, PERMANENT_FIELD, { 0 } };
static const portal_field stats_fields[] = { PORTAL_GUARD_FIELDS, ROOM_FIELD, { 0 } };
static const portal_field listmembers_fields[] = { PORTAL_GUARD_FIELDS, REQUIRED_ROOM_FIELD, PORTAL_PAGE_FIELDS, { 0 } };
static const portal_field kick_fields[] = {
	PORTAL_GUARD_FIELDS,
	REQUIRED_ROOM_FIELD,
	{ .name = "id", .type = PORTAL_TYPE_NAME, .required = true, .min = PORTAL_ID_LENGTH, .max = PORTAL_ID_LENGTH },
	{ 0 },
};
static const portal_field allowed_fields[] = {
	PORTAL_GUARD_FIELDS,
	REQUIRED_ROOM_FIELD,
	PERMANENT_FIELD,
	{ .name = "action", .type = PORTAL_TYPE_STRING, .required = true },
	{ .name = "allowed", .type = PORTAL_TYPE_ARRAY, .max = 1000 },
	{ 0 },
};

const portal_request portal_manage_requests[] = {
	{ .name = "list", .fields = list_fields, .handler = handle_list },
	{ .name = "exists", .fields = exists_fields, .handler = handle_exists },
	{ .name = "create", .fields = create_fields, .handler = handle_create, .watched = true },
	{ .name = "edit", .fields = room_fields, .handler = handle_edit, .watched = true },
	{ .name = "destroy", .fields = room_fields, .handler = handle_destroy, .watched = true },
	{ .name = "kick", .fields = kick_fields, .handler = handle_kick, .watched = true },
	{ .name = "allowed", .fields = allowed_fields, .handler = handle_allowed, .watched = true },
	{ .name = "listmembers", .fields = listmembers_fields, .handler = handle_listmembers, .watched = true },
	{ .name = "stats", .fields = stats_fields, .handler = handle_stats, .watched = true },
	{ 0 },
};
