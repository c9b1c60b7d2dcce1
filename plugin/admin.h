/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file admin.h
 * \brief What may be asked through Janus's Admin API (`message_plugin`). */
#ifndef PORTAL_ADMIN_H
#define PORTAL_ADMIN_H

#include "call.h"

/*! \param body borrowed, may be NULL @returns the reply, owned by the caller */
json_t *portal_admin_handle(portal_registry *registry, const json_t *body);

#endif
