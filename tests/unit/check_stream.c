/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "check_portal.h"

#include "fake_host.h"
#include "stream.h"

#define WINDOW 4
#define WEIGHT 4096

static portal_stream stream;
static size_t collected; /* weight of what was */
static size_t backlogs;

static void set_up(void) {
	backlogs = 0;
	portal_stream_init(&stream, &backlogs);
}

static void tear_down(void) {
	portal_stream_clear(&stream);
	ck_assert_uint_eq(backlogs, 0);
}

static portal_waiting *waiting(guint64 seq, size_t weight) {
	portal_waiting *made = g_new0(portal_waiting, 1);
	made->seq = seq;
	made->weight = weight;
	made->body = json_integer((json_int_t)weight);
	return made;
}

static void do_number(json_int_t answer) {
	json_auto_t *json = json_pack("{s:I}", "answer", answer);
	portal_stream_answered(&stream, json, WINDOW, WEIGHT);
}

START_TEST(numbers_are_judged_by_the_last_one_done) {
	ck_assert_int_eq(portal_stream_judge(&stream, 1, WINDOW), PORTAL_TURN_NOW);
	ck_assert_int_eq(portal_stream_judge(&stream, 2, WINDOW), PORTAL_TURN_LATER);
	ck_assert_int_eq(portal_stream_judge(&stream, 4, WINDOW), PORTAL_TURN_LATER);
	ck_assert_int_eq(portal_stream_judge(&stream, 5, WINDOW), PORTAL_TURN_TOO_FAR);
	ck_assert_int_eq(portal_stream_judge(&stream, G_MAXINT64, WINDOW), PORTAL_TURN_TOO_FAR);
	do_number(1);
	ck_assert_int_eq(portal_stream_judge(&stream, 1, WINDOW), PORTAL_TURN_DONE);
	ck_assert_int_eq(portal_stream_judge(&stream, 2, WINDOW), PORTAL_TURN_NOW);
	ck_assert_int_eq(portal_stream_judge(&stream, 5, WINDOW), PORTAL_TURN_LATER);
}
END_TEST

START_TEST(waiting_requests_are_taken_in_their_turn_only) {
	ck_assert_ptr_null(portal_stream_take(&stream));
	ck_assert(portal_stream_hold(&stream, waiting(3, 1), 100));
	ck_assert(portal_stream_hold(&stream, waiting(2, 1), 100));
	ck_assert_ptr_null(portal_stream_take(&stream));
	do_number(1);
	for(guint64 seq = 2; seq <= 3; seq++) {
		portal_waiting *next = portal_stream_take(&stream);
		ck_assert_ptr_nonnull(next);
		ck_assert_uint_eq(next->seq, seq);
		portal_waiting_free(next);
		do_number(1);
	}
	ck_assert_ptr_null(portal_stream_take(&stream));
	ck_assert_uint_eq(stream.waiting_weight, 0);
}
END_TEST

START_TEST(what_waits_is_bounded_by_weight) {
	ck_assert(portal_stream_hold(&stream, waiting(2, 60), 100));
	ck_assert(!portal_stream_hold(&stream, waiting(3, 41), 100));
	ck_assert(portal_stream_hold(&stream, waiting(3, 40), 100));
	ck_assert_uint_eq(stream.waiting_weight, 100);
}
END_TEST

START_TEST(the_same_number_takes_the_place_of_the_copy_that_waits) {
	ck_assert(portal_stream_hold(&stream, waiting(2, 60), 100));
	ck_assert(portal_stream_hold(&stream, waiting(2, 90), 100));
	ck_assert_uint_eq(stream.waiting_weight, 90);
	do_number(1);
	portal_waiting *next = portal_stream_take(&stream);
	ck_assert_uint_eq(next->weight, 90);
	portal_waiting_free(next);
}
END_TEST

START_TEST(answers_of_the_last_numbers_are_given_again) {
	for(json_int_t i = 1; i <= WINDOW + 2; i++)
		do_number(i);
	ck_assert_ptr_null(portal_stream_answer_again(&stream, 1));
	ck_assert_ptr_null(portal_stream_answer_again(&stream, 2));
	ck_json(portal_stream_answer_again(&stream, 3), "{'answer':3,'duplicate':true}");
	ck_json(portal_stream_answer_again(&stream, 6), "{'answer':6,'duplicate':true}");
	ck_json(portal_stream_answer_again(&stream, 6), "{'answer':6,'duplicate':true}");
}
END_TEST

