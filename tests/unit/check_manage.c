/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may do what with rooms, and what becomes of it. */
#include "check_portal.h"

#include <glib/gstdio.h>
#include <string.h>

#include "fake_host.h"
#include "key.h"
#include "state_file.h"

static fake_host *fake;

#define CONFIG "{'general':{'admin_key':'master','max_rooms':5,'rate':100000,'burst':100000,'room_rate':100000}," \
	"'room-home':{'secret':'mine','pin':'12'},'room-open':{}}"

static void set_up_with(const char *config) {
	fake = fake_host_new(config);
}

static void set_up(void) {
	set_up_with(CONFIG);
}

static void tear_down(void) {
	fake_host_free(fake);
}

static portal_peer *new_peer(void) {
	return portal_attach(fake->core, NULL);
}

/* The same request, by message with the right key, and through the Admin API. */
static json_t *ask_master(const char *request) {
	json_auto_t *body = json_of(request);
	json_object_set_new(body, "admin_key", json_string("master"));
	return portal_handle(fake->core, new_peer(), "t", body);
}

static json_t *join_room(portal_peer *peer, const char *room, char letter, const char *more) {
	g_autofree char *key = g_strnfill(PORTAL_KEY_MIN, letter);
	g_autofree char *request = g_strdup_printf("{'request':'join','room':'%s','key':'%s'%s}", room, key, more);
	return ask(fake, peer, request);
}

static void refused_join(const char *room, char letter, const char *more, const char *code) {
	json_auto_t *reply = join_room(new_peer(), room, letter, more);
	ck_assert_msg(g_strcmp0(json_string_value(json_object_get(reply, "code")), code) == 0, "expected %s, got %s", code,
		json_dumps(reply, 0));
}

static portal_peer *joined(const char *room, char letter, const char *more) {
	portal_peer *peer = new_peer();
	json_auto_t *reply = join_room(peer, room, letter, more);
	ck_assert_msg(json_object_get(reply, "id") != NULL, "%s", json_dumps(reply, 0));
	return peer;
}

static bool has_text(const json_t *json, const char *text) {
	g_autofree char *all = json_dumps(json, JSON_ENCODE_ANY);
	return strstr(all, text) != NULL;
}

/* creating */

START_TEST(creating_needs_the_admin_key) {
	ck_refused(fake, new_peer(), "{'request':'create','room':'new'}", "unauthorized", "admin_key: is missing");
	ck_refused(fake, new_peer(), "{'request':'create','room':'new','admin_key':'mast'}", "unauthorized", "admin_key: is wrong");
	ck_refused(fake, new_peer(), "{'request':'create','room':'new','admin_key':5}", "invalid_field", "admin_key");
	ck_ask(fake, new_peer(), "{'request':'create','room':'new','admin_key':'master'}",
		"{'portal':'success','room':'new','permanent':false}");
	ck_refused(fake, new_peer(), "{'request':'create','room':'new','admin_key':'master'}", "room_exists", "new");
	ck_json(ask_admin(fake, "{'request':'create','room':'other'}"), "{'portal':'success','room':'other','permanent':false}");
	json_auto_t *wrong = ask_admin(fake, "{'request':'create','room':'third','admin_key':'wrong'}");
	ck_assert_str_eq(json_string_value(json_object_get(wrong, "code")), "unauthorized");
}
END_TEST

START_TEST(without_an_admin_key_only_the_admin_api_creates) {
	fake_host_free(fake);
	set_up_with("{'room-home':{}}");
	ck_refused(fake, new_peer(), "{'request':'create','room':'new'}", "unauthorized", "Admin API");
	ck_refused(fake, new_peer(), "{'request':'create','room':'new','admin_key':''}", "unauthorized", "wrong");
	ck_refused(fake, new_peer(), "{'request':'kick','room':'home','id':'7HxJTfbSp-o2Zo1lbmuJee'}", "unauthorized", "this room has none");
	ck_refused(fake, new_peer(), "{'request':'destroy','room':'home','secret':''}", "unauthorized", "wrong");
	ck_json(ask_admin(fake, "{'request':'create','room':'new'}"), "{'portal':'success','room':'new','permanent':false}");
}
END_TEST

START_TEST(a_room_is_made_as_it_was_asked_for) {
	json_decref(ask_master("{'request':'create','room':'new','description':'New','metadata':{'topic':'tests'},'pin':'34',"
		"'max_members':3,'locked':false,'unknown':1,'max_signal':2048}"));
	ck_ask(fake, new_peer(), "{'request':'list','after':'home','limit':1}", "{'portal':'success','next':'new','list':[{'room':'new',"
		"'description':'New','metadata':{'topic':'tests'},'num_members':0,'max_members':3,'pin_required':true,'locked':false}]}");
	refused_join("new", 'a', ",'pin':'35'", "wrong_pin");
	portal_peer *a = joined("new", 'a', ",'pin':'34'");
	g_autofree char *text = g_strnfill(2100, 'x');
	g_autofree char *request = g_strdup_printf("{'request':'relay','signals':[{'type':'x','payload':'%s'}]}", text);
	json_auto_t *reply = ask(fake, a, request);
	ck_assert(has_text(reply, "too_large")); /* by the room's own limit */
	json_auto_t *made = ask_master("{'request':'create'}");
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(made, "room"))), 12);
}
END_TEST

START_TEST(what_cannot_be_is_refused_and_makes_nothing) {
	const char *wrong[][2] = {
		{ "'max_members':1", "max_members: should" }, { "'pin':''", "pin: should" }, { "'locked':'perhaps'", "locked: should" },
		{ "'metadata':[]", "metadata: should" }, { "'allowed':[1]", "allowed: should" }, { "'secret':'sha256:x:12'", "secret: begins" },
		{ "'max_signal':1000000", "max_signal: does not fit" }, { "'description':7", "description: should" },
	};
	for(size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *request = g_strdup_printf("{'request':'create','room':'new','admin_key':'master',%s}", wrong[i][0]);
		ck_refused(fake, new_peer(), request, "invalid_field", wrong[i][1]);
	}
	ck_refused(fake, new_peer(), "{'request':'create','room':'ä','admin_key':'master'}", "invalid_field", "room");
	ck_refused(fake, new_peer(), "{'request':'create','room':'new','permanent':1,'admin_key':'master'}", "invalid_field", "permanent");
	ck_ask(fake, new_peer(), "{'request':'exists','room':'new'}", "{'portal':'success','room':'new','exists':false}");
	for(int i = 0; i < 3; i++)
		json_decref(ask_master("{'request':'create'}"));
	ck_refused(fake, new_peer(), "{'request':'create','admin_key':'master'}", "server_full", "rooms");
}
END_TEST

