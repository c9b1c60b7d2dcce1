/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file
 * \brief The variables of Janus's core that its headers refer to, for a program that has the plugin in it and no Janus: included once
 * there, behind Janus's headers. */
#ifndef PORTAL_JANUS_VARIABLES_H
#define PORTAL_JANUS_VARIABLES_H

int janus_log_level = LOG_VERB;
gboolean janus_log_timestamps = FALSE;
gboolean janus_log_colors = FALSE;
char *janus_log_global_prefix = NULL;
int lock_debug = 0;
int refcount_debug = 0;

#endif
