// SPDX-License-Identifier: GPL-3.0-or-later
/** The map of the plugin, plugin/README.md: what it names is where it says. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'

const PLUGIN = new URL('../../plugin/', import.meta.url)

test('each name in the map of the plugin is in the line that the map gives', async () => {
	const map = await readFile(new URL('README.md', PLUGIN), 'utf8')
	const places = [...map.matchAll(/`(\w+)(?:\(\)|\[\])?` \(`([\w./-]+):(\d+)`\)/g)]
	assert.ok(places.length >= 20, `${places.length} places`)
	const wrong = []
	for (const [, name, file, line] of places) {
		const lines = (await readFile(new URL(file, PLUGIN), 'utf8')).split('\n')
		if (new RegExp(`\\b${name}\\b`).test(lines[line - 1] ?? '')) continue
		const found = lines.flatMap((text, i) => new RegExp(`\\b${name}\\b`).test(text) ? [i + 1] : [])
		wrong.push(`${name}: line ${line} of ${file} is not it; it is in ${found.join(', ') || 'none'}`)
	}
	assert.deepEqual(wrong, [])
})
