/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file request.h
 * \brief What members may ask, and in which order it takes effect. */
#ifndef PORTAL_REQUEST_H
#define PORTAL_REQUEST_H

#include "call.h"

/*! \brief Handles one request of a peer.
 * \param transaction borrowed \param body borrowed; references to parts of it are kept
 * @returns the reply (owned by the caller), NULL if it waits for its turn and is answered by a push later */
json_t *portal_request_handle(portal_registry *registry, portal_peer *peer, const char *transaction, json_t *body);

#endif
