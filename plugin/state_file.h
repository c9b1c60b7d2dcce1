/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file state_file.h
 * \brief The file that the permanent rooms are in. */
#ifndef PORTAL_STATE_FILE_H
#define PORTAL_STATE_FILE_H

#include <jansson.h>
#include <stdbool.h>

/*! \brief Reads the file. \param state NULL if there is none; else owned by the caller
 * \param error on failure one line for the log; the caller frees it
 * @returns false if there is a file that cannot be read as JSON, an empty one included */
bool portal_state_read(const char *path, json_t **state, char **error);

/*! \brief Replaces the file, so that at any moment, whatever dies, either the old or the new one is there, whole: writes another
 * one beside it, has it on disk, renames it (POSIX rename is atomic), has the folder on disk.
 * \param error on failure why; the caller frees it */
bool portal_state_write(const char *path, const json_t *state, char **error);

#endif
