/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream alone (stream.c): numbered requests in any order, with copies, losses, limits and sizes, take effect in order
 * and once each; their answers are kept as long as promised; and the events of the outbox come in order, without a gap,
 * in pushes of bounded size, until they are acknowledged. What is expected is kept here in the plainest way there is: lists
 * from the first number on, of which nothing is ever forgotten. */
#include <string.h>

#include "fields.h"
#include "fuzz.h"
#include "stream.h"

const char fuzz_target[] = "inbox";

#define STREAMS 2
#define CURSORS 2
#define STEPS 300

typedef struct copy { /* of a request, which waits */
	bool is_there;
	guint64 mark; /* which of the copies of that number it is */
	size_t weight;
	bool refused; /* on sight */
} copy;

typedef struct expected {
	guint64 done;
	GArray *waiting;  /* of copy, at the place of its number */
	GPtrArray *answers; /* of json_t *, of all numbers that were done, from 1 on; the first place is empty */
	GArray *answer_weights;
	GArray *weights, *versions, *times; /* of all events, in the same way */
	guint64 acked, pushed, last;
	guint64 cursors[CURSORS];
	portal_stats stats; /* what the core counts */
	guint64 replays, firsts;
} expected;

static portal_stream streams[STREAMS];
static expected truths[STREAMS];
static size_t all_backlogs;
static guint64 window, marks;
static size_t max_weight;
static gint64 now;

static const size_t sizes[] = { 1, 10, 100, 999, 1000, 1001, 5000, 30000, 65535, 65536, 65537, 200000 };

static size_t take_size(fuzz_input *input) {
	return sizes[fuzz_below(input, G_N_ELEMENTS(sizes))];
}

static void unref(void *json) {
	json_decref(json);
}

static void begin(expected *truth) {
	*truth = (expected) { 0 };
	truth->waiting = g_array_new(FALSE, TRUE, sizeof(copy));
	truth->answers = g_ptr_array_new_with_free_func(unref);
	g_ptr_array_add(truth->answers, NULL);
	truth->weights = g_array_new(FALSE, TRUE, sizeof(size_t));
	truth->versions = g_array_new(FALSE, TRUE, sizeof(guint64));
	truth->times = g_array_new(FALSE, TRUE, sizeof(gint64));
	truth->answer_weights = g_array_new(FALSE, TRUE, sizeof(size_t));
	g_array_set_size(truth->answer_weights, 1);
	g_array_set_size(truth->weights, 1);
	g_array_set_size(truth->versions, 1);
	g_array_set_size(truth->times, 1);
}

static void finish(expected *truth) {
	g_array_free(truth->waiting, TRUE);
	g_ptr_array_free(truth->answers, TRUE);
	g_array_free(truth->answer_weights, TRUE);
	g_array_free(truth->weights, TRUE);
	g_array_free(truth->versions, TRUE);
	g_array_free(truth->times, TRUE);
}

static copy *waiting_at(expected *truth, guint64 seq) {
	if(truth->waiting->len <= seq)
		g_array_set_size(truth->waiting, (guint)seq + 1);
	return &g_array_index(truth->waiting, copy, seq);
}

static size_t waiting_weight(const expected *truth) {
	size_t sum = 0;
	for(guint i = 0; i < truth->waiting->len; i++) {
		const copy *one = &g_array_index(truth->waiting, copy, i);
		sum += one->is_there ? one->weight : 0;
	}
	return sum;
}

/* The next number takes effect, with an answer of some size. */
static void take_effect(portal_stream *stream, expected *truth, size_t size) {
	g_autofree char *text = g_strnfill(MIN(size, 6000), 'x');
	json_t *answer = json_pack("{s:I, s:s}", "answer", (json_int_t)truth->done + 1, "text", text);
	portal_stream_answered(stream, answer, window, max_weight);
	g_ptr_array_add(truth->answers, answer);
	portal_weigh(answer, PORTAL_DEPTH_CEILING, &size);
	g_array_append_val(truth->answer_weights, size);
	truth->done++;
	promise(stream->done == truth->done, "%" G_GUINT64_FORMAT " took effect, not %" G_GUINT64_FORMAT, stream->done,
		truth->done);
}

/* Those that waited follow, each one as it was sent last, unless a limit comes in between. */
static void follow(portal_stream *stream, expected *truth, fuzz_input *input) {
	portal_waiting *next;
	for(;;) {
		copy *wanted = waiting_at(truth, truth->done + 1);
		next = portal_stream_take(stream);
		promise((next != NULL) == wanted->is_there, "number %" G_GUINT64_FORMAT " should %s", truth->done + 1,
			wanted->is_there ? "follow" : "not be there");
		if(next == NULL)
			return;
		promise(next->seq == truth->done + 1, "%" G_GUINT64_FORMAT " follows %" G_GUINT64_FORMAT, next->seq, truth->done);
		g_autofree char *mark = g_strdup_printf("%" G_GUINT64_FORMAT, wanted->mark);
		promise(strcmp(next->transaction, mark) == 0, "an older copy of %" G_GUINT64_FORMAT " took effect", next->seq);
		promise((next->body == NULL) == wanted->refused, "what was refused on sight is so in its turn, and nothing else");
		*wanted = (copy) { 0 };
		portal_waiting_free(next);
		if(fuzz_below(input, 8) == 0)
			return; /* limited: its number is not used, and it comes again */
		take_effect(stream, truth, take_size(input));
	}
}

