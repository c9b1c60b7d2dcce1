/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file load.c
 * \brief The load generator of the bench: many WebSocket clients in one thread, closed loop, one scenario a run.
 *
 * It speaks to Janus (with Portal, or with forward.c), PeerServer, Socket.IO, and the servers of servers/. It is both ends of
 * every signal, so it checks each one: a payload is [from, to, number, kind, time, filler], and the numbers of a pair have to
 * arrive as 1, 2, 3 … It prints one line of JSON; ends with 0 whatever it measured, and with 1 if it could not measure. */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVERYBODY (-1)
#define ACK_EVERY 32
#define WINDOW 256            /* of unanswered requests, and their bytes, as portal.js has it */
#define WINDOW_BYTES 196608
#define GATHER_US 10000       /* how long descriptions and candidates wait for the answer to an earlier request, as in portal.js */
#define BATCH_MAX 64
#define BATCH_BYTES 180000    /* portal.js: three quarters of max_request */
#define CONNECTING_MAX 256    /* handshakes at a time */
#define SAMPLES_MAX 4000000

typedef enum protocol { PORTAL, FORWARD, PEERSERVER, SOCKETIO, PORTALSJS } protocol;
typedef enum scenario { RELAY, PING, MESH, FILL, BROADCAST, IDLE, STORM } scenario;
typedef enum phase { OFF, CONNECTING, UPGRADING, LOGIN, READY, JOINING, JOINED } phase;
typedef enum kind { DATA, OFFER, ANSWER, CANDIDATE } kind;

typedef struct text { const char *at; size_t length; } text;
typedef struct bytes { char *at; size_t length, room; } bytes;

/* A request of a Portal member that has no answer yet. */
typedef struct request {
	struct request *next;
	uint64_t seq;
	int signals, deliveries;
	bool sent;
	size_t length;
	char signals_json[];
} request;

/* What is to be said of a negotiation, as portal.js has it: a description or none, and the candidates that are found until then. */
typedef struct saying { int to; kind what; int candidates; } saying;

typedef struct client {
	int fd, room, place;
	phase phase;
	bool dirty, wants_out;
	bytes in, out, message;
	bool in_pieces;
	/* Janus */
	uint64_t session, handle;
	uint64_t transaction;
	/* Portal */
	char id[32];
	int attempt;
	uint64_t n, acked, roster_n, seq;
	request *first, *last;     /* unanswered, in order */
	size_t unanswered, unanswered_bytes;
	bytes batch;
	int batch_signals, batch_deliveries;
	saying *late;              /* what can wait: for an answer, or until `gather_until` */
	int late_count, late_room;
	int64_t gather_until;
	bytes held;                /* events before the reply to join, each ending with a NUL */
	int64_t retry_at;
	/* what it knows */
	uint8_t *seen;
	int known;
	uint32_t *sent, *got;      /* the last number of each pair by the other's place; those for everybody come after */
	uint64_t *recent;          /* which of the 64 numbers up to `got` have arrived */
	/* relay */
	uint64_t delivered;
	int64_t lost_at;
	/* storm */
	int64_t due;
} client;

static struct {
	protocol protocol;
	scenario scenario;
	int port, clients, size, room_base, window, batch, pid;
	int room_size;
	double seconds;
	int deflated;
} want = { .deflated = 1, .clients = 16, .size = 200, .window = 4, .batch = 1, .seconds = 1, .room_size = 2 };

static client *clients;
static int count_phase[JOINED + 1];
static int poller;
static int next_to_connect;
static bool measuring, stopping, storming;
static uint64_t rx_bytes, tx_bytes, rx_messages, tx_messages;
static uint64_t sent_total, got_total, replies;
static uint64_t rate_limited;
static struct { uint64_t order, lost, extra, roster, numbers, refused, closed, foreign; } wrong;
static uint32_t *samples;
static size_t sample_count;
static char *filler;
static int complete;           /* clients that have the whole roster */
static int expected;           /* those that are to join so far */
static client **dirty;
static int dirty_count;
static uint64_t broadcasts_done;
static uint64_t counted;        /* what the rate is of, while measuring */

static const char *PROTOCOLS[] = { "portal", "forward", "peerserver", "socketio", "portalsjs" };
static const char *SCENARIOS[] = { "relay", "ping", "mesh", "fill", "broadcast", "idle", "storm" };

static void on_ready(client *c);
static void on_joined(client *c);
static void on_peer(client *c, int place);
static void on_signal(client *c, int from, kind what);
static void drop(client *c);
static void say_late(client *c);
static void say_what_is_due(int64_t now);

