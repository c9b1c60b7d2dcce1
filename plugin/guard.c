/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file guard.c
 * \brief The only place where secrets are looked at. They are compared in a time that tells nothing, and get into no text. */
#include "guard.h"

#include "key.h"

/* Wrong tries of a peer, a second and at once. */
#define PEER_TRIES 0.5
#define PEER_TRIES_BURST 3

/* Wrong tries at the secrets of one room, or at the admin_key, by whomever, a second and at once. */
#define TRIES 1
#define TRIES_BURST 20

/* Whether this peer said this very secret when it managed last: it learns nothing by saying it again, so those who guess do not keep it
 * from managing. What is compared is the secret and not whose it was: a room that comes in the place of another has its own. */
static bool has_proven(const portal_peer *peer, const char *kept) {
	return kept != NULL && peer->proven != NULL && portal_secrets_equal(peer->proven, kept);
}

/* Whether this peer, and all peers together, have tries left. Asked before anything is compared, so that nobody learns anything
 * otherwise: a client sees Janus's `ack` of an answer that is only kept back, and takes another handle.
 * \param kept what is asked for, if it is one secret */
static portal_error check_tries(portal_call *call, const char *kept, portal_bucket *tries) {
	if(call->peer == NULL)
		return PORTAL_OK;
	gint64 now = portal_registry_now(call->registry);
	guint wait = portal_bucket_wait(&call->peer->tries, 1, PEER_TRIES, PEER_TRIES_BURST, now);
	if(wait > 0)
		return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
			"Too many wrong tries from this handle: try again later");
	wait = has_proven(call->peer, kept) ? 0 : portal_bucket_wait(tries, 1, TRIES, TRIES_BURST, now);
	if(wait > 0)
		return portal_fail_for_now(&call->failure, JANUS_PORTAL_ERROR_RATE_LIMITED, wait,
			"Too many wrong tries at this secret, by whomever: try again later");
	return PORTAL_OK;
}

/* Keeps what the peer has said rightly, NULL for nothing. */
static void keep_proven(portal_call *call, const char *kept) {
	if(call->peer == NULL || g_strcmp0(call->peer->proven, kept) == 0)
		return;
	g_free(call->peer->proven);
	call->peer->proven = g_strdup(kept);
}

/* Counts a wrong try at what `tries` belongs to. */
static void count_wrong(portal_call *call, portal_bucket *tries) {
	if(call->peer == NULL)
		return;
	gint64 now = portal_registry_now(call->registry);
	portal_bucket_charge(&call->peer->tries, 1, PEER_TRIES, now);
	portal_bucket_charge(tries, 1, TRIES, now);
	keep_proven(call, NULL);
}

/* Compares a field of the request, which is there, with what was kept, which may be NULL: that matches nothing. */
static portal_error check(portal_call *call, const char *field, const char *kept, portal_bucket *tries, portal_error error) {
	if(check_tries(call, kept, tries) != PORTAL_OK)
		return call->failure.error;
	if(kept != NULL && portal_secret_matches(kept, portal_field_string(call->body, field)))
		return PORTAL_OK;
	count_wrong(call, tries);
	return portal_fail(&call->failure, error, "%s: is wrong", field);
}

/* The same of what one manages with. */
static portal_error check_manager(portal_call *call, const char *field, const char *kept, portal_bucket *tries) {
	if(check(call, field, kept, tries, JANUS_PORTAL_ERROR_UNAUTHORIZED) == PORTAL_OK)
		keep_proven(call, kept);
	return call->failure.error;
}

static bool has(const portal_call *call, const char *field) {
	return portal_field_get(call->body, field) != NULL;
}

portal_error portal_guard_server(portal_call *call) {
	portal_registry *registry = call->registry;
	if(has(call, "admin_key"))
		return check_manager(call, "admin_key", registry->admin_key, &registry->tries);
	if(call->peer == NULL)
		return PORTAL_OK;
	return portal_fail(&call->failure, JANUS_PORTAL_ERROR_UNAUTHORIZED, registry->admin_key != NULL ? "admin_key: is missing"
		: "admin_key: this server has none, so this is for its Admin API only");
}

portal_error portal_guard_room(portal_call *call, portal_room *room) {
	if(has(call, "secret"))
		return check_manager(call, "secret", room->options->secret, &room->tries);
	if(has(call, "admin_key") || call->peer == NULL)
		return portal_guard_server(call);
	return portal_fail(&call->failure, JANUS_PORTAL_ERROR_UNAUTHORIZED, room->options->secret != NULL ? "secret: is missing"
		: "secret: this room has none, so it takes the admin_key");
}

static portal_error check_pin(portal_call *call, portal_room *room) {
	const char *pin = room->options->pin;
	if(pin == NULL)
		return PORTAL_OK;
	if(!has(call, "pin"))
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_WRONG_PIN, "pin: is missing, and this room has one");
	return check(call, "pin", pin, &room->tries, JANUS_PORTAL_ERROR_WRONG_PIN);
}

static bool is_allowed(const portal_call *call, const portal_room *room, const char *token) {
	const portal_room_options *options = room->options;
	if(options->allowed != NULL) {
		g_autofree char *hash = portal_secret_hash("", token);
		/* A hash that is sent in place of the token is not the token. */
		if(portal_secret_claims_hash(token) || !g_hash_table_contains(options->allowed, hash))
			return false;
	}
	if(!options->signed_tokens)
		return true;
	const portal_host *host = call->registry->census.host;
	g_autofree char *descriptor = g_strconcat("room=", room->name, NULL);
	return host->is_signed != NULL && host->is_signed(host->context, token, descriptor);
}

static portal_error check_token(portal_call *call, portal_room *room) {
	const char *token = portal_field_string(call->body, "token");
	if(room->options->allowed == NULL && !room->options->signed_tokens)
		return PORTAL_OK;
	if(token == NULL)
		return portal_fail(&call->failure, JANUS_PORTAL_ERROR_WRONG_TOKEN, "token: is missing, and this room wants one");
	if(check_tries(call, NULL, &room->tries) != PORTAL_OK || is_allowed(call, room, token))
		return call->failure.error;
	count_wrong(call, &room->tries);
	return portal_fail(&call->failure, JANUS_PORTAL_ERROR_WRONG_TOKEN, "token: is not one that this room takes");
}

portal_error portal_guard_entry(portal_call *call, portal_room *room) {
	return check_pin(call, room) != PORTAL_OK ? call->failure.error : check_token(call, room);
}