static void hold(portal_stream *stream, expected *truth, guint64 seq, size_t weight, bool refused) {
	copy *former = waiting_at(truth, seq);
	portal_waiting *waiting = g_new0(portal_waiting, 1);
	*waiting = (portal_waiting) { .seq = seq, .weight = weight };
	waiting->transaction = g_strdup_printf("%" G_GUINT64_FORMAT, ++marks);
	waiting->body = refused ? NULL : json_integer((json_int_t)seq);
	weight += strlen(waiting->transaction);
	size_t sum = waiting_weight(truth) - (former->is_there ? former->weight : 0) + weight;
	bool held = portal_stream_hold(stream, waiting, max_weight);
	promise(held == (sum <= max_weight), "%zu bytes would wait, %zu may", sum, max_weight);
	if(held)
		*former = (copy) { true, marks, weight, refused };
}

/* The answer of a number that was done is there if it is one of the last, and those are not too heavy together. */
static void ask_again(const portal_stream *stream, const expected *truth, guint64 seq) {
	size_t weight = 0;
	for(guint64 at = seq; at <= truth->done; at++)
		weight += g_array_index(truth->answer_weights, size_t, at);
	bool kept = truth->done - seq < window && (seq == truth->done || weight <= max_weight);
	json_auto_t *again = portal_stream_answer_again(stream, seq), *wanted = json_copy(g_ptr_array_index(truth->answers, seq));
	promise((again != NULL) == kept, "the answer of %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " is %s", seq, truth->done,
		kept ? "lost" : "still there");
	json_object_set_new(wanted, "duplicate", json_true());
	promise(again == NULL || json_equal(again, wanted), "the second answer is another one than the first");
	promise(json_object_get(g_ptr_array_index(truth->answers, seq), "duplicate") == NULL, "the first answer was changed");
}

static void submit(portal_stream *stream, expected *truth, fuzz_input *input) {
	guint8 step = fuzz_byte(input);
	guint64 seq = step == 255 ? G_MAXINT64 : truth->done + step % (2 * window + 4);
	seq = seq > window + 1 ? seq - window - 1 : 1;
	size_t weight = take_size(input);
	guint8 kind = fuzz_byte(input);
	portal_turn turn = portal_stream_judge(stream, seq, window);
	if(seq <= truth->done) {
		promise(turn == PORTAL_TURN_DONE, "%" G_GUINT64_FORMAT " would take effect again", seq);
		ask_again(stream, truth, seq);
	} else if(seq == truth->done + 1) {
		promise(turn == PORTAL_TURN_NOW, "it is the turn of %" G_GUINT64_FORMAT, seq);
		if(kind % 4 == 0)
			return; /* limited */
		take_effect(stream, truth, weight);
		follow(stream, truth, input);
	} else if(seq - truth->done <= window) {
		promise(turn == PORTAL_TURN_LATER, "%" G_GUINT64_FORMAT " should wait for %" G_GUINT64_FORMAT, seq, truth->done + 1);
		hold(stream, truth, seq, kind % 8 == 1 ? 0 : weight, kind % 8 == 1);
	} else {
		promise(turn == PORTAL_TURN_TOO_FAR, "%" G_GUINT64_FORMAT " is more than a window ahead", seq);
	}
}

/* The outbox */

static size_t weight_at(const expected *truth, guint64 n) {
	return g_array_index(truth->weights, size_t, n);
}

static void append(portal_stream *stream, expected *truth, fuzz_input *input) {
	guint count = fuzz_below(input, 4) == 0 ? fuzz_below(input, 100) : 1;
	size_t weight = take_size(input);
	for(guint i = 0; i < count; i++) {
		guint64 version = 7 * ++truth->last;
		json_auto_t *event = json_integer((json_int_t)truth->last);
		portal_stream_append(stream, event, weight, version, now);
		g_array_append_val(truth->weights, weight);
		g_array_append_val(truth->versions, version);
		g_array_append_val(truth->times, now);
	}
}

