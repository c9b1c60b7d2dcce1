/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several clients of one server: they attach, join, send, read, acknowledge, repeat themselves, lose their peers, come back
 * with right and wrong numbers, are thrown out; rooms come and go; time passes; and any JSON at all comes in between. An
 * input is a list of such steps (its first bytes choose the limits); whatever it says, truth.c knows what may come of it. */
#include <string.h>

#include "truth.h"

const char fuzz_target[] = "members";

#define STEPS 250
#define PEERS_MAX 10
#define KEYS 6
#define MEMBERS_AT_FIRST 3
#define WHOLE_EVERY 16 /* steps after which the core is asked for all that it knows of itself */
#define FLOOD 250

static const char *const rooms[] = { "home", "small", "hall", "cellar", "attic", "none", "no room" };
static const char *const pins[] = { "1", "2", "sha256::6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b" };
static const char *const secrets[] = { "s", "t", "" };
/* The last one is what is kept of the first: whoever has seen that has no token. */
static const char *const tokens[] = { "k1", "k2", "signed room=hall",
	"sha256::6ab9f1eb8f7d3388f4f9d586f66e99fd54080df2c446f0e58668b09c08a16dd0" };

static truth_whole *all;
static guint serial; /* in payloads, so that no two signals are the same */
static json_t *last_body; /* that was asked, and by whom */
static truth_peer *last_peer;

/* ----- Limits: small ones, so that they are reached */

static char *configuration(fuzz_input *input) {
	GString *text = g_string_new("{\"general\":{\"admin_key\":\"master\"");
	const struct { const char *name; json_int_t small, large; } limits[] = {
		{ "max_backlog", 16384, 65536 }, { "max_signal", 1024, 8192 }, { "max_request", 4096, 30000 }, { "max_signals", 3, 16 },
		{ "max_metadata", 100, 4000 }, { "max_display", 4, 128 }, { "max_depth", 8, 32 }, { "max_members", 3, 8 },
		{ "max_total_members", 4, 40 }, { "max_rooms", 5, 8 }, { "window", 3, 16 }, { "max_total_backlog", 20000, 10000000 },
		{ "ack_every", 1, 32 }, { "ack_timeout", 2, 30 }, { "rate", 1, 100000 }, { "burst", 3, 100000 },
		{ "byte_rate", 1024, 100000000 }, { "byte_burst", 8192, 100000000 }, { "room_rate", 1, 100000 },
			{ "resume_timeout", 0, 30 },
	};
	guint32 bits = fuzz_byte(input) | fuzz_byte(input) << 8 | fuzz_byte(input) << 16;
	/* Where rates are small, nothing else is ever reached: they are so in one input of four. */
	if(bits >> 22 != 3)
		bits &= ~(31u << 14);
	for(size_t i = 0; i < G_N_ELEMENTS(limits); i++)
		g_string_append_printf(text, ",\"%s\":%" JSON_INTEGER_FORMAT, limits[i].name,
			bits >> i & 1 ? limits[i].small : limits[i].large);
	g_string_append(text, "}");
	if(bits >> 20 & 1)
		g_string_append(text,
			",\"ice\":{\"turn_secret\":\"x\",\"turn_ttl\":" G_STRINGIFY(TURN_TTL)
			",\"servers\":[{\"urls\":\"turn:a\"},{\"urls\":[\"stun:b\"]}]}");
	g_string_append(text,
		",\"room-home\":{\"description\":\"Home\"},\"room-small\":{\"max_members\":2,\"window\":2,\"secret\":\"s\","
		"\"max_signal\":1024,\"max_backlog\":16384,\"pin\":\"1\"},"
		"\"room-hall\":{\"allowed\":[\"k1\"],\"is_private\":true,\"metadata\":{\"a\":[1]}}");
	if((bits >> 20 & 3) == 2) {
		/* A list that is large, so that a handle soon has a lot to read. */
		g_string_append(text, ",\"room-attic\":{\"metadata\":{\"a\":[0.5");
		for(int i = 0; i < 80; i++)
			g_string_append(text, ",0.5");
		g_string_append(text, "]}}");
	}
	g_string_append(text, "}");
	return g_string_free(text, FALSE);
}

