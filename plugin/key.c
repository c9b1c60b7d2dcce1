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