START_TEST(private_rooms_are_listed_for_the_admin_key) {
	json_decref(ask_master("{'request':'create','room':'hidden','is_private':true}"));
	json_auto_t *all = ask_master("{'request':'list'}"), *some = ask(fake, new_peer(), "{'request':'list'}");
	json_auto_t *admin = ask_admin(fake, "{'request':'list'}");
	ck_assert(has_text(all, "hidden") && has_text(admin, "hidden") && !has_text(some, "hidden"));
	ck_refused(fake, new_peer(), "{'request':'list','admin_key':'no'}", "unauthorized", "admin_key");
}
END_TEST

/* managing */

START_TEST(editing_needs_the_secret_or_the_admin_key) {
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home'}", "unauthorized", "secret: is missing");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'12'}", "unauthorized", "secret: is wrong");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'open','secret':'mine'}", "unauthorized", "secret: is wrong");
	ck_refused(fake, new_peer(), "{'request':'edit','secret':'mine'}", "missing_field", "room");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'attic','secret':'mine'}", "room_not_found", "attic");
	ck_ask(fake, new_peer(), "{'request':'edit','room':'home','secret':'mine'}", "{'portal':'success','room':'home','permanent':false}");
	json_auto_t *reply = ask_master("{'request':'edit','room':'open','new_description':'x'}");
	ck_assert(has_text(reply, "success"));
	json_auto_t *admin = ask_admin(fake, "{'request':'edit','room':'open','new_description':'y'}");
	ck_assert(has_text(admin, "success"));
	json_auto_t *wrong = ask_admin(fake, "{'request':'edit','room':'home','secret':'yours'}");
	ck_assert(has_text(wrong, "unauthorized"));
}
END_TEST

START_TEST(members_hear_of_edits_and_new_rules_hold) {
	portal_peer *a = joined("home", 'a', ",'pin':'12'");
	ck_ask(fake, a, "{'request':'edit','room':'home','secret':'mine','new_description':'D','new_locked':true,'new_pin':null,"
		"'new_metadata':{'m':1},'new_secret':'other'}", "{'portal':'success','room':'home','permanent':false}");
	ck_json(events(fake, a), "[{'event':'room','description':'D','metadata':{'m':1},'max_members':32,'pin_required':false,'locked':true}]");
	refused_join("home", 'b', "", "room_locked");
	portal_detach(fake->core, a);
	a = joined("home", 'a', ",'ack':1"); /* who was in it may come back */
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'mine'}", "unauthorized", "wrong");
	json_decref(ask(fake, a, "{'request':'edit','room':'home','secret':'other','new_locked':null,'new_description':null}"));
	json_decref(events(fake, a));
	joined("home", 'b', "");
	ck_refused(fake, a, "{'request':'edit','room':'home','secret':'other','new_max_members':'many'}", "invalid_field", "new_max_members: should");
}
END_TEST

START_TEST(destroying_tells_the_members_and_keeps_them_out_until_there_is_a_new_room) {
	portal_peer *a = joined("home", 'a', ",'pin':'12'"), *b = joined("home", 'b', ",'pin':'12'");
	portal_detach(fake->core, b);
	json_decref(events(fake, a));
	ck_ask(fake, new_peer(), "{'request':'destroy','room':'home','secret':'mine'}", "{'portal':'success','room':'home','permanent':false}");
	ck_json(pushed(fake, a), "[{'portal':'closed','reason':'room_destroyed'}]");
	ck_refused(fake, a, "{'request':'relay','signals':[]}", "room_not_set", "join");
	refused_join("home", 'a', "", "room_destroyed");
	refused_join("home", 'b', ",'ack':0", "room_destroyed");
	refused_join("home", 'c', "", "room_not_found");
	json_decref(ask_master("{'request':'create','room':'home'}"));
	joined("home", 'a', "");
	json_auto_t *stats = ask_admin(fake, "{'request':'stats'}");
	ck_assert_int_eq(json_integer_value(json_object_get(stats, "members")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(stats, "away")), 0);
}
END_TEST

START_TEST(who_destroys_its_own_room_gets_its_answer) {
	portal_peer *a = joined("home", 'a', ",'pin':'12'");
	ck_ask(fake, a, "{'request':'destroy','room':'home','secret':'mine'}", "{'portal':'success','room':'home','permanent':false}");
	ck_ask(fake, a, "{'request':'ping'}", "{'portal':'pong'}");
}
END_TEST

START_TEST(who_was_kicked_does_not_come_back_for_an_hour) {
	portal_peer *a = joined("open", 'a', ""), *b = joined("open", 'b', "");
	g_autofree char *kick = g_strdup_printf("{'request':'kick','room':'open','admin_key':'master','id':'%s'}", id_of('b'));
	json_decref(events(fake, a));
	ck_ask(fake, new_peer(), kick, "{'portal':'success'}");
	g_autofree char *left = g_strdup_printf("[{'event':'left','id':'%s','reason':'kicked'}]", id_of('b'));
	ck_json(events(fake, a), left);
	ck_json(pushed(fake, b), "[{'portal':'closed','reason':'kicked'}]");
	refused_join("open", 'b', "", "kicked");
	refused_join("open", 'b', ",'ack':0,'attempt':2", "kicked");
	joined("open", 'c', "");
	ck_refused(fake, new_peer(), kick, "member_not_found", "id");
	pass(fake, 3599 * 1000);
	refused_join("open", 'b', "", "kicked");
	pass(fake, 1000);
	joined("open", 'b', "");
}
END_TEST

START_TEST(who_is_away_can_be_kicked) {
	portal_peer *b = joined("open", 'b', "");
	portal_detach(fake->core, b);
	g_autofree char *kick = g_strdup_printf("{'request':'kick','room':'open','admin_key':'master','id':'%s'}", id_of('b'));
	ck_ask(fake, new_peer(), kick, "{'portal':'success'}");
	refused_join("open", 'b', ",'ack':0", "kicked");
}
END_TEST

