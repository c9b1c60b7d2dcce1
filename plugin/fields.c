/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fields.c
 * \brief One place for types, lengths, ranges and sizes, so that every error text is made once and names its field. */
#include "fields.h"

#include <string.h>

/* A payload arrives in a push below four containers: the message, plugindata, data, events, and its own entry. Janus
 * indents by three blanks a level. */
#define INDENT 3
#define LEVELS_ABOVE 5

#define STEP 16

/* Whether so many bytes are written as they are, as nearly all of a payload is: a few instructions of a vector unit. */
static bool is_plain(const char *text) {
	unsigned char special = 0;
	for(int i = 0; i < STEP; i++) {
		unsigned char c = (unsigned char)text[i];
		special |= (c < 0x20) | (c == '"') | (c == '\\');
	}
	return special == 0;
}

static size_t string_weight(const char *text, size_t length) {
	size_t weight = length + 2;
	for(size_t i = 0, end; i < length; i = end) {
		end = MIN(i + STEP, length);
		if(end - i == STEP && is_plain(text + i))
			continue;
		for(; i < end; i++) {
			unsigned char c = (unsigned char)text[i];
			if(c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f')
				weight += 1;
			else if(c < 0x20)
				weight += 5;
		}
	}
	return weight;
}

static size_t scalar_weight(const json_t *value) {
	switch(json_typeof(value)) {
	case JSON_STRING:
		return string_weight(json_string_value(value), json_string_length(value));
	case JSON_INTEGER: {
		json_int_t number = json_integer_value(value);
		size_t digits = number < 0 ? 2 : 1;
		while(number /= 10)
			digits++;
		return digits;
	}
	case JSON_REAL:
		return 24; /* 17 digits, sign, point, exponent */
	default:
		return 5;
	}
}

/* How far the walk is in one container. */
typedef struct walk {
	json_t *container;
	void *iterator; /* of an object */
	size_t index;   /* of an array */
} walk;

/* The next element of a container, NULL at its end; adds what stands around it to the weight. */
static const json_t *next_element(walk *at, int depth, size_t *weight) {
	const json_t *element;
	if(json_is_array(at->container)) {
		element = json_array_get(at->container, at->index++);
	} else {
		at->iterator = at->iterator == NULL ? json_object_iter(at->container)
			: json_object_iter_next(at->container, at->iterator);
		element = at->iterator == NULL ? NULL : json_object_iter_value(at->iterator);
		if(element != NULL) {
			const char *key = json_object_iter_key(at->iterator);
			*weight += string_weight(key, strlen(key)) + 2;
		}
	}
	size_t indentation = 1 + INDENT * (size_t)(LEVELS_ABOVE + depth);
	*weight += element != NULL ? indentation + 1 : indentation - INDENT;
	return element;
}

bool portal_weigh(const json_t *value, int max_depth, size_t *weight) {
	walk walks[PORTAL_DEPTH_CEILING];
	size_t sum = 0;
	int depth = 0;
	g_assert(max_depth <= PORTAL_DEPTH_CEILING);
	const json_t *at = value;
	for(;;) {
		if(json_is_object(at) || json_is_array(at)) {
			if(depth == max_depth)
				return false;
			walks[depth++] = (walk) { .container = (json_t *)at };
			sum += 2;
		} else {
			sum += scalar_weight(at);
		}
		at = NULL;
		while(depth > 0 && (at = next_element(&walks[depth - 1], depth, &sum)) == NULL)
			depth--;
		if(at == NULL)
			break;
	}
	*weight = sum;
	return true;
}

bool portal_is_name(const char *text) {
	return text[0] != '\0' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")] == '\0';
}

json_t *portal_field_get(const json_t *object, const char *name) {
	json_t *value = json_object_get(object, name);
	return json_is_null(value) ? NULL : value;
}

const char *portal_field_string(const json_t *object, const char *name) {
	return json_string_value(json_object_get(object, name));
}

static const char *type_name(portal_type type) {
	switch(type) {
	case PORTAL_TYPE_STRING:
	case PORTAL_TYPE_NAME:
		return "a string";
	case PORTAL_TYPE_INTEGER:
		return "an integer";
	case PORTAL_TYPE_BOOLEAN:
		return "true or false";
	case PORTAL_TYPE_OBJECT:
		return "an object";
	case PORTAL_TYPE_ARRAY:
		return "an array";
	default:
		return "a value";
	}
}

static bool has_type(const portal_field *field, const json_t *value) {
	switch(field->type) {
	case PORTAL_TYPE_STRING:
	case PORTAL_TYPE_NAME:
		return json_is_string(value);
	case PORTAL_TYPE_INTEGER:
		return json_is_integer(value);
	case PORTAL_TYPE_BOOLEAN:
		return json_is_boolean(value);
	case PORTAL_TYPE_OBJECT:
		return json_is_object(value);
	case PORTAL_TYPE_ARRAY:
		return json_is_array(value);
	default:
		return true;
	}
}

static json_int_t size_of(const portal_field *field, const json_t *value) {
	switch(field->type) {
	case PORTAL_TYPE_STRING:
	case PORTAL_TYPE_NAME:
		return (json_int_t)json_string_length(value);
	case PORTAL_TYPE_INTEGER:
		return json_integer_value(value);
	case PORTAL_TYPE_ARRAY:
		return (json_int_t)json_array_size(value);
	default: {
		size_t weight = 0;
		return portal_weigh(value, PORTAL_DEPTH_CEILING, &weight) ? (json_int_t)weight : G_MAXINT64;
	}
	}
}

static const char *unit_of(portal_type type) {
	switch(type) {
	case PORTAL_TYPE_INTEGER:
		return "";
	case PORTAL_TYPE_ARRAY:
		return " elements";
	default:
		return " bytes";
	}
}

static portal_error check_field(const portal_field *field, const json_t *value, const portal_limits *limits,
		portal_failure *failure) {
	if(!has_type(field, value))
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD, "%s: should be %s", field->name, type_name(field->type));
	bool has_max = field->limit != 0 || field->max != 0;
	json_int_t max = field->limit == 0 ? field->max
		: *(const json_int_t *)((const char *)limits + field->limit - 1);
	json_int_t size = has_max || field->min != 0 ? size_of(field, value) : 0;
	if(has_max && size > max)
		return portal_fail(failure, field->limit != 0 ? JANUS_PORTAL_ERROR_TOO_LARGE : JANUS_PORTAL_ERROR_INVALID_FIELD,
			"%s: should be at most %" JSON_INTEGER_FORMAT "%s", field->name, max, unit_of(field->type));
	if(size < field->min)
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD,
			"%s: should be at least %" JSON_INTEGER_FORMAT "%s", field->name, field->min, unit_of(field->type));
	if(field->type == PORTAL_TYPE_NAME && !portal_is_name(json_string_value(value)))
		return portal_fail(failure, JANUS_PORTAL_ERROR_INVALID_FIELD,
			"%s: may hold letters, digits, - and _ only", field->name);
	return PORTAL_OK;
}

portal_error portal_fields_check(const portal_field *fields, const json_t *object, const portal_limits *limits,
		portal_failure *failure) {
	for(const portal_field *field = fields; field->name != NULL; field++) {
		const json_t *value = portal_field_get(object, field->name);
		if(value == NULL && field->required)
			return portal_fail(failure, JANUS_PORTAL_ERROR_MISSING_FIELD, "%s: is missing", field->name);
		if(value != NULL && check_field(field, value, limits, failure) != PORTAL_OK)
			return failure->error;
	}
	return PORTAL_OK;
}