START_TEST(answers_are_kept_up_to_a_weight_and_the_last_one_always) {
	g_autofree char *text = g_strnfill(WEIGHT / 2, 'x');
	for(int i = 1; i <= 3; i++) {
		json_auto_t *large = json_pack("{s:s}", "text", text);
		portal_stream_answered(&stream, large, WINDOW, WEIGHT);
		json_decref(portal_stream_answer_again(&stream, (guint64)i));
	}
	ck_assert_uint_eq(stream.answers.length, 1);
	do_number(4);
	ck_assert_uint_eq(stream.answers.length, 2);
	ck_assert_ptr_null(portal_stream_answer_again(&stream, 2));
	g_autofree char *huge = g_strnfill(2 * WEIGHT, 'x');
	json_auto_t *answer = json_pack("{s:s}", "text", huge);
	portal_stream_answered(&stream, answer, WINDOW, WEIGHT);
	ck_assert_uint_eq(stream.answers.length, 1);
	json_auto_t *again = portal_stream_answer_again(&stream, 5);
	ck_assert_ptr_nonnull(again);
}
END_TEST

START_TEST(repeating_an_answer_leaves_the_first_one_as_it_was) {
	json_auto_t *answer = json_of("{'answer':1}");
	portal_stream_answered(&stream, answer, WINDOW, WEIGHT);
	json_decref(portal_stream_answer_again(&stream, 1));
	ck_json(json_incref(answer), "{'answer':1}");
}
END_TEST

static void append(int count, size_t weight) {
	for(int i = 0; i < count; i++) {
		json_auto_t *event = json_integer((json_int_t)stream.last + 1);
		portal_stream_append(&stream, event, weight, stream.last + 101, 0);
	}
}

START_TEST(events_are_collected_in_order_with_the_version_of_the_last) {
	guint64 cursor = 0, version = 0;
	ck_assert_ptr_null(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0));
	append(3, 10);
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[1,2,3]");
	ck_assert_uint_eq(cursor, 3);
	ck_assert_uint_eq(version, 103);
	ck_assert_ptr_null(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0));
	append(1, 10);
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[4]");
}
END_TEST

START_TEST(one_push_has_at_most_64_events) {
	guint64 cursor = 0, version = 0;
	append(100, 10);
	json_auto_t *first = portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0);
	json_auto_t *second = portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0);
	ck_assert_uint_eq(json_array_size(first), 64);
	ck_assert_uint_eq(json_array_size(second), 36);
	ck_assert_int_eq(json_integer_value(json_array_get(second, 0)), 65);
}
END_TEST

START_TEST(one_push_has_at_most_64_kilobytes_but_always_one_event) {
	guint64 cursor = 0, version = 0;
	append(1, 200000);
	append(3, 30000);
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[1]");
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[2,3]");
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[4]");
}
END_TEST

static void gather(const json_t *shared, size_t weight) {
	portal_stream_append(&stream, (json_t *)shared, weight, 1, 0);
	portal_stream_gather(&stream, "list");
}

static bool add(json_int_t value, size_t weight) {
	json_auto_t *item = json_integer(value);
	return portal_stream_add(&stream, item, weight, stream.last + 101);
}

START_TEST(the_newest_event_gathers_until_it_was_seen) {
	guint64 cursor = 0, version = 0;
	json_auto_t *shared = json_of("{'list':[1]}");
	ck_assert(!add(0, 10));
	gather(shared, 20);
	ck_assert(add(2, 10));
	ck_assert(add(3, 10));
	ck_json(json_incref(shared), "{'list':[1]}");
	ck_assert_uint_eq(stream.backlog, 40);
	json_auto_t *collected_first = portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0);
	ck_json(json_incref(collected_first), "[{'list':[1,2,3]}]");
	ck_assert_uint_eq(version, 102);
	ck_assert_uint_eq(collected, 40);
	ck_assert(!add(4, 10));
	gather(shared, 20);
	append(1, 100);
	ck_assert(!add(5, 10));
	gather(shared, 20);
	portal_stream_seal(&stream);
	ck_assert(!add(6, 10));
	gather(shared, 20);
	ck_assert(add(7, 65400));
	ck_assert(!add(8, 1000)); /* it would weigh more than one push carries */
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[{'list':[1]},3,{'list':[1]}]");
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[{'list':[1,7]}]");
	ck_json(json_incref(collected_first), "[{'list':[1,2,3]}]");
}
END_TEST

