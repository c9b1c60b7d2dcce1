// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { overWebSocket, refused, useLab, withJanus } from './lab.mjs'
import { Conversation, differences, examples, filled } from './readme.mjs'

const REQUESTS = ['list', 'exists', 'join', 'relay', 'configure', 'sync', 'ack', 'ping', 'leave',
	'create', 'edit', 'destroy', 'kick', 'allowed', 'listmembers', 'stats']

describe('The README', () => {
	const lab = useLab({ config: undefined })
	const all = () => examples(readFileSync(new URL('../../README.md', import.meta.url), 'utf8'))

	test('says of every JSON example of the API whose it is', () => {
		const api = all().filter(({ heading }) => /\bAPI\b/.test(heading))
		assert.ok(api.length > 0, 'there is no section of the API with examples')
		assert.deepEqual(api.filter(({ who }) => !who).map(({ line }) => `line ${line}`), [])
	})

	test('shows every request', () => {
		const shown = new Set(all().filter(({ kind, who }) => kind === 'request')
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

/** The lines of the README that a shell runs, those that hold a word. */
function shellLines(word) {
	const markdown = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
	return [...markdown.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text]) => text).filter(text => text.includes(word))
}

const run = promisify(execFile)

describe('The shell lines of the README', () => {
	const lab = useLab({ config: undefined })

	test('curl asks the Admin API as they say, and a WebSocket gives the same answer', async () => {
		const lines = shellLines('curl')
		assert.ok(lines.length > 0)
		for (const text of lines) {
			const real = text.replace('http://127.0.0.1:7088/admin', lab.janus.httpAdminUrl).replace('…', lab.janus.adminSecret)
			const { stdout } = await run('bash', ['-c', real])
			const answer = JSON.parse(stdout)
			assert.deepEqual([answer.janus, answer.response.portal], ['success', 'success'], stdout)
			const message = JSON.parse(/-d '([^]*?)'/.exec(real)[1])
			assert.deepEqual(await overWebSocket(lab.janus, message), answer)
		}
	})

	test('the hash that they make is the secret', async () => {
		const [text] = shellLines('sha256sum')
		const { stdout } = await run('bash', ['-c', text])
		const secret = stdout.trim()
		await withJanus(`general: { admin_key = "${secret}" }\n`, async other => {
			const peer = await other.peer()
			refused(await peer.ask({ request: 'create', admin_key: secret }), 'unauthorized')
			assert.equal((await peer.ask({ request: 'create', admin_key: 'open sesame' })).portal, 'success')
		})
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