/* ----- Whom, and what */

static truth_peer *take_peer(fuzz_input *input) {
	GPtrArray *peers = all->peers;
	return peers->len == 0 ? truth_attach(all) : g_ptr_array_index(peers, fuzz_below(input, peers->len));
}

/* A peer that has joined, if there is one: most of what can be asked is for those. */
static truth_peer *take_member(fuzz_input *input) {
	guint8 which = fuzz_byte(input);
	for(guint i = 0; i < all->peers->len; i++) {
		truth_peer *peer = g_ptr_array_index(all->peers, (which + i) % all->peers->len);
		if(peer->member != NULL)
			return peer;
	}
	return take_peer(input);
}

/* The keys are one letter each, repeated. */
static void key_of(guint which, char key[PORTAL_KEY_MIN + 1]) {
	memset(key, 'a' + (int)(which % KEYS), PORTAL_KEY_MIN);
	key[PORTAL_KEY_MIN] = '\0';
}

static json_t *id_json(guint which) {
	char key[PORTAL_KEY_MIN + 1], id[PORTAL_ID_LENGTH + 1];
	key_of(which, key);
	portal_id_of_key(key, id);
	return json_string(id);
}

static void ask(truth_peer *peer, json_t *body) {
	json_decref(last_body);
	last_body = json_incref(body);
	last_peer = peer;
	truth_ask(all, peer, body);
}

/* A number of the member's requests: none, the next, one of those round it, one that was done, or nonsense. */
static void add_seq(fuzz_input *input, const truth_peer *peer, json_t *body) {
	json_int_t done = peer->member == NULL ? 0 : (json_int_t)peer->member->done;
	guint8 kind = fuzz_byte(input) % 16;
	static const json_int_t steps[] = { 1, 1, 1, 1, 2, 2, 3, 4, 0, 0, -1, -3, 16 };
	if(kind < G_N_ELEMENTS(steps))
		json_object_set_new(body, "seq", json_integer(done + steps[kind]));
	else if(kind == 13)
		json_object_set_new(body, "seq", json_integer(G_MAXINT64));
}

/* What the member says to have: nothing, all that was pushed, or something that it cannot have. */
static void add_ack(fuzz_input *input, const truth_peer *peer, const truth_member *member, json_t *body) {
	json_int_t acked = member == NULL ? 0 : (json_int_t)member->acked;
	json_int_t pushed = member == NULL ? 0 : (json_int_t)member->told->len;
	guint8 kind = fuzz_byte(input) % 12;
	(void)peer;
	if(kind < 3)
		json_object_set_new(body, "ack", json_integer(pushed));
	else if(kind < 6)
		json_object_set_new(body, "ack", json_integer(MIN(acked + (kind - 3), pushed)));
	else if(kind == 6)
		json_object_set_new(body, "ack", json_integer(pushed + 1));
	else if(kind == 7)
		json_object_set_new(body, "ack", json_integer(acked - 1));
}

/* A value of about 45 bytes for each of so many elements. It has no long text, of which the fuzzer's build looks at every
 * comparison of every byte, each time that it is weighed. */
static json_t *heavy(guint elements) {
	json_t *value = json_array();
	json_array_append_new(value, json_integer(++serial));
	for(guint i = 0; i < elements; i++)
		json_array_append_new(value, json_real(0.5));
	return value;
}

static json_t *take_payload(fuzz_input *input) {
	static const guint sizes[] = { 0, 2, 6, 20, 22, 45, 90 };
	guint8 kind = fuzz_byte(input);
	size_t length;
	if(kind % 16 == 15) {
		const uint8_t *bytes = fuzz_bytes(input, kind / 16 * 4, &length);
		json_t *value = json_loadb((const char *)bytes, length, JSON_DECODE_ANY, NULL);
		return value != NULL ? value : json_null();
	}
	return kind % 16 < 8 ? json_integer(++serial) : heavy(sizes[kind % 8 % G_N_ELEMENTS(sizes)]);
}

static json_t *take_metadata(fuzz_input *input) {
	return json_pack("{s:o}", "looks", heavy(fuzz_below(input, 128)));
}

