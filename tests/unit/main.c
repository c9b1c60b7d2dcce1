/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unit tests of the core: a fake host, no Janus, no sleeping. CK_RUN_SUITE=room runs one suite only. */
#include "check_portal.h"

#include <stdlib.h>

int main(void) {
	SRunner *runner = srunner_create(config_suite());
	srunner_add_suite(runner, fields_suite());
	srunner_add_suite(runner, key_suite());
	srunner_add_suite(runner, manage_suite());
	srunner_add_suite(runner, model_suite());
	srunner_add_suite(runner, relay_suite());
	srunner_add_suite(runner, request_suite());
	srunner_add_suite(runner, resume_suite());
	srunner_add_suite(runner, room_suite());
	srunner_add_suite(runner, schedule_suite());
	srunner_add_suite(runner, stream_suite());
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
