/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file list.c
 * \brief A page ends at the client's limit or at 64 KiB, whichever comes first: a list must not become one huge message. */
#include "list.h"

#include "event.h"

#define PAGE_MAX_WEIGHT (64 * 1024)

/* Makes the entry of a tree's value, NULL if it is not to be seen. */
typedef json_t *(*entry_maker)(const void *value);

static json_t *page(const portal_call *call, const char *name, GTree *tree, entry_maker entry_of) {
	const char *after = portal_field_string(call->body, "after");
	const json_t *limit = portal_field_get(call->body, "limit");
	size_t most = limit == NULL ? G_MAXSIZE : (size_t)json_integer_value(limit);
	size_t weight = 0;
	const char *last = NULL, *next = NULL;
	json_t *list = json_array();
	GTreeNode *node = after == NULL ? g_tree_node_first(tree) : g_tree_upper_bound(tree, after);
	for(; node != NULL && next == NULL; node = g_tree_node_next(node)) {
		json_auto_t *entry = entry_of(g_tree_node_value(node));
		if(entry == NULL)
			continue;
		size_t own = 0;
		portal_weigh(entry, PORTAL_DEPTH_CEILING, &own);
		if(last != NULL && (json_array_size(list) == most || weight + own > PAGE_MAX_WEIGHT)) {
			next = last;
			break;
		}
		json_array_append(list, entry);
		weight += own;
		last = g_tree_node_key(node);
	}
	return portal_event_page(name, list, next);
}

static json_t *any_room(const void *value) {
	return portal_event_room_entry(value);
}

static json_t *public_room(const void *value) {
	const portal_room *room = value;
	return room->options->is_private ? NULL : portal_event_room_entry(room);
}

static json_t *any_member(const void *value) {
	return portal_event_member_entry(value);
}

json_t *portal_list_rooms(const portal_call *call, bool private_too) {
	return page(call, "list", call->registry->rooms, private_too ? any_room : public_room);
}

json_t *portal_list_members(const portal_call *call, const portal_room *room) {
	json_t *reply = page(call, "members", room->members, any_member);
	json_object_set_new(reply, "room", json_string(room->name));
	return reply;
}