static void add_looks(fuzz_input *input, json_t *body) {
	guint8 kind = fuzz_byte(input);
	g_autofree char *name = g_strnfill(kind >> 4, 'n');
	if(kind & 1)
		json_object_set_new(body, "display", kind & 4 ? json_string(name) : json_null());
	if(kind & 2)
		json_object_set_new(body, "metadata", kind & 8 ? take_metadata(input) : json_null());
}

/* ----- Steps */

static void join(fuzz_input *input) {
	guint8 how = fuzz_byte(input), who = fuzz_byte(input), where = fuzz_byte(input);
	char key[PORTAL_KEY_MIN + 1], id[PORTAL_ID_LENGTH + 1];
	truth_peer *peer = how & 1 && all->peers->len < PEERS_MAX ? truth_attach(all) : take_peer(input);
	const char *room = rooms[where % 16 < 10 ? 0 : where % G_N_ELEMENTS(rooms)];
	json_t *body = json_pack("{s:s, s:s}", "request", "join", "room", room);
	key_of(who, key);
	portal_id_of_key(key, id);
	const truth_room *there = g_tree_lookup(all->rooms, room);
	const truth_member *member = there == NULL ? NULL : g_tree_lookup(there->members, id);
	if(who < 240)
		json_object_set_new(body, "key", json_string(key));
	if(how & 2)
		add_looks(input, body);
	if(how & 4 || (member != NULL && how & 8))
		add_ack(input, peer, member, body);
	if(how & 16)
		json_object_set_new(body, "attempt", json_integer((member == NULL ? 0 : (json_int_t)member->attempt) + (how >> 5) - 2));
	if(where & 16)
		json_object_set_new(body, "pin", json_string(pins[where >> 5 & 1]));
	if(where & 64)
		json_object_set_new(body, "token", json_string(tokens[where >> 7 | (where >> 4 & 2)]));
	ask(peer, body);
}

static json_t *take_recipients(fuzz_input *input) {
	guint8 kind = fuzz_byte(input);
	json_t *list = json_array();
	switch(kind % 8) {
	case 0:
	case 1:
	case 2:
		json_decref(list);
		return NULL;
	case 3:
	case 4:
		json_decref(list);
		return id_json(kind / 8);
	case 5:
		json_array_append_new(list, id_json(kind / 8));
		json_array_append_new(list, id_json(kind / 16));
		json_array_append_new(list, id_json(kind / 32));
		return list;
	case 6:
		for(guint i = 0; i < KEYS; i++)
			json_array_append_new(list, id_json(i));
		return list;
	default:
		if(kind > 128)
			json_array_append_new(list, json_string("nobody-has-this-id-000"));
		return list;
	}
}

static json_t *relay_body(fuzz_input *input) {
	guint8 shape = fuzz_byte(input);
	json_t *signals = json_array();
	for(guint count = shape % 4 == 0 ? shape / 4 % 8 : 1; count > 0; count--) {
		json_t *to = take_recipients(input);
		json_array_append_new(signals, json_pack("{s:o*, s:s, s:o}", "to", to, "type", shape == 255 ? "" : "x",
			"payload", take_payload(input)));
	}
	return json_pack("{s:s, s:o}", "request", "relay", "signals", signals);
}

static void relay(fuzz_input *input) {
	truth_peer *peer = take_member(input);
	json_t *body = relay_body(input);
	add_seq(input, peer, body);
	add_ack(input, peer, peer->member, body);
	ask(peer, body);
}

/* Several numbered requests, the first one last. */
static void relay_out_of_order(fuzz_input *input) {
	truth_peer *peer = take_member(input);
	guint count = 2 + fuzz_below(input, 4);
	guint64 done = peer->member == NULL ? 0 : peer->member->done;
	for(guint i = count; i > 0; i--) {
		json_t *body = relay_body(input);
		json_object_set_new(body, "seq", json_integer((json_int_t)(done + i)));
		ask(peer, body);
	}
}

