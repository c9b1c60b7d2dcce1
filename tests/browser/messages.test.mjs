// SPDX-License-Identifier: GPL-3.0-or-later
/** Messages between two members over two routes that fail in every way that they can. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Messages, fromBase64, toBase64 } from '../../html/messages.js'
import { newSeed, randomness } from '../lib/random.mjs'
import { eventually, fakeTimeouts, wait } from './wait.mjs'

/** Two sides, and two routes between them that a test opens, closes, and makes silent: for all or for what one side says, which is lost
 * or, as with SCTP, held until it passes again. */
class Pair {
	routes = { direct: { open: true, silent: false, epoch: 0 }, server: { open: true, silent: false, epoch: 0 } }
	counts = { direct: 0, server: 0 }

	/** The longest frame that each route was given, as the text that goes through the server. */
	longest = { direct: 0, server: 0 }

	/** Of the direct route, what each side said since it is silent. */
	held = [[], []]

	constructor(delay = () => 0, largest, now = () => performance.now()) {
		this.delay = delay
		this.now = now
		this.largest = largest
		this.got = [[], []]
		this.sides = [0, 1].map(side => this.#side(side))
	}

	#side(side) {
		const route = name => {
			let last = 0
			return {
				open: () => this.routes[name].open,
				send: frame => {
					const { epoch, silent, holds } = this.routes[name]
					this.counts[name]++
					this.longest[name] = Math.max(this.longest[name], JSON.stringify(toBase64(frame)).length)
					if (name === 'direct' && !this.routes[name].open) throw new Error('the channel is closed')
					const copy = frame.slice()
					// In order, as both routes keep it, and lost when the route ends before.
					const arrive = () => {
						if (this.routes[name].epoch === epoch && this.routes[name].open) this.sides[1 - side].receive(copy, name)
					}
					const mute = silent === true || silent === side
					if (mute && holds) return this.held[side].push(arrive)
					last = Math.max(last, this.now() + this.delay())
					setTimeout(() => mute || arrive(), Math.max(1, last - this.now()))
				}
			}
		}
		return new Messages({
			direct: route('direct'), server: route('server'), largest: this.largest,
			deliver: (type, payload) => this.got[side].push(payload)
		})
	}

	set(name, change) {
		const route = this.routes[name]
		const ends = route.open && change.open === false
		Object.assign(route, change, { epoch: route.epoch + ends })
		for (const side of this.sides) side.rerouted()
		const { silent } = this.routes.direct
		for (const side of [0, 1]) {
			if (silent === true || silent === side) continue
			for (const arrive of this.held[side].splice(0)) arrive()
		}
	}

	/** One side is somebody new under the same id. */
	renew(side) {
		this.sides[side].close()
		this.got[side] = []
		this.sides[side] = this.#side(side)
	}

	close() {
		for (const side of this.sides) side.close()
	}
}

test('text, JSON and binary arrive as what they were', async t => {
	const pair = new Pair()
	t.after(() => pair.close())
	const large = new Uint8Array(300_000).map((_, i) => i * 7)
	const sent = ['text ♥', '', { a: [1, null, 'ü'] }, null, 5, large, large.buffer.slice(5, 50), new Blob(['in a blob']), 'x'.repeat(100_000)]
	for (const value of sent) await pair.sides[0].send(value)
	await pair.sides[0].send(undefined)
	await eventually(() => pair.got[1].length === sent.length + 1)
	const [text, empty, json, nothing, number, bytes, some, blob, long, none] = pair.got[1]
	assert.deepEqual([text, empty, json, nothing, number, long.length, none], ['text ♥', '', { a: [1, null, 'ü'] }, null, 5, 100_000, null])
	assert.deepEqual(new Uint8Array(bytes), large)
	assert.deepEqual(new Uint8Array(some), large.slice(5, 50))
	assert.equal(new TextDecoder().decode(blob), 'in a blob')
	assert.equal(pair.counts.server, 0)
})

