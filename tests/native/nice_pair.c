/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file nice_pair.c
 * \brief Two native ICE agents that find each other through janus.plugin.portal, which shows that it serves more than browsers.
 *
 * Both sides live in this process, but whatever one learns of the other travels through Janus: each has a session of its own
 * over Janus's Unix socket, a handle, and a membership in the room. Descriptions (ufrag and pwd) and candidates are numbered
 * relays, trickled one by one. Then bytes go both ways over the connection that ICE found, and are compared.
 *
 *     nice_pair SOCKET ROOM
 *
 * prints one line of JSON and ends with 0, or says on stderr what went wrong and ends with 1, after 20 seconds at the latest. */
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <jansson.h>
#include <nice/agent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLUGIN "janus.plugin.portal"
#define PATIENCE 20       /* seconds, for all */
#define KEEPALIVE 5       /* seconds */
#define RESEND 100        /* milliseconds until a chunk that may be lost goes out again */
#define REQUEST_MAX 8191  /* Janus drops what is longer without a word */
#define CHUNKS 64
#define CHUNK_SIZE 1000

typedef struct chunk {
	guint32 index;    /* big-endian, as is the next */
	guint32 received; /* how many chunks of the other its sender has */
	guint8 bytes[CHUNK_SIZE];
} chunk;

typedef struct side {
	const char *name;
	guint number;
	GSocket *socket;
	json_int_t session, handle;
	json_t *early;     /* pushes that came before the reply to join */
	char *id;          /* one's own; NULL before the reply to join */
	char *other;       /* the other's; NULL until it is known */
	guint64 seq;       /* of the last numbered request */
	guint64 n;         /* of the last event */
	guint unanswered;  /* numbered requests */
	guint signals_in;
	NiceAgent *agent;
	guint stream;
	bool described;    /* whether the other's description came */
	GQueue candidates; /* of char *, that came before it */
	guint received;    /* chunks of the other */
	guint confirmed;   /* own chunks that the other has */
	bool left;         /* the other did */
} side;

static const char *room;
static GMainLoop *loop;
static side sides[2] = { { .name = "ada", .number = 0 }, { .name = "bob", .number = 1 } };

static void fail(const char *format, ...) G_GNUC_PRINTF(1, 2) G_GNUC_NORETURN;
static void fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	g_autofree char *text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	g_printerr("nice_pair: %s\n", text);
	exit(1);
}

static void need(bool condition, const side *self, const char *what, const json_t *seen) {
	if(condition)
		return;
	g_autofree char *text = seen != NULL ? json_dumps(seen, JSON_COMPACT) : NULL;
	fail("%s: %s%s%s", self->name, what, text != NULL ? ": " : "", text != NULL ? text : "");
}

/* ---- Janus over its Unix socket ---- */

/* Sends one message (stolen); the transaction tells the answer's meaning. */
static void ask_janus(side *self, const char *transaction, json_t *message) {
	json_object_set_new(message, "transaction", json_string(transaction));
	if(self->session != 0)
		json_object_set_new(message, "session_id", json_integer(self->session));
	if(self->handle != 0)
		json_object_set_new(message, "handle_id", json_integer(self->handle));
	g_autofree char *text = json_dumps(message, JSON_COMPACT);
	need(strlen(text) <= REQUEST_MAX, self, "a request is too long for this transport", message);
	json_decref(message);
	g_autoptr(GError) error = NULL;
	if(g_socket_send(self->socket, text, strlen(text), NULL, &error) < 0)
		fail("%s: sending to Janus: %s", self->name, error->message);
}

static void ask_portal(side *self, const char *transaction, json_t *body) {
	ask_janus(self, transaction, json_pack("{s:s, s:o}", "janus", "message", "body", body));
}

/* A request that takes effect in its turn, however Janus shuffles what is sent without waiting. */
static void ask_numbered(side *self, json_t *body) {
	json_object_set_new(body, "seq", json_integer((json_int_t)++self->seq));
	self->unanswered++;
	ask_portal(self, "numbered", body);
}

static void relay(side *self, const char *type, json_t *payload) {
	ask_numbered(self, json_pack("{s:s, s:[{s:s, s:s, s:o}]}", "request", "relay",
		"signals", "to", self->other, "type", type, "payload", payload));
}

/* ---- ICE ---- */

static void add_candidate(side *self, const char *text) {
	NiceCandidate *candidate = nice_agent_parse_remote_candidate_sdp(self->agent, self->stream, text);
	if(candidate == NULL)
		fail("%s: not a candidate: %s", self->name, text);
	g_autoptr(GSList) list = g_slist_append(NULL, candidate);
	if(nice_agent_set_remote_candidates(self->agent, self->stream, 1, list) < 0)
		fail("%s: candidate refused: %s", self->name, text);
	nice_candidate_free(candidate);
}