START_TEST(only_so_many_are_remembered) {
	fake_host_free(fake);
	set_up_with("{'room-open':{'max_members':100000},'general':{'room_rate':1000000000,'max_backlog':1073741824}}");
	for(int i = 0; i <= 10000; i++) {
		g_autofree char *request = g_strdup_printf("{'request':'join','room':'open','key':'aaaaaaaaaaaaaaaaaaaaaa%d'}", i);
		portal_peer *peer = new_peer();
		json_auto_t *reply = ask(fake, peer, request);
		g_autofree char *kick = g_strdup_printf("{'request':'kick','room':'open','id':'%s'}",
			json_string_value(json_object_get(reply, "id")));
		json_decref(ask_admin(fake, kick));
		portal_detach(fake->core, peer);
	}
	ck_refused(fake, new_peer(), "{'request':'join','room':'open','key':'aaaaaaaaaaaaaaaaaaaaaa1'}", "kicked", "removed");
	json_auto_t *oldest = ask(fake, new_peer(), "{'request':'join','room':'open','key':'aaaaaaaaaaaaaaaaaaaaaa0'}");
	ck_assert(has_text(oldest, "success"));
}
END_TEST

/* tokens */

START_TEST(a_list_of_tokens_can_be_kept) {
	ck_json(ask_admin(fake, "{'request':'allowed','room':'open','action':'enable','allowed':['one','two']}"),
		"{'portal':'success','room':'open','enabled':true,'num_allowed':2,'permanent':false}");
	refused_join("open", 'a', "", "wrong_token");
	refused_join("open", 'a', ",'token':'three'", "wrong_token");
	g_autofree char *hash = portal_secret_hash("", "one");
	g_autofree char *as_token = g_strdup_printf(",'token':'%s'", hash);
	refused_join("open", 'a', as_token, "wrong_token"); /* whoever has seen the file has not seen the token */
	joined("open", 'a', ",'token':'two'");
	json_decref(ask_admin(fake, "{'request':'allowed','room':'open','action':'add','allowed':['three','one']}"));
	joined("open", 'b', ",'token':'three'");
	ck_json(ask_admin(fake, "{'request':'allowed','room':'open','action':'remove','allowed':['three','nine']}"),
		"{'portal':'success','room':'open','enabled':true,'num_allowed':2,'permanent':false}");
	refused_join("open", 'c', ",'token':'three'", "wrong_token");
	joined("open", 'c', ",'token':'one'");
	json_decref(ask_admin(fake, "{'request':'allowed','room':'open','action':'disable'}"));
	joined("open", 'd', "");
	json_auto_t *add = ask_admin(fake, "{'request':'allowed','room':'open','action':'add','allowed':['x']}");
	ck_assert(has_text(add, "enable"));
	json_auto_t *wrong = ask_admin(fake, "{'request':'allowed','room':'open','action':'toggle'}");
	ck_assert(has_text(wrong, "invalid_field"));
	ck_refused(fake, new_peer(), "{'request':'allowed','room':'open','action':'disable'}", "unauthorized", "admin_key");
}
END_TEST

START_TEST(signed_tokens_are_for_one_room_and_without_a_secret_nobody_has_one) {
	json_decref(ask_admin(fake, "{'request':'edit','room':'open','new_signed_tokens':true}"));
	refused_join("open", 'a', ",'token':'signed for room=open'", "wrong_token"); /* the host signs nothing */
	fake->signs = true;
	refused_join("open", 'a', "", "wrong_token");
	refused_join("open", 'a', ",'token':'signed for room=home'", "wrong_token");
	joined("open", 'a', ",'token':'signed for room=open'");
}
END_TEST

/* guessing */

START_TEST(a_peer_has_three_wrong_tries_and_then_one_in_two_seconds) {
	portal_peer *guesser = new_peer();
	for(int i = 0; i < 3; i++)
		ck_refused(fake, guesser, "{'request':'edit','room':'home','secret':'guess'}", "unauthorized", "wrong");
	ck_refused(fake, guesser, "{'request':'edit','room':'home','secret':'mine'}", "rate_limited", "wrong tries");
	json_auto_t *reply = join_room(guesser, "home", 'a', ",'pin':'12'");
	ck_assert(has_text(reply, "rate_limited"));
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "retry_after")), 2000);
	json_decref(ask(fake, new_peer(), "{'request':'edit','room':'home','secret':'mine'}"));
	pass(fake, 2000);
	json_auto_t *again = join_room(guesser, "home", 'a', ",'pin':'12'");
	ck_assert(has_text(again, "success"));
}
END_TEST

START_TEST(however_many_guess_only_one_try_a_second_is_looked_at) {
	for(int i = 0; i < 20; i++)
		ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'guess'}", "unauthorized", "wrong");
	joined("open", 'o', ",'token':'signed for room=open'"); /* another room's secrets are not concerned */
	for(int i = 0; i < 100; i++) {
		/* Nobody learns now whether a guess was right, or of what kind of secret it is. */
		ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'guess'}", "rate_limited", "wrong tries");
		ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'mine'}", "rate_limited", "wrong tries");
	}
	json_auto_t *reply = join_room(new_peer(), "home", 'a', ",'pin':'12'");
	ck_assert(has_text(reply, "rate_limited"));
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "retry_after")), 1000);
	json_decref(ask_admin(fake, "{'request':'edit','room':'home'}"));
	pass(fake, 999);
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'mine'}", "rate_limited", "wrong tries");
	pass(fake, 1);
	joined("home", 'a', ",'pin':'12'"); /* the right one uses no try up */
	ck_ask(fake, new_peer(), "{'request':'edit','room':'home','secret':'mine'}", "{'portal':'success','room':'home','permanent':false}");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'guess'}", "unauthorized", "wrong");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home','secret':'guess'}", "rate_limited", "wrong tries");
}
END_TEST

