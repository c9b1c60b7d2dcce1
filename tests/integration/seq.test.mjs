// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, refused, rooms, UNLIMITED, useLab } from './lab.mjs'

const WINDOW = 256

const relay = (seq, payload = seq, more) => ({ request: 'relay', seq, signals: [{ type: 'x', payload }], ...more })

const payloads = entries => entries.filter(({ event }) => event === 'signal').map(({ payload }) => payload)

describe('Numbered requests', () => {
	const lab = useLab({ config: rooms({ ...UNLIMITED, resume_timeout: 0 }) })

	/** What the reader has got, after a last signal that overtakes nothing. */
	const received = async (reader, count) => payloads(await reader.gather(count, 'signal'))

	test('requests that come in the wrong order take effect in the order of their numbers', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const requests = []
		for (const seq of [5, 4, 3, 2, 1]) {
			requests.push(ada.send(relay(seq)))
			await requests.at(-1).acked
		}
		for (const { reply } of requests) assert.deepEqual(await reply, { portal: 'success', relayed: 1 })
		assert.deepEqual(await received(bob, 5), [1, 2, 3, 4, 5])
	})

	test('an answer that had to wait comes as an event with the transaction of its request', async () => {
		const [ada] = await lab.members('home', 2)
		const second = ada.send(relay(2))
		await second.acked
		const first = ada.send(relay(1))
		await Promise.all([first.reply, second.reply])
		const frames = ({ transaction }) => ada.frames.filter(frame => frame.transaction === transaction)
		const kinds = session => session.map(({ janus }) => janus)
		assert.deepEqual(kinds(frames(first)), ['success'])
		assert.deepEqual(kinds(ada.session.frames.filter(({ transaction }) => transaction === second.transaction)), ['ack', 'event'])
		assert.deepEqual(frames(second).at(-1).plugindata,
			{ plugin: 'janus.plugin.portal', data: { portal: 'success', relayed: 1 } })
	})

	test('a request that waits has no effect yet', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.send(relay(2)).acked
		await ada.send({ request: 'configure', seq: 3, display: 'Ada' }).acked
		await ada.ask({ request: 'ping', ping: 1 })
		await bob.ask({ request: 'ping', ping: 1 })
		assert.deepEqual(bob.pushes, [])
		await ada.ask(relay(1))
		assert.deepEqual((await bob.gather(3)).map(({ event, payload, member }) => payload ?? [event, member.display]),
			[1, 2, ['changed', 'Ada']])
	})

	test('relay, configure and leave share one row of numbers', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const requests = [
			{ request: 'leave', seq: 4 }, relay(3), { request: 'configure', seq: 2, display: 'Ada' }, relay(1),
		]
		const sent = []
		for (const request of requests) {
			sent.push(ada.send(request))
			await sent.at(-1).acked
		}
		const replies = await Promise.all(sent.map(({ reply }) => reply))
		assert.deepEqual(replies, [{ portal: 'success' }, { portal: 'success', relayed: 1 },
			{ portal: 'success', version: bob.joined.version + 1 }, { portal: 'success', relayed: 1 }])
		assert.deepEqual((await bob.gather(4)).map(({ event }) => event), ['signal', 'changed', 'signal', 'left'])
		assert.equal(bob.entries.at(-1).reason, 'leave')
	})

	test('a number that was done gets its first answer again, marked, and has no effect again', async () => {
		const [ada, bob] = await lab.members('home', 2)
		assert.deepEqual(await ada.ask(relay(1, 'once')), { portal: 'success', relayed: 1 })
		for (let i = 0; i < 3; i++)
			assert.deepEqual(await ada.ask(relay(1, 'twice')), { portal: 'success', relayed: 1, duplicate: true })
		const configured = await ada.ask({ request: 'configure', seq: 2, display: 'Ada' })
		assert.deepEqual(await ada.ask({ request: 'configure', seq: 2, display: 'Eve' }), { ...configured, duplicate: true })
		await ada.ask(relay(3, 'end'))
		assert.deepEqual(await received(bob, 2), ['once', 'end'])
		assert.equal(bob.entries.filter(({ event }) => event === 'changed').length, 1)
	})

	test('an answer of a request that waited is kept for its number as well', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const second = ada.send(relay(2))
		await second.acked
		await ada.ask(relay(1))
		assert.deepEqual(await ada.ask(relay(2)), { ...await second.reply, duplicate: true })
		assert.deepEqual(await received(bob, 2), [1, 2])
	})

	test('a refusal uses its number, and the same refusal comes again', async () => {
		const [ada, bob] = await lab.members('home', 2)
		refused(await ada.ask({ request: 'relay', seq: 1, signals: 'none' }), 'invalid_field', /^signals:/)
		const { duplicate, ...again } = await ada.ask({ request: 'relay', seq: 1, signals: [] })
		assert.equal(duplicate, true)
		refused(again, 'invalid_field', /^signals:/)
		refused(await ada.ask({ request: 'configure', seq: 2, display: 7 }), 'invalid_field', /^display:/)
		assert.deepEqual(await ada.ask(relay(3)), { portal: 'success', relayed: 1 })
		assert.deepEqual(await received(bob, 1), [3])
	})

	test('a bad request that has to wait uses its number in its turn', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const bad = ada.send({ request: 'configure', seq: 2, display: 7 })
		await bad.acked
		const third = ada.send(relay(3))
		await third.acked
		await ada.ask(relay(1))
		refused(await bad.reply, 'invalid_field', /^display:/)
		await third.reply
		assert.deepEqual(await received(bob, 2), [1, 3])
	})

	test('a number that comes again while it waits takes the place of the copy that waits', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.send(relay(2, 'old')).acked
		const copy = ada.send(relay(2, 'new'))
		await copy.acked
		await ada.ask(relay(1))
		assert.deepEqual(await copy.reply, { portal: 'success', relayed: 1 })
		await ada.ask(relay(3, 'end'))
		assert.deepEqual(await received(bob, 3), [1, 'new', 'end'])
	})

	test('a gap that is filled later lets all that wait take effect at once, in order', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const requests = [2, 3, 5, 6].map(seq => ada.send(relay(seq)))
		await Promise.all(requests.map(({ acked }) => acked))
		await ada.ask(relay(1))
		await requests[1].reply
		assert.deepEqual(await received(bob, 3), [1, 2, 3])
		await bob.ask({ request: 'ping', ping: 1 })
		assert.equal(payloads(bob.entries).length, 3, 'five and six have to wait for four')
		await ada.ask(relay(4))
		await requests[3].reply
		assert.deepEqual(await received(bob, 6), [1, 2, 3, 4, 5, 6])
	})

	test('requests further ahead than the window are refused, and their numbers are not used', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const ahead = Array.from({ length: WINDOW - 1 }, (_, i) => ada.send(relay(i + 2)))
		await Promise.all(ahead.map(({ acked }) => acked))
		for (const seq of [WINDOW + 2, 100_000])
			refused(await ada.ask(relay(seq)), 'window_exceeded', /./)
		await ada.ask(relay(1))
		await Promise.all(ahead.map(({ reply }) => reply))
		assert.deepEqual(await ada.ask(relay(WINDOW + 1)), { portal: 'success', relayed: 1 })
		assert.deepEqual(await ada.ask(relay(WINDOW + 2)), { portal: 'success', relayed: 1 })
		assert.deepEqual(await received(bob, WINDOW + 2), Array.from({ length: WINDOW + 2 }, (_, i) => i + 1))
	})

	test('at most 256 KiB wait; what is above is refused, comes again, and all arrive in order', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const large = seq => relay(seq, String(seq).padEnd(60_000))
		const waiting = []
		for (const seq of [2, 3, 4, 5]) {
			waiting.push(ada.send(large(seq)))
			await waiting.at(-1).acked
		}
		refused(await ada.ask(large(6)), 'window_exceeded')
		await ada.ask(relay(1, '1'))
		for (const { reply } of waiting) assert.equal((await reply).relayed, 1)
		assert.equal((await ada.ask(large(6))).relayed, 1)
		assert.deepEqual((await received(bob, 6)).map(text => text.trim()), ['1', '2', '3', '4', '5', '6'])
	})

	test('a number whose answer is no longer kept has no effect again and says so', async () => {
		const [ada, bob] = await lab.members('home', 2)
		for (let seq = 1; seq <= WINDOW + 1; seq++) await ada.ask(relay(seq))
		assert.equal((await ada.ask(relay(2))).duplicate, true)
		refused(await ada.ask(relay(1)), 'answer_gone')
		await ada.ask(relay(WINDOW + 2))
		assert.equal((await received(bob, WINDOW + 2)).length, WINDOW + 2)
	})

	test('long answers are kept for as long as they weigh at most 256 KiB together', async () => {
		const ada = await lab.join('home')
		const to = Array.from({ length: 3000 }, (_, i) => String(i).padStart(22, '0'))
		const long = seq => ada.ask({ request: 'relay', seq, signals: [{ to, type: 'x', payload: 1 }] })
		for (let seq = 1; seq <= 10; seq++) assert.equal((await long(seq)).failed[0].to.length, to.length)
		const again = []
		for (let seq = 1; seq <= 10; seq++) again.push(await ada.ask(relay(seq)))
		assert.equal(again[9].duplicate, true)
		assert.equal(again[9].failed[0].to.length, to.length)
		refused(again[0], 'answer_gone')
		assert.ok(again.filter(({ duplicate }) => duplicate).length * to.length * 24 <= 262144)
	})

	test('numbers that are none are refused by name and use none', async () => {
		const [ada, bob] = await lab.members('home', 2)
		for (const seq of [0, -1, 1.5, '1', true, {}, []])
			refused(await ada.ask(relay(seq)), 'invalid_field', /^seq:/)
		assert.deepEqual(await ada.ask(relay(1)), { portal: 'success', relayed: 1 })
		assert.deepEqual(await received(bob, 1), [1])
	})

	test('requests without a number run at once, whatever waits', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const second = ada.send(relay(2))
		await second.acked
		assert.equal((await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: 'now' }] })).relayed, 1)
		await ada.ask(relay(1))
		await second.reply
		assert.deepEqual(await received(bob, 3), ['now', 1, 2])
	})

	test('an ack counts even if its request is refused or waits', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await bob.ask(relay(1))
		await ada.gather(2)
		refused(await ada.ask(relay(1, 1, { ack: 3 })), 'invalid_ack', /^ack:/)
		assert.equal((await ada.ask(relay(1, 1, { ack: 2 }))).relayed, 1, 'a refused ack has not used the number')
		const early = ada.send(relay(3, 3, { ack: 2 }))
		await early.acked
		refused(await ada.ask(relay(4, 4, { ack: 99 })), 'invalid_ack', /^ack:/)
		await ada.ask(relay(2))
		await early.reply
		assert.deepEqual(await received(bob, 3), [1, 2, 3])
	})

	test('requests that wait go with their member, unanswered', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.send(relay(2, 'lost')).acked
		await ada.session.terminate()
		await bob.entry('left')
		const again = await lab.join('home', { key: ada.key })
		await again.ask(relay(1, 'fresh'))
		assert.deepEqual(await received(bob, 1), ['fresh'])
	})

	test('a new member begins with number one, whatever its last life counted', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.ask(relay(1))
		await ada.ask({ request: 'leave', seq: 2 })
		const again = await lab.join('home', { key: ada.key })
		assert.deepEqual(await again.ask(relay(1, 'again')), { portal: 'success', relayed: 1 })
		assert.deepEqual(await received(bob, 2), [1, 'again'])
	})

	test('a numbered leave that was answered and comes again is told that there is no room', async () => {
		const [ada] = await lab.members('home', 2)
		await ada.ask({ request: 'leave', seq: 1 })
		refused(await ada.ask({ request: 'leave', seq: 1 }), 'room_not_set')
	})

	test('numbers of one member say nothing about those of another', async () => {
		const [ada, bob, eve] = await lab.members('home', 3)
		await ada.send(relay(2)).acked
		assert.equal((await bob.ask(relay(1, 'b'))).relayed, 2)
		assert.equal((await bob.ask(relay(2, 'b'))).relayed, 2)
		await eventually('eve has both', () => payloads(eve.entries).length === 2)
		assert.deepEqual(payloads(eve.entries), ['b', 'b'])
	})
})
