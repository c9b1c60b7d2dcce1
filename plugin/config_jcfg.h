/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file config_jcfg.h
 * \brief Reads a jcfg file (libconfig's format, which all of Janus's settings have) into JSON. */
#ifndef PORTAL_CONFIG_JCFG_H
#define PORTAL_CONFIG_JCFG_H

#include "config.h"

/*! \brief Reads and checks a jcfg file.
 * Janus's own reader is not used: it forgets the lines that an error message should name, turns every value into text, and
 * does not tell a file that is not there from one that does not parse.
 * \param path the file; if there is none, that is a configuration without rooms
 * \param error on failure one line for the log with file, line and reason; the caller frees it
 * @returns NULL if the file is there but cannot be read, does not parse, or asks for nonsense */
portal_config *portal_config_read(const char *path, char **error);

#endif