static void take_description(side *self, const json_t *payload) {
	const char *ufrag = json_string_value(json_object_get(payload, "ufrag"));
	const char *pwd = json_string_value(json_object_get(payload, "pwd"));
	need(ufrag != NULL && pwd != NULL && !self->described, self, "a bad description", payload);
	if(!nice_agent_set_remote_credentials(self->agent, self->stream, ufrag, pwd))
		fail("%s: description refused", self->name);
	self->described = true;
	char *text;
	while((text = g_queue_pop_head(&self->candidates)) != NULL) {
		add_candidate(self, text);
		g_free(text);
	}
}

static void take_candidate(side *self, const json_t *payload) {
	if(json_is_null(payload)) {
		nice_agent_peer_candidate_gathering_done(self->agent, self->stream);
		return;
	}
	const char *text = json_string_value(json_object_get(payload, "candidate"));
	need(text != NULL, self, "a bad candidate", payload);
	if(self->described)
		add_candidate(self, text);
	else
		g_queue_push_tail(&self->candidates, g_strdup(text));
}

static void on_candidate(NiceAgent *agent, NiceCandidate *candidate, gpointer data) {
	g_autofree char *text = nice_agent_generate_local_candidate_sdp(agent, candidate);
	relay(data, "candidate", json_pack("{s:s}", "candidate", text));
}

static void on_gathered(NiceAgent *agent G_GNUC_UNUSED, guint stream G_GNUC_UNUSED, gpointer data) {
	relay(data, "candidate", json_null());
}

/* The bytes of a side's chunk of that index: both sides can make them, so the receiver can compare. */
static void fill_bytes(guint8 *bytes, guint sender, guint index) {
	guint32 seed[] = { sender, index };
	GRand *random = g_rand_new_with_seed_array(seed, G_N_ELEMENTS(seed));
	for(gsize i = 0; i < CHUNK_SIZE; i++)
		bytes[i] = (guint8)g_rand_int(random);
	g_rand_free(random);
}

/* Sends the first chunk that the other may not have. Datagrams get lost, so the clock calls this as well. */
static gboolean send_chunk(gpointer data) {
	side *self = data;
	guint index = MIN(self->confirmed, CHUNKS - 1);
	chunk it = { .index = g_htonl(index), .received = g_htonl(self->received) };
	fill_bytes(it.bytes, self->number, index);
	if(self->agent != NULL && nice_agent_get_component_state(self->agent, self->stream, 1) >= NICE_COMPONENT_STATE_CONNECTED)
		nice_agent_send(self->agent, self->stream, 1, sizeof(it), (const char *)&it);
	return G_SOURCE_CONTINUE;
}

static void leave_when_done(void) {
	if(sides[0].received == CHUNKS && sides[1].received == CHUNKS)
		ask_numbered(&sides[1], json_pack("{s:s}", "request", "leave"));
}

static void on_bytes(NiceAgent *agent G_GNUC_UNUSED, guint stream G_GNUC_UNUSED, guint component G_GNUC_UNUSED,
		guint length, char *bytes, gpointer data) {
	side *self = data;
	chunk came;
	need(length == sizeof(came), self, "a datagram of the wrong length", NULL);
	memcpy(&came, bytes, sizeof(came));
	guint index = g_ntohl(came.index), confirmed = g_ntohl(came.received);
	bool is_new = index == self->received, confirms = confirmed > self->confirmed;
	need(index <= self->received && confirmed <= CHUNKS, self, "a chunk that was not due", NULL);
	if(is_new) {
		guint8 expected[CHUNK_SIZE];
		fill_bytes(expected, 1 - self->number, index);
		need(memcmp(came.bytes, expected, CHUNK_SIZE) == 0, self, "the bytes are not those that were sent", NULL);
		self->received++;
	}
	self->confirmed = MAX(self->confirmed, confirmed);
	if(is_new || confirms)
		send_chunk(self);
	if(is_new)
		leave_when_done();
}

