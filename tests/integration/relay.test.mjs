// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { idOf, newKey } from './client.mjs'
import { CODES, refused, useLab } from './lab.mjs'

const stranger = () => idOf(newKey())

/** The entries of `failed` without their texts, after a look that there is one. */
const withoutTexts = failed => failed.map(({ error, ...rest }) => {
	assert.equal(typeof error, 'string')
	assert.ok(error.length > 0)
	return rest
})

const failure = (index, code, to) => ({ index, ...(to && { to }), error_code: CODES[code], code })

describe('Relay', () => {
	const lab = useLab()
	const relay = (member, ...signals) => member.ask({ request: 'relay', signals })

	test('a signal to one reaches that one, whole, and nobody else', async () => {
		const [ada, bob, eve] = await lab.members('home', 3)
		const payload = { sdp: 'v=0\r\n…\u0001', nested: [[], {}, null, -1.5e300, 9007199254740991] }
		assert.deepEqual(await relay(ada, { to: bob.id, type: 'description', payload }), { portal: 'success', relayed: 1 })
		assert.deepEqual(await bob.event(push => push.events[0].event === 'signal'), {
			portal: 'event', room: 'home', n: 2, version: eve.joined.version,
			events: [{ event: 'signal', from: ada.id, type: 'description', payload }],
		})
		await relay(ada, { type: 'end', payload: null })
		assert.equal((await eve.entry('signal')).type, 'end')
	})

	test('every kind of payload goes through as it is', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const payloads = [0, -1, 1.25, '', 'text', true, false, null, [], {}, [[1]], { type: 'x', from: 'y', to: 'z', event: 'left' }]
		const reply = await relay(ada, ...payloads.map(payload => ({ to: bob.id, type: 'any', payload })))
		assert.deepEqual(reply, { portal: 'success', relayed: payloads.length })
		const entries = await bob.gather(payloads.length, 'signal')
		assert.deepEqual(entries.map(({ payload }) => payload), payloads)
	})

	test('several signals in one request go their several ways, in order', async () => {
		const [ada, bob, eve] = await lab.members('home', 3)
		const reply = await relay(ada,
			{ to: bob.id, type: 'a', payload: 1 }, { to: [bob.id, eve.id], type: 'b', payload: 2 },
			{ to: [eve.id], type: 'c', payload: 3 }, { type: 'd', payload: 4 })
		assert.deepEqual(reply, { portal: 'success', relayed: 6 })
		const got = async (member, count) => (await member.gather(count, 'signal'))
			.filter(({ event }) => event === 'signal').map(({ from, type, payload }) => [from, type, payload])
		assert.deepEqual(await got(bob, 3), [[ada.id, 'a', 1], [ada.id, 'b', 2], [ada.id, 'd', 4]])
		assert.deepEqual(await got(eve, 3), [[ada.id, 'b', 2], [ada.id, 'c', 3], [ada.id, 'd', 4]])
	})

	test('a signal to nobody in particular reaches everyone but its sender', async () => {
		const members = await lab.members('home', 5)
		const [ada, ...others] = members
		assert.deepEqual(await relay(ada, { type: 'chat', payload: 'hello' }), { portal: 'success', relayed: 4 })
		for (const other of others) {
			const { from, payload } = await other.entry('signal')
			assert.deepEqual([from, payload], [ada.id, 'hello'])
		}
		await ada.ask({ request: 'ping', ping: 1 })
		assert.equal(ada.entries.filter(({ event }) => event === 'signal').length, 0)
	})

	test('whoever is alone reaches nobody, and that is no mistake', async () => {
		const ada = await lab.join('home')
		assert.deepEqual(await relay(ada, { type: 'chat', payload: 'echo?' }), { portal: 'success', relayed: 0 })
	})

	test('no signals at all are allowed', async () => {
		const ada = await lab.join('home')
		assert.deepEqual(await relay(ada), { portal: 'success', relayed: 0 })
	})

	test('a recipient that is named twice gets the signal once', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const reply = await relay(ada, { to: [bob.id, bob.id], type: 'a', payload: 1 }, { to: bob.id, type: 'b', payload: 2 })
		assert.deepEqual(reply, { portal: 'success', relayed: 2 })
		assert.deepEqual((await bob.gather(2)).map(({ type }) => type), ['a', 'b'])
	})

	test('one bad signal does not spoil the others', async () => {
		const [ada, bob, eve] = await lab.members('home', 3)
		const nobody = stranger()
		const { failed, ...rest } = await relay(ada,
			{ to: bob.id, type: 'a', payload: 1 }, { to: nobody, type: 'b', payload: 2 },
			{ to: ada.id, type: 'c', payload: 3 }, { to: bob.id, payload: 4 },
			{ to: [nobody, bob.id, eve.id], type: 'e', payload: 5 }, { to: eve.id, type: 'f', payload: 6 })
		assert.deepEqual(rest, { portal: 'success', relayed: 4 })
		assert.deepEqual(withoutTexts(failed), [
			failure(1, 'member_not_found', [nobody]), failure(2, 'recipient_is_self', [ada.id]),
			failure(3, 'missing_field'), failure(4, 'member_not_found', [nobody]),
		])
		assert.match(failed[2].error, /type/)
		assert.deepEqual((await bob.gather(2, 'signal')).filter(({ type }) => type).map(({ type }) => type), ['a', 'e'])
		assert.deepEqual((await eve.gather(2, 'signal')).filter(({ type }) => type).map(({ type }) => type), ['e', 'f'])
	})

	test('a list with strangers and oneself tells each apart', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const strangers = [stranger(), stranger()]
		const { failed, relayed } = await relay(ada, { to: [strangers[0], ada.id, bob.id, strangers[1]], type: 'x', payload: 1 })
		assert.equal(relayed, 1)
		const codes = new Map(withoutTexts(failed).flatMap(({ to, code, index }) => to.map(id => [id, [index, code]])))
		assert.deepEqual(codes, new Map([[strangers[0], [0, 'member_not_found']], [ada.id, [0, 'recipient_is_self']],
			[strangers[1], [0, 'member_not_found']]]))
		await bob.entry('signal')
	})

	test('a member of another room is as unknown as a stranger', async () => {
		const [ada] = await lab.members('home', 2)
		const otto = await lab.join('other')
		const { relayed, failed } = await relay(ada, { to: otto.id, type: 'x', payload: 1 })
		assert.equal(relayed, 0)
		assert.deepEqual(withoutTexts(failed), [failure(0, 'member_not_found', [otto.id])])
		await otto.ask({ request: 'ping', ping: 1 })
		assert.deepEqual(otto.pushes, [])
	})

	test('a member that has left is not found any more', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await bob.ask({ request: 'leave' })
		const { relayed, failed } = await relay(ada, { to: bob.id, type: 'x', payload: 1 })
		assert.equal(relayed, 0)
		assert.deepEqual(withoutTexts(failed), [failure(0, 'member_not_found', [bob.id])])
	})

	test('signals that are no signals are refused one by one', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const bad = [
			[7, 'invalid_field'], [null, 'invalid_field'], ['x', 'invalid_field'], [[], 'invalid_field'], [{}, 'missing_field', /type/],
			[{ to: bob.id, type: 'x' }, 'missing_field', /payload/], [{ to: bob.id, payload: 1 }, 'missing_field', /type/],
			[{ type: 5, payload: 1 }, 'invalid_field', /type/], [{ type: '', payload: 1 }, 'invalid_field', /type/],
			[{ type: 'x'.repeat(65), payload: 1 }, 'invalid_field', /type/],
			...[5, [], [5], {}, '', [bob.id, ''], 'x'.repeat(10_000)]
				.map(to => [{ to, type: 'x', payload: 1 }, 'invalid_field', /^to/]),
		]
		const { relayed, failed } = await relay(ada, ...bad.map(([signal]) => signal), { to: bob.id, type: 'good', payload: 1 })
		assert.equal(relayed, 1)
		assert.deepEqual(withoutTexts(failed), bad.map(([, code], index) => failure(index, code)))
		for (const [index, [, , text = /./]] of bad.entries()) assert.match(failed[index].error, text)
		assert.equal((await bob.entry('signal')).type, 'good')
		assert.equal(bob.entries.length, 1)
	})

	test('one may not speak in the name of another', async () => {
		const [ada, bob, eve] = await lab.members('home', 3)
		await relay(ada, { to: bob.id, from: eve.id, type: 'x', payload: 1 })
		assert.equal((await bob.entry('signal')).from, ada.id)
	})

	test('signals must be a list', async () => {
		const [ada] = await lab.members('home', 2)
		refused(await ada.ask({ request: 'relay' }), 'missing_field', /^signals:/)
		for (const signals of ['x', 5, {}, true])
			refused(await ada.ask({ request: 'relay', signals }), 'invalid_field', /^signals:/)
	})

	test('a payload of 64 KiB is the largest, and a larger one fails alone', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const { relayed, failed } = await relay(ada, { type: 'fits', payload: 'x'.repeat(65000) },
			{ type: 'large', payload: 'x'.repeat(66000) }, { type: 'small', payload: 'x' })
		assert.equal(relayed, 2)
		assert.deepEqual(withoutTexts(failed), [failure(1, 'too_large')])
		assert.match(failed[0].error, /payload/)
		assert.deepEqual((await bob.gather(2)).map(({ type, payload }) => [type, payload.length]), [['fits', 65000], ['small', 1]])
	})

	test('a request of more than 256 signals or 256 KiB is refused whole', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const signal = payload => ({ to: bob.id, type: 'x', payload })
		refused(await relay(ada, ...Array.from({ length: 257 }, () => signal(1))), 'too_large', /^signals:/)
		refused(await relay(ada, ...Array.from({ length: 5 }, () => signal('x'.repeat(60000)))), 'too_large')
		assert.equal((await relay(ada, ...Array.from({ length: 256 }, () => signal(1)))).relayed, 256)
		await bob.gather(256)
		assert.equal(bob.entries.length, 256)
	})

	test('relay before join is refused', async () => {
		const peer = await lab.peer()
		refused(await relay(peer, { type: 'x', payload: 1 }), 'room_not_set')
	})
})