START_TEST(acknowledging_more_than_was_pushed_is_refused) {
	portal_failure failure = { 0 };
	guint64 cursor = 0, version = 0;
	append(6, 10);
	ck_assert_int_eq(portal_stream_acknowledge(&stream, 1, &failure), JANUS_PORTAL_ERROR_INVALID_ACK);
	json_decref(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0));
	ck_assert_int_eq(portal_stream_acknowledge(&stream, 5, &failure), PORTAL_OK);
	ck_assert_int_eq(portal_stream_acknowledge(&stream, 3, &failure), PORTAL_OK);
	ck_assert_uint_eq(stream.acked, 5);
	ck_assert_int_eq(portal_stream_acknowledge(&stream, 7, &failure), JANUS_PORTAL_ERROR_INVALID_ACK);
	ck_assert_uint_eq(stream.acked, 5);
}
END_TEST

START_TEST(events_stay_until_they_are_acknowledged) {
	portal_failure failure = { 0 };
	guint64 cursor = 0, version = 0;
	append(5, 10);
	json_decref(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0));
	ck_assert_uint_eq(stream.backlog, 50);
	ck_assert_uint_eq(backlogs, 50);
	portal_stream_acknowledge(&stream, 2, &failure);
	ck_assert_uint_eq(stream.backlog, 30);
	ck_assert_uint_eq(portal_stream_weight_after(&stream, 2), 30);
	ck_assert_uint_eq(portal_stream_weight_after(&stream, 4), 10);
	cursor = 2; /* another peer goes on from there */
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[3,4,5]");
	cursor = 0; /* one that is behind what is acknowledged gets what is there */
	ck_json(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0), "[3,4,5]");
	portal_stream_acknowledge(&stream, 5, &failure);
	ck_assert_uint_eq(backlogs, 0);
}
END_TEST

START_TEST(the_ring_keeps_order_while_it_grows_wraps_and_shrinks) {
	portal_failure failure = { 0 };
	guint64 cursor = 0, version = 0;
	json_int_t expected = 0;
	for(int round = 0; round < 200; round++) {
		append(round % 13, 1);
		json_auto_t *got = portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0);
		size_t i;
		json_t *event;
		json_array_foreach(got, i, event) {
			ck_assert_int_eq(json_integer_value(event), ++expected);
		}
		if(round % 3 == 0)
			portal_stream_acknowledge(&stream, cursor - (cursor > stream.acked ? (guint64)round % 2 : 0), &failure);
	}
	append(500, 1);
	ck_assert_uint_ge(stream.capacity, 500);
	while(cursor < stream.last)
		json_decref(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0));
	portal_stream_acknowledge(&stream, stream.last, &failure);
	ck_assert_uint_eq(stream.capacity, 0);
	append(1, 1);
	json_decref(portal_stream_collect(&stream, &cursor, &version, &collected, NULL, 0));
	ck_assert_uint_eq(cursor, stream.last);
}
END_TEST

Suite *stream_suite(void) {
	Suite *suite = suite_create("stream");
	TCase *tests = tcase_create("stream");
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, numbers_are_judged_by_the_last_one_done);
	tcase_add_test(tests, waiting_requests_are_taken_in_their_turn_only);
	tcase_add_test(tests, what_waits_is_bounded_by_weight);
	tcase_add_test(tests, the_same_number_takes_the_place_of_the_copy_that_waits);
	tcase_add_test(tests, answers_of_the_last_numbers_are_given_again);
	tcase_add_test(tests, answers_are_kept_up_to_a_weight_and_the_last_one_always);
	tcase_add_test(tests, repeating_an_answer_leaves_the_first_one_as_it_was);
	tcase_add_test(tests, events_are_collected_in_order_with_the_version_of_the_last);
	tcase_add_test(tests, one_push_has_at_most_64_events);
	tcase_add_test(tests, one_push_has_at_most_64_kilobytes_but_always_one_event);
	tcase_add_test(tests, the_newest_event_gathers_until_it_was_seen);
	tcase_add_test(tests, acknowledging_more_than_was_pushed_is_refused);
	tcase_add_test(tests, events_stay_until_they_are_acknowledged);
	tcase_add_test(tests, the_ring_keeps_order_while_it_grows_wraps_and_shrinks);
	suite_add_tcase(suite, tests);
	return suite;
}
