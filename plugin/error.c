/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file error.c
 * \brief Makes the text of a refusal, once, where it is noticed; event.c gives it its shape on the wire. */
#include "error.h"

#include <stdarg.h>

portal_error portal_fail(portal_failure *failure, portal_error error, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	g_vsnprintf(failure->text, sizeof(failure->text), format, arguments);
	va_end(arguments);
	/* Cutting may have split a character, and jansson takes whole UTF-8 only. */
	const char *end = NULL;
	if(!g_utf8_validate(failure->text, -1, &end))
		failure->text[end - failure->text] = '\0';
	failure->error = error;
	failure->retry_after = 0;
	return error;
}

portal_error portal_fail_for_now(portal_failure *failure, portal_error error, guint retry_after, const char *text) {
	portal_fail(failure, error, "%s", text);
	failure->retry_after = retry_after;
	return error;
}

static const portal_error all[] = {
#define PORTAL_ERROR_VALUE(name, number, code) JANUS_PORTAL_ERROR_##name,
	PORTAL_ERRORS(PORTAL_ERROR_VALUE)
#undef PORTAL_ERROR_VALUE
};

portal_error portal_error_at(guint index) {
	return all[index];
}

guint portal_error_index(portal_error error) {
	guint index = 0;
	while(index < PORTAL_ERROR_COUNT - 1 && all[index] != error)
		index++;
	return index;
}

const char *portal_error_code(portal_error error) {
	switch(error) {
#define PORTAL_ERROR_CASE(name, number, code) \
	case JANUS_PORTAL_ERROR_##name: \
		return code;
		PORTAL_ERRORS(PORTAL_ERROR_CASE)
#undef PORTAL_ERROR_CASE
	case PORTAL_OK:
		break;
	}
	return "ok";
}
