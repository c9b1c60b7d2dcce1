/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file manage.h
 * \brief What may be asked of the rooms, by members, by those who manage them, and through the Admin API: the same for all. */
#ifndef PORTAL_MANAGE_H
#define PORTAL_MANAGE_H

#include "call.h"

extern const portal_request portal_manage_requests[];

#endif
