/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file registry.c
 * \brief Owns the rooms and counts their members. */
#include "registry.h"

#include <stdarg.h>
#include <string.h>

static gint compare_names(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	return strcmp(one, other);
}

static void free_room(gpointer room) {
	portal_room_free(room);
}

void portal_registry_init(portal_registry *registry, const portal_host *host, const portal_config *config) {
	*registry = (portal_registry) { .host = host, .limits = config->limits };
	registry->limits_json = portal_limits_json(&config->limits);
	registry->rooms = g_tree_new_full(compare_names, NULL, NULL, free_room);
	for(guint i = 0; i < config->rooms->len; i++) {
		portal_room *room = portal_room_new(g_ptr_array_index(config->rooms, i));
		g_tree_insert(registry->rooms, room->name, room);
	}
}

void portal_registry_clear(portal_registry *registry) {
	g_tree_destroy(registry->rooms);
	json_decref(registry->limits_json);
}

portal_room *portal_registry_find(const portal_registry *registry, const char *name) {
	return g_tree_lookup(registry->rooms, name);
}

void portal_registry_enter(portal_registry *registry, portal_member *member) {
	registry->members++;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "%s joined %s", member->id, member->room->name);
	portal_room_add(member->room, member);
}

void portal_registry_leave(portal_registry *registry, portal_member *member, const char *reason) {
	registry->members--;
	portal_registry_log(registry, PORTAL_LOG_VERBOSE, "%s left %s (%s)", member->id, member->room->name, reason);
	portal_room_remove(member->room, member, reason);
}

void portal_registry_log(const portal_registry *registry, portal_log_level level, const char *format, ...) {
	char line[512];
	va_list arguments;
	va_start(arguments, format);
	g_vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	registry->host->log(registry->host->context, level, line);
}
