// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newKey } from './client.mjs'
import { refused, rooms, UNLIMITED, useLab } from './lab.mjs'

const LONG = 'x'.repeat(65)

describe('Bad input', () => {
	const lab = useLab({ config: rooms({ ...UNLIMITED, resume_timeout: 0 }) })

	test('a body that is not an object never gets past Janus, and the handle goes on', async () => {
		const peer = await lab.peer()
		for (const body of ['text', 5, [], true])
			await assert.rejects(peer.ask(body), { code: 467 })
		await assert.rejects(peer.ask(undefined), { code: 456 })
		await lab.join('home', {}, peer)
	})

	test('a request that is missing, unknown or no string is refused by name', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({}), 'missing_field', /^request:/)
		refused(await peer.ask({ request: null }), 'missing_field', /^request:/)
		for (const request of [5, {}, [], true])
			refused(await peer.ask({ request }), 'invalid_field', /^request:/)
		for (const request of ['dance', 'Join', 'join ', '', 'participants', 'x'.repeat(10_000)])
			refused(await peer.ask({ request }), 'unknown_request')
	})

	test('an error text repeats only a little of what a client sent', async () => {
		const peer = await lab.peer()
		for (const body of [{ request: 'ü'.repeat(10_000) }, { request: 'join', room: 'r'.repeat(64) }]) {
			const { error } = await peer.ask(body)
			assert.ok(Buffer.byteLength(error) < 256, error)
			assert.ok(!error.includes('\ufffd'), 'it is cut in the middle of a character')
		}
	})

	const BAD_JOINS = {
		'a room that is no string': [{ room: 5 }, 'invalid_field', /^room:/],
		'a room of no characters': [{ room: '' }, 'invalid_field', /^room:/],
		'a room name too long': [{ room: LONG }, 'invalid_field', /^room:/],
		'a room name with a blank': [{ room: 'my home' }, 'invalid_field', /^room:/],
		'a room name with a letter from afar': [{ room: 'höme' }, 'invalid_field', /^room:/],
		'a room name with a slash': [{ room: '../home' }, 'invalid_field', /^room:/],
		'a room that does not exist': [{ room: 'attic' }, 'room_not_found', /attic/],
		'a display that is no string': [{ display: 5 }, 'invalid_field', /^display:/],
		'a display too long': [{ display: 'x'.repeat(129) }, 'too_large', /^display:/],
		'metadata that is a string': [{ metadata: 'x' }, 'invalid_field', /^metadata:/],
		'metadata that is a list': [{ metadata: [1] }, 'invalid_field', /^metadata:/],
		'metadata too large': [{ metadata: { a: 'x'.repeat(4096) } }, 'too_large', /^metadata:/],
		'a pin that is no string': [{ pin: 1234 }, 'invalid_field', /^pin:/],
		'a key with a forbidden character': [{ key: 'a'.repeat(21) + '+' }, 'invalid_field', /^key:/],
	}
	for (const [what, [fields, code, text]] of Object.entries(BAD_JOINS))
		test(`join with ${what} is refused and nobody is in the room`, async () => {
			const ada = await lab.join('home')
			const peer = await lab.peer()
			refused(await peer.ask({ request: 'join', room: 'home', key: newKey(), ...fields }), code, text)
			assert.equal(await lab.count('home'), 1)
			assert.deepEqual(ada.pushes, [])
			await lab.join('home', {}, peer)
			assert.equal((await ada.entry('joined')).n, 1)
		})

	test('what needs a room is refused before join', async () => {
		const peer = await lab.peer()
		for (const request of ['sync', 'leave', 'configure'])
			refused(await peer.ask({ request }), 'room_not_set')
		refused(await peer.ask({ request: 'relay', signals: [{ type: 'x', payload: 1 }] }), 'room_not_set')
		refused(await peer.ask({ request: 'relay', seq: 1, signals: [] }), 'room_not_set')
		refused(await peer.ask({ request: 'ack', ack: 0 }), 'room_not_set')
	})

	test('a request above 256 KiB is refused whatever it is', async () => {
		const ada = await lab.join('home')
		const ballast = Array.from({ length: 40 }, () => 'x'.repeat(10_000))
		for (const request of ['list', 'sync', 'ping', 'configure', 'relay'])
			refused(await ada.ask({ request, signals: [], ballast }), 'too_large')
		assert.equal(await lab.count('home'), 1)
	})

	test('names that cannot be ids are refused as such, whatever they hold', async () => {
		const [ada] = await lab.members('home', 2)
		const names = ['x'.repeat(10_000), 'a'.repeat(21), 'a'.repeat(23), '%s%n'.padEnd(22), 'ü'.repeat(11), '-', '/'.repeat(22)]
		for (const to of names) {
			const { relayed, failed: [{ code, error }] } = await ada.ask({ request: 'relay', signals: [{ to, type: 'x', payload: 1 }] })
			assert.deepEqual([relayed, code], [0, 'invalid_field'])
			assert.match(error, /^to:/)
		}
	})

	test('a thousand mistakes of clients leave the log of the operator as it was', async () => {
		const ada = await lab.join('home')
		const session = await lab.session()
		/* A peer that is in no room may do little, so each makes its mistakes once. */
		const peers = await Promise.all(Array.from({ length: 80 }, () => session.attach()))
		const mistakes = peer => [
			[peer, {}], [peer, { request: 'dance' }], [peer, { request: 'join' }], [peer, { request: 'join', room: 'attic' }],
			[peer, { request: 'join', room: 'vault', pin: 'no' }], [peer, { request: 'relay', signals: [] }],
			[ada, { request: 'relay', signals: 5 }], [ada, { request: 'relay', signals: [{ to: ada.id, type: 'x', payload: 1 }] }],
			[ada, { request: 'configure', metadata: 5 }], [ada, { request: 'relay', seq: 100_000, signals: [] }],
			[ada, { request: 'join', room: 'home' }], [ada, { request: 'ack', ack: 1_000_000 }],
			[ada, { request: 'configure', metadata: JSON.parse('{"a":'.repeat(40) + '1' + '}'.repeat(40)) }],
		]
		const before = lab.janus.log()
		for (const peer of peers) {
			const answers = await Promise.all(mistakes(peer).map(([handle, body]) => handle.ask(body)))
			assert.ok(answers.every(({ code, error }) => code !== 'rate_limited' || /wrong tries at this secret/.test(error)))
		}
		assert.equal(lab.janus.log().slice(before.length), '')
	})
})

