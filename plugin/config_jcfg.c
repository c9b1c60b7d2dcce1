/* SPDX-License-Identifier: GPL-3.0-or-later */
/*! \file config_jcfg.c
 * \brief jcfg file → json_t, which config.c judges; an error gets the line of the file back here. */
#include "config_jcfg.h"

#include <libconfig.h>
#include <string.h>

/* Of groups in groups, so that a hostile file does not recurse far. What config.c takes, metadata nested 8 deep in a room in the
 * file, is whole above it, and what is cut off below is too deep for config.c all the same: nothing is lost silently. */
#define DEPTH_CEILING 10

static json_t *json_of_setting(const config_setting_t *setting, int depth) {
	switch(config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return json_integer(config_setting_get_int64(setting));
	case CONFIG_TYPE_FLOAT:
		return json_real(config_setting_get_float(setting));
	case CONFIG_TYPE_BOOL:
		return json_boolean(config_setting_get_bool(setting));
	case CONFIG_TYPE_STRING:
		return json_string(config_setting_get_string(setting));
	}
	bool is_group = config_setting_is_group(setting);
	json_t *container = is_group ? json_object() : json_array();
	for(int i = 0; depth < DEPTH_CEILING && i < config_setting_length(setting); i++) {
		const config_setting_t *element = config_setting_get_elem(setting, (unsigned)i);
		json_t *value = json_of_setting(element, depth + 1);
		if(value == NULL)
			value = json_null(); /* not UTF-8, or not a number that JSON has: config.c will find the type wrong */
		if(is_group)
			json_object_set_new(container, config_setting_name(element), value);
		else
			json_array_append_new(container, value);
	}
	return container;
}

/* Strings, comments and names; what is left over and is a whole number without L is in a group of its own. None of it goes back over what
 * it has taken: GRegex remembers places to go back to, and gives up when there are too many. */
#define TOKENS "\"(?>[^\"\\\\]+|\\\\.)*+\"|#[^\n]*|//[^\n]*|/\\*[^*]*+\\*++(?:[^*/][^*]*+\\*++)*+/|[A-Za-z*][-\\w*]*" \
	"|(?<![\\w.])([-+]?(?:0[xX][0-9a-fA-F]+|[0-9]+))(?![\\w.])"

/* libconfig keeps 32 bits of a number that has no L behind it, and says nothing: 5368709120 would become 1073741824.
 * \param error set to one line if there is such a number, or may be one @returns whether there is none */
static bool check_numbers(const char *path, const char *text, char **error) {
	g_autoptr(GRegex) tokens = g_regex_new(TOKENS, G_REGEX_DOTALL | G_REGEX_RAW, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;
	g_autoptr(GError) problem = NULL;
	unsigned line = 1;
	const char *counted = text;
	for(g_regex_match_full(tokens, text, -1, 0, 0, &match, &problem); g_match_info_matches(match);
			g_match_info_next(match, &problem)) {
		g_autofree char *number = g_match_info_fetch(match, 1);
		gint64 value = number == NULL ? 0 : g_ascii_strtoll(number, NULL, strpbrk(number, "xX") != NULL ? 16 : 10);
		if(value >= G_MININT32 && value <= G_MAXINT32)
			continue;
		gint at;
		g_match_info_fetch_pos(match, 1, &at, NULL);
		for(; counted < text + at; counted++)
			line += *counted == '\n';
		*error = g_strdup_printf("%s:%u: %s would be cut to 32 bits: write %sL", path, line, number, number);
		return false;
	}
	/* A comment of millions of pieces, say, is too much for GRegex, and nobody knows what comes behind it. */
	if(problem != NULL)
		*error = g_strdup_printf("%s: its numbers cannot be checked: something in it is too long", path);
	return problem == NULL;
}

/* \param name as libconfig tells it: some versions with the folder, some without */
static bool check_numbers_of_file(const char *folder, const char *name, char **error) {
	g_autofree char *text = NULL, *path = g_build_filename(folder, name, NULL);
	g_autoptr(GError) problem = NULL;
	if(g_file_get_contents(path, &text, NULL, NULL) || g_file_get_contents(name, &text, NULL, &problem))
		return check_numbers(name, text, error);
	*error = g_strdup(problem->message);
	return false;
}

/* The files that were included, each once. */
static void collect_files(const config_setting_t *setting, GHashTable *files, int depth) {
	const char *file = config_setting_source_file(setting);
	if(file != NULL)
		g_hash_table_add(files, (char *)file);
	for(int i = 0; depth < DEPTH_CEILING && config_setting_is_aggregate(setting) && i < config_setting_length(setting); i++)
		collect_files(config_setting_get_elem(setting, (unsigned)i), files, depth + 1);
}

static bool check_included_numbers(const config_t *file, const char *folder, char **error) {
	g_autoptr(GHashTable) files = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iterator;
	void *name;
	collect_files(config_root_setting(file), files, 0);
	g_hash_table_iter_init(&iterator, files);
	while(g_hash_table_iter_next(&iterator, &name, NULL)) {
		if(!check_numbers_of_file(folder, name, error))
			return false;
	}
	return true;
}

/* Where the setting is that an error is about: file and line, be it in an included one; just the file if it has none. */
static char *place_of(const config_t *file, const char *path, const char *option) {
	const config_setting_t *setting = option != NULL ? config_lookup(file, option) : NULL;
	const char *included = setting != NULL ? config_setting_source_file(setting) : NULL;
	if(setting == NULL || config_setting_source_line(setting) == 0)
		return g_strdup(path);
	return g_strdup_printf("%s:%u", included != NULL ? included : path, (unsigned)config_setting_source_line(setting));
}

static portal_config *judge(const config_t *file, const char *path, char **error) {
	json_t *json = json_of_setting(config_root_setting(file), 0);
	portal_config_error wrong = { 0 };
	portal_config *config = portal_config_new(json, &wrong);
	json_decref(json);
	if(config == NULL) {
		g_autofree char *place = place_of(file, path, wrong.path);
		*error = g_strdup_printf("%s: %s %s", place, wrong.path, wrong.text);
		portal_config_error_clear(&wrong);
	}
	return config;
}

portal_config *portal_config_read(const char *path, char **error) {
	g_autofree char *text = NULL;
	gsize length = 0;
	g_autoptr(GError) problem = NULL;
	if(!g_file_get_contents(path, &text, &length, &problem)) {
		if(!g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
			*error = g_strdup(problem->message);
			return NULL;
		}
		text = g_strdup("");
	}
	/* libconfig reads up to the first NUL: what comes behind it would silently be gone. */
	if(strlen(text) < length) {
		*error = g_strdup_printf("%s: holds a NUL byte, so it is not a text file", path);
		return NULL;
	}
	config_t file;
	config_init(&file);
	g_autofree char *folder = g_path_get_dirname(path);
	config_set_include_dir(&file, folder);
	portal_config *config = NULL;
	if(config_read_string(&file, text) == CONFIG_FALSE)
		*error = g_strdup_printf("%s:%d: %s", config_error_file(&file) != NULL ? config_error_file(&file) : path,
			config_error_line(&file), config_error_text(&file));
	else if(check_numbers(path, text, error) && check_included_numbers(&file, folder, error))
		config = judge(&file, path, error);
	config_destroy(&file);
	return config;
}
