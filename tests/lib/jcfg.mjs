// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Changes settings in the text of a .jcfg file, so that what the tests run is derived from the
 * samples that people copy.
 */

const escape = text => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

const write = value => typeof value === 'string' ? JSON.stringify(value) : String(value)

/** @returns {[number, number]} where the body of a category begins and ends */
function category(text, name) {
	const head = new RegExp(`^${escape(name)}: *\\{\\n`, 'm').exec(text)
	if (!head) throw new Error(`no category ${name} in the settings:\n${text}`)
	const start = head.index + head[0].length
	return [start, text.indexOf('\n}', start - 1) + 1]
}

/**
 * @param {string} text of a .jcfg file whose categories end with a } in the first column
 * @param {Record<string, string | number | boolean | null>} settings by 'category.name'; null takes it out
 * @returns {string}
 */
export function withSettings(text, settings) {
	for (const [path, value] of Object.entries(settings)) {
		const [name, key] = path.split('.')
		const [start, end] = category(text, name)
		const old = new RegExp(`^\\s*#?${escape(key)} *=.*\\n`, 'm')
		const line = value === null ? '' : `\t${key} = ${write(value)}\n`
		const body = text.slice(start, end)
		/* A function, since a $ in a replacement text means something else. */
		const changed = old.test(body) ? body.replace(old, () => line) : line + body
		text = text.slice(0, start) + changed + text.slice(end)
	}
	return text
}