static void start_agent(side *self, bool polite) {
	self->agent = nice_agent_new_full(g_main_context_default(), NICE_COMPATIBILITY_RFC5245, NICE_AGENT_OPTION_ICE_TRICKLE);
	g_object_set(self->agent, "controlling-mode", !polite, "upnp", FALSE, "ice-tcp", FALSE, NULL);
	NiceAddress loopback;
	nice_address_init(&loopback);
	nice_address_set_from_string(&loopback, "127.0.0.1");
	nice_agent_add_local_address(self->agent, &loopback);
	g_signal_connect(self->agent, "new-candidate-full", G_CALLBACK(on_candidate), self);
	g_signal_connect(self->agent, "candidate-gathering-done", G_CALLBACK(on_gathered), self);
	self->stream = nice_agent_add_stream(self->agent, 1);
	nice_agent_attach_recv(self->agent, self->stream, 1, g_main_context_default(), on_bytes, self);
	g_autofree char *ufrag = NULL, *pwd = NULL;
	nice_agent_get_local_credentials(self->agent, self->stream, &ufrag, &pwd);
	relay(self, "description", json_pack("{s:s, s:s}", "ufrag", ufrag, "pwd", pwd));
	if(!nice_agent_gather_candidates(self->agent, self->stream))
		fail("%s: no candidates", self->name);
}

/* ---- what the plugin tells ---- */

static void meet(side *self, const json_t *member) {
	need(self->other == NULL, self, "a third member", member);
	const char *id = json_string_value(json_object_get(member, "id"));
	const json_t *polite = json_object_get(member, "polite");
	need(id != NULL && json_is_boolean(polite), self, "a bad member", member);
	self->other = g_strdup(id);
	start_agent(self, json_is_true(polite));
}

static void take_signal(side *self, const json_t *entry) {
	const char *from = json_string_value(json_object_get(entry, "from"));
	const char *type = json_string_value(json_object_get(entry, "type"));
	const json_t *payload = json_object_get(entry, "payload");
	need(g_strcmp0(from, self->other) == 0, self, "a signal of a stranger", entry);
	self->signals_in++;
	if(g_strcmp0(type, "description") == 0)
		take_description(self, payload);
	else if(g_strcmp0(type, "candidate") == 0)
		take_candidate(self, payload);
	else
		need(false, self, "a signal of an unknown type", entry);
}

static void finish_when_done(void) {
	if(sides[0].left && sides[0].unanswered == 0 && sides[1].unanswered == 0)
		g_main_loop_quit(loop);
}

static void take_entry(side *self, const json_t *entry) {
	const char *event = json_string_value(json_object_get(entry, "event"));
	if(g_strcmp0(event, "joined") == 0)
		meet(self, json_array_get(json_object_get(entry, "members"), 0));
	else if(g_strcmp0(event, "signal") == 0)
		take_signal(self, entry);
	else if(g_strcmp0(event, "left") == 0)
		self->left = true;
	else
		need(false, self, "an unknown event", entry);
}

static void take_push(side *self, json_t *data) {
	size_t index;
	json_t *entry;
	if(self->id == NULL) {
		json_array_append(self->early, data);
		return;
	}
	need(json_integer_value(json_object_get(data, "n")) == (json_int_t)self->n + 1, self, "an event out of its turn", data);
	json_array_foreach(json_object_get(data, "events"), index, entry) {
		self->n++;
		take_entry(self, entry);
	}
	finish_when_done();
}

static void take_joined(side *self, json_t *data) {
	size_t index;
	json_t *item;
	const char *id = json_string_value(json_object_get(data, "id"));
	need(id != NULL && self->id == NULL, self, "join failed", data);
	self->id = g_strdup(id);
	json_array_foreach(json_object_get(data, "members"), index, item)
		meet(self, item);
	json_array_foreach(self->early, index, item)
		take_push(self, item);
	json_array_clear(self->early);
}

static void take_answer(side *self, const char *transaction, json_t *data) {
	const char *portal = json_string_value(json_object_get(data, "portal"));
	const json_t *relayed = json_object_get(data, "relayed");
	need(g_strcmp0(portal, "success") == 0, self, "the plugin refused", data);
	if(g_strcmp0(transaction, "join") == 0) {
		take_joined(self, data);
		return;
	}
	need(relayed == NULL || json_integer_value(relayed) == 1, self, "a signal reached nobody", data);
	need(self->unanswered > 0, self, "an answer to nothing", data);
	self->unanswered--;
	finish_when_done();
}

/* ---- what Janus tells ---- */

static void take_success(side *self, const char *transaction, const json_t *frame) {
	json_int_t id = json_integer_value(json_object_get(json_object_get(frame, "data"), "id"));
	need(id != 0, self, "Janus gave no id", frame);
	if(g_strcmp0(transaction, "create") == 0) {
		self->session = id;
		ask_janus(self, "attach", json_pack("{s:s, s:s}", "janus", "attach", "plugin", PLUGIN));
	} else {
		self->handle = id;
		ask_portal(self, "join", json_pack("{s:s, s:s, s:s}", "request", "join", "room", room, "display", self->name));
	}
}

