// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { useLab } from './lab.mjs'
import { Conversation, differences, examples, filled } from './readme.mjs'

const REQUESTS = ['list', 'exists', 'join', 'relay', 'configure', 'sync', 'ack', 'ping', 'leave']

describe('The README', () => {
	const lab = useLab({ config: undefined })
	const all = () => examples(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'))

	test('says of every JSON example of the API whose it is', () => {
		const api = all().filter(({ heading }) => /\bAPI\b/.test(heading))
		assert.ok(api.length > 0, 'there is no section of the API with examples')
		assert.deepEqual(api.filter(({ who }) => !who).map(({ line }) => `line ${line}`), [])
	})

	test('shows every request that a member can make', () => {
		const shown = new Set(all().filter(({ kind, who }) => kind === 'request' && who !== 'admin')
			.map(({ text }) => JSON.parse(text).request))
		assert.deepEqual(REQUESTS.filter(name => !shown.has(name)), [])
	})

	test('tells the truth: its examples, run in their order, happen as it says', async t => {
		const conversation = new Conversation(lab)
		const run = all().filter(({ who }) => who)
		for (const example of run) {
			try {
				await conversation.run(example)
			} catch (error) {
				assert.fail(`README.md:${example.line}, ${example.who} ${example.kind}:\n${error.message}`)
			}
		}
		t.diagnostic(`${run.length} examples`)
	})
})

describe('The reader of the README', () => {
	const markdown = [
		'## The API', '<!-- ada request -->', '```json', '{"a": 1}', '```', 'text', '```json', '[]', '```',
		'## Other', '<!-- bob event -->', '', '```json', '{}', '```', '```sh', 'ls', '```',
	].join('\n')

	test('finds the examples with line, heading and owner', () => {
		assert.deepEqual(examples(markdown), [
			{ line: 3, heading: 'The API', text: '{"a": 1}\n', who: 'ada', kind: 'request' },
			{ line: 7, heading: 'The API', text: '[]\n', who: undefined, kind: undefined },
			{ line: 13, heading: 'Other', text: '{}\n', who: 'bob', kind: 'event' },
		])
	})

	test('sees every difference of value, type and key', () => {
		const lies = [
			[{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: '1' }], [{ a: 1 }, {}], [{}, { a: 1 }], [[1], [1, 2]], [[], {}],
			[{ a: null }, {}], [{ a: { b: [true] } }, { a: { b: [false] } }], [{ a: '<x>' }, {}],
		]
		for (const [shown, seen] of lies) assert.equal(differences(shown, seen, new Map()).length, 1, JSON.stringify([shown, seen]))
		assert.deepEqual(differences({ a: [{ b: null }] }, { a: [{ b: null }] }, new Map()), [])
	})

	test('binds a placeholder once and holds everybody to it', () => {
		const names = new Map()
		assert.deepEqual(differences(['<id>', '<id>'], ['x', 'x'], names), [])
		assert.deepEqual(differences({ to: '<id>' }, { to: 'y' }, names), ['$.to: <id> was "x" before, now "y"'])
		assert.deepEqual(filled({ to: ['<id>', 1] }, names), { to: ['x', 1] })
		assert.throws(() => filled('<other>', names), /<other> is used in a request before/)
	})
})
