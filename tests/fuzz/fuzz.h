/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file fuzz.h
 * \brief What all fuzz targets share: bytes that become decisions, promises that abort, a host without Janus.
 *
 * A target is one file with LLVMFuzzerTestOneInput(). With clang and `configure --enable-fuzzing` libFuzzer is its main
 * (tests/fuzz/run); with any compiler replay.c is, and runs the corpus as part of `make check`. */
#ifndef FUZZ_H
#define FUZZ_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "portal.h"

/*! \brief The name of the target, which is that of its corpus. */
extern const char fuzz_target[];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*! \brief Aborts, saying what was promised and where, unless it holds. The arguments are looked at only then, so they may be
 * made on the spot and never freed. */
#define promise(condition, ...) \
	do { \
		if(!(condition)) \
			fuzz_broken(__FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while(0)
void fuzz_broken(const char *file, int line, const char *condition, const char *format, ...)
	G_GNUC_PRINTF(4, 5) G_GNUC_NORETURN;

/* ----- Bytes that become decisions */

typedef struct fuzz_input {
	const uint8_t *at, *end;
} fuzz_input;

bool fuzz_more(const fuzz_input *input);

/*! \brief The next byte, 0 behind the end: an input that is cut is a shorter run of the same. */
uint8_t fuzz_byte(fuzz_input *input);

/*! \brief One of 0 … below - 1. */
guint fuzz_below(fuzz_input *input, guint below);

/*! \brief So many of the next bytes, fewer at the end. Borrowed. */
const uint8_t *fuzz_bytes(fuzz_input *input, size_t wanted, size_t *length);

/* ----- JSON */

/*! \brief A value as compact text, for what a broken promise says; owned by the caller. */
char *fuzz_text(const json_t *value);

/*! \brief Whether a transport could make a text of it: what cannot be written never gets to a client. */
bool fuzz_can_be_written(const json_t *value);

/*! \brief Checks an answer as any client may: its shape, and that an error has a number, a code of the table and a text.
 * @returns the code of an error, NULL of anything else; static */
const char *fuzz_check_answer(const json_t *answer);

/* ----- A host */

typedef struct fuzz_host {
	portal_host host;
	gint64 now;      /*!< microseconds; stands still unless the target moves it */
	guint32 random;  /*!< state of what stands in for randomness: the same in each run */
	GPtrArray *told; /*!< of json_t *: events for those who watch, until the target takes them */
	GPtrArray *ended; /*!< sessions that the core had ended */
	guint woken;
	guint warnings;  /*!< lines for the operator above PORTAL_LOG_INFO */
} fuzz_host;

void fuzz_host_init(fuzz_host *host);
void fuzz_host_clear(fuzz_host *host);

/*! \brief A folder in memory, if this system has such, for targets that need files; the same all through a run. */
const char *fuzz_folder(void);

/*! \brief Replaces a file of that folder, and returns its path, owned by the caller. */
char *fuzz_file(const char *name, const void *bytes, size_t length);

#endif