describe('Nesting', () => {
	const lab = useLab()
	const nested = levels => JSON.parse('['.repeat(levels) + ']'.repeat(levels))

	test('a body of exactly 32 levels is served, one of 33 is not', async () => {
		const peer = await lab.peer()
		assert.deepEqual(await peer.ask({ request: 'ping', ping: 1, extra: nested(31) }), { portal: 'pong', ping: 1 })
		refused(await peer.ask({ request: 'ping', ping: 1, extra: nested(32) }), 'too_deep')
	})

	test('a payload arrives at 32 levels of the whole body and is refused at 33', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const relay = payload => ada.ask({ request: 'relay', signals: [{ type: 'x', payload }] })
		assert.deepEqual(await relay(nested(29)), { portal: 'success', relayed: 1 })
		refused(await relay(nested(30)), 'too_deep')
		assert.deepEqual((await bob.entry('signal')).payload, nested(29))
		await bob.ask({ request: 'ping', ping: 1 })
		assert.equal(bob.entries.length, 1)
	})

	test('objects nest as lists do', async () => {
		const peer = await lab.peer()
		const objects = levels => JSON.parse('{"a":'.repeat(levels - 1) + '{}' + '}'.repeat(levels - 1))
		assert.equal((await peer.ask({ request: 'ping', extra: objects(31) })).portal, 'pong')
		refused(await peer.ask({ request: 'ping', extra: objects(32) }), 'too_deep')
	})

	test('two thousand nested brackets are refused wherever they stand, in an answer of a few bytes', async () => {
		const ada = await lab.join('home')
		const deep = nested(2000)
		const bodies = [
			{ request: 'ping', ping: deep }, { request: 'relay', signals: [{ type: 'x', payload: deep }] },
			{ request: 'configure', metadata: { deep } }, { request: 'list', unknown: deep }, { request: deep }, { deep },
		]
		for (const body of bodies) refused(await ada.ask(body), 'too_deep')
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join', room: 'home', metadata: { deep } }), 'too_deep')
		assert.equal(await lab.count('home'), 1)
		const largest = Math.max(...ada.frames.map(frame => JSON.stringify(frame).length))
		assert.ok(largest < 2000, `${largest} bytes`)
	})

	test('a numbered request that is too deep uses its number, so that later ones do not hang', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const relay = (seq, payload) => ada.ask({ request: 'relay', seq, signals: [{ type: 'x', payload }] })
		refused(await relay(1, nested(2000)), 'too_deep')
		assert.deepEqual(await relay(2, 'after'), { portal: 'success', relayed: 1 })
		assert.equal((await bob.entry('signal')).payload, 'after')
	})

	test('the Admin API refuses depth as well', async () => {
		refused(await lab.adminAsk({ request: 'list', deep: nested(2000) }), 'too_deep')
	})
})
