/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file key.c
 * \brief Keys, ids and the comparison of secrets. Nothing here keeps or logs a secret. */
#include "key.h"

#include <glib.h>
#include <string.h>

#define DIGEST_LENGTH 32 /* SHA-256 */

static void digest_of(const char *text, guint8 digest[DIGEST_LENGTH]) {
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	g_checksum_update(checksum, (const guchar *)text, (gssize)strlen(text));
	gsize length = DIGEST_LENGTH;
	g_checksum_get_digest(checksum, digest, &length);
}

/* RFC 4648, section 5; writes the first `length` characters and a NUL */
static void base64url(const guint8 *bytes, size_t count, char *text, size_t length) {
	g_autofree char *base64 = g_base64_encode(bytes, count);
	g_strdelimit(base64, "+", '-');
	g_strdelimit(base64, "/", '_');
	g_assert(strlen(base64) >= length);
	memcpy(text, base64, length);
	text[length] = '\0';
}

void portal_id_of_key(const char *key, char id[PORTAL_ID_LENGTH + 1]) {
	guint8 digest[DIGEST_LENGTH];
	digest_of(key, digest);
	base64url(digest, sizeof(digest), id, PORTAL_ID_LENGTH);
}

void portal_key_make(const portal_host *host, char key[PORTAL_MADE_KEY_LENGTH + 1]) {
	guint8 bytes[PORTAL_MADE_KEY_LENGTH * 3 / 4];
	host->random(host->context, bytes, sizeof(bytes));
	base64url(bytes, sizeof(bytes), key, PORTAL_MADE_KEY_LENGTH);
}

bool portal_secrets_equal(const char *one, const char *other) {
	guint8 digest_one[DIGEST_LENGTH], digest_other[DIGEST_LENGTH];
	digest_of(one, digest_one);
	digest_of(other, digest_other);
	/* volatile: the compiler must not leave at the first difference */
	volatile guint8 difference = 0;
	for(int i = 0; i < DIGEST_LENGTH; i++)
		difference |= digest_one[i] ^ digest_other[i];
	return difference == 0;
}

#define HASH_PREFIX "sha256:"

bool portal_secret_claims_hash(const char *text) {
	return g_str_has_prefix(text, HASH_PREFIX);
}

/* The hex digits of a hash, NULL if text is none. */
static const char *digits_of(const char *text) {
	const char *salt = text + strlen(HASH_PREFIX);
	const char *colon = portal_secret_claims_hash(text) ? strchr(salt, ':') : NULL;
	if(colon == NULL || strlen(colon + 1) != 2 * DIGEST_LENGTH || colon[1 + strspn(colon + 1, "0123456789abcdefABCDEF")] != '\0')
		return NULL;
	return colon + 1;
}

bool portal_secret_is_hash(const char *text) {
	return digits_of(text) != NULL;
}

char *portal_secret_hash(const char *salt, const char *secret) {
	if(portal_secret_is_hash(secret))
		return g_strdup(secret);
	g_autofree char *salted = g_strconcat(salt, secret, NULL);
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, salted, -1);
	return g_strdup_printf(HASH_PREFIX "%s:%s", salt, hex);
}

bool portal_secret_matches(const char *kept, const char *given) {
	const char *digits = digits_of(kept);
	if(digits == NULL)
		return portal_secrets_equal(kept, given);
	const char *salt = kept + strlen(HASH_PREFIX);
	g_autofree char *salted = g_strdup_printf("%.*s%s", (int)(digits - 1 - salt), salt, given);
	g_autofree char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, salted, -1);
	g_autofree char *kept_hex = g_ascii_strdown(digits, -1);
	return portal_secrets_equal(kept_hex, hex);
}

void portal_random_hex(const portal_host *host, char *text, size_t bytes) {
	for(size_t i = 0; i < bytes; i++) {
		guint8 byte;
		host->random(host->context, &byte, 1);
		g_snprintf(text + 2 * i, 3, "%02x", byte);
	}
}
