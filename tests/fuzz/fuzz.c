/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fuzz.c
 * \brief Nothing here depends on time, addresses or real randomness, so that an input that failed fails again. */
#include "fuzz.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

void fuzz_broken(const char *file, int line, const char *condition, const char *format, ...) {
	va_list arguments;
	fprintf(stderr, "\n%s:%d: broken promise (%s): ", file, line, condition);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	abort();
}

/* Bytes that become decisions */

bool fuzz_more(const fuzz_input *input) {
	return input->at < input->end;
}

uint8_t fuzz_byte(fuzz_input *input) {
	return input->at < input->end ? *input->at++ : 0;
}

guint fuzz_below(fuzz_input *input, guint below) {
	return fuzz_byte(input) % below;
}

const uint8_t *fuzz_bytes(fuzz_input *input, size_t wanted, size_t *length) {
	const uint8_t *bytes = input->at;
	*length = MIN(wanted, (size_t)(input->end - input->at));
	input->at += *length;
	return bytes;
}

/* JSON */

char *fuzz_text(const json_t *value) {
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	return text != NULL ? text : strdup("nothing");
}

static const struct { int number; const char *code; } codes[] = {
#define FUZZ_CODE(name, number, code) { number, code },
	PORTAL_ERRORS(FUZZ_CODE)
#undef FUZZ_CODE
};

static const char *check_error(const json_t *answer) {
	const char *code = json_string_value(json_object_get(answer, "code")),
		*error = json_string_value(json_object_get(answer, "error"));
	json_int_t number = json_integer_value(json_object_get(answer, "error_code"));
	promise(code != NULL && error != NULL && error[0] != '\0', "an error lacks its code or its text: %s", fuzz_text(answer));
	promise(g_utf8_validate(error, -1, NULL), "its text is not UTF-8: %s", fuzz_text(answer));
	promise(strcmp(code, "unknown_error") != 0, "a fault of the core's own: %s", fuzz_text(answer));
	size_t row = 0;
	while(row < G_N_ELEMENTS(codes) && strcmp(codes[row].code, code) != 0)
		row++;
	promise(row < G_N_ELEMENTS(codes) && codes[row].number == number, "code and number are not of one row of the table: %s",
		fuzz_text(answer));
	const json_t *retry = json_object_get(answer, "retry_after");
	promise(retry == NULL || json_integer_value(retry) > 0, "there is nothing to wait for: %s", fuzz_text(answer));
	promise(strcmp(code, "rate_limited") != 0 || retry != NULL, "it does not say how long to wait: %s", fuzz_text(answer));
	return codes[row].code;
}

static int count_text(const char *text, size_t length, void *sum) {
	(void)text;
	*(size_t *)sum += length;
	return 0;
}

bool fuzz_can_be_written(const json_t *value) {
	size_t length = 0;
	return json_dump_callback(value, count_text, &length, JSON_COMPACT) == 0 && length > 0;
}

const char *fuzz_check_answer(const json_t *answer) {
	const char *portal = json_string_value(json_object_get(answer, "portal"));
	promise(fuzz_can_be_written(answer), "the answer is nothing that can be written");
	promise(portal != NULL, "neither success nor error: %s", fuzz_text(answer));
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(answer, "failed"), i, one)
		check_error(one);
	if(strcmp(portal, "error") == 0)
		return check_error(answer);
	promise(strcmp(portal, "success") == 0 || strcmp(portal, "pong") == 0, "neither success nor error: %s", fuzz_text(answer));
	promise(json_object_get(answer, "code") == NULL, "a success with a code of errors: %s", fuzz_text(answer));
	return NULL;
}

/* A host */

static void wake(void *context, void *session) {
	(void)session;
	((fuzz_host *)context)->woken++;
}

static void end(void *context, void *session) {
	g_ptr_array_add(((fuzz_host *)context)->ended, session);
}

static gint64 now(void *context) {
	return ((fuzz_host *)context)->now;
}

static gint64 time_of_day(void *context) {
	return 1700000000 + ((fuzz_host *)context)->now / G_USEC_PER_SEC;
}

/* Xorshift: enough to make keys that differ. */
static void make_random(void *context, void *buffer, size_t length) {
	fuzz_host *host = context;
	for(size_t i = 0; i < length; i++) {
		host->random ^= host->random << 13;
		host->random ^= host->random >> 17;
		host->random ^= host->random << 5;
		((unsigned char *)buffer)[i] = (unsigned char)(host->random >> 7);
	}
}

static void take_line(void *context, portal_log_level level, const char *line) {
	promise(strchr(line, '\n') == NULL, "the log has one line each, not: %s", line);
	((fuzz_host *)context)->warnings += level > PORTAL_LOG_INFO;
}

static void notify(void *context, void *session, json_t *event) {
	(void)session;
	promise(json_is_object(event), "those who watch are told something that is no object");
	g_ptr_array_add(((fuzz_host *)context)->told, event);
}

static bool is_signed(void *context, const char *token, const char *descriptor) {
	(void)context;
	return g_str_has_prefix(token, "signed ") && strcmp(token + strlen("signed "), descriptor) == 0;
}

static void unref(void *json) {
	json_decref(json);
}

void fuzz_host_init(fuzz_host *host) {
	*host = (fuzz_host) { .now = G_USEC_PER_SEC, .random = 2463534242u };
	host->host = (portal_host) { .context = host, .wake = wake, .end = end, .now = now, .time = time_of_day,
		.random = make_random,
		.log = take_line, .notify = notify, .is_signed = is_signed };
	host->told = g_ptr_array_new_with_free_func(unref);
	host->ended = g_ptr_array_new();
}

void fuzz_host_clear(fuzz_host *host) {
	g_ptr_array_free(host->told, TRUE);
	g_ptr_array_free(host->ended, TRUE);
}

/* Files */

static char *folder;

static void remove_folder(void) {
	GDir *open = g_dir_open(folder, 0, NULL);
	const char *name;
	while(open != NULL && (name = g_dir_read_name(open)) != NULL) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		g_unlink(path);
	}
	g_clear_pointer(&open, g_dir_close);
	g_rmdir(folder);
	g_clear_pointer(&folder, g_free);
}

const char *fuzz_folder(void) {
	if(folder != NULL)
		return folder;
	/* Thousands of files a second, each synced to disk as the core does it, are for memory only. */
	const char *place = g_access("/dev/shm", W_OK) == 0 ? "/dev/shm" : g_get_tmp_dir();
	folder = g_build_filename(place, "portal-fuzz-XXXXXX", NULL);
	promise(g_mkdtemp(folder) != NULL, "no folder can be made in %s", place);
	atexit(remove_folder);
	return folder;
}

char *fuzz_file(const char *name, const void *bytes, size_t length) {
	char *path = g_build_filename(fuzz_folder(), name, NULL);
	FILE *file = fopen(path, "wb");
	promise(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0, "%s cannot be written", path);
	return path;
}
