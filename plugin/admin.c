/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file admin.c
 * \brief The table of management requests. Janus has checked the admin secret before any of them gets here. */
#include "admin.h"

#include "event.h"
#include "list.h"

static json_t *handle_list(portal_call *call) {
	return portal_list_rooms(call, true);
}

static json_t *handle_listmembers(portal_call *call) {
	const portal_room *room = portal_call_room(call);
	return room == NULL ? NULL : portal_list_members(call, room);
}

static const portal_field list_fields[] = { PORTAL_PAGE_FIELDS, { 0 } };
static const portal_field listmembers_fields[] = {
	{ .name = "room", .type = PORTAL_TYPE_NAME, .required = true, .min = 1, .max = PORTAL_ROOM_MAX },
	PORTAL_PAGE_FIELDS,
	{ 0 },
};

static const portal_request requests[] = {
	{ .name = "list", .fields = list_fields, .handler = handle_list },
	{ .name = "listmembers", .fields = listmembers_fields, .handler = handle_listmembers },
	{ 0 },
};

json_t *portal_admin_handle(portal_registry *registry, const json_t *body) {
	portal_call call = { .registry = registry, .body = body };
	portal_call_look(&call);
	const portal_request *request = call.failure.error == PORTAL_OK ? portal_call_find(&call, requests) : NULL;
	return request == NULL ? portal_event_error(&call.failure) : portal_call_answer(&call, request);
}
