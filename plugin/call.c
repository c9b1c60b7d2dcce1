/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file call.c
 * \brief The steps that every request takes, whoever sends it. */
#include "call.h"

#include <string.h>

#include "event.h"

size_t portal_call_look(portal_call *call) {
	const portal_limits *limits = &call->registry->limits;
	size_t weight = 0;
	if(!json_is_object(call->body))
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_JSON, "The request should be an object");
	else if(!portal_weigh(call->body, (int)limits->max_depth, &weight))
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_TOO_DEEP,
			"The request is nested deeper than %" JSON_INTEGER_FORMAT " levels", limits->max_depth);
	else if((json_int_t)weight > limits->max_request)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_TOO_LARGE,
			"The request is larger than %" JSON_INTEGER_FORMAT " bytes", limits->max_request);
	return call->failure.error == PORTAL_OK ? weight : 0;
}

const portal_request *portal_call_find(portal_call *call, const portal_request *table) {
	const json_t *name = portal_field_get(call->body, "request");
	if(name == NULL)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_MISSING_FIELD, "request: is missing");
	else if(!json_is_string(name))
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "request: should be a string");
	else {
		for(const portal_request *request = table; request->name != NULL; request++) {
			if(strcmp(request->name, json_string_value(name)) == 0)
				return request;
		}
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_UNKNOWN_REQUEST, "request: there is no %.40s", json_string_value(name));
	}
	return NULL;
}

json_t *portal_call_answer(portal_call *call, const portal_request *request) {
	json_t *reply = NULL;
	if(call->failure.error == PORTAL_OK && request->fields != NULL)
		portal_fields_check(request->fields, call->body, &call->registry->limits, &call->failure);
	if(call->failure.error == PORTAL_OK)
		reply = request->handler(call);
	if(reply != NULL)
		return reply;
	if(call->failure.error == PORTAL_OK)
		portal_fail(&call->failure, JANUS_PORTAL_ERROR_UNKNOWN_ERROR, "The reply could not be made");
	return portal_event_error(&call->failure);
}
