/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fields.h
 * \brief Checks JSON that came from outside: how deep, how heavy, and field by field against a table. */
#ifndef PORTAL_FIELDS_H
#define PORTAL_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "error.h"

#define PORTAL_ROOM_MAX 64 /*!< characters of a room's name */

typedef enum portal_type {
	PORTAL_TYPE_ANY,
	PORTAL_TYPE_STRING,  /*!< min..max bytes */
	PORTAL_TYPE_NAME,    /*!< the same, only [A-Za-z0-9_-] */
	PORTAL_TYPE_INTEGER, /*!< min..max */
	PORTAL_TYPE_BOOLEAN,
	PORTAL_TYPE_OBJECT,  /*!< weight at most max */
	PORTAL_TYPE_ARRAY,   /*!< min..max elements */
} portal_type;

typedef struct portal_field {
	const char *name;
	portal_type type;
	bool required;
	json_int_t min, max; /*!< a max of 0 is none */
	size_t limit; /*!< PORTAL_LIMIT(…): the maximum is this one of the portal_limits instead; what is above is `too_large` */
} portal_field;

/* One more than the offset, so that an entry that says nothing has no limit. */
#define PORTAL_LIMIT(name) (offsetof(portal_limits, name) + 1)

/*! \brief Checks an object against a table that ends with a name of NULL.
 * Fields that the table does not know are ignored, so that old servers take new clients; `null` stands for absent.
 * The failure names the field. */
portal_error portal_fields_check(const portal_field *fields, const json_t *object, const portal_limits *limits,
	portal_failure *failure);

/*! \brief A field of an object, NULL if it is absent or null. Borrowed. */
json_t *portal_field_get(const json_t *object, const char *name);

/*! \brief A string field, NULL if absent, null or no string. Borrowed. */
const char *portal_field_string(const json_t *object, const char *name);

/*! \brief Whether text is at least one of [A-Za-z0-9_-] and nothing else. */
bool portal_is_name(const char *text);

/*! \brief Estimates how many bytes Janus's default (indented) writer makes of a value, and how deep it is nested.
 * A scalar has depth 0, `{}` has 1. Does not recurse, and stops at the first value that is too deep, so that it is safe on
 * anything that jansson could parse.
 * @returns false, with weight not set, if value is nested deeper than max_depth (at most PORTAL_DEPTH_CEILING) */
bool portal_weigh(const json_t *value, int max_depth, size_t *weight);

#endif