START_TEST(who_guesses_keeps_nobody_from_coming_back) {
	portal_peer *peer = joined("home", 'a', ",'pin':'12'");
	for(int i = 0; i < 21; i++)
		json_decref(join_room(new_peer(), "home", 'b', ",'pin':'guess'"));
	portal_detach(fake->core, peer);
	json_auto_t *reply = join_room(new_peer(), "home", 'a', "");
	ck_assert(json_is_true(json_object_get(reply, "resumed")));
}
END_TEST

/* Somebody guesses from other handles at the secrets of a room, or at the admin_key, until there is no try left. */
static void use_up_tries(const char *guess) {
	for(int i = 0; i < 20; i++)
		ck_refused(fake, new_peer(), guess, "unauthorized", "wrong");
	ck_refused(fake, new_peer(), guess, "rate_limited", "by whomever");
}

/* A few handles that guess on and on took every try, and the owner could not show out whose they were. */
START_TEST(who_has_managed_from_a_handle_is_not_kept_from_it_by_those_who_guess) {
	portal_peer *owner = new_peer();
	joined("home", 't', ",'pin':'12'");
	g_autofree char *kick = g_strdup_printf("{'request':'kick','room':'home','secret':'mine','id':'%s'}", id_of('t'));
	json_decref(ask(fake, owner, "{'request':'listmembers','room':'home','secret':'mine'}"));
	use_up_tries("{'request':'edit','room':'home','secret':'guess'}");
	ck_refused(fake, new_peer(), kick, "rate_limited", "by whomever"); /* nobody knows yet whose this handle is */
	ck_ask(fake, owner, kick, "{'portal':'success'}");
	/* Nothing else is open to it, */
	ck_refused(fake, owner, "{'request':'join','room':'home','pin':'12'}", "rate_limited", "by whomever");
	/* and once it is wrong it has to wait for a try, like everybody. */
	ck_refused(fake, owner, "{'request':'edit','room':'home','secret':'guess'}", "unauthorized", "wrong");
	ck_refused(fake, owner, "{'request':'edit','room':'home','secret':'mine'}", "rate_limited", "by whomever");
	/* The admin_key is another secret. */
	json_decref(ask(fake, owner, "{'request':'list','admin_key':'master'}"));
	use_up_tries("{'request':'list','admin_key':'guess'}");
	ck_refused(fake, new_peer(), "{'request':'stats','admin_key':'master'}", "rate_limited", "by whomever");
	json_auto_t *stats = ask(fake, owner, "{'request':'stats','admin_key':'master'}");
	ck_assert(has_text(stats, "success"));
	ck_refused(fake, owner, "{'request':'edit','room':'home','secret':'mine'}", "rate_limited", "by whomever");
}
END_TEST

START_TEST(what_a_handle_has_proven_counts_as_long_as_that_is_the_secret) {
	const char *old = "{'request':'edit','room':'attic','secret':'old'}", *guess = "{'request':'edit','room':'attic','secret':'guess'}";
	portal_peer *first = new_peer(), *second = new_peer();
	json_decref(ask_master("{'request':'create','room':'attic','secret':'old'}"));
	json_decref(ask(fake, first, old));
	json_decref(ask(fake, second, old));
	json_decref(ask(fake, second, "{'request':'edit','room':'attic','secret':'old','new_secret':'new'}"));
	use_up_tries(guess);
	ck_refused(fake, first, old, "rate_limited", "by whomever");
	/* Another room of that name, maybe at the same place in memory. */
	json_decref(ask_master("{'request':'destroy','room':'attic'}"));
	json_decref(ask_master("{'request':'create','room':'attic','secret':'other'}"));
	use_up_tries(guess);
	ck_refused(fake, second, old, "rate_limited", "by whomever");
	ck_refused(fake, second, "{'request':'edit','room':'attic','secret':'other'}", "rate_limited", "by whomever");
}
END_TEST

START_TEST(secrets_may_be_hashes) {
	fake_host_free(fake);
	set_up_with("{'general':{'admin_key':'sha256:salt:bbd2db92db49887c7cf100e224ebe6d91d91bed31ed2fe30bebdbe7f94de3c24'},"
		"'room-home':{'secret':'sha256:salt:bbd2db92db49887c7cf100e224ebe6d91d91bed31ed2fe30bebdbe7f94de3c24','pin':'sha256:salt:bbd2db92db49887c7cf100e224ebe6d91d91bed31ed2fe30bebdbe7f94de3c24'}}");
	ck_ask(fake, new_peer(), "{'request':'create','room':'new','admin_key':'open sesame'}",
		"{'portal':'success','room':'new','permanent':false}");
	ck_ask(fake, new_peer(), "{'request':'edit','room':'home','secret':'open sesame'}",
		"{'portal':'success','room':'home','permanent':false}");
	joined("home", 'a', ",'pin':'open sesame'");
	refused_join("home", 'b', ",'pin':'sha256:salt:bbd2db92db49887c7cf100e224ebe6d91d91bed31ed2fe30bebdbe7f94de3c24'", "wrong_pin");
}
END_TEST

START_TEST(hashes_match_what_they_were_made_of) {
	const char *hash = "sha256:salt:0000000000000000000000000000000000000000000000000000000000000000";
	ck_assert(portal_secret_is_hash(hash) && !portal_secret_matches(hash, "open sesame") && !portal_secret_matches(hash, hash));
	g_autofree char *made = portal_secret_hash("salt", "open sesame");
	ck_assert_str_eq(made, "sha256:salt:bbd2db92db49887c7cf100e224ebe6d91d91bed31ed2fe30bebdbe7f94de3c24");
	ck_assert(portal_secret_matches(made, "open sesame") && !portal_secret_matches(made, "open sesam"));
	g_autofree char *upper = g_ascii_strup(strrchr(made, ':') + 1, -1);
	g_autofree char *loud = g_strconcat("sha256:salt:", upper, NULL);
	ck_assert(portal_secret_matches(loud, "open sesame"));
	g_autofree char *same = portal_secret_hash("other", made);
	ck_assert_str_eq(same, made);
	ck_assert(portal_secret_matches("plain", "plain") && !portal_secret_matches("plain", "plai") && !portal_secret_matches("a", ""));
	ck_assert(!portal_secret_is_hash("sha256:salt:12") && portal_secret_claims_hash("sha256:salt:12"));
}
END_TEST

/* what outlives the server */

