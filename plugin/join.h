/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file join.h
 * \brief The request `join`. */
#ifndef PORTAL_JOIN_H
#define PORTAL_JOIN_H

#include "call.h"

extern const portal_field portal_join_fields[];

/*! \brief Joins, or takes up the membership that lives under the same key: on this peer, or from whichever peer has it. */
json_t *portal_join(portal_call *call);

#endif
