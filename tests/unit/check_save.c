/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Saves that are merged: the adapter itself, with a disk that the tests hold up. A program of its own, since the state file is
 * another one here, and since its threads are something for ThreadSanitizer. */
#include "janus_portal.c"

#include <check.h>
#include <stdlib.h>

#include "janus_variables.h"

/* What of Janus's core the plugin calls. */
void janus_vprintf(const char *format, ...);

void janus_vprintf(const char *format, ...) {
	(void)format;
}

janus_plugin_result *janus_plugin_result_new(janus_plugin_result_type type, const char *text, json_t *content) {
	(void)type;
	(void)text;
	json_decref(content);
	return NULL;
}

/* The disk, in the place of state_file.c: each write waits until it is let go, and ends as it was told to. */

#define WRITES 16

static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER; /* guards these */
static pthread_cond_t disk_moved = PTHREAD_COND_INITIALIZER;
static int begun, let_go;
static bool fails[WRITES];
static char written[WRITES][27]; /* the rooms of each write, whose names are one letter each */

bool portal_state_read(const char *path, json_t **state, char **error) {
	(void)path;
	(void)error;
	*state = NULL;
	return true;
}

bool portal_state_write(const char *path, const json_t *state, char **error) {
	(void)path;
	pthread_mutex_lock(&disk);
	int mine = begun++;
	char *end = written[mine];
	for(char name[] = "a"; *name <= 'z'; (*name)++) {
		if(json_object_get(json_object_get(state, "rooms"), name) != NULL)
			*end++ = *name;
	}
	*end = '\0';
	pthread_cond_broadcast(&disk_moved);
	while(let_go <= mine)
		pthread_cond_wait(&disk_moved, &disk);
	bool failed = fails[mine];
	pthread_mutex_unlock(&disk);
	if(failed)
		*error = g_strdup("no space");
	return !failed;
}

/* Until so many writes have begun, in all. */
static void wait_for_write(int count) {
	pthread_mutex_lock(&disk);
	while(begun < count)
		pthread_cond_wait(&disk_moved, &disk);
	pthread_mutex_unlock(&disk);
}

/* Lets so many writes end, in all, be they begun yet or not. */
static void let_go_of(int count) {
	pthread_mutex_lock(&disk);
	let_go = count;
	pthread_cond_broadcast(&disk_moved);
	pthread_mutex_unlock(&disk);
}

/* Those who ask, each in a thread of Janus's pool. */

typedef struct asking {
	pthread_t thread;
	json_t *body;
	bool permanent; /* says the reply */
} asking;

static void *wait_for_reply(void *data) {
	asking *one = data;
	json_auto_t *reply = janus_portal_handle_admin_message(one->body);
	one->permanent = json_is_true(json_object_get(reply, "permanent"));
	json_decref(one->body);
	return NULL;
}

static const json_t *to_write(void) {
	pthread_mutex_lock(&lock);
	const json_t *state = newest.state;
	pthread_mutex_unlock(&lock);
	return state;
}

/* Begins a request, and waits until what it changes is in what is to be written next. */
static void begin(asking *one, const char *request, const char *room) {
	const json_t *before = to_write(); /* which is there until the next one is, so that has another address */
	one->body = json_pack("{s:s, s:s, s:b}", "request", request, "room", room, "permanent", 1);
	ck_assert_int_eq(pthread_create(&one->thread, NULL, wait_for_reply, one), 0);
	while(to_write() == before)
		g_thread_yield();
}

static bool is_permanent(asking *one) {
	pthread_join(one->thread, NULL);
	return one->permanent;
}

static gboolean no_events(void) {
	return FALSE;
}

static janus_callbacks callbacks = { .events_is_enabled = no_events };
static char *folder;

static void set_up(void) {
	begun = let_go = 0;
	memset(fails, 0, sizeof(fails));
	folder = g_dir_make_tmp("portal-XXXXXX", NULL);
	ck_assert_ptr_nonnull(folder);
	ck_assert_int_eq(janus_portal_init(&callbacks, folder), 0);
}

static void tear_down(void) {
	janus_portal_destroy();
	remove(folder);
	g_clear_pointer(&folder, g_free);
}

START_TEST(those_who_wait_have_the_next_write_in_common) {
	asking a, b, c, d;
	begin(&a, "create", "a");
	wait_for_write(1);
	begin(&b, "create", "b");
	begin(&c, "create", "c");
	begin(&d, "destroy", "b");
	let_go_of(1);
	ck_assert(is_permanent(&a));
	wait_for_write(2);
	let_go_of(2);
	ck_assert(is_permanent(&b) && is_permanent(&c) && is_permanent(&d));
	ck_assert_int_eq(begun, 2);
	ck_assert_str_eq(written[0], "a");
	ck_assert_str_eq(written[1], "ac");
}
END_TEST

START_TEST(a_write_that_fails_is_the_failure_of_those_who_waited_for_it_only) {
	asking a, b, c;
	fails[0] = true;
	begin(&a, "create", "a");
	wait_for_write(1);
	begin(&b, "create", "b");
	begin(&c, "create", "c");
	let_go_of(2);
	ck_assert(!is_permanent(&a) && is_permanent(&b) && is_permanent(&c));
	ck_assert_int_eq(begun, 2);
	ck_assert_str_eq(written[1], "abc");
}
END_TEST

START_TEST(nobody_is_promised_what_no_write_has_brought_to_the_disk_and_the_next_one_makes_it_good) {
	asking a, b, c, d;
	fails[1] = fails[2] = true;
	begin(&a, "create", "a");
	wait_for_write(1);
	begin(&b, "create", "b");
	begin(&c, "create", "c");
	let_go_of(WRITES);
	ck_assert(is_permanent(&a) && !is_permanent(&b) && !is_permanent(&c));
	ck_assert_int_eq(begun, 3); /* each of them has tried */
	begin(&d, "create", "d");
	ck_assert(is_permanent(&d));
	ck_assert_str_eq(written[3], "abcd");
}
END_TEST

START_TEST(who_waits_while_the_plugin_stops_is_promised_nothing) {
	asking a, b;
	begin(&a, "create", "a");
	wait_for_write(1);
	begin(&b, "create", "b");
	janus_portal_destroy();
	let_go_of(WRITES);
	ck_assert(is_permanent(&a) && !is_permanent(&b));
	ck_assert_int_eq(begun, 1);
}
END_TEST

START_TEST(others_are_answered_while_the_disk_stands_still) {
	asking a;
	begin(&a, "create", "a");
	wait_for_write(1);
	json_auto_t *body = json_pack("{s:s, s:s}", "request", "exists", "room", "a");
	json_auto_t *reply = janus_portal_handle_admin_message(body);
	ck_assert(json_is_true(json_object_get(reply, "exists")));
	let_go_of(1);
	ck_assert(is_permanent(&a));
}
END_TEST

int main(void) {
	Suite *suite = suite_create("save");
	TCase *tests = tcase_create("save");
	tcase_set_timeout(tests, 30);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, those_who_wait_have_the_next_write_in_common);
	tcase_add_test(tests, a_write_that_fails_is_the_failure_of_those_who_waited_for_it_only);
	tcase_add_test(tests, nobody_is_promised_what_no_write_has_brought_to_the_disk_and_the_next_one_makes_it_good);
	tcase_add_test(tests, who_waits_while_the_plugin_stops_is_promised_nothing);
	tcase_add_test(tests, others_are_answered_while_the_disk_stands_still);
	suite_add_tcase(suite, tests);
	unsetenv("CK_TAP_LOG_FILE_NAME"); /* that one is check_portal's */
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