static json_t *snapshot(void) {
	portal_snapshot taken;
	return portal_snapshot_take(fake->core, &taken) ? taken.state : NULL;
}

START_TEST(permanent_rooms_are_there_again_and_their_secrets_are_hashes) {
	ck_assert_ptr_null(snapshot());
	json_decref(ask_master("{'request':'create','room':'brief'}"));
	ck_assert_ptr_null(snapshot());
	ck_json(ask_master("{'request':'create','room':'lasting','description':'L','secret':'hush','pin':'99','allowed':['tok'],'permanent':true}"),
		"{'portal':'success','room':'lasting','permanent':true}");
	json_decref(snapshot());
	json_decref(ask(fake, new_peer(), "{'request':'edit','room':'lasting','secret':'hush','new_max_members':7,'permanent':true}"));
	json_decref(snapshot());
	json_decref(ask(fake, new_peer(), "{'request':'edit','room':'lasting','secret':'hush','new_description':'gone tomorrow'}"));
	ck_assert_ptr_null(snapshot());
	json_decref(ask_admin(fake, "{'request':'edit','room':'brief','new_description':'B','permanent':true}"));
	json_auto_t *state = snapshot();
	ck_assert(!has_text(state, "hush") && !has_text(state, "99\"") && !has_text(state, "\"tok\"") && !has_text(state, "tomorrow"));
	fake_host_free(fake);
	set_up();
	char *error = NULL;
	ck_assert_msg(portal_restore(fake->core, state, &error), "%s", error);
	ck_assert_ptr_null(snapshot());
	ck_json(ask_admin(fake, "{'request':'list','after':'a','limit':1}"), "{'portal':'success','next':'brief','list':[{'room':'brief',"
		"'description':'B','num_members':0,'max_members':32,'pin_required':false,'locked':false}]}");
	ck_json(ask_admin(fake, "{'request':'list','after':'home','limit':1}"), "{'portal':'success','next':'lasting','list':[{'room':'lasting',"
		"'description':'L','num_members':0,'max_members':7,'pin_required':true,'locked':false}]}");
	refused_join("lasting", 'a', ",'pin':'99'", "wrong_token");
	joined("lasting", 'a', ",'pin':'99','token':'tok'");
	ck_json(ask(fake, new_peer(), "{'request':'destroy','room':'lasting','secret':'hush','permanent':true}"),
		"{'portal':'success','room':'lasting','permanent':true}");
	ck_json(snapshot(), "{'portal_state':1,'rooms':{'brief':{'description':'B'}}}");
}
END_TEST

START_TEST(a_room_that_is_destroyed_for_now_is_there_again_after_a_restart) {
	json_decref(ask_master("{'request':'create','room':'lasting','permanent':true}"));
	json_decref(snapshot());
	ck_json(ask_master("{'request':'destroy','room':'lasting'}"), "{'portal':'success','room':'lasting','permanent':false}");
	ck_assert_ptr_null(snapshot());
	json_decref(ask_master("{'request':'create','room':'second','permanent':true}"));
	ck_json(snapshot(), "{'portal_state':1,'rooms':{'lasting':{},'second':{}}}");
}
END_TEST

START_TEST(what_the_jcfg_says_is_changed_for_good_by_its_administrator_only) {
	const char *requests[] = { "{'request':'edit','room':'home','secret':'mine','new_pin':'1','permanent':true}",
		"{'request':'destroy','room':'home','secret':'mine','permanent':true}",
		"{'request':'allowed','room':'home','secret':'mine','action':'enable','permanent':true}" };
	for(size_t i = 0; i < G_N_ELEMENTS(requests); i++)
		ck_refused(fake, new_peer(), requests[i], "room_is_static", "permanent");
	joined("home", 'a', ",'pin':'12'");
	ck_assert_ptr_null(snapshot());
	/* One of the state with a name of the jcfg is not lost: who takes it out of the jcfg has it again. */
	char *error = NULL;
	json_auto_t *state = json_of("{'portal_state':1,'rooms':{'home':{'description':'of the state'}}}");
	ck_assert(portal_restore(fake->core, state, &error));
	ck_assert_ptr_nonnull(strstr(g_ptr_array_index(fake->log, fake->log->len - 1), "home was made permanent"));
	json_decref(ask_master("{'request':'create','room':'new','permanent':true}"));
	ck_json(snapshot(), "{'portal_state':1,'rooms':{'home':{'description':'of the state'},'new':{}}}");
}
END_TEST

/* Found by fuzzing (state): it was said to be permanent, and after a restart the room of the jcfg was there in its place. */
START_TEST(a_room_of_the_jcfg_that_was_destroyed_for_now_cannot_be_made_anew_for_good) {
	json_decref(ask_master("{'request':'destroy','room':'home'}"));
	ck_refused(fake, new_peer(), "{'request':'create','room':'home','admin_key':'master','permanent':true}", "room_is_static",
		"permanent");
	ck_json(ask_master("{'request':'create','room':'home'}"), "{'portal':'success','room':'home','permanent':false}");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'home','admin_key':'master','new_pin':'1','permanent':true}",
		"room_is_static", "permanent");
	ck_assert_ptr_null(snapshot());
}
END_TEST

/* Found by fuzzing (state): what was destroyed for now made place for more than a restart could bring back. */
START_TEST(no_more_rooms_are_permanent_than_a_restart_may_bring_back) {
	char *error = NULL;
	const char *names[] = { "a", "b", "c", "d", "e" };
	guint made = 0, fixed = portal_count_rooms(fake->core);
	for(size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *create = g_strdup_printf("{'request':'create','room':'%s','permanent':true}", names[i]);
		g_autofree char *destroy = g_strdup_printf("{'request':'destroy','room':'%s'}", names[i]);
		json_auto_t *reply = ask_master(create);
		bool taken = json_object_get(reply, "code") == NULL;
		if(!taken)
			ck_assert_str_eq(json_string_value(json_object_get(reply, "code")), "server_full");
		ck_assert_int_eq(taken, fixed + made < 5); /* max_rooms */
		made += taken;
		json_decref(ask_master(destroy));
	}
	/* Nor by an edit; but what is kept already may be changed for good. */
	json_decref(ask_master("{'request':'create','room':'brief'}"));
	ck_refused(fake, new_peer(), "{'request':'edit','room':'brief','admin_key':'master','new_pin':'1','permanent':true}", "server_full",
		"permanent");
	json_decref(ask_master("{'request':'create','room':'a'}"));
	ck_json(ask_master("{'request':'edit','room':'a','new_description':'A','permanent':true}"),
		"{'portal':'success','room':'a','permanent':true}");
	json_auto_t *state = snapshot();
	fake_host *next = fake_host_new(CONFIG);
	ck_assert_msg(portal_restore(next->core, state, &error), "%s", error);
	ck_assert_uint_eq(portal_count_rooms(next->core), 5);
	fake_host_free(next);
}
END_TEST