test('what was changed after it was sent arrives as it was', async t => {
	const pair = new Pair()
	t.after(() => pair.close())
	const bytes = new Uint8Array([1, 2, 3])
	const sent = pair.sides[0].send(bytes)
	await sent
	bytes[0] = 9
	await eventually(() => pair.got[1].length === 1)
	assert.deepEqual([...new Uint8Array(pair.got[1][0])], [1, 2, 3])
})

test('send waits while the window is full', async t => {
	const pair = new Pair()
	t.after(() => pair.close())
	for (const name of ['direct', 'server']) pair.set(name, { open: false })
	let sent = 0
	const sending = (async () => {
		for (; sent < 300; sent++) await pair.sides[0].send(sent)
	})()
	await wait(20)
	assert.ok(sent >= 250 && sent <= 256, `${sent} were sent`)
	assert.equal(pair.sides[0].route, null)
	pair.set('server', { open: true })
	await sending
	await eventually(() => pair.got[1].length === 300)
	assert.deepEqual(pair.got[1], Array.from({ length: 300 }, (_, i) => i))
	const big = pair.sides[0].send(new Uint8Array(70_000_000))
	await assert.rejects(big, { code: 'too_large' })
})

test('a route that ends in the middle loses nothing', async t => {
	const pair = new Pair(() => 3)
	t.after(() => pair.close())
	for (let i = 0; i < 100; i++) pair.sides[0].send(i)
	await wait(1)
	pair.set('direct', { open: false })
	await eventually(() => pair.got[1].length === 100)
	assert.deepEqual(pair.got[1], Array.from({ length: 100 }, (_, i) => i))
	assert.ok(pair.counts.server > 0)
})

test('a direct route through which nothing passes is left after a while, and used again when something does', async t => {
	const clock = fakeTimeouts(t)
	const pair = new Pair()
	t.after(() => pair.close())
	const pass = async milliseconds => {
		for (let i = 0; i < milliseconds; i += 50) {
			clock.tick(50)
			await Promise.resolve()
		}
	}
	pair.set('direct', { silent: true })
	for (let i = 0; i < 10; i++) await pair.sides[0].send(i)
	await pass(2_900)
	assert.equal(pair.got[1].length, 0)
	await pass(500)
	assert.deepEqual([pair.got[1].length, pair.sides[0].route], [10, 'server'])
	pair.set('direct', { silent: false })
	pair.routes.server.open = false
	for (let i = 10; i < 20; i++) await pair.sides[0].send(i)
	await pass(4_000)
	assert.deepEqual([pair.got[1].length, pair.sides[0].route], [20, 'direct'])
})

/* The side that is heard doubts the route, and asks time and again whether it passes: that says nothing of the way back. */
test('a direct route through which nothing passes one way is left by both, whenever each began', async t => {
	const clock = fakeTimeouts(t)
	for (let later = 0; later < 3_200; later += 200) {
		const pair = new Pair()
		t.after(() => pair.close())
		const sent = [0, 0]
		const pass = async (milliseconds, sides) => {
			for (let i = 0; i < milliseconds; i += 50) {
				for (const side of sides) pair.sides[side].send(sent[side]++)
				clock.tick(50)
				for (let turns = 0; turns < 10; turns++) await Promise.resolve()
			}
		}
		await pass(500, [0, 1])
		pair.set('direct', { silent: 1 })
		await pass(later, [0])
		await pass(11_000, [0, 1])
		assert.deepEqual(pair.sides.map(({ route }) => route), ['server', 'server'], `the silent side had something to say after ${later} ms`)
		await pass(500, [])
		for (const side of [0, 1]) assert.deepEqual(pair.got[1 - side], Array.from({ length: sent[side] }, (_, i) => i))
		pair.close()
	}
})

