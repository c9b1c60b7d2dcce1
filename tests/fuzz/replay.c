/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs inputs once each, without libFuzzer: the files and folders that are named, else the corpus of the target in
 * the sources (PORTAL_SOURCE, which `make check` sets). So any compiler, under any sanitizer, holds the core to what the
 * fuzzer has found its way to. */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static guint inputs;

static void run_file(const char *path) {
	g_autofree char *bytes = NULL;
	gsize length = 0;
	g_autoptr(GError) error = NULL;
	if(!g_file_get_contents(path, &bytes, &length, &error)) {
		fprintf(stderr, "%s\n", error->message);
		exit(EXIT_FAILURE);
	}
	/* Named before it runs: nobody else would know which one it was. */
	if(g_getenv("PORTAL_FUZZ_VERBOSE") != NULL)
		fprintf(stderr, "%s\n", path);
	/* A copy of just its length, so that AddressSanitizer sees a read behind the end. */
	uint8_t *input = g_memdup2(bytes, length);
	LLVMFuzzerTestOneInput(input, length);
	g_free(input);
	inputs++;
}

static gint by_name(gconstpointer one, gconstpointer other) {
	return g_strcmp0(*(char *const *)one, *(char *const *)other);
}

static void run(const char *path) {
	if(!g_file_test(path, G_FILE_TEST_IS_DIR)) {
		run_file(path);
		return;
	}
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
	const char *name;
	while(folder != NULL && (name = g_dir_read_name(folder)) != NULL)
		g_ptr_array_add(files, g_build_filename(path, name, NULL));
	g_ptr_array_sort(files, by_name);
	for(guint i = 0; i < files->len; i++)
		run_file(g_ptr_array_index(files, i));
}

int main(int count, char **arguments) {
	const char *source = g_getenv("PORTAL_SOURCE");
	g_autofree char *corpus = g_build_filename(source != NULL ? source : ".", "tests", "fuzz", "corpus", fuzz_target, NULL);
	for(int i = 1; i < count; i++)
		run(arguments[i]);
	if(count == 1)
		run(corpus);
	if(inputs == 0) {
		fprintf(stderr, "%s: there is no input in %s\n", fuzz_target, corpus);
		return EXIT_FAILURE;
	}
	printf("%s: %u inputs\n", fuzz_target, inputs);
	return EXIT_SUCCESS;
}