static void take_frame(side *self, const json_t *frame) {
	const char *janus = json_string_value(json_object_get(frame, "janus"));
	const char *transaction = json_string_value(json_object_get(frame, "transaction"));
	json_t *data = json_object_get(json_object_get(frame, "plugindata"), "data");
	if(g_strcmp0(janus, "ack") == 0)
		return; /* of a keepalive, or of a request whose answer has to wait */
	if(data != NULL && transaction != NULL)
		take_answer(self, transaction, data);
	else if(data != NULL)
		take_push(self, data);
	else if(g_strcmp0(janus, "success") == 0)
		take_success(self, transaction, frame);
	else
		need(false, self, "unexpected from Janus", frame);
}

static gboolean on_frame(GSocket *socket, GIOCondition condition G_GNUC_UNUSED, gpointer data) {
	static char buffer[256 * 1024];
	g_autoptr(GError) error = NULL;
	gssize length = g_socket_receive(socket, buffer, sizeof(buffer), NULL, &error);
	if(length <= 0)
		fail("%s: Janus hung up: %s", ((side *)data)->name, error != NULL ? error->message : "end of file");
	json_error_t problem;
	json_t *frame = json_loadb(buffer, (size_t)length, 0, &problem);
	if(frame == NULL)
		fail("%s: not JSON: %s", ((side *)data)->name, problem.text);
	take_frame(data, frame);
	json_decref(frame);
	return G_SOURCE_CONTINUE;
}

static void start_side(side *self, const char *path) {
	g_autoptr(GError) error = NULL;
	g_autoptr(GSocketAddress) address = g_unix_socket_address_new(path);
	self->early = json_array();
	g_queue_init(&self->candidates);
	self->socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_SEQPACKET, G_SOCKET_PROTOCOL_DEFAULT, &error);
	if(self->socket == NULL || !g_socket_connect(self->socket, address, NULL, &error))
		fail("%s: %s", path, error->message);
	GSource *source = g_socket_create_source(self->socket, G_IO_IN, NULL);
	g_source_set_callback(source, G_SOURCE_FUNC(on_frame), self, NULL);
	g_source_attach(source, NULL);
	g_source_unref(source);
	g_timeout_add(RESEND, send_chunk, self);
	ask_janus(self, "create", json_pack("{s:s}", "janus", "create"));
}

static void stop_side(side *self) {
	g_clear_object(&self->agent);
	g_clear_object(&self->socket);
	json_decref(self->early);
	g_queue_clear_full(&self->candidates, g_free);
	g_free(self->id);
	g_free(self->other);
}

static gboolean on_keepalive(gpointer data G_GNUC_UNUSED) {
	for(side *self = sides; self < sides + 2; self++) {
		if(self->session != 0)
			ask_janus(self, "keepalive", json_pack("{s:s}", "janus", "keepalive"));
	}
	return G_SOURCE_CONTINUE;
}

static gboolean on_timeout(gpointer data G_GNUC_UNUSED) {
	g_autoptr(GString) text = g_string_new(NULL);
	for(const side *self = sides; self < sides + 2; self++)
		g_string_append_printf(text, "\n  %s: %s, %s the other, %u signals, %u unanswered, ICE %s, %u of %d chunks", self->name,
			self->id != NULL ? "joined" : "not joined", self->other != NULL ? "knows" : "does not know",
			self->signals_in, self->unanswered, self->agent == NULL ? "not started"
				: nice_component_state_to_string(nice_agent_get_component_state(self->agent, self->stream, 1)),
			self->received, CHUNKS);
	fail("not done after %d s:%s", PATIENCE, text->str);
}

int main(int argc, char *argv[]) {
	if(argc != 3)
		fail("usage: nice_pair SOCKET ROOM");
	room = argv[2];
	loop = g_main_loop_new(NULL, FALSE);
	g_timeout_add_seconds(PATIENCE, on_timeout, NULL);
	g_timeout_add_seconds(KEEPALIVE, on_keepalive, NULL);
	gint64 begun = g_get_monotonic_time();
	for(side *self = sides; self < sides + 2; self++)
		start_side(self, argv[1]);
	g_main_loop_run(loop);
	printf("{\"bytes\":[%u,%u],\"signals\":[%u,%u],\"events\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "],\"ms\":%d}\n",
		sides[0].received * CHUNK_SIZE, sides[1].received * CHUNK_SIZE, sides[0].signals_in, sides[1].signals_in,
		sides[0].n, sides[1].n, (int)((g_get_monotonic_time() - begun) / 1000));
	for(side *self = sides; self < sides + 2; self++)
		stop_side(self);
	g_main_loop_unref(loop);
	return 0;
}
