/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file room.c
 * \brief The roster of a room travels as differences: each change is one small event for everybody else, and one version. */
#include "room.h"

#include <string.h>

#include "event.h"
#include "fields.h"

static gint compare_ids(gconstpointer one, gconstpointer other, gpointer unused) {
	(void)unused;
	return strcmp(one, other);
}

static void free_member(gpointer member) {
	portal_member_free(member);
}

static void take_options(portal_room *room, json_t *given, portal_room_options *options) {
	json_decref(room->given);
	g_clear_pointer(&room->limits_json, json_decref);
	g_clear_pointer(&room->options, portal_room_options_free);
	room->given = json_incref(given);
	room->options = options;
}

portal_room *portal_room_new(const portal_host *host, const char *name, json_t *given, portal_room_options *options,
		portal_stats *whole) {
	portal_room *room = g_new0(portal_room, 1);
	room->host = host;
	room->name = g_strdup(name);
	room->stats.whole = whole;
	take_options(room, given, options);
	room->members = g_tree_new_full(compare_ids, NULL, NULL, free_member);
	return room;
}

void portal_room_free(portal_room *room) {
	g_tree_destroy(room->members);
	g_free(room->name);
	json_decref(room->given);
	json_decref(room->limits_json);
	portal_room_options_free(room->options);
	portal_stats_clear(&room->stats);
	g_free(room);
}

guint portal_room_count(const portal_room *room) {
	return (guint)g_tree_nnodes(room->members);
}

portal_member *portal_room_find(const portal_room *room, const char *id) {
	return g_tree_lookup(room->members, id);
}

static size_t weight_of(const json_t *event) {
	size_t weight = 0;
	portal_weigh(event, PORTAL_DEPTH_CEILING, &weight);
	return weight;
}

/* In a room of very small backlogs people have to get in all the same. */
#define ROSTER_MIN 8192

/* The last quarter of a backlog is the roster's. Joining, changing and leaving may take a sixteenth of a backlog at once, and two more until
 * one that acknowledges nothing is ended; the last sixteenth is for those who come and go: each 30 times, 190 bytes, so with
 * the default limits it would take eleven of them together to fill it. */
static double roster_burst(const portal_room *room) {
	return (double)MAX(room->options->limits.max_backlog / 16, ROSTER_MIN);
}

static double roster_rate(const portal_room *room) {
	const portal_limits *limits = &room->options->limits;
	return 2 * roster_burst(room) / (double)MAX(limits->resume_timeout, limits->ack_timeout);
}

guint portal_room_take(portal_room *room, size_t weight) {
	gint64 now = room->host->now(room->host->context);
	guint wait = portal_bucket_wait(&room->told, (double)weight, roster_rate(room), roster_burst(room), now);
	double rate = (double)room->options->limits.room_rate;
	return wait > 0 ? wait : portal_bucket_take(&room->telling, 1, rate, rate, now);
}

#define RETURNS_BURST 20
#define RETURNS 10 /* more, in the time in which one may come back, or read nothing */

guint portal_room_take_return(portal_room *room, portal_member *member) {
	const portal_limits *limits = &room->options->limits;
	gint64 now = room->host->now(room->host->context);
	double own = (double)RETURNS / (double)MAX(limits->resume_timeout, limits->ack_timeout), rate = (double)limits->room_rate;
	guint wait = portal_bucket_wait(&member->returns, 1, own, RETURNS_BURST, now);
	if(wait == 0)
		wait = portal_bucket_take(&room->returns, 1, rate, rate, now);
	if(wait == 0)
		portal_bucket_charge(&member->returns, 1, own, now);
	return wait;
}

/* Everybody but one is told so much; it is counted once it is known. Of what cannot be refused (many leave, come and go, somebody
 * edits) no more is remembered than is gone again when all who were away, or read nothing, are back or ended. */
static void count_told(portal_room *room, size_t weight) {
	portal_bucket_charge(&room->told, (double)weight, roster_rate(room), room->host->now(room->host->context));
	room->told.spent = MIN(room->told.spent, 3 * roster_burst(room));
}

/* One event for everybody but one, by reference: the room's fan-out costs no copies. */
static void tell_others(portal_room *room, const portal_member *except, json_t *event) {
	size_t weight = weight_of(event);
	count_told(room, weight);
	for(GTreeNode *node = g_tree_node_first(room->members); node != NULL; node = g_tree_node_next(node)) {
		portal_member *member = g_tree_node_value(node);
		if(member != except)
			portal_member_tell(member, event, weight, room->version);
	}
}

void portal_room_add(portal_room *room, portal_member *member) {
	room->version++;
	/* What the receiver is towards the new member differs, so there are two of this event, and no more. */
	json_auto_t *polite = portal_event_shown(member, true), *to_polite = portal_event_joined(polite);
	json_auto_t *impolite = portal_event_shown(member, false), *to_impolite = portal_event_joined(impolite);
	size_t weight = weight_of(to_polite);
	count_told(room, weight);
	for(GTreeNode *node = g_tree_node_first(room->members); node != NULL; node = g_tree_node_next(node)) {
		portal_member *other = g_tree_node_value(node);
		bool is_polite = portal_member_is_polite(other, member);
		portal_member_tell_of(other, is_polite ? to_polite : to_impolite, PORTAL_EVENT_JOINED_LIST,
			is_polite ? polite : impolite, weight, room->version);
	}
	g_tree_insert(room->members, member->id, member);
}

void portal_room_remove(portal_room *room, portal_member *member, const char *reason) {
	room->version++;
	json_auto_t *event = portal_event_left(member, reason);
	g_tree_remove(room->members, member->id);
	tell_others(room, NULL, event);
}

void portal_room_away(portal_room *room, const portal_member *member) {
	room->version++;
	json_auto_t *event = portal_event_of("away", member);
	tell_others(room, member, event);
}

void portal_room_back(portal_room *room, const portal_member *member) {
	room->version++;
	json_auto_t *event = portal_event_of("back", member);
	tell_others(room, member, event);
}

void portal_room_changed(portal_room *room, const portal_member *member) {
	room->version++;
	json_auto_t *event = portal_event_changed(member);
	tell_others(room, member, event);
}

void portal_room_edit(portal_room *room, json_t *given, portal_room_options *options) {
	take_options(room, given, options);
	room->version++;
	json_auto_t *event = portal_event_room(room);
	tell_others(room, NULL, event);
}

static void tell_one(portal_room *room, portal_member *member, json_t *event) {
	portal_member_tell(member, event, weight_of(event), room->version);
	json_decref(event);
}

void portal_room_ask(portal_room *room, portal_member *member) {
	tell_one(room, member, portal_event_ask());
}

void portal_room_renew(portal_room *room, portal_member *member, json_t *ice_servers) {
	tell_one(room, member, portal_event_ice(ice_servers));
}