static void ask_simply(fuzz_input *input, const char *request) {
	truth_peer *peer = take_member(input);
	json_t *body = json_pack("{s:s}", "request", request);
	if(strcmp(request, "configure") == 0)
		add_looks(input, body);
	if(strcmp(request, "configure") == 0 || strcmp(request, "leave") == 0)
		add_seq(input, peer, body);
	add_ack(input, peer, peer->member, body);
	ask(peer, body);
}

/* The clients read all that there is, some acknowledge it. */
static void read_all(fuzz_input *input) {
	guint8 who = fuzz_byte(input);
	for(guint i = 0; i < all->peers->len; i++) {
		truth_peer *peer = g_ptr_array_index(all->peers, i);
		while(truth_read(all, peer))
			;
		if(peer->member != NULL && who >> i % 8 & 1)
			truth_ask(all, peer, json_pack("{s:s, s:I}", "request", "ack", "ack", (json_int_t)peer->member->told->len));
		if(i >= all->peers->len)
			break;
	}
}

static void look_round(fuzz_input *input) {
	static const char *const names[] = { "list", "exists", "stats", "listmembers", "ping" };
	guint8 kind = fuzz_byte(input);
	json_t *body = json_pack("{s:s, s:s, s:s}", "request", names[kind % G_N_ELEMENTS(names)],
		"room", rooms[kind / 8 % G_N_ELEMENTS(rooms)],
		"ping", "here");
	if(kind & 64)
		json_object_set_new(body, "limit", json_integer(1 + kind / 16 % 4));
	if(kind & 16)
		json_object_set_new(body, "after", kind & 64 ? id_json(fuzz_byte(input))
			: json_string(rooms[fuzz_below(input, G_N_ELEMENTS(rooms))]));
	if(kind & 128)
		json_object_set_new(body, kind & 32 ? "admin_key" : "secret", json_string(kind & 32 ? "master" : "s"));
	ask(take_peer(input), body);
}

static void flood(fuzz_input *input) {
	guint8 kind = fuzz_byte(input);
	guint count = kind < 255 ? kind % 16 : FLOOD; /* a real one seldom, since it takes its time */
	truth_peer *peer = last_peer;
	json_auto_t *body = json_incref(last_body);
	for(guint i = 0; i < count && body != NULL && !all->lost; i++) {
		if(!g_ptr_array_find(all->peers, peer, NULL))
			return;
		/* The same request once more; a body that was asked is never changed. */
		truth_ask(all, peer, json_deep_copy(body));
	}
}

/* Any JSON, if these bytes are some; null if not. */
static json_t *take_json(fuzz_input *input) {
	size_t length;
	guint wanted = fuzz_byte(input) * 2u;
	const uint8_t *bytes = fuzz_bytes(input, wanted, &length);
	json_t *body = json_loadb((const char *)bytes, length, JSON_DECODE_ANY, NULL);
	return body != NULL ? body : json_null();
}

static void add_properties(fuzz_input *input, json_t *body, const char *prefix) {
	guint8 kind = fuzz_byte(input);
	static const char *const names[] = { "locked", "pin", "max_members", "description", "secret", "allowed", "window",
		"resume_timeout",
		"is_private", "rate", "burst", "max_backlog", "ack_timeout", "max_display" };
	for(guint count = kind % 3; count > 0; count--) {
		guint8 which = fuzz_byte(input);
		g_autofree char *name = g_strconcat(prefix, names[which % G_N_ELEMENTS(names)], NULL);
		guint8 value = fuzz_byte(input);
		switch(value % 6) {
		case 0:
			json_object_set_new(body, name, json_null());
			break;
		case 1:
			json_object_set_new(body, name, json_boolean(value & 16));
			break;
		case 2:
			json_object_set_new(body, name, json_integer(value & 128 ? 20000 + value : value / 6));
			break;
		case 3:
			json_object_set_new(body, name, json_pack("[s]", tokens[value / 8 % 2]));
			break;
		default:
			json_object_set_new(body, name, json_string(value & 8 ? pins[value / 16 % G_N_ELEMENTS(pins)]
				: secrets[value / 16 % 2]));
		}
	}
}

