/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file ended.c
 * \brief Bounded in time and number; who is forgotten early was ended long before 10,000 others. */
#include "ended.h"

#include <string.h>

#define ENDED_MAX 10000
#define ENDED_FOR (G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC)

typedef struct portal_ended {
	char *member; /* "room id" */
	portal_error error;
	gint64 until;
	GList place;
} portal_ended;

void portal_ended_init(portal_ended_list *list) {
	list->by_member = g_hash_table_new(g_str_hash, g_str_equal);
	g_queue_init(&list->order);
}

static void drop(portal_ended_list *list, portal_ended *ended) {
	g_hash_table_remove(list->by_member, ended->member);
	g_queue_unlink(&list->order, &ended->place);
	g_free(ended->member);
	g_free(ended);
}

static void drop_oldest(portal_ended_list *list, guint most, gint64 now) {
	portal_ended *oldest;
	while((oldest = g_queue_peek_head(&list->order)) != NULL && (list->order.length > most || oldest->until <= now))
		drop(list, oldest);
}

void portal_ended_clear(portal_ended_list *list) {
	drop_oldest(list, 0, 0);
	g_hash_table_destroy(list->by_member);
}

static char *name_of(const char *room, const char *id) {
	return g_strconcat(room, " ", id, NULL);
}

void portal_ended_remember(portal_ended_list *list, const char *room, const char *id, portal_error error, gint64 now) {
	g_autofree char *member = name_of(room, id);
	portal_ended *former = g_hash_table_lookup(list->by_member, member);
	if(former != NULL)
		drop(list, former);
	portal_ended *ended = g_new0(portal_ended, 1);
	*ended = (portal_ended) { .member = g_steal_pointer(&member), .error = error, .until = now + ENDED_FOR };
	ended->place.data = ended;
	g_hash_table_insert(list->by_member, ended->member, ended);
	g_queue_push_tail_link(&list->order, &ended->place);
	drop_oldest(list, ENDED_MAX, now);
}

portal_error portal_ended_find(portal_ended_list *list, const char *room, const char *id, gint64 now) {
	drop_oldest(list, ENDED_MAX, now);
	g_autofree char *member = name_of(room, id);
	const portal_ended *ended = g_hash_table_lookup(list->by_member, member);
	return ended == NULL ? PORTAL_OK : ended->error;
}

void portal_ended_forget_room(portal_ended_list *list, const char *room) {
	size_t length = strlen(room);
	for(GList *place = list->order.head, *next; place != NULL; place = next) {
		next = place->next;
		portal_ended *ended = place->data;
		if(strncmp(ended->member, room, length) == 0 && ended->member[length] == ' ')
			drop(list, ended);
	}
}
