/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file check_portal.h
 * \brief The suites of the unit tests, one a file. */
#ifndef CHECK_PORTAL_H
#define CHECK_PORTAL_H

#include <check.h>

Suite *config_suite(void);
Suite *fields_suite(void);
Suite *key_suite(void);
Suite *manage_suite(void);
Suite *model_suite(void);
Suite *relay_suite(void);
Suite *request_suite(void);
Suite *resume_suite(void);
Suite *room_suite(void);
Suite *schedule_suite(void);
Suite *stream_suite(void);

#endif
