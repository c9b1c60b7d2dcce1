/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file ice.c
 * \brief Makes the credentials; when they are renewed is decided by registry.c. */
#include "ice.h"

#include <string.h>

static char *credential_of(const char *secret, const char *username) {
	g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)secret, strlen(secret));
	g_hmac_update(hmac, (const guchar *)username, -1);
	guint8 digest[20];
	gsize length = sizeof(digest);
	g_hmac_get_digest(hmac, digest, &length);
	return g_base64_encode(digest, length);
}

static bool is_turn(const json_t *url) {
	return g_str_has_prefix(json_string_value(url), "turn");
}

/* Whether it is a TURN server for which no credentials of its own were configured. */
static bool wants_credentials(const json_t *server) {
	const json_t *urls = json_object_get(server, "urls");
	bool turn = json_is_string(urls) && is_turn(urls);
	for(size_t i = 0; i < json_array_size(urls); i++)
		turn = is_turn(json_array_get(urls, i)) || turn;
	return turn && json_object_get(server, "credential") == NULL;
}

json_t *portal_ice_servers(const portal_ice_config *config, const char *id, gint64 now) {
	if(json_array_size(config->servers) == 0)
		return NULL;
	g_autofree char *username = g_strdup_printf("%" G_GINT64_FORMAT ":%s", now + (gint64)config->turn_ttl, id);
	g_autofree char *credential = config->turn_secret == NULL ? NULL : credential_of(config->turn_secret, username);
	json_t *servers = json_array(), *server;
	size_t i;
	json_array_foreach(config->servers, i, server) {
		json_t *told = json_copy(server);
		if(wants_credentials(server)) {
			json_object_set_new(told, "username", json_string(username));
			json_object_set_new(told, "credential", json_string(credential));
		}
		json_array_append_new(servers, told);
	}
	return servers;
}

bool portal_ice_expires(const portal_ice_config *config) {
	size_t i;
	json_t *server;
	json_array_foreach(config->servers, i, server) {
		if(wants_credentials(server))
			return true;
	}
	return false;
}
