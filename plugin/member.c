/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file member.c
 * \brief A member is its id, what the others see of it, its stream and the peer that it is reached through. */
#include "member.h"

#include <string.h>

portal_member *portal_member_new(portal_room *room, portal_peer *peer, const char *id, json_t *display, json_t *metadata) {
	portal_member *member = g_new0(portal_member, 1);
	g_strlcpy(member->id, id, sizeof(member->id));
	member->room = room;
	member->peer = peer;
	member->display = json_incref(display);
	member->metadata = json_incref(metadata);
	portal_stream_init(&member->stream);
	return member;
}

void portal_member_free(portal_member *member) {
	portal_peer_part(member->peer);
	portal_stream_clear(&member->stream);
	json_decref(member->display);
	json_decref(member->metadata);
	g_free(member);
}

void portal_member_tell(portal_member *member, json_t *event, size_t weight, guint64 version) {
	portal_stream_append(&member->stream, event, weight, version);
	portal_peer_wake(member->peer);
}

bool portal_member_is_polite(const portal_member *member, const portal_member *towards) {
	return strcmp(member->id, towards->id) > 0;
}