test('what was refused is repeated once each time, however much was', async t => {
	const clock = fakeTimeouts(t)
	let given = 0
	const full = async () => {
		given++
		return { code: 'recipient_full', retry_after: 1_000 }
	}
	const messages = new Messages({ direct: { open: () => false }, server: { open: () => true, send: full }, deliver() {} })
	t.after(() => messages.close())
	for (let i = 0; i < 5; i++) await messages.send(i)
	for (let i = 0; i < 100; i++) {
		clock.tick(100)
		for (let turn = 0; turn < 5; turn++) await Promise.resolve()
	}
	/* Each second all five, and each three seconds the first to see whether it passes. */
	assert.ok(given >= 50 && given <= 60, `${given} frames were given to the server in ten seconds`)
})

/* 2 Mbit/s each way, behind which acknowledgements wait for some four seconds. */
test('a direct route on which much comes the other way is believed, late as acknowledgements are', async t => {
	const clock = fakeTimeouts(t)
	let now = 0
	const got = [0, 0], through = { direct: 0, server: 0 }
	const sides = [0, 1].map(side => {
		let busy = 0
		return new Messages({
			direct: {
				open: () => true,
				send(frame) {
					through.direct++
					busy = Math.max(busy, now) + frame.length / 250
					const copy = frame.slice()
					setTimeout(() => sides[1 - side].receive(copy, 'direct'), busy - now + 30)
				}
			},
			server: { open: () => true, send: async () => { through.server++ } },
			deliver: (type, payload) => { got[side] += payload.byteLength }
		})
	})
	t.after(() => sides.forEach(side => side.close()))
	for (const side of sides) side.send(new Uint8Array(3_000_000))
	for (; now < 20_000 && got.some(bytes => bytes < 3_000_000); now += 10) {
		clock.tick(10)
		for (let turn = 0; turn < 20; turn++) await Promise.resolve()
	}
	assert.deepEqual(got, [3_000_000, 3_000_000], `after ${now} ms`)
	assert.equal(through.server, 0, `${through.server} frames went through the server, ${through.direct} directly`)
	assert.ok(now < 14_000, `${now} ms; the line takes 12 s`)
})

test('a direct route that passes again is used again, also while the server’s is busy', async t => {
	const clock = fakeTimeouts(t)
	const pair = new Pair()
	t.after(() => pair.close())
	pair.set('direct', { silent: true })
	let sent = 0
	const pass = async milliseconds => {
		for (let i = 0; i < milliseconds; i += 50) {
			if (pair.sides[0].route === 'server') pair.sides[0].send(sent++)
			clock.tick(50)
			for (let turns = 0; turns < 10; turns++) await Promise.resolve()
		}
	}
	await pair.sides[0].send(sent++)
	await pass(6_000)
	assert.equal(pair.sides[0].route, 'server')
	pair.set('direct', { silent: false })
	await pass(4_000)
	assert.equal(pair.sides[0].route, 'direct')
	await pass(1_000)
	assert.deepEqual(pair.got[1], Array.from({ length: sent }, (_, i) => i))
})

test('whoever begins anew goes on from what the other has not had acknowledged', async t => {
	const pair = new Pair()
	t.after(() => pair.close())
	for (let i = 0; i < 50; i++) await pair.sides[0].send(i)
	await eventually(() => pair.got[1].length === 50)
	await wait(120) // until that is acknowledged
	pair.renew(1)
	await pair.sides[0].send('after')
	await pair.sides[1].send('hello')
	await eventually(() => pair.got[1].length === 1 && pair.got[0].length === 1)
	assert.deepEqual(pair.got, [['hello'], ['after']])
})

test('garbage is no message', async t => {
	const pair = new Pair()
	t.after(() => pair.close())
	for (const bytes of [[], [1], new Array(13).fill(255), new Array(40).fill(3)]) pair.sides[0].receive(new Uint8Array(bytes), 'direct')
	pair.sides[1].send('good')
	await eventually(() => pair.got[0].length === 1)
})

const SEED = newSeed()

