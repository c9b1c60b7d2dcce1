/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file relay.h
 * \brief Who gets a signal. */
#ifndef PORTAL_RELAY_H
#define PORTAL_RELAY_H

#include "call.h"

/*! \brief Relays the signals of the request, one after the other; one that is wrong does not spoil the rest. */
json_t *portal_relay(portal_call *call);

/*! \brief How many requests a relay counts for: one for each recipient of each signal, at least one. */
double portal_relay_cost(const portal_call *call);

#endif
