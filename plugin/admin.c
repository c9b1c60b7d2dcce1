/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file admin.c
 * \brief The same requests as those of manage.c, from somebody who is no peer. Janus has checked the admin secret before any of
 * them gets here. */
#include "admin.h"

#include "event.h"
#include "manage.h"

static const portal_request *const tables[] = { portal_manage_requests, NULL };

json_t *portal_admin_handle(portal_registry *registry, const json_t *body) {
	portal_call call = { .registry = registry, .body = body };
	PORTAL_COUNT(&registry->stats, requests, 1);
	portal_call_look(&call);
	const portal_request *request = call.failure.error == PORTAL_OK ? portal_call_find(&call, tables) : NULL;
	return request == NULL ? portal_call_refusal(&call) : portal_call_answer(&call, request);
}