/* While a change is written a thread of Janus waits, and one owner had all of them wait, for everybody's requests. */
START_TEST(by_message_a_room_is_changed_for_good_only_so_often) {
	portal_peer *owner = new_peer();
	const char *edit = "{'request':'edit','room':'lasting','secret':'hush','new_description':'D','permanent':true}";
	const char *allow = "{'request':'allowed','room':'lasting','secret':'hush','action':'enable','permanent':true}";
	json_decref(ask_master("{'request':'create','room':'lasting','secret':'hush','permanent':true}"));
	json_decref(ask_master("{'request':'create','room':'other','secret':'hush','permanent':true}"));
	for(int i = 0; i < 10; i++)
		ck_json(ask(fake, owner, edit), "{'portal':'success','room':'lasting','permanent':true}");
	json_decref(snapshot());
	/* Whoever asks, and however; what is refused has changed nothing. */
	ck_refused(fake, new_peer(), allow, "rate_limited", "permanent");
	ck_refused(fake, new_peer(), "{'request':'edit','room':'lasting','admin_key':'master','new_pin':'1','permanent':true}",
		"rate_limited", "permanent");
	json_auto_t *reply = ask(fake, owner, edit);
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "retry_after")), 1000);
	ck_assert_ptr_null(snapshot());
	joined("lasting", 'a', "");
	/* What is not written is not concerned, nor other rooms, nor the Admin API. */
	ck_ask(fake, owner, "{'request':'edit','room':'lasting','secret':'hush','new_description':'for now'}",
		"{'portal':'success','room':'lasting','permanent':false}");
	ck_ask(fake, owner, "{'request':'edit','room':'other','secret':'hush','permanent':true}",
		"{'portal':'success','room':'other','permanent':true}");
	for(int i = 0; i < 20; i++)
		ck_json(ask_admin(fake, "{'request':'edit','room':'lasting','permanent':true}"),
			"{'portal':'success','room':'lasting','permanent':true}");
	pass(fake, 999);
	ck_refused(fake, owner, edit, "rate_limited", "permanent");
	pass(fake, 1);
	ck_json(ask(fake, owner, allow), "{'portal':'success','room':'lasting','enabled':true,'num_allowed':0,'permanent':true}");
	ck_refused(fake, owner, edit, "rate_limited", "permanent");
}
END_TEST

START_TEST(a_state_that_is_not_understood_is_refused_whole) {
	const char *wrong[][2] = {
		{ "{}", "no state" }, { "[]", "no state" }, { "{'portal_state':2,'rooms':{}}", "no state" },
		{ "{'portal_state':1}", "no state" }, { "{'portal_state':1,'rooms':{'good':{},'ba d':{}}}", "ba d" },
		{ "{'portal_state':1,'rooms':{'good':{},'bad':{'pinn':'1'}}}", "rooms.bad.pinn" },
		{ "{'portal_state':1,'rooms':{'good':{},'bad':7}}", "rooms.bad" },
		{ "{'portal_state':1,'rooms':{'1':{},'2':{},'3':{},'4':{}}}", "max_rooms" },
	};
	for(size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *error = NULL;
		json_auto_t *state = json_of(wrong[i][0]);
		ck_assert_msg(!portal_restore(fake->core, state, &error), "%s was taken", wrong[i][0]);
		ck_assert_msg(strstr(error, wrong[i][1]) != NULL, "%s: %s", wrong[i][0], error);
	}
	ck_assert_uint_eq(portal_count_rooms(fake->core), 2);
}
END_TEST

START_TEST(the_state_file_is_replaced_whole_and_read_whole) {
	g_autofree char *folder = g_dir_make_tmp("portal-XXXXXX", NULL), *path = g_build_filename(folder, "state.json", NULL);
	g_autofree char *nowhere = g_build_filename(folder, "none", "state.json", NULL), *error = NULL, *text = NULL;
	json_t *state = NULL;
	ck_assert(portal_state_read(path, &state, &error) && state == NULL);
	json_auto_t *first = json_of("{'a':1}"), *second = json_of("{'b':'ä'}");
	ck_assert(portal_state_write(path, first, &error) && portal_state_write(path, second, &error));
	ck_assert(portal_state_read(path, &state, &error));
	ck_json(state, "{'b':'ä'}");
	GStatBuf info;
	ck_assert_int_eq(g_stat(path, &info), 0);
	ck_assert_uint_eq(info.st_mode & 0777, 0600);
	ck_assert(!portal_state_write(nowhere, first, &error) && strstr(error, "No such file") != NULL);
	const char *broken[] = { "", "{", "{\"b\":1}{", "{\"b\":1,\"b\":2}", "portal" };
	for(size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
		g_clear_pointer(&error, g_free);
		ck_assert(g_file_set_contents(path, broken[i], -1, NULL));
		ck_assert_msg(!portal_state_read(path, &state, &error) && strstr(error, "state.json:") != NULL, "“%s” was read", broken[i]);
	}
	g_autoptr(GDir) listing = g_dir_open(folder, 0, NULL);
	ck_assert_str_eq(g_dir_read_name(listing), "state.json");
	ck_assert_ptr_null(g_dir_read_name(listing)); /* nothing else is left behind */
	g_unlink(path);
	g_rmdir(folder);
}
END_TEST

/* ICE servers */

