/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file state_file.c
 * \brief JSON on disk; only its owner may read it, since hashes of secrets are in it. */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool portal_state_read(const char *path, json_t **state, char **error) {
	g_autofree char *text = NULL;
	gsize length = 0;
	g_autoptr(GError) problem = NULL;
	json_error_t wrong;
	*state = NULL;
	if(!g_file_get_contents(path, &text, &length, &problem)) {
		if(g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return true;
		*error = g_strdup(problem->message);
		return false;
	}
	*state = json_loadb(text, length, JSON_REJECT_DUPLICATES, &wrong);
	if(*state == NULL)
		*error = g_strdup_printf("%s:%d: %s", path, wrong.line, wrong.text);
	return *state != NULL;
}

static bool write_all(int file, const char *text, size_t length) {
	for(size_t done = 0; done < length;) {
		ssize_t count = write(file, text + done, length - done);
		if(count < 0 && errno != EINTR)
			return false;
		done += count > 0 ? (size_t)count : 0;
	}
	return fsync(file) == 0;
}

static bool write_beside(const char *beside, const char *text) {
	int file = g_open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if(file < 0)
		return false;
	bool written = write_all(file, text, strlen(text));
	int problem = errno;
	bool closed = close(file) == 0;
	if(!written)
		errno = problem;
	return written && closed;
}

/* Without this the name may be the old one again after a loss of power. A file system that cannot is not our failure. */
static void sync_folder(const char *path) {
	g_autofree char *folder = g_path_get_dirname(path);
	int opened = g_open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if(opened < 0)
		return;
	(void)fsync(opened);
	close(opened);
}

bool portal_state_write(const char *path, const json_t *state, char **error) {
	g_autofree char *beside = g_strconcat(path, ".new", NULL);
	char *text = json_dumps(state, JSON_INDENT(1) | JSON_SORT_KEYS);
	bool written = text != NULL && write_beside(beside, text) && g_rename(beside, path) == 0;
	if(!written) {
		*error = g_strdup_printf("%s: %s", path, g_strerror(errno));
		g_unlink(beside);
	} else {
		sync_folder(path);
	}
	free(text);
	return written;
}