static json_t *management(fuzz_input *input) {
	guint8 kind = fuzz_byte(input);
	const char *room = rooms[kind / 8 % G_N_ELEMENTS(rooms)];
	json_t *body;
	switch(kind % 8) {
	case 0:
	case 1:
		/* One that names none is given a name. */
		body = json_pack("{s:s, s:s*}", "request", "create", "room", kind == 128 ? NULL : room);
		add_properties(input, body, "");
		break;
	case 2:
	case 3:
		body = json_pack("{s:s, s:s}", "request", "edit", "room", room);
		add_properties(input, body, "new_");
		break;
	case 4:
		body = json_pack("{s:s, s:s}", "request", "destroy", "room", room);
		break;
	case 5: {
		static const char *const actions[] = { "enable", "disable", "add", "remove" };
		guint8 which = fuzz_byte(input);
		body = json_pack("{s:s, s:s, s:s, s:[s]}", "request", "allowed", "room", room, "action", actions[which % 4],
			"allowed", tokens[which / 4 % G_N_ELEMENTS(tokens)]);
		break;
	}
	default:
		body = json_pack("{s:s, s:s, s:o}", "request", "kick", "room", room, "id", id_json(fuzz_byte(input)));
	}
	if(kind & 64)
		json_object_set_new(body, "permanent", json_true());
	return body;
}

static void manage(fuzz_input *input) {
	guint8 by = fuzz_byte(input);
	json_t *body = management(input);
	if(by & 1)
		json_object_set_new(body, "secret", json_string(secrets[by / 16 % G_N_ELEMENTS(secrets)]));
	if(by & 2)
		json_object_set_new(body, "admin_key", json_string(by & 4 ? "master" : "wrong"));
	if(by & 8)
		ask(take_peer(input), body);
	else
		truth_ask_admin(all, body);
}

/* What a field hardly ever is. */
static json_t *strange(guint8 kind) {
	static const char *const texts[] = { "", "x", "no name", "nobody-has-this-id-000", "\xc3\xa4", "sha256:" };
	json_t *value = json_integer(kind);
	g_autofree char *wide = g_strnfill(300, 'y');
	switch(kind % 16) {
	case 0:
		json_decref(value);
		return json_null();
	case 1:
		json_decref(value);
		return json_true();
	case 2:
		json_integer_set(value, -1);
		return value;
	case 3:
		json_integer_set(value, G_MAXINT64);
		return value;
	case 4:
		json_decref(value);
		return json_real(1.5);
	case 5: /* nested, deeper than anything may be */
		for(int i = 0; i < (kind & 16 ? 70 : 9); i++)
			value = json_pack("[o]", value);
		return value;
	case 6: {
		/* Characters of several bytes, to be cut somewhere in an error's text. */
		GString *text = g_string_new(kind & 16 ? "z" : "");
		for(int i = 0; i < 60; i++)
			g_string_append(text, "\xe2\x82\xac");
		json_decref(value);
		value = json_string(text->str);
		g_string_free(text, TRUE);
		return value;
	}
	case 7:
		json_decref(value);
		return json_string(wide);
	case 8:
		json_decref(value);
		return json_object();
	case 9:
		json_decref(value);
		return json_array();
	case 10:
		return json_pack("{s:o}", "a", value);
	case 11:
		return json_pack("[o]", value);
	case 12:
		return value;
	default:
		json_decref(value);
		return json_string(texts[kind / 16 % G_N_ELEMENTS(texts)]);
	}
}

/* The last request once more, with one field of it, or of its first signal, another one. */
static void twist(fuzz_input *input) {
	static const char *const names[] = { "request", "seq", "ack", "attempt", "room", "key", "display", "metadata",
		"pin", "token", "signals",
		"to", "type", "payload", "after", "limit", "action", "allowed", "id", "secret", "admin_key", "permanent", "ping" };
	guint8 which = fuzz_byte(input), kind = fuzz_byte(input);
	if(!json_is_object(last_body) || !g_ptr_array_find(all->peers, last_peer, NULL))
		return;
	json_t *body = json_deep_copy(last_body), *signal = json_array_get(json_object_get(body, "signals"), 0);
	json_t *object = which & 128 && json_is_object(signal) ? signal : body;
	const char *name = names[which % 32 % G_N_ELEMENTS(names)];
	if(which & 64 && kind % 16 == 0)
		json_object_del(object, name);
	else if(which & 32)
		json_array_insert_new(json_object_get(body, which & 64 ? "signals" : "allowed"), 0, strange(kind));
	else
		json_object_set_new(object, name, strange(kind));
	if(kind & 128 && which & 16)
		truth_ask_admin(all, body);
	else
		truth_ask(all, last_peer, body);
}