START_TEST(members_get_credentials_of_their_own_which_are_renewed_in_time) {
	fake_host_free(fake);
	set_up_with("{'room-open':{},'ice':{'turn_secret':'north','servers':[{'urls':['stun:s.example:3478']},"
		"{'urls':['turn:t.example:3478','turns:t.example:5349']},{'urls':'turn:u.example','username':'u','credential':'c'}]}}");
	const char *expected = "[{'urls':['stun:s.example:3478']},{'urls':['turn:t.example:3478','turns:t.example:5349'],"
		"'username':'1700086401:7HxJTfbSp-o2Zo1lbmuJee','credential':'Tc5cHhFMyOMbgxzJ2cOF6vl2PRk='},"
		"{'urls':'turn:u.example','username':'u','credential':'c'}]";
	portal_peer *a = new_peer();
	json_auto_t *reply = join_room(a, "open", 'a', "");
	ck_json(json_incref(json_object_get(reply, "ice_servers")), expected);
	pass(fake, 86400 / 4 * 3 * 1000 - 1);
	ck_json(events(fake, a), "[]");
	pass(fake, 1);
	json_auto_t *renewed = events(fake, a);
	ck_assert_uint_eq(json_array_size(renewed), 1);
	ck_assert(has_text(renewed, "\"ice\"") && has_text(renewed, "1700151201:7HxJTfbSp-o2Zo1lbmuJee"));
	portal_detach(fake->core, a);
	json_auto_t *back = join_room(new_peer(), "open", 'a', ",'ack':0");
	ck_assert(has_text(back, "1700151201:7HxJTfbSp-o2Zo1lbmuJee") && has_text(back, "stun:s.example"));
}
END_TEST

START_TEST(who_is_away_is_not_told_of_new_credentials_but_gets_them_when_it_is_back) {
	fake_host_free(fake);
	set_up_with("{'room-open':{'resume_timeout':3600},'ice':{'turn_ttl':60,'turn_secret':'n','servers':[{'urls':['turn:t.example']}]}}");
	portal_peer *a = joined("open", 'a', "");
	portal_detach(fake->core, a);
	pass(fake, 600 * 1000);
	portal_peer *again = new_peer();
	json_auto_t *reply = join_room(again, "open", 'a', ",'ack':0");
	ck_assert(has_text(reply, "1700000661:"));
	ck_json(events(fake, again), "[]");
}
END_TEST

/* watching */

START_TEST(those_who_watch_are_told_what_happens) {
	json_decref(told(fake));
	json_decref(ask_master("{'request':'create','room':'new'}"));
	json_decref(ask_master("{'request':'edit','room':'new','new_description':'hush hush'}"));
	portal_peer *a = joined("new", 'a', ""), *b = joined("new", 'b', "");
	portal_detach(fake->core, b);
	b = joined("new", 'b', ",'ack':0");
	json_decref(ask(fake, a, "{'request':'relay','signals':[{'type':'x','payload':'hush hush'}]}"));
	json_decref(ask(fake, a, "{'request':'leave'}"));
	refused_join("home", 'c', ",'pin':'hush hush'", "wrong_pin");
	g_autofree char *kick = g_strdup_printf("{'request':'kick','room':'new','id':'%s'}", id_of('b'));
	json_decref(ask_master(kick));
	json_decref(ask_master("{'request':'destroy','room':'new'}"));
	json_auto_t *all = told(fake);
	ck_assert(!has_text(all, "hush"));
	g_autofree char *expected = g_strdup_printf("[{'event':'created','room':'new'},{'event':'edited','room':'new'},"
		"{'event':'joined','room':'new','id':'%s','num_members':1},{'event':'joined','room':'new','id':'%s','num_members':2},"
		"{'event':'away','room':'new','id':'%s'},{'event':'back','room':'new','id':'%s'},"
		"{'event':'left','room':'new','id':'%s','reason':'leave','num_members':1},"
		"{'event':'refused','request':'join','room':'home','code':'wrong_pin'},"
		"{'event':'kicked','room':'new','id':'%s'},{'event':'left','room':'new','id':'%s','reason':'kicked','num_members':0},"
		"{'event':'destroyed','room':'new','num_members':0}]", id_of('a'), id_of('b'), id_of('b'), id_of('b'), id_of('a'), id_of('b'),
		id_of('b'));
	ck_json(json_incref(all), expected);
}
END_TEST

START_TEST(refusals_are_told_ten_a_second_and_the_others_counted) {
	json_decref(told(fake));
	for(int i = 0; i < 25; i++)
		refused_join("attic", 'a', "", "room_not_found");
	json_auto_t *first = told(fake);
	ck_assert_uint_eq(json_array_size(first), 10);
	pass(fake, 1000);
	refused_join("attic", 'a', "", "room_not_found");
	ck_json(told(fake), "[{'event':'refused','request':'join','code':'room_not_found','suppressed':15}]");
}
END_TEST

START_TEST(stats_count_for_the_server_and_for_each_room) {
	portal_peer *a = joined("open", 'a', ""), *b = joined("open", 'b', "");
	joined("home", 'c', ",'pin':'12'");
	json_decref(ask(fake, a, "{'request':'relay','signals':[{'type':'x','payload':1},{'to':'nobody-has-this-id-000','type':'x','payload':1}]}"));
	fake->now += 5000; /* five milliseconds until it is pushed */
	json_decref(events(fake, b));
	portal_detach(fake->core, b);
	b = joined("open", 'b', ",'ack':0");
	json_decref(events(fake, b));
	refused_join("open", 'a', ",'attempt':0", "invalid_field");
	ck_refused(fake, new_peer(), "{'request':'stats'}", "unauthorized", "admin_key");
	ck_refused(fake, new_peer(), "{'request':'stats','room':'home'}", "unauthorized", "secret");
	json_auto_t *open = ask_admin(fake, "{'request':'stats','room':'open'}"), *all = ask_master("{'request':'stats'}");
	const char *counted[] = { "members", "joins", "signals", "deliveries", "resumes", "replays", "away", "slow" };
	json_int_t of_open[] = { 2, 2, 2, 1, 1, 1, 0, 0 }, of_all[] = { 3, 3, 2, 1, 1, 1, 0, 0 };
	for(size_t i = 0; i < G_N_ELEMENTS(counted); i++) {
		ck_assert_msg(json_integer_value(json_object_get(open, counted[i])) == of_open[i], "%s: %s", counted[i], json_dumps(open, 0));
		ck_assert_msg(json_integer_value(json_object_get(all, counted[i])) == of_all[i], "%s: %s", counted[i], json_dumps(all, 0));
	}
	ck_json(json_incref(json_object_get(open, "refusals")), "{'invalid_field':1,'member_not_found':1}");
	ck_json(json_incref(json_object_get(all, "refusals")), "{'invalid_field':1,'member_not_found':1,'unauthorized':2}");
	const json_t *latency = json_object_get(open, "latency"), *buckets = json_object_get(latency, "buckets");
	ck_assert_int_eq(json_integer_value(json_object_get(latency, "count")), 1);
	ck_assert(json_real_value(json_object_get(latency, "sum")) == 0.005);
	json_int_t counts[] = { 0, 0, 1, 1, 1, 1 };
	for(size_t i = 0; i < G_N_ELEMENTS(counts); i++)
		ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(buckets, i), "count")), counts[i]);
	ck_assert_int_eq(json_integer_value(json_object_get(all, "rooms")), 2);
}
END_TEST

