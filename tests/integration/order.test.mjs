// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The first promise. Janus hands one client's messages to a plugin concurrently and out of order;
 * numbered relays arrive in order all the same, once each.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { newSeed, randomness } from '../lib/random.mjs'
import { rooms, UNLIMITED, useLab } from './lab.mjs'

const COUNT = 3000
const SMALLEST = 50, LARGEST = 8192
const ENVELOPE = 512 /* more than a request weighs without its fill */

/** `count` payload sizes between 50 bytes and 8 KiB, small ones as likely as large ones. */
function sizes(count, random) {
	const span = Math.log(LARGEST / SMALLEST)
	return Array.from({ length: count }, () => Math.round(SMALLEST * Math.exp(span * random())))
}

const numbered = (seq, size, to) =>
	({ request: 'relay', seq, signals: [{ to, type: 'item', payload: { seq, fill: 'x'.repeat(size) } }] })

/**
 * Sends relays 1 … sizes.length, pipelined: as many in flight as the window and the bytes that may
 * wait allow, counted from the first that is not answered, as a good client does. What is refused
 * with window_exceeded is sent again when there is room. Requests in `inFlight` were sent before.
 * Returns how many answers were refusals and how many came late, so had to wait for their turn.
 */
function pipeline(handle, sizes, { to, inFlight = [] } = {}) {
	const { limits } = handle.joined
	const answered = new Set(), again = []
	let low = 1, next = inFlight.length + 1, bytes = 0, refusals = 0, late = 0
	return new Promise((resolve, reject) => {
		const weight = seq => sizes[seq - 1] + ENVELOPE
		const watch = (seq, { transaction, reply }) => reply.then(answer => {
			bytes -= weight(seq)
			if (answer.code === 'window_exceeded') {
				refusals++
				again.push(seq)
			} else {
				assert.deepEqual(answer, { portal: 'success', relayed: 1 })
				if (handle.session.acks.has(transaction)) late++
				answered.add(seq)
			}
			while (answered.has(low)) low++
			if (low > sizes.length) resolve({ refusals, late })
			else fill()
		}).catch(reject)
		const send = seq => {
			bytes += weight(seq)
			watch(seq, handle.send(numbered(seq, sizes[seq - 1], to)))
		}
		const fits = seq => seq < low + limits.window && (seq === low || bytes + weight(seq) <= limits.max_request)
		const fill = () => {
			again.sort((a, b) => a - b)
			while (again.length && fits(again[0])) send(again.shift())
			while (next <= sizes.length && !again.length && fits(next)) send(next++)
		}
		for (const [index, request] of inFlight.entries()) {
			bytes += weight(index + 1)
			watch(index + 1, request)
		}
		fill()
	})
}

/** Asserts that the reader got 1 … sizes.length, in order, once each, whole. */
async function assertOrder(reader, sizes, sender, seed) {
	const entries = await reader.gather(sizes.length, 'signal', 60_000)
	const items = entries.filter(({ event }) => event === 'signal')
	assert.equal(items.length, sizes.length, `seed ${seed}`)
	for (const [index, { from, payload }] of items.entries()) {
		assert.equal(payload.seq, index + 1, `seed ${seed}: number ${payload.seq} came where ${index + 1} was due`)
		assert.equal(payload.fill.length, sizes[index], `seed ${seed}: number ${payload.seq} is not whole`)
		assert.equal(from, sender.id)
	}
}

/* Nobody is held up here by a rate: the limits have tests of their own. */
const config = rooms({ ...UNLIMITED, max_backlog: 64 * 1024 * 1024, resume_timeout: 0 })

const POOLS = { 'Janus’s default task_pool_size': null, 'task_pool_size = 1': 1 }

for (const [name, taskPoolSize] of Object.entries(POOLS))
	describe(`Order under ${name}`, () => {
		const lab = useLab({ taskPoolSize, config })

		test(`${COUNT} pipelined numbered relays arrive in order, once each`, async t => {
			const seed = newSeed(), list = sizes(COUNT, randomness(seed))
			const [sender, reader] = await lab.members('home', 2)
			const { refusals, late } = await pipeline(sender, list)
			await assertOrder(reader, list, sender, seed)
			t.diagnostic(`seed ${seed}; ${late} of ${COUNT} requests reached the plugin before their turn`)
			assert.equal(refusals, 0, `seed ${seed}: a client that minds the window is never refused`)
		})

		test('a client that exceeds the window is told, sends again, and all arrive in order, once each', async t => {
			const seed = newSeed(), list = sizes(1000, randomness(seed)).map(size => Math.min(size, 400))
			const [sender, reader] = await lab.members('home', 2)
			/* Number one is kept back until all the others have come: so it is certain that they are too many. */
			const early = list.slice(1).map((size, index) => sender.send(numbered(index + 2, size)))
			await Promise.all(early.map(({ acked }) => acked))
			const first = sender.send(numbered(1, list[0]))
			const { refusals } = await pipeline(sender, list, { inFlight: [first, ...early] })
			await assertOrder(reader, list, sender, seed)
			t.diagnostic(`seed ${seed}; ${refusals} refusals of 1000`)
			assert.equal(refusals, 1000 - sender.joined.limits.window, `seed ${seed}`)
		})

		test('several senders at once: each one’s signals arrive in the order of that sender', async t => {
			const seed = newSeed(), random = randomness(seed)
			const [reader, ...senders] = await lab.members('home', 5)
			const lists = senders.map(() => sizes(500, random))
			await Promise.all(senders.map((sender, index) => pipeline(sender, lists[index], { to: reader.id })))
			const entries = await reader.gather(2000, 'signal', 60_000)
			for (const [index, { id }] of senders.entries()) {
				const items = entries.filter(({ from }) => from === id).map(({ payload }) => payload)
				assert.deepEqual(items.map(({ seq }) => seq), lists[index].map((_, at) => at + 1), `seed ${seed}`)
				assert.deepEqual(items.map(({ fill }) => fill.length), lists[index], `seed ${seed}`)
			}
			t.diagnostic(`seed ${seed}`)
		})
	})

describe('Without numbers', () => {
	const lab = useLab({ taskPoolSize: null, config })

	test('Janus really reorders the requests of one client, so that the tests above pass by no luck', async t => {
		const [sender, reader] = await lab.members('home', 2)
		let total = 0
		for (let round = 1; round <= 20; round++) {
			const replies = Array.from({ length: COUNT }, (_, index) => sender.send(
				{ request: 'relay', signals: [{ type: 'item', payload: total + index }] }).reply)
			for (const { relayed } of await Promise.all(replies)) assert.equal(relayed, 1)
			total += COUNT
			const entries = await reader.gather(total, 'signal', 60_000)
			const came = entries.filter(({ event }) => event === 'signal').slice(-COUNT).map(({ payload }) => payload)
			assert.equal(new Set(came).size, COUNT, 'none is lost or doubled')
			let highest = -1
			const late = came.filter(item => item < highest || ((highest = item), false)).length
			if (late > 0) return t.diagnostic(`${late} of ${COUNT} came late, in round ${round}`)
		}
		assert.fail('Janus did not reorder in 20 rounds: then the tests of order prove nothing on this machine')
	})
})