static int64_t now_us(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...) {
	va_list args;
	va_start(args, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

/* Bytes */

static void reserve(bytes *b, size_t more) {
	if(b->length + more <= b->room)
		return;
	b->room = (b->length + more) * 3 / 2 + 256;
	b->at = realloc(b->at, b->room);
	if(b->at == NULL)
		die("no memory");
}

static void put(bytes *b, const void *from, size_t length) {
	reserve(b, length);
	memcpy(b->at + b->length, from, length);
	b->length += length;
}

static void put_string(bytes *b, const char *from) {
	put(b, from, strlen(from));
}

static void putf(bytes *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void putf(bytes *b, const char *format, ...) {
	char line[1024];
	va_list args;
	va_start(args, format);
	int length = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	put(b, line, (size_t)length);
}

static void empty(bytes *b) {
	free(b->at);
	*b = (bytes){ 0 };
}

/* JSON, as much as is needed: members of an object and entries of a list, one after the other, in text that is well formed. */

static const char *skip_space(const char *p) {
	while(*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r')
		p++;
	return p;
}

static const char *skip_string(const char *p, const char *end) { /* p at the opening quote */
	for(p++; p < end; p++) {
		const char *quote = memchr(p, '"', (size_t)(end - p));
		if(quote == NULL)
			return end;
		int slashes = 0;
		for(const char *s = quote - 1; s >= p && *s == '\\'; s--)
			slashes++;
		p = quote;
		if(slashes % 2 == 0)
			return quote + 1;
	}
	return end;
}

static const char *skip_value(const char *p, const char *end) {
	if(*p == '"')
		return skip_string(p, end);
	int depth = 0;
	while(p < end) {
		if(*p == '"') {
			p = skip_string(p, end);
			continue;
		}
		if(*p == '{' || *p == '[')
			depth++;
		if(*p == '}' || *p == ']') {
			if(depth == 0)
				return p;
			if(--depth == 0)
				return p + 1;
		}
		if(depth == 0 && *p == ',')
			return p;
		p++;
	}
	return end;
}

typedef struct cursor { const char *at, *end; } cursor;

static cursor inside(text value) {
	cursor c = { value.at, value.at + value.length };
	if(value.length > 1 && (*c.at == '{' || *c.at == '['))
		c.at++;
	else
		c.at = c.end;
	return c;
}

static bool next_entry(cursor *c, text *value) {
	if(c->at >= c->end)
		return false;
	const char *p = skip_space(c->at);
	if(*p == ',')
		p = skip_space(p + 1);
	if(p >= c->end || *p == ']' || *p == '}')
		return false;
	const char *stop = skip_value(p, c->end);
	*value = (text){ p, (size_t)(stop - p) };
	c->at = stop;
	return true;
}

static bool next_member(cursor *c, text *key, text *value) {
	if(!next_entry(c, key))
		return false;
	key->at++, key->length -= 2;
	const char *p = skip_space(c->at);
	if(*p != ':')
		return false;
	c->at = p + 1;
	return next_entry(c, value);
}

static bool is(text t, const char *word) {
	size_t length = strlen(word);
	return t.length == length && memcmp(t.at, word, length) == 0;
}

static bool is_string(text t, const char *word) {
	return t.length >= 2 && is((text){ t.at + 1, t.length - 2 }, word);
}

static text field(text object, const char *name) {
	cursor c = inside(object);
	text key, value;
	while(next_member(&c, &key, &value))
		if(is(key, name))
			return value;
	return (text){ "", 0 };
}

static uint64_t number(text t) {
	return t.length == 0 ? 0 : strtoull(t.at, NULL, 10);
}

/* WebSocket */

static void set_phase(client *c, phase to) {
	count_phase[c->phase]--;
	c->phase = to;
	count_phase[to]++;
}

static void mark_dirty(client *c) {
	if(c->dirty)
		return;
	c->dirty = true;
	dirty[dirty_count++] = c;
}

static void frame(client *c, int opcode, const char *data, size_t length) {
	static uint32_t mask = 0x9e3779b9;
	mask = mask * 1664525 + 1013904223;
	unsigned char head[14] = { (unsigned char)(0x80 | opcode) };
	size_t used = 2;
	if(length < 126) {
		head[1] = (unsigned char)(0x80 | length);
	} else if(length < 65536) {
		head[1] = 0x80 | 126;
		head[2] = (unsigned char)(length >> 8), head[3] = (unsigned char)length;
		used = 4;
	} else {
		head[1] = 0x80 | 127;
		for(int i = 0; i < 8; i++)
			head[2 + i] = (unsigned char)((uint64_t)length >> (56 - 8 * i));
		used = 10;
	}
	memcpy(head + used, &mask, 4);
	put(&c->out, head, used + 4);
	reserve(&c->out, length + 8);
	char *to = c->out.at + c->out.length;
	size_t i = 0;
	for(; i + 4 <= length; i += 4) {
		uint32_t word;
		memcpy(&word, data + i, 4);
		word ^= mask;
		memcpy(to + i, &word, 4);
	}
	for(; i < length; i++)
		to[i] = (char)(data[i] ^ ((const char *)&mask)[i % 4]);
	c->out.length += length;
	tx_messages++;
	mark_dirty(c);
}

static void say(client *c, const bytes *message) {
	frame(c, 1, message->at, message->length);
}

static void say_string(client *c, const char *message) {
	frame(c, 1, message, strlen(message));
}

static void watch(client *c, bool out) {
	if(c->wants_out == out)
		return;
	c->wants_out = out;
	struct epoll_event event = { .events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c };
	epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void flush(client *c) {
	size_t done = 0;
	while(done < c->out.length) {
		ssize_t count = send(c->fd, c->out.at + done, c->out.length - done, MSG_NOSIGNAL);
		if(count < 0 && errno == EINTR)
			continue;
		if(count < 0 && errno == EAGAIN)
			break;
		if(count < 0)
			return drop(c);
		done += (size_t)count;
	}
	tx_bytes += done;
	c->out.length -= done;
	if(c->out.length > 0)
		memmove(c->out.at, c->out.at + done, c->out.length);
	else if(want.clients > 2000)
		empty(&c->out);
	watch(c, c->out.length > 0);
}

static void room_name(const client *c, char *into) {
	sprintf(into, "b%d", want.room_base + c->room);
}

/* The name of a member where the client may choose it, as long as Portal's ids are. */
static void member_name(const client *c, int place, char *into) {
	char first[16] = "", last[16];
	if(want.protocol == FORWARD || want.protocol == PEERSERVER) /* these know no rooms */
		sprintf(first, "b%d", want.room_base + c->room);
	int length = sprintf(last, "m%d", place) + (int)strlen(first);
	sprintf(into, "%s%.*s%s", first, length < 22 ? 22 - length : 0, "xxxxxxxxxxxxxxxxxxxxxx", last);
}

static void begin_connect(client *c) {
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if(c->fd < 0)
		die("socket: %s", strerror(errno));
	int on = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)want.port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if(connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
		die("connect: %s", strerror(errno));
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	c->wants_out = true;
	epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event);
	set_phase(c, CONNECTING);
}

static void begin_upgrade(client *c) {
	char name[64], path[256];
	member_name(c, c->place, name);
	switch(want.protocol) {
	case PEERSERVER:
		sprintf(path, "/peerjs?key=peerjs&id=%s&token=t%s&version=1.5.5", name, name);
		break;
	case SOCKETIO:
		sprintf(path, "/socket.io/?EIO=4&transport=websocket");
		break;
	default:
		sprintf(path, "/");
	}
	bool janus = want.protocol == PORTAL || want.protocol == FORWARD;
	putf(&c->out, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n", path, want.port,
		janus ? "Sec-WebSocket-Protocol: janus-protocol\r\n" : "");
	set_phase(c, UPGRADING);
	mark_dirty(c);
}

static void connect_some(void) {
	while(next_to_connect < want.clients && count_phase[CONNECTING] + count_phase[UPGRADING] < CONNECTING_MAX)
		begin_connect(&clients[next_to_connect++]);
}

/* The connection is gone, or is thrown away. */
static void drop(client *c) {
	if(c->phase == OFF)
		return;
	if(!stopping && !storming) {
		wrong.closed++;
		if(c->phase < JOINED)
			die("a connection was closed in phase %d", c->phase);
	}
	close(c->fd);
	c->fd = -1;
	set_phase(c, OFF);
	c->in.length = c->out.length = c->message.length = 0;
	c->in_pieces = false;
	empty(&c->held);
}

/* Janus */

static void janus(client *c, const char *verb, const char *transaction, const char *rest) {
	static bytes line;
	line.length = 0;
	putf(&line, "{\"janus\":\"%s\",\"transaction\":\"%s\"", verb, transaction);
	if(c->session != 0)
		putf(&line, ",\"session_id\":%" PRIu64, c->session);
	if(c->handle != 0)
		putf(&line, ",\"handle_id\":%" PRIu64, c->handle);
	put_string(&line, rest);
	put_string(&line, "}");
	say(c, &line);
}

/* Portal: a member's numbered requests */

static void send_request(client *c, request *r) {
	static bytes line;
	line.length = 0;
	putf(&line, "{\"janus\":\"message\",\"transaction\":\"r%" PRIu64 "\",\"session_id\":%" PRIu64 ",\"handle_id\":%" PRIu64
		",\"body\":{\"request\":\"relay\",\"seq\":%" PRIu64, r->seq, c->session, c->handle, r->seq);
	if(c->n > c->acked) {
		putf(&line, ",\"ack\":%" PRIu64, c->n);
		c->acked = c->n;
	}
	put_string(&line, ",\"signals\":[");
	put(&line, r->signals_json, r->length);
	put_string(&line, "]}}");
	say(c, &line);
	r->sent = true;
}

/* Sends what the window has room for, in order. */
static void pump(client *c) {
	if(c->phase != JOINED || c->retry_at != 0)
		return;
	for(request *r = c->first; r != NULL; r = r->next) {
		if(r->sent)
			continue;
		if(c->unanswered >= WINDOW || (c->unanswered > 0 && c->unanswered_bytes + r->length > WINDOW_BYTES))
			return;
		send_request(c, r);
		c->unanswered++;
		c->unanswered_bytes += r->length;
	}
}

static void not_sent(client *c, request *r) {
	if(!r->sent)
		return;
	r->sent = false;
	c->unanswered--;
	c->unanswered_bytes -= r->length;
}

/* What was said in this turn becomes one request. */
static void end_turn(client *c) {
	if(c->batch_signals == 0)
		return;
	request *r = malloc(sizeof *r + c->batch.length);
	*r = (request){ .seq = ++c->seq, .signals = c->batch_signals, .deliveries = c->batch_deliveries, .length = c->batch.length };
	memcpy(r->signals_json, c->batch.at, c->batch.length);
	if(c->last != NULL)
		c->last->next = r;
	else
		c->first = r;
	c->last = r;
	c->batch.length = 0;
	c->batch_signals = c->batch_deliveries = 0;
	pump(c);
}

static request *take_request(client *c, uint64_t seq) {
	request *before = NULL;
	for(request *r = c->first; r != NULL; before = r, r = r->next) {
		if(r->seq != seq)
			continue;
		if(before != NULL)
			before->next = r->next;
		else
			c->first = r->next;
		if(c->last == r)
			c->last = before;
		not_sent(c, r);
		return r;
	}
	return NULL;
}

static void portal_ack(client *c) {
	char rest[64];
	sprintf(rest, ",\"body\":{\"request\":\"ack\",\"ack\":%" PRIu64 "}", c->n);
	c->acked = c->n;
	janus(c, "message", "ack", rest);
}

/* Signals */

static client *member_at(const client *c, int place) {
	return &clients[c->room * want.room_size + place];
}

/* `more` candidates go with it, under the numbers after its own. */
static void put_payload(bytes *b, client *c, int to, kind what, int size, int more) {
	uint32_t *numbers = &c->sent[to == EVERYBODY ? want.room_size : to];
	size_t before = b->length;
	putf(b, "[%d,%d,%" PRIu32 ",%d,%" PRId64 ",%d,\"", c->place, to, *numbers + 1, what, now_us(), more);
	*numbers += 1 + (uint32_t)more;
	int rest = size - (int)(b->length - before) - 2;
	put(b, filler, rest > 0 ? (size_t)rest / 2 * 2 : 0);
	put_string(b, "\"]");
}

/* Portal: one signal, which goes with those of this turn, and in which there may be several things. */
static void signal_portal(client *c, int to, kind what, int size, int more) {
	static const char *TYPES[] = { "data", "description", "description", "candidate" };
	int recipients = to == EVERYBODY ? want.room_size - 1 : 1;
	sent_total += (uint64_t)(recipients * (1 + more));
	if(c->batch_signals > 0)
		put_string(&c->batch, ",");
	put_string(&c->batch, "{");
	if(to != EVERYBODY)
		putf(&c->batch, "\"to\":\"%s\",", member_at(c, to)->id);
	putf(&c->batch, "\"type\":\"%s\",\"payload\":", TYPES[what]);
	put_payload(&c->batch, c, to, what, size, more);
	put_string(&c->batch, "}");
	c->batch_signals++;
	c->batch_deliveries += recipients;
	if(c->batch_signals == BATCH_MAX || c->batch.length > BATCH_BYTES)
		end_turn(c);
	mark_dirty(c);
}

static void signal_one(client *c, int to, kind what, int size) {
	static bytes line;
	static const char *PEER_TYPES[] = { "OFFER", "OFFER", "ANSWER", "CANDIDATE" };
	char name[64];
	if(want.protocol == PORTAL)
		return signal_portal(c, to, what, size, 0);
	sent_total += to == EVERYBODY ? (uint64_t)want.room_size - 1 : 1;
	if(to != EVERYBODY)
		member_name(c, to, name);
	line.length = 0;
	switch(want.protocol) {
	case PORTAL:
		break;
	case FORWARD:
		put_string(&line, ",\"body\":{\"request\":\"relay\"");
		if(to != EVERYBODY)
			putf(&line, ",\"to\":\"%s\"", name);
		put_string(&line, ",\"payload\":");
		put_payload(&line, c, to, what, size, 0);
		put(&line, "}", 2);
		janus(c, "message", "r", line.at);
		return;
	case SOCKETIO:
		if(to == EVERYBODY)
			put_string(&line, "42[\"broadcast\",{\"payload\":");
		else
			putf(&line, "42[\"signal\",{\"to\":\"%s\",\"payload\":", name);
		put_payload(&line, c, to, what, size, 0);
		put_string(&line, "}]");
		break;
	case PEERSERVER:
		putf(&line, "{\"type\":\"%s\",\"payload\":", PEER_TYPES[what]);
		put_payload(&line, c, to, what, size, 0);
		putf(&line, ",\"dst\":\"%s\"}", name);
		break;
	case PORTALSJS:
		put_string(&line, "{\"type\":\"payload\",\"payload\":");
		put_payload(&line, c, to, what, size, 0);
		putf(&line, ",\"target\":\"%s\"}", name);
		break;
	}
	say(c, &line);
}

/* To all others: where the server cannot do that, one by one. */
static void signal_all(client *c, int size) {
	if(want.protocol != PEERSERVER && want.protocol != PORTALSJS)
		return signal_one(c, EVERYBODY, DATA, size);
	for(int i = 0; i < want.room_size; i++)
		if(i != c->place)
			signal_one(c, i, DATA, size);
}

/* @returns whether it is new */
static bool got_number(client *c, long pair, uint32_t seq, int64_t time) {
	uint32_t *got = &c->got[pair];
	uint64_t *recent = &c->recent[pair];
	/* What was lost with a connection is counted as lost, not as disorder. */
	bool may_miss = want.scenario == STORM && want.protocol != PORTAL;
	if(seq != *got + 1 && !(may_miss && seq > *got))
		wrong.order++;
	if(seq > *got) {
		*recent = seq - *got < 64 ? *recent << (seq - *got) | 1 : 1;
		*got = seq;
	} else {
		uint32_t behind = *got - seq;
		if(behind < 64 && (*recent >> behind & 1) != 0) {
			wrong.extra++;
			return false;
		}
		if(behind < 64)
			*recent |= (uint64_t)1 << behind;
	}
	got_total++;
	if(measuring && sample_count < SAMPLES_MAX)
		samples[sample_count++] = (uint32_t)(now_us() - time);
	return true;
}

static void got_payload(client *c, text payload) {
	if(payload.length < 2 || *payload.at != '[') {
		wrong.foreign++;
		return;
	}
	char *p = (char *)payload.at + 1;
	long from = strtol(p, &p, 10);
	long to = strtol(p + 1, &p, 10);
	uint32_t seq = (uint32_t)strtoul(p + 1, &p, 10);
	long what = strtol(p + 1, &p, 10);
	int64_t time = strtoll(p + 1, &p, 10);
	long more = strtol(p + 1, &p, 10);
	if(from < 0 || from >= want.room_size || (to != c->place && to != EVERYBODY)) {
		wrong.foreign++;
		return;
	}
	long pair = to == EVERYBODY ? want.room_size + from : from;
	bool is_new = got_number(c, pair, seq, time);
	for(long i = 1; i <= more; i++)
		got_number(c, pair, seq + (uint32_t)i, time);
	if(is_new)
		on_signal(c, (int)from, (kind)what);
}

/* The roster */

static void learn(client *c, int place) {
	if(place < 0 || place >= want.room_size || place == c->place) {
		wrong.roster++;
		return;
	}
	if(c->seen[place]) {
		if(want.protocol == PORTAL || want.scenario != STORM)
			wrong.roster++;
		return;
	}
	c->seen[place] = 1;
	if(++c->known == want.room_size - 1)
		complete++;
	on_peer(c, place);
}

static void forget(client *c, int place) {
	if(place < 0 || place >= want.room_size || !c->seen[place])
		return;
	if(want.protocol == PORTAL && !stopping)
		wrong.roster++; /* nobody leaves in any scenario */
	c->seen[place] = 0;
	if(c->known-- == want.room_size - 1)
		complete--;
}

static int place_in(text name);

/* A member as Portal shows it: its id is what signals are sent to. */
static void learn_member(client *c, text member) {
	text id = field(member, "id");
	int place = place_in(field(member, "display"));
	if(place >= 0 && place < want.room_size && id.length > 2 && id.length - 2 < sizeof c->id)
		memcpy(member_at(c, place)->id, id.at + 1, id.length - 2);
	learn(c, place);
}

static int place_in(text name) { /* all that comes after the first m; with or without quotes */
	const char *m = memchr(name.at, 'm', name.length);
	return m == NULL ? -1 : atoi(m + 1);
}

static void know_all(client *c) {
	for(int i = 0; i < want.room_size; i++)
		if(i != c->place && !c->seen[i])
			learn(c, i);
}

/* Portal's events */

static void portal_event(client *c, text data) {
	uint64_t n = 0;
	text events = { "", 0 }, key, value;
	for(cursor m = inside(data); next_member(&m, &key, &value);) {
		if(is(key, "n"))
			n = number(value);
		else if(is(key, "events"))
			events = value;
	}
	if(n != c->n + 1)
		wrong.numbers++;
	text entry;
	for(cursor list = inside(events); next_entry(&list, &entry); n++) {
		text event = { "", 0 }, payload = { "", 0 }, members = { "", 0 }, member;
		for(cursor m = inside(entry); next_member(&m, &key, &value);) {
			if(is(key, "event"))
				event = value;
			else if(is(key, "payload"))
				payload = value;
			else if(is(key, "members"))
				members = value;
		}
		c->n = n;
		if(is_string(event, "signal"))
			got_payload(c, payload);
		else if(is_string(event, "joined") && n > c->roster_n)
			for(cursor ones = inside(members); next_entry(&ones, &member);)
				learn_member(c, member);
		else if(is_string(event, "left") && !stopping)
			wrong.roster++;
	}
	if(c->n - c->acked >= ACK_EVERY)
		mark_dirty(c);
}

static void portal_joined(client *c, text data) {
	text key, value, members = { "", 0 }, id = { "", 0 };
	uint64_t seq = 0, n = 0;
	bool resumed = false;
	for(cursor m = inside(data); next_member(&m, &key, &value);) {
		if(is(key, "resumed"))
			resumed = is(value, "true");
		else if(is(key, "members"))
			members = value;
		else if(is(key, "id"))
			id = value;
		else if(is(key, "seq"))
			seq = number(value);
		else if(is(key, "n"))
			n = number(value);
	}
	if(id.length < 2 || id.length - 2 >= sizeof c->id)
		die("join: no id");
	memcpy(c->id, id.at + 1, id.length - 2);
	set_phase(c, JOINED);
	if(resumed != (c->lost_at != 0))
		wrong.numbers++; /* a membership that was lost, or one that should not be there */
	if(resumed) {
		while(c->first != NULL && c->first->seq <= seq)
			free(take_request(c, c->first->seq)); /* done before the connection broke */
		for(request *r = c->first; r != NULL; r = r->next)
			not_sent(c, r);
		pump(c);
	} else {
		c->n = 0;
		c->roster_n = n;
		text member;
		for(cursor list = inside(members); next_entry(&list, &member);)
			learn_member(c, member);
	}
	bytes held = c->held;
	c->held = (bytes){ 0 };
	for(size_t i = 0; i < held.length; i += strlen(held.at + i) + 1)
		portal_event(c, (text){ held.at + i, strlen(held.at + i) });
	free(held.at);
	on_joined(c);
}

static void portal_answer(client *c, text transaction, text data) {
	if(transaction.length < 3)
		return;
	if(transaction.at[1] == 'j') {
		if(is_string(field(data, "portal"), "success"))
			return portal_joined(c, data);
		if(is_string(field(data, "code"), "rate_limited")) {
			rate_limited++;
			c->retry_at = now_us() + (int64_t)number(field(data, "retry_after")) * 1000 + 1000;
			set_phase(c, READY);
			return;
		}
		die("join: %.*s", (int)data.length, data.at);
	}
	replies++;
	if(transaction.at[1] == 'p' && want.scenario == PING)
		return on_signal(c, c->place, DATA);
	if(transaction.at[1] != 'r') {
		if(!is_string(field(data, "portal"), "success"))
			wrong.refused++;
		return;
	}
	uint64_t seq = strtoull(transaction.at + 2, NULL, 10);
	if(!is_string(field(data, "portal"), "success")) {
		text code = field(data, "code");
		if(is_string(code, "rate_limited") || is_string(code, "window_exceeded")) {
			rate_limited++;
			for(request *r = c->first; r != NULL; r = r->next)
				if(r->seq == seq)
					not_sent(c, r);
			int64_t at = now_us() + (int64_t)number(field(data, "retry_after")) * 1000 + 1000;
			if(c->retry_at < at)
				c->retry_at = at;
			return;
		}
	}
	request *r = take_request(c, seq);
	if(r == NULL) {
		if(want.scenario != STORM)
			wrong.numbers++;
		return;
	}
	if((int)number(field(data, "relayed")) != r->deliveries) {
		if(wrong.refused++ == 0)
			fprintf(stderr, "load: refused: %.*s\n", (int)(data.length < 400 ? data.length : 400), data.at);
	}
	free(r);
	if(c->gather_until != 0)
		say_late(c);
	pump(c);
}

static void janus_message(client *c, text message) {
	text key, value, verb = { "", 0 }, transaction = { "", 0 }, plugin = { "", 0 }, data = { "", 0 };
	for(cursor m = inside(message); next_member(&m, &key, &value);) {
		if(is(key, "janus"))
			verb = value;
		else if(is(key, "transaction"))
			transaction = value;
		else if(is(key, "plugindata"))
			plugin = value;
		else if(is(key, "data"))
			data = value;
	}
	if(is_string(verb, "ack"))
		return;
	if(c->phase == LOGIN) {
		uint64_t id = number(field(data, "id"));
		if(!is_string(verb, "success") || id == 0)
			die("Janus: %.*s", (int)message.length, message.at);
		if(c->session == 0) {
			c->session = id;
			return janus(c, "attach", "a", want.protocol == PORTAL ? ",\"plugin\":\"janus.plugin.portal\""
				: ",\"plugin\":\"janus.plugin.bench.forward\"");
		}
		c->handle = id;
		set_phase(c, READY);
		return on_ready(c);
	}
	if(plugin.length == 0) {
		if(is_string(verb, "error"))
			die("Janus: %.*s", (int)message.length, message.at);
		if(is_string(verb, "detached") || is_string(verb, "timeout"))
			wrong.closed++;
		return;
	}
	for(cursor m = inside(plugin); next_member(&m, &key, &value);)
		if(is(key, "data"))
			data = value;
	if(want.protocol == FORWARD) {
		if(transaction.length == 0)
			return got_payload(c, field(data, "payload"));
		replies++;
		if(transaction.at[1] == 'j') {
			set_phase(c, JOINED);
			on_joined(c);
		} else if(transaction.at[1] == 'p') {
			on_signal(c, c->place, DATA);
		}
		return;
	}
	if(transaction.length > 2)
		return portal_answer(c, transaction, data);
	text portal = field(data, "portal");
	if(is_string(portal, "event")) {
		if(c->phase == JOINED)
			return portal_event(c, data);
		put(&c->held, data.at, data.length);
		put(&c->held, "", 1);
	} else if(is_string(portal, "closed")) {
		wrong.closed++;
	}
}

/* The others */

static void socketio_message(client *c, text message) {
	if(message.length == 0)
		return;
	if(*message.at == '2')
		return say_string(c, "3");
	if(*message.at == '0')
		return say_string(c, "40");
	if(message.length < 2 || *message.at != '4')
		return;
	if(message.at[1] == '0') {
		set_phase(c, READY);
		return on_ready(c);
	}
	const char *list = memchr(message.at, '[', message.length);
	if(list == NULL)
		return;
	cursor entries = inside((text){ list, message.length - (size_t)(list - message.at) });
	text first, second;
	if(!next_entry(&entries, &first))
		return;
	if(message.at[1] == '3') { /* the answer to join: the roster */
		set_phase(c, JOINED);
		text entry;
		for(cursor ids = inside(first); next_entry(&ids, &entry);)
			learn(c, place_in(entry));
		return on_joined(c);
	}
	if(!next_entry(&entries, &second))
		return;
	if(is_string(first, "signal"))
		got_payload(c, field(second, "payload"));
	else if(is_string(first, "joined"))
		learn(c, place_in(second));
	else if(is_string(first, "left") && !stopping)
		forget(c, place_in(second));
}

static void peerserver_message(client *c, text message) {
	text type = field(message, "type");
	if(is_string(type, "OPEN")) {
		set_phase(c, READY);
		return on_ready(c);
	}
	text payload = field(message, "payload");
	if(payload.length > 0 && *payload.at == '[')
		got_payload(c, payload);
}

static void portalsjs_message(client *c, text message) {
	text type = field(message, "type");
	if(is_string(type, "payload"))
		return got_payload(c, field(message, "payload"));
	if(!is_string(type, "info"))
		return;
	/* The whole list, each time. */
	text member, members = field(field(message, "info"), "members");
	static uint32_t *stamp, turn;
	if(stamp == NULL)
		stamp = calloc((size_t)want.room_size, sizeof *stamp);
	turn++;
	for(cursor list = inside(members); next_entry(&list, &member);) {
		int place = place_in(field(member, "id"));
		if(place < 0 || place >= want.room_size || place == c->place)
			continue;
		stamp[place] = turn;
		if(!c->seen[place])
			learn(c, place);
	}
	for(int i = 0; i < want.room_size && want.scenario == STORM; i++)
		if(c->seen[i] && stamp[i] != turn)
			forget(c, i);
	if(c->phase == JOINING) {
		set_phase(c, JOINED);
		on_joined(c);
	}
}

/* Joining */

static void begin_join(client *c) {
	static bytes line;
	char room[32], name[64];
	room_name(c, room);
	member_name(c, c->place, name);
	line.length = 0;
	set_phase(c, JOINING);
	switch(want.protocol) {
	case PORTAL:
		putf(&line, ",\"body\":{\"request\":\"join\",\"room\":\"%s\",\"display\":\"m%d\",\"key\":\"bench-key-of-%d-%s-%d\",\"attempt\":%d",
			room, c->place, (int)getpid() + 10000000, room, c->place, ++c->attempt);
		if(c->lost_at != 0) {
			putf(&line, ",\"ack\":%" PRIu64, c->n);
			c->acked = c->n;
		}
		put(&line, "}", 2);
		return janus(c, "message", "j", line.at);
	case FORWARD:
		putf(&line, ",\"body\":{\"request\":\"join\",\"name\":\"%s\"}", name);
		put(&line, "", 1);
		return janus(c, "message", "j", line.at);
	case PEERSERVER: /* there is nothing to join */
		set_phase(c, JOINED);
		return on_joined(c);
	case SOCKETIO:
		putf(&line, "420[\"join\",{\"room\":\"%s\",\"id\":\"%s\"}]", room, name);
		return say(c, &line);
	case PORTALSJS:
		putf(&line, "{\"type\":\"join\",\"join\":{\"room\":\"%s\",\"id\":\"%s\"}}", room, name);
		return say(c, &line);
	}
}

static void take_message(client *c, text message) {
	rx_messages++;
	switch(want.protocol) {
	case PORTAL:
	case FORWARD:
		return janus_message(c, message);
	case PEERSERVER:
		return peerserver_message(c, message);
	case SOCKETIO:
		return socketio_message(c, message);
	case PORTALSJS:
		return portalsjs_message(c, message);
	}
}

static void upgraded(client *c) {
	set_phase(c, LOGIN);
	if(want.protocol == PORTAL || want.protocol == FORWARD) {
		c->session = c->handle = 0;
		janus(c, "create", "c", "");
	} else if(want.protocol == PORTALSJS) {
		set_phase(c, READY);
		on_ready(c);
	}
}

/* Takes what is whole out of the input. Each message is followed by a NUL while it is looked at. */
static void take_frames(client *c) {
	size_t at = 0;
	if(c->phase == UPGRADING) {
		char *end = memmem(c->in.at, c->in.length, "\r\n\r\n", 4);
		if(end == NULL)
			return;
		if(memcmp(c->in.at, "HTTP/1.1 101", 12) != 0)
			die("no upgrade: %.*s", (int)(end - c->in.at), c->in.at);
		at = (size_t)(end + 4 - c->in.at);
		upgraded(c);
	}
	while(c->phase != OFF && c->in.length - at >= 2) {
		const unsigned char *head = (unsigned char *)c->in.at + at;
		size_t length = head[1] & 127, used = 2;
		if(length == 126) {
			if(c->in.length - at < 4)
				break;
			length = (size_t)head[2] << 8 | head[3];
			used = 4;
		} else if(length == 127) {
			if(c->in.length - at < 10)
				break;
			length = 0;
			for(int i = 0; i < 8; i++)
				length = length << 8 | head[2 + i];
			used = 10;
		}
		if(c->in.length - at < used + length)
			break;
		int opcode = head[0] & 15;
		bool last = (head[0] & 0x80) != 0;
		char *data = c->in.at + at + used, kept = data[length];
		at += used + length;
		if(opcode == 9) {
			frame(c, 10, data, length);
		} else if(opcode == 8) {
			drop(c);
			return;
		} else if(opcode == 1 && last) {
			data[length] = 0;
			take_message(c, (text){ data, length });
			data[length] = kept;
		} else if(opcode <= 1) {
			if(opcode == 1)
				c->message.length = 0;
			put(&c->message, data, length);
			if(last) {
				put(&c->message, "", 1);
				take_message(c, (text){ c->message.at, c->message.length - 1 });
				c->message.length = 0;
			}
		}
	}
	if(c->phase == OFF)
		return;
	memmove(c->in.at, c->in.at + at, c->in.length - at);
	c->in.length -= at;
	if(c->in.length == 0 && want.clients > 2000)
		empty(&c->in);
}

static void readable(client *c) {
	for(int rounds = 0; rounds < 4 && c->phase != OFF; rounds++) {
		reserve(&c->in, 65537); /* and one for the NUL */
		size_t space = c->in.room - c->in.length - 1;
		ssize_t count = recv(c->fd, c->in.at + c->in.length, space, 0);
		if(count < 0 && (errno == EAGAIN || errno == EINTR)) {
			if(c->in.length == 0 && want.clients > 2000)
				empty(&c->in);
			return;
		}
		if(count <= 0)
			return drop(c);
		rx_bytes += (uint64_t)count;
		c->in.length += (size_t)count;
		take_frames(c);
		if((size_t)count < space)
			return;
	}
}

static void flush_dirty(void) {
	for(int i = 0; i < dirty_count; i++) {
		client *c = dirty[i];
		if(want.protocol == PORTAL && c->phase == JOINED) {
			end_turn(c);
			if(c->n - c->acked >= ACK_EVERY)
				portal_ack(c);
		}
		c->dirty = false;
		if(c->phase >= UPGRADING && c->out.length > 0)
			flush(c);
	}
	dirty_count = 0;
}

static void retry(int64_t now) {
	for(int i = 0; i < want.clients; i++) {
		client *c = &clients[i];
		if(c->gather_until != 0 && c->gather_until <= now && c->phase == JOINED)
			say_late(c);
		if(c->retry_at == 0 || c->retry_at > now)
			continue;
		c->retry_at = 0;
		if(c->phase == READY)
			begin_join(c);
		pump(c);
	}
}

/* One turn of the loop. */
static void turn(int timeout_ms) {
	struct epoll_event events[512];
	int count = epoll_wait(poller, events, 512, timeout_ms);
	for(int i = 0; i < count; i++) {
		client *c = events[i].data.ptr;
		if(c->phase == OFF)
			continue;
		if(c->phase == CONNECTING) {
			int error = 0;
			socklen_t length = sizeof error;
			getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
			if(error != 0)
				die("connect: %s", strerror(error));
			begin_upgrade(c);
			continue;
		}
		if(events[i].events & EPOLLOUT)
			flush(c);
		if(c->phase != OFF && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			readable(c);
	}
	connect_some();
	static int64_t last;
	int64_t now = now_us();
	if(want.protocol == PORTAL && now - last > 1000) {
		last = now;
		retry(now);
	}
	if(want.scenario == STORM && !stopping)
		say_what_is_due(now);
	flush_dirty();
}

/* Runs until something is true. @returns false after so many seconds */
static bool until(bool (*done)(void), double seconds) {
	int64_t end = now_us() + (int64_t)(seconds * 1e6);
	flush_dirty();
	while(!done()) {
		if(now_us() > end)
			return false;
		turn(5);
	}
	return true;
}

static bool never(void) { return false; }
static bool all_ready(void) { return count_phase[READY] + count_phase[JOINED] == want.clients; }
static bool all_joined(void) { return count_phase[JOINED] == expected; }
static bool all_complete(void) { return complete == expected && all_joined(); }
static bool all_arrived(void) { return got_total >= sent_total; }

static bool settled(void) {
	for(int i = 0; i < want.clients && want.protocol == PORTAL; i++)
		if(clients[i].first != NULL)
			return false;
	return all_arrived();
}

/* Nothing more is said; what is on its way arrives, or nothing has arrived for long. */
static void drain(void) {
	uint64_t before;
	stopping = true;
	do
		before = got_total + replies;
	while(!until(settled, 1.5) && got_total + replies > before);
}

/* What the server needs */

typedef struct usage { double cpu; long rss_kb, threads, files; } usage;

static usage usage_of(int pid) {
	usage u = { 0 };
	char path[64], line[256];
	clockid_t clock;
	struct timespec t;
	if(pid == 0)
		return u;
	if(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0)
		u.cpu = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
	sprintf(path, "/proc/%d/status", pid);
	FILE *file = fopen(path, "r");
	while(file != NULL && fgets(line, sizeof line, file) != NULL) {
		sscanf(line, "VmRSS: %ld", &u.rss_kb);
		sscanf(line, "Threads: %ld", &u.threads);
	}
	if(file != NULL)
		fclose(file);
	sprintf(path, "/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	while(dir != NULL && readdir(dir) != NULL)
		u.files++;
	if(dir != NULL)
		closedir(dir);
	return u;
}

/* Scenarios */

static usage at_begin;
static int64_t began, ended;
static uint64_t rx_before, tx_before, rx_messages_before, tx_messages_before;

static void begin_measuring(void) {
	at_begin = usage_of(want.pid);
	rx_before = rx_bytes, tx_before = tx_bytes, rx_messages_before = rx_messages, tx_messages_before = tx_messages;
	sample_count = 0;
	counted = 0;
	measuring = true;
	began = now_us();
}

static double cpu_used;
static uint64_t rx_used, tx_used, rx_messages_used, tx_messages_used;

static void end_measuring(void) {
	ended = now_us();
	measuring = false;
	cpu_used = usage_of(want.pid).cpu - at_begin.cpu;
	rx_used = rx_bytes - rx_before, tx_used = tx_bytes - tx_before;
	rx_messages_used = rx_messages - rx_messages_before, tx_messages_used = tx_messages - tx_messages_before;
}

static bool rooms_are_agreed(void) { /* no server tells who is there */
	return want.protocol == FORWARD || want.protocol == PEERSERVER;
}

static int other_of(const client *c) { /* whom it talks to, in relay and storm */
	return (c->place + 1) % want.room_size;
}

static void ping(client *c) {
	if(want.protocol == FORWARD || want.protocol == PORTAL)
		janus(c, "message", "p", ",\"body\":{\"request\":\"ping\"}");
}

static void say_batch(client *c) {
	for(int i = 0; i < want.batch; i++)
		signal_one(c, other_of(c), DATA, want.size);
	if(want.protocol == PORTAL)
		end_turn(c);
}

static void on_ready(client *c) {
	if(storming)
		begin_join(c);
}

static double *back_after;
static int back;

/* In a storm every member says something once a second. One that is away keeps it for later if its protocol can do that. */
static void say_what_is_due(int64_t now) {
	for(int i = 0; i < want.clients; i++) {
		client *c = &clients[i];
		if(c->due == 0 || c->due > now || (c->phase != JOINED && want.protocol != PORTAL))
			continue;
		c->due = now + 1000000;
		say_batch(c);
	}
}

static void on_joined(client *c) {
	if(!storming)
		return;
	back_after[back++] = (double)(now_us() - c->lost_at) / 1e6;
}

/* How long a payload is: a description, candidates, or both. What portal.js makes of Chromium's was measured (html/description.js, six
 * pages in a room): an offer becomes 35 % of what it was, an answer by its changes 675 bytes; with four candidates of 180 bytes each is
 * 240 longer, with nine to twelve 370 to 385; by themselves, four are 360 and twelve 480. Deflating is not done in here, as the clients of a real room
 * have a machine each for it. */
static int size_of(const saying *said) {
	int n = said->candidates;
	if(want.protocol != PORTAL || !want.deflated)
		return said->what == OFFER ? 6500 + 150 * n : said->what == ANSWER ? 5400 + 150 * n : 150 * n;
	if(said->what == CANDIDATE)
		return 150 * n < 600 ? 33 + 150 * n : 310 + 14 * n;
	return (said->what == OFFER ? 2280 : 675) + (n > 0 ? 120 + 30 * n : 0);
}

static void say_late(client *c) {
	c->gather_until = 0;
	for(int i = 0; i < c->late_count; i++) {
		const saying *said = &c->late[i];
		signal_portal(c, said->to, said->what, size_of(said), said->candidates - (said->what == CANDIDATE));
	}
	c->late_count = 0;
	end_turn(c);
}

static void late(client *c, int to, kind what, int count) {
	if(c->late_count == c->late_room)
		c->late = realloc(c->late, (size_t)(c->late_room = 2 * c->late_room + 8) * sizeof *c->late);
	c->late[c->late_count++] = (saying){ to, what, count };
	if(c->first == NULL)
		say_late(c);
	else if(c->gather_until == 0)
		c->gather_until = now_us() + GATHER_US;
}

/* Go with what is to be said to that member, if there is something. */
static void found(client *c, int to, int count) {
	for(int i = c->late_count - 1; i >= 0; i--)
		if(c->late[i].to == to) {
			c->late[i].candidates += count;
			return;
		}
	late(c, to, CANDIDATE, count);
}

static void describe(client *c, int to, kind what) {
	if(want.protocol == PORTAL)
		late(c, to, what, 0);
	else
		signal_one(c, to, what, size_of(&(saying){ to, what, 0 }));
	for(int burst = 0; burst < 2; burst++) {
		if(want.protocol == PORTAL)
			found(c, to, 3);
		for(int i = 0; i < 3 && want.protocol != PORTAL; i++)
			signal_one(c, to, CANDIDATE, 150);
	}
}

static void on_peer(client *c, int place) {
	if(want.scenario == MESH && c->place > place)
		describe(c, place, OFFER);
}

static void on_signal(client *c, int from, kind what) {
	client *sender = member_at(c, from);
	switch(want.scenario) {
	case PING:
		counted++;
		if(!stopping)
			ping(c);
		break;
	case STORM:
		counted++;
		break;
	case RELAY:
		counted++;
		if(++sender->delivered % (uint64_t)want.batch == 0 && !stopping)
			say_batch(sender);
		break;
	case MESH:
		if(what == OFFER)
			describe(c, from, ANSWER);
		break;
	case BROADCAST:
		counted++;
		if(++broadcasts_done % (uint64_t)(want.room_size - 1) == 0 && !stopping)
			signal_all(sender, want.size);
		break;
	default:
		break;
	}
}

static void connect_all(void) {
	connect_some();
	if(!until(all_ready, 60))
		die("only %d of %d were ready in time", count_phase[READY], want.clients);
}

/* The next so many that have not joined yet. */
static void join_next(int count) {
	for(int end = expected + count; expected < end; expected++)
		begin_join(&clients[expected]);
}

static void meet_next(int count) {
	join_next(count);
	if(!until(all_joined, 60))
		die("only %d of %d had joined in time", count_phase[JOINED], expected);
	if(rooms_are_agreed())
		for(int i = expected - count; i < expected; i++)
			know_all(&clients[i]);
	if(!until(all_complete, 60))
		die("only %d of %d had the roster in time", complete, expected);
}

static void run_loop(void) { /* relay, ping, broadcast */
	meet_next(want.clients);
	for(int w = 0; w < want.window; w++) {
		if(want.scenario == BROADCAST)
			signal_all(&clients[0], want.size);
		for(int i = 0; i < want.clients && want.scenario != BROADCAST; i++) {
			if(want.scenario == PING)
				ping(&clients[i]);
			else
				say_batch(&clients[i]);
		}
	}
	until(never, want.seconds / 4);
	begin_measuring();
	until(never, want.seconds);
	end_measuring();
	drain();
}

static bool mesh_done(void) {
	uint64_t pairs = (uint64_t)want.clients * (uint64_t)(want.room_size - 1) / 2;
	return got_total == pairs * 14 && got_total == sent_total;
}

static void run_mesh(void) {
	begin_measuring();
	join_next(want.clients);
	if(rooms_are_agreed()) {
		until(all_joined, 60);
		for(int i = 0; i < want.clients; i++)
			know_all(&clients[i]);
	}
	if(!until(mesh_done, 120))
		fprintf(stderr, "load: the mesh is not complete: %" PRIu64 " of %" PRIu64 " arrived\n", got_total, sent_total);
	end_measuring();
	counted = got_total;
}

static void run_fill(void) {
	begin_measuring();
	join_next(want.clients);
	if(!until(all_complete, 120))
		die("only %d of %d had the whole roster in time", complete, want.clients);
	end_measuring();
	counted = (uint64_t)want.clients * (uint64_t)(want.room_size - 1);
}

static usage idle[3];

static void run_idle(void) {
	idle[0] = usage_of(want.pid);
	connect_all();
	until(never, want.seconds < 0.5 ? 2 * want.seconds : 1);
	idle[1] = usage_of(want.pid);
	/* One room after the other: what a server needs for a moment when all join at once is another question. */
	while(expected < want.clients) {
		meet_next(want.room_size);
		for(int i = expected - want.room_size; i < expected && want.protocol == PORTAL; i++)
			portal_ack(&clients[i]);
	}
	until(never, want.seconds < 0.5 ? 2 * want.seconds : 1);
	idle[2] = usage_of(want.pid);
}

static bool all_back(void) { return back >= want.clients; }

static void run_storm(void) {
	meet_next(want.clients);
	back_after = calloc((size_t)want.clients, sizeof *back_after);
	for(int i = 0; i < want.clients; i++)
		clients[i].due = now_us() + (int64_t)i * 1000000 / want.clients;
	until(never, 1);
	/* Much is on its way when the connections break. */
	for(int i = 0; i < want.clients; i++)
		say_batch(&clients[i]);
	flush_dirty();
	begin_measuring();
	storming = true;
	for(int i = 0; i < want.clients; i++) {
		client *c = &clients[i];
		struct linger reset = { .l_onoff = 1 };
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		c->lost_at = began;
		drop(c);
	}
	next_to_connect = 0;
	connect_some();
	until(all_back, 20);
	end_measuring();
	until(never, 1);
	drain();
}

static int compare_doubles(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static int compare_samples(const void *a, const void *b) {
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static uint32_t percentile(double part) {
	return sample_count == 0 ? 0 : samples[(size_t)((double)(sample_count - 1) * part)];
}

static void report(void) {
	/* A double that came more than 64 numbers late is found only here. */
	if(got_total > sent_total)
		wrong.extra += got_total - sent_total;
	else
		wrong.lost = sent_total - got_total;
	qsort(samples, sample_count, sizeof *samples, compare_samples);
	double seconds = (double)(ended - began) / 1e6;
	printf("{\"protocol\":\"%s\",\"scenario\":\"%s\",\"clients\":%d,\"size\":%d,\"batch\":%d,\"window\":%d",
		PROTOCOLS[want.protocol], SCENARIOS[want.scenario], want.clients, want.size, want.batch, want.window);
	if(want.scenario == IDLE) {
		static const char *STEPS[] = { "empty", "attached", "members" };
		for(int i = 0; i < 3; i++)
			printf(",\"%s\":{\"rss_kb\":%ld,\"threads\":%ld,\"files\":%ld}", STEPS[i], idle[i].rss_kb, idle[i].threads, idle[i].files);
		printf(",\"bytes_per_connection\":%.0f,\"bytes_per_member\":%.0f",
			(double)(idle[1].rss_kb - idle[0].rss_kb) * 1024 / want.clients,
			(double)(idle[2].rss_kb - idle[1].rss_kb) * 1024 / want.clients);
	} else {
		printf(",\"seconds\":%.6f,\"count\":%" PRIu64 ",\"rate\":%.1f,\"cpu\":%.6f,\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64
			",\"rx_messages\":%" PRIu64 ",\"tx_messages\":%" PRIu64, seconds, counted, (double)counted / seconds, cpu_used,
			rx_used, tx_used, rx_messages_used, tx_messages_used);
		if(sample_count > 0)
			printf(",\"p50_us\":%u,\"p99_us\":%u", percentile(0.5), percentile(0.99));
	}
	if(want.scenario == STORM && back > 0) {
		qsort(back_after, (size_t)back, sizeof *back_after, compare_doubles);
		printf(",\"back\":%d,\"back_p50\":%.4f,\"back_p99\":%.4f,\"back_max\":%.4f", back, back_after[(back - 1) / 2],
			back_after[(int)((back - 1) * 0.99)], back_after[back - 1]);
	}
	printf(",\"signals\":%" PRIu64 ",\"rate_limited\":%" PRIu64, sent_total, rate_limited);
	printf(",\"violations\":{\"order\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"extra\":%" PRIu64 ",\"roster\":%" PRIu64
		",\"numbers\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"foreign\":%" PRIu64 "}}\n",
		wrong.order, wrong.lost, wrong.extra, wrong.roster, wrong.numbers, wrong.refused, wrong.closed, wrong.foreign);
}

static int word(const char *given, const char *const *words, int count, const char *what) {
	for(int i = 0; i < count; i++)
		if(strcmp(given, words[i]) == 0)
			return i;
	die("there is no %s %s", what, given);
}

static void options(int argc, char **argv) {
	static const struct option OPTIONS[] = {
		{ "protocol", required_argument, NULL, 'p' }, { "scenario", required_argument, NULL, 's' },
		{ "port", required_argument, NULL, 'P' }, { "clients", required_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 'z' }, { "seconds", required_argument, NULL, 't' },
		{ "window", required_argument, NULL, 'w' }, { "batch", required_argument, NULL, 'b' },
		{ "room-base", required_argument, NULL, 'r' }, { "room-size", required_argument, NULL, 'R' },
		{ "pid", required_argument, NULL, 'i' }, { "deflated", required_argument, NULL, 'd' }, { NULL, 0, NULL, 0 },
	};
	for(int given; (given = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
		switch(given) {
		case 'p': want.protocol = (protocol)word(optarg, PROTOCOLS, 5, "protocol"); break;
		case 's': want.scenario = (scenario)word(optarg, SCENARIOS, 7, "scenario"); break;
		case 'P': want.port = atoi(optarg); break;
		case 'c': want.clients = atoi(optarg); break;
		case 'z': want.size = atoi(optarg); break;
		case 't': want.seconds = atof(optarg); break;
		case 'w': want.window = atoi(optarg); break;
		case 'b': want.batch = atoi(optarg); break;
		case 'r': want.room_base = atoi(optarg); break;
		case 'R': want.room_size = atoi(optarg); break;
		case 'd': want.deflated = atoi(optarg); break;
		case 'i': want.pid = atoi(optarg); break;
		default: die("see the options in tests/bench/README.md");
		}
	}
	if(want.scenario == MESH || want.scenario == FILL || want.scenario == BROADCAST)
		want.room_size = want.clients;
	if(want.port == 0 || want.room_size < 2 || want.clients % want.room_size != 0 || want.window < 1 || want.batch < 1
			|| want.batch >= BATCH_MAX || want.size > 60000)
		die("--port is needed, and --clients has to be a multiple of --room-size");
}

int main(int argc, char **argv) {
	options(argc, argv);
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	poller = epoll_create1(EPOLL_CLOEXEC);
	filler = malloc(65536);
	for(int i = 0; i < 65536; i += 64) {
		memset(filler + i, 'x', 64);
		if(want.scenario != MESH || want.protocol != PORTAL || !want.deflated)
			memcpy(filler + i + 60, "\\r\\n", 4); /* as a session description has it, and base64 has not */
	}
	samples = malloc(SAMPLES_MAX * sizeof *samples);
	clients = calloc((size_t)want.clients, sizeof *clients);
	dirty = calloc((size_t)want.clients, sizeof *dirty);
	size_t numbers = want.scenario == FILL ? 0 : (size_t)want.room_size;
	for(int i = 0; i < want.clients; i++) {
		client *c = &clients[i];
		c->fd = -1;
		c->room = i / want.room_size;
		c->place = i % want.room_size;
		c->seen = calloc((size_t)want.room_size, 1);
		c->sent = calloc(numbers + 1, sizeof *c->sent);
		c->got = calloc(2 * numbers + 1, sizeof *c->got);
		c->recent = calloc(2 * numbers + 1, sizeof *c->recent);
	}
	count_phase[OFF] = want.clients;
	if(want.scenario == IDLE) {
		run_idle();
	} else {
		connect_all();
		switch(want.scenario) {
		case MESH: run_mesh(); break;
		case FILL: run_fill(); break;
		case STORM: run_storm(); break;
		default: run_loop();
		}
	}
	stopping = true;
	report();
	return 0;
}
