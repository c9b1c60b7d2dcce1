/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file ice.h
 * \brief The ICE servers that a member is told of, with credentials of its own for those that relay.
 *
 * Credentials follow the TURN REST convention (draft-uberti-behave-turn-rest-00, which coturn calls use-auth-secret): the
 * username is `<expiry>:<id>`, the credential base64(HMAC-SHA1(secret, username)), so the TURN server needs no list of users. */
#ifndef PORTAL_ICE_H
#define PORTAL_ICE_H

#include "config.h"

/*! \brief \param now seconds since 1970 @returns an array of RTCIceServer, NULL if there are none; owned by the caller */
json_t *portal_ice_servers(const portal_ice_config *config, const char *id, gint64 now);

/*! \brief Whether the credentials are the member's own, and so expire. */
bool portal_ice_expires(const portal_ice_config *config);

#endif