static void collect(portal_stream *stream, expected *truth, fuzz_input *input) {
	guint64 *cursor = &truth->cursors[fuzz_below(input, CURSORS)], at = *cursor, version = 0;
	size_t weight = 1, sum = 0, i;
	json_auto_t *events = portal_stream_collect(stream, &at, &version, &weight, &truth->stats, now);
	guint64 from = MAX(*cursor, truth->acked);
	promise((events != NULL) == (from < truth->last),
		"there %s events after %" G_GUINT64_FORMAT, from < truth->last ? "are" : "are no", from);
	promise(at == from + json_array_size(events),
		"the cursor is at %" G_GUINT64_FORMAT ", after %zu events from %" G_GUINT64_FORMAT, at,
		json_array_size(events), from);
	json_t *event;
	json_array_foreach(events, i, event) {
		promise(json_integer_value(event) == (json_int_t)(from + i + 1),
			"event %" JSON_INTEGER_FORMAT " at the place of %" G_GUINT64_FORMAT,
			json_integer_value(event), from + i + 1);
		sum += weight_at(truth, from + i + 1);
		*(from + i + 1 <= truth->pushed ? &truth->replays : &truth->firsts) += 1;
	}
	promise(json_array_size(events) <= 64 && (json_array_size(events) == 1 || sum <= 65536), "one push is too large: %zu", sum);
	promise(sum == weight, "%zu bytes are said to be %zu", sum, weight);
	promise(at == truth->last || json_array_size(events) == 64 || sum + weight_at(truth, at + 1) > 65536,
		"one push could have held more");
	promise(events == NULL || version == g_array_index(truth->versions, guint64, at),
		"the version is not that of the last event");
	*cursor = at;
	truth->pushed = MAX(truth->pushed, at);
	promise(truth->stats.replays == truth->replays && truth->stats.events == truth->firsts, "replays are counted wrongly");
}

static void acknowledge(portal_stream *stream, expected *truth, fuzz_input *input) {
	portal_failure failure = { 0 };
	guint8 step = fuzz_byte(input);
	guint64 ack = step == 255 ? G_MAXUINT64 : truth->pushed + 4 >= step ? truth->pushed + 4 - step : 0;
	portal_error error = portal_stream_acknowledge(stream, ack, &failure);
	promise((error == PORTAL_OK) == (ack <= truth->pushed),
		"ack %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT, ack, truth->pushed);
	if(error == PORTAL_OK)
		truth->acked = MAX(truth->acked, ack);
}

/* Adds up what there is from the beginning. */
static void check(portal_stream *stream, const expected *truth) {
	size_t backlog = 0, unacknowledged = 0;
	for(guint64 n = truth->acked + 1; n <= truth->last; n++)
		backlog += weight_at(truth, n);
	for(guint64 n = truth->acked + 1; n <= truth->pushed; n++)
		unacknowledged += weight_at(truth, n);
	promise(stream->acked == truth->acked && stream->pushed == truth->pushed && stream->last == truth->last,
		"the numbers of events differ");
	promise(stream->backlog == backlog, "a backlog of %zu bytes is counted as %zu", backlog, stream->backlog);
	promise(portal_stream_weight_after(stream, truth->acked) == unacknowledged,
		"what would be pushed again is weighed wrongly");
	promise(stream->waiting_weight == waiting_weight(truth), "what waits is weighed wrongly");
	promise(stream->done == truth->done, "what was done is counted wrongly");
	promise(stream->answers.length <= window, "more answers are kept than a window has numbers");
	promise(stream->answers.length <= 1 || stream->answers_weight <= max_weight, "the answers that are kept are too heavy");
}

static void drop(portal_stream *stream, expected *truth) {
	portal_stream_drop_waiting(stream);
	g_array_set_size(truth->waiting, 0);
}

static void step(fuzz_input *input) {
	guint8 action = fuzz_byte(input);
	guint which = action % STREAMS;
	portal_stream *stream = &streams[which];
	expected *truth = &truths[which];
	action /= STREAMS;
	switch(action % 8) {
	default:
		submit(stream, truth, input);
		break;
	case 3:
		append(stream, truth, input);
		break;
	case 4:
		collect(stream, truth, input);
		break;
	case 5:
		acknowledge(stream, truth, input);
		break;
	case 6: /* another peer, which gets again what is not acknowledged */
		truth->cursors[fuzz_below(input, CURSORS)] = truth->acked;
		break;
	case 7:
		now += fuzz_byte(input) * 1000;
		if(action / 8 % 4 == 0)
			drop(stream, truth);
		break;
	}
	promise(streams[0].backlog + streams[1].backlog == all_backlogs, "all backlogs together are counted wrongly");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	fuzz_input input = { data, data + size };
	all_backlogs = 0;
	marks = 0;
	now = 0;
	window = 1 + fuzz_below(&input, 12);
	max_weight = fuzz_byte(&input) * 64u + 100;
	for(int i = 0; i < STREAMS; i++) {
		portal_stream_init(&streams[i], &all_backlogs);
		begin(&truths[i]);
	}
	for(int i = 0; i < STEPS && fuzz_more(&input); i++) {
		step(&input);
		if(i % 4 == 0)
			check(&streams[i / 4 % STREAMS], &truths[i / 4 % STREAMS]);
	}
	for(int i = 0; i < STREAMS; i++) {
		check(&streams[i], &truths[i]);
		portal_stream_clear(&streams[i]);
		finish(&truths[i]);
	}
	promise(all_backlogs == 0, "%zu bytes of backlog are left of nobody", all_backlogs);
	return 0;
}