/* Everybody tries what is wrong: each a few times, until all together have no try left. */
static void guess(fuzz_input *input) {
	guint8 kind = fuzz_byte(input);
	for(guint i = 0; i < all->peers->len; i++) {
		json_t *body = kind & 1 ? json_pack("{s:s, s:s, s:s}", "request", "listmembers", "room", "small", "secret", "wrong")
			: kind & 2 ? json_pack("{s:s, s:s, s:s}", "request", "create", "room", "cellar", "admin_key", "wrong")
			: json_pack("{s:s, s:s, s:s}", "request", "join",
				"room", kind & 4 ? "small" : "hall", kind & 4 ? "pin" : "token", "wrong");
		ask(g_ptr_array_index(all->peers, i), body);
	}
}

static void step(fuzz_input *input) {
	static const guint16 times[] = { 1, 10, 100, 500, 1000, 2000, 5000, 31000 };
	guint8 action = fuzz_byte(input);
	switch(action % 32) {
	case 0:
		if(all->peers->len < PEERS_MAX)
			truth_attach(all);
		break;
	case 1:
	case 2:
		if(all->peers->len > 0)
			truth_detach(all, take_peer(input));
		break;
	case 3:
	case 4:
	case 5:
	case 6:
		join(input);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		relay(input);
		break;
	case 11:
		relay_out_of_order(input);
		break;
	case 12:
	case 13:
		ask_simply(input, "configure");
		break;
	case 14:
		ask_simply(input, "leave");
		break;
	case 15:
		ask_simply(input, "sync");
		break;
	case 16:
	case 17:
		ask_simply(input, "ack");
		break;
	case 18:
		look_round(input);
		break;
	case 19:
	case 20:
		truth_pass(all, times[action / 32 % G_N_ELEMENTS(times)] * (action % 32 == 20 ? 1 : 120));
		break;
	case 21:
	case 22:
	case 23:
		truth_read(all, take_member(input));
		break;
	case 24:
		read_all(input);
		break;
	case 25:
		ask(take_peer(input), take_json(input));
		break;
	case 26:
		truth_ask_admin(all, take_json(input));
		break;
	case 27:
	case 28:
		manage(input);
		break;
	case 29:
		flood(input);
		break;
	case 30:
		guess(input);
		break;
	default:
		if(action & 32)
			twist(input);
		else if(last_body != NULL && g_ptr_array_find(all->peers, last_peer, NULL))
			truth_ask(all, last_peer, json_deep_copy(last_body)); /* once more, as a client does that had no answer */
	}
}

/* Everybody reads all that there is: then each knows how its room is. */
static void conclude(void) {
	for(guint i = 0; i < all->peers->len; i++) {
		while(truth_read(all, g_ptr_array_index(all->peers, i)))
			;
	}
	truth_check(all, true);
	truth_check_views(all);
}

/* Many inputs find some members there: it is a long way to that by chance. */
static void begin(void) {
	for(guint who = 0; who < MEMBERS_AT_FIRST; who++) {
		char key[PORTAL_KEY_MIN + 1];
		key_of(who, key);
		ask(truth_attach(all), json_pack("{s:s, s:s, s:s}", "request", "join", "room", "home", "key", key));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_input input = { data, data + size };
	bool has_members = size > 1 && data[1] & 16; /* a bit that chooses nothing else that matters: ack_every */
	g_autofree char *config = configuration(&input);
	all = truth_new(config);
	serial = 0;
	last_peer = NULL;
	if(has_members)
		begin();
	for(guint i = 1; i <= STEPS && fuzz_more(&input) && !all->lost; i++) {
		step(&input);
		truth_check(all, i % WHOLE_EVERY == 0);
	}
	if(!all->lost)
		conclude();
	g_clear_pointer(&last_body, json_decref);
	truth_free(all);
	return 0;
}