test('10,000 messages each way, in order and once, while both routes fail and come back', async t => {
	const random = randomness(SEED)
	t.diagnostic(`seed ${SEED}`)
	const pair = new Pair(() => random() * 2)
	t.after(() => pair.close())
	const COUNT = 10_000
	const sending = pair.sides.map(async side => {
		for (let i = 0; i < COUNT; i++) await side.send({ i, fill: 'x'.repeat(random() * 40) })
	})
	let done = false
	const faults = (async () => {
		for (let i = 0; i < 60 && !done; i++) {
			await wait(random() * 20)
			const name = random() < 0.6 ? 'direct' : 'server'
			pair.set(name, { open: random() < 0.5 })
		}
		for (const name of ['direct', 'server']) pair.set(name, { open: true })
	})()
	await Promise.all(sending)
	done = true
	await faults
	await eventually(() => pair.got.every(({ length }) => length >= COUNT), () => JSON.stringify(pair.got.map(({ length }) => length)), 30_000)
	for (const got of pair.got) assert.ok(got.every(({ i }, place) => i === place) && got.length === COUNT, `seed ${SEED}`)
	t.diagnostic(JSON.stringify(pair.counts))
	assert.ok(pair.counts.server > 100 && pair.counts.direct > 100)
})

test('whatever the direct connection does in silence, all arrives in order and once as soon as one route passes for a while', async t => {
	t.diagnostic(`seed ${SEED}`)
	const clock = fakeTimeouts(t)
	for (let round = 0; round < 40; round++) {
		const random = randomness(SEED + round)
		const any = (...list) => list[Math.floor(random() * list.length)]
		const pair = new Pair(() => random() * 200, undefined, clock.now)
		t.after(() => pair.close())
		const sent = [0, 0], chatty = [random(), random()]
		const pass = async milliseconds => {
			for (let i = 0; i < milliseconds; i += 50) {
				for (const side of [0, 1]) if (random() < chatty[side]) pair.sides[side].send(sent[side]++)
				clock.tick(50)
				await new Promise(setImmediate)
			}
		}
		for (let fault = 0; fault < 12; fault++) {
			if (random() < 0.7) pair.set('direct', { ...random() < 0.4 && { open: random() < 0.7 }, silent: any(false, true, 0, 1), holds: true })
			else pair.set('server', { open: random() < 0.7 })
			await pass(random() * 8_000)
		}
		if (random() < 0.6) pair.set('server', { open: true })
		else pair.set('direct', { open: true, silent: false })
		await pass(7_000)
		chatty.fill(0)
		await pass(7_000)
		for (const side of [0, 1]) {
			assert.deepEqual(pair.got[1 - side], Array.from({ length: sent[side] }, (_, i) => i),
				`seed ${SEED + round}: ${pair.got[1 - side].length} of ${sent[side]} came from side ${side}; ${JSON.stringify(pair.routes)}`)
		}
		pair.close()
	}
})

test('frames are no larger than what the server takes as one signal, and not much smaller', async t => {
	for (const largest of [1024, 1025, 1026, 1027, 65_536]) {
		const pair = new Pair(() => 0, () => largest)
		t.after(() => pair.close())
		pair.set('direct', { open: false })
		const value = 'x'.repeat(40_000)
		await pair.sides[0].send(value)
		await eventually(() => pair.got[1].length === 1)
		assert.equal(pair.got[1][0], value)
		assert.ok(pair.longest.server <= largest, `${pair.longest.server} of ${largest}`)
		assert.ok(pair.longest.server > Math.min(largest, 20_000) - 8, `${pair.longest.server} of ${largest}`)
	}
})

test('one that begins anew for ever is not remembered for ever', async t => {
	const pair = new Pair()
	t.after(() => pair.close())
	const frame = stream => {
		const bytes = new Uint8Array(13)
		new DataView(bytes.buffer).setUint32(1, stream)
		return bytes
	}
	for (let stream = 1; stream <= 100; stream++) pair.sides[0].receive(frame(stream), 'direct')
	await pair.sides[1].send('still heard')
	await eventually(() => pair.got[0].length === 1)
})

test('base64 is that of everybody', () => {
	for (const length of [0, 1, 2, 3, 100, 20_000]) {
		const bytes = new Uint8Array(length).map((_, i) => i * 31)
		assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'))
		assert.deepEqual(fromBase64(toBase64(bytes)), bytes)
	}
})
