/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file key.h
 * \brief A member's key (secret, made by its client) and the id that follows from it (public).
 *
 * The id is base64url(SHA-256(key)), cut to 22 characters, 132 bits: nobody can take another's id, choose one, or come
 * from an id to a key, and the same key gives the same id after a restart of Janus. */
#ifndef PORTAL_KEY_H
#define PORTAL_KEY_H

#include <stdbool.h>

#include "host.h"

#define PORTAL_ID_LENGTH 22
#define PORTAL_KEY_MIN 22
#define PORTAL_KEY_MAX 64
#define PORTAL_MADE_KEY_LENGTH 32

/*! \brief Writes the id of a key. */
void portal_id_of_key(const char *key, char id[PORTAL_ID_LENGTH + 1]);

/*! \brief Makes a key, of 192 random bits, for a client that brought none. */
void portal_key_make(const portal_host *host, char key[PORTAL_MADE_KEY_LENGTH + 1]);

/*! \brief Compares two secrets in a time that tells nothing about either, not even their lengths. */
bool portal_secrets_equal(const char *one, const char *other);

/*! \brief Whether what somebody says is the secret that was kept, plain or as `sha256:<salt>:<hex>`: hex of the SHA-256 of the
 * salt followed by the secret. The time that it takes tells nothing about either. */
bool portal_secret_matches(const char *kept, const char *given);

/*! \brief Whether text is of the form that portal_secret_matches() takes for a hash; false also for a plain secret. */
bool portal_secret_is_hash(const char *text);

/*! \brief Whether text claims to be a hash, well-formed or not: then it is no plain secret. */
bool portal_secret_claims_hash(const char *text);

/*! \brief The same secret as a hash with a salt, which may be empty; one that is a hash already as it is. Owned by the caller. */
char *portal_secret_hash(const char *salt, const char *secret);

/*! \brief Writes the hex digits of so many random bytes and a NUL. */
void portal_random_hex(const portal_host *host, char *text, size_t bytes);

#endif