/* limits of a room's own */

START_TEST(rooms_have_times_of_their_own) {
	json_decref(ask_master("{'request':'create','room':'slow','resume_timeout':60}"));
	json_decref(ask_master("{'request':'create','room':'quick','resume_timeout':2}"));
	portal_peer *a = joined("slow", 'a', ""), *b = joined("open", 'b', ""), *c = joined("quick", 'c', "");
	portal_detach(fake->core, a);
	portal_detach(fake->core, b);
	portal_detach(fake->core, c);
	const struct { gint64 at; int members; } expected[] = { { 1999, 3 }, { 1, 2 }, { 27999, 2 }, { 1, 1 }, { 29999, 1 }, { 1, 0 } };
	for(size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
		pass(fake, expected[i].at);
		json_auto_t *stats = ask_admin(fake, "{'request':'stats'}");
		ck_assert_int_eq(json_integer_value(json_object_get(stats, "members")), expected[i].members);
	}
}
END_TEST

START_TEST(rooms_have_rates_of_their_own) {
	json_decref(ask_master("{'request':'create','room':'calm','rate':1,'burst':2,'max_members':2,'max_display':3}"));
	portal_peer *a = joined("calm", 'a', "");
	json_decref(ask(fake, a, "{'request':'ping'}"));
	json_decref(ask(fake, a, "{'request':'ping'}"));
	ck_refused(fake, a, "{'request':'ping'}", "rate_limited", "Too much");
	refused_join("calm", 'b', ",'display':'Bob B.'", "too_large");
	joined("calm", 'b', ",'display':'Bob'");
	refused_join("calm", 'c', "", "room_full");
}
END_TEST

Suite *manage_suite(void) {
	Suite *suite = suite_create("manage");
	TCase *tests = tcase_create("rights");
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, creating_needs_the_admin_key);
	tcase_add_test(tests, without_an_admin_key_only_the_admin_api_creates);
	tcase_add_test(tests, a_room_is_made_as_it_was_asked_for);
	tcase_add_test(tests, what_cannot_be_is_refused_and_makes_nothing);
	tcase_add_test(tests, private_rooms_are_listed_for_the_admin_key);
	tcase_add_test(tests, editing_needs_the_secret_or_the_admin_key);
	tcase_add_test(tests, members_hear_of_edits_and_new_rules_hold);
	tcase_add_test(tests, destroying_tells_the_members_and_keeps_them_out_until_there_is_a_new_room);
	tcase_add_test(tests, who_destroys_its_own_room_gets_its_answer);
	tcase_add_test(tests, who_was_kicked_does_not_come_back_for_an_hour);
	tcase_add_test(tests, who_is_away_can_be_kicked);
	tcase_add_test(tests, only_so_many_are_remembered);
	tcase_add_test(tests, a_list_of_tokens_can_be_kept);
	tcase_add_test(tests, signed_tokens_are_for_one_room_and_without_a_secret_nobody_has_one);
	tcase_add_test(tests, a_peer_has_three_wrong_tries_and_then_one_in_two_seconds);
	tcase_add_test(tests, however_many_guess_only_one_try_a_second_is_looked_at);
	tcase_add_test(tests, who_guesses_keeps_nobody_from_coming_back);
	tcase_add_test(tests, who_has_managed_from_a_handle_is_not_kept_from_it_by_those_who_guess);
	tcase_add_test(tests, what_a_handle_has_proven_counts_as_long_as_that_is_the_secret);
	tcase_add_test(tests, secrets_may_be_hashes);
	tcase_add_test(tests, hashes_match_what_they_were_made_of);
	suite_add_tcase(suite, tests);
	TCase *state = tcase_create("state");
	tcase_add_checked_fixture(state, set_up, tear_down);
	tcase_add_test(state, permanent_rooms_are_there_again_and_their_secrets_are_hashes);
	tcase_add_test(state, a_room_that_is_destroyed_for_now_is_there_again_after_a_restart);
	tcase_add_test(state, what_the_jcfg_says_is_changed_for_good_by_its_administrator_only);
	tcase_add_test(state, a_room_of_the_jcfg_that_was_destroyed_for_now_cannot_be_made_anew_for_good);
	tcase_add_test(state, no_more_rooms_are_permanent_than_a_restart_may_bring_back);
	tcase_add_test(state, by_message_a_room_is_changed_for_good_only_so_often);
	tcase_add_test(state, a_state_that_is_not_understood_is_refused_whole);
	tcase_add_test(state, the_state_file_is_replaced_whole_and_read_whole);
	suite_add_tcase(suite, state);
	TCase *watching = tcase_create("watching");
	tcase_add_checked_fixture(watching, set_up, tear_down);
	tcase_add_test(watching, members_get_credentials_of_their_own_which_are_renewed_in_time);
	tcase_add_test(watching, who_is_away_is_not_told_of_new_credentials_but_gets_them_when_it_is_back);
	tcase_add_test(watching, those_who_watch_are_told_what_happens);
	tcase_add_test(watching, refusals_are_told_ten_a_second_and_the_others_counted);
	tcase_add_test(watching, stats_count_for_the_server_and_for_each_room);
	tcase_add_test(watching, rooms_have_times_of_their_own);
	tcase_add_test(watching, rooms_have_rates_of_their_own);
	suite_add_tcase(suite, watching);
	return suite;
}
