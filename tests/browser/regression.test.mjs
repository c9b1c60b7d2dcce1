// SPDX-License-Identifier: GPL-3.0-or-later
/** Mistakes of the library that were found once, each by what a program would have seen of it. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { deflate } from '../../html/description.js'
import { Messages } from '../../html/messages.js'
import { Connection } from '../../html/peer.js'
import { Portal } from '../../html/portal.js'
import { PortalGun } from '../../html/portal-gun.js'
import { Session } from '../../html/signal.js'
import { FakeJanus } from './fake-janus.mjs'
import { FakePeerConnection } from './fake-rtc.mjs'
import { eventually, fakeTimeouts, wait } from './wait.mjs'

const url = 'ws://127.0.0.1:1/janus'
const start = (janus, options) => new Portal({ url, room: 'home', WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection, ...options })

/** A program for @openlab/portals in a room with Ada. */
function startGun(t) {
	globalThis.RTCPeerConnection = FakePeerConnection
	const janus = Object.assign(new FakeJanus(), { members: [{ id: 'ada', polite: false }] })
	const gun = new PortalGun({ room: 'home', url, WebSocket: janus.WebSocket })
	t.after(() => gun.close())
	return { janus, gun }
}

/* A lone surrogate (an emoji cut in half) or NUL: Janus (jansson) cannot parse the message and answers 454 without a transaction. */
/** What jansson refuses (measured with libjansson 2.14), and what the plugin does about a number that is missing. */
function strict(janus) {
	let done = 0
	const receive = janus.receive.bind(janus)
	janus.receive = (socket, frame) => {
		const text = JSON.stringify(frame)
		if (/\\u(0000|d...)/.test(text.replaceAll('\\\\', ''))) return janus.say(socket, { janus: 'error', error: { code: 454, reason: 'Invalid Janus API request' } })
		receive(socket, frame)
	}
	for (const name of ['relay', 'configure', 'leave']) {
		const handler = janus.handlers[name]
		janus.handlers[name] = body => body.seq === done + 1 ? (done++, handler(body)) : undefined // it waits for those before it
	}
	return janus
}
const settled = async (promise, ms = 500) => Promise.race([promise.then(() => 'resolved', error => error.code), wait(ms).then(() => 'pending for ever')])

for (const [name, bad] of [['half an emoji', 'hello 👋'.slice(0, 7)], ['NUL', 'a\0b'], ['escaped', '\\ud83d \\u0000 "\n']]) {
	test(`signal() with ${name}: what comes after it passes`, async t => {
		const janus = strict(new FakeJanus())
		const portal = start(janus)
		t.after(() => portal.close())
		await portal.join()
		const first = settled(portal.signal('chat', bad))
		await wait(20)
		const second = settled(portal.signal('chat', 'good'))
		const third = settled(portal.configure({ display: 'Ada' }))
		assert.deepEqual(await Promise.all([first, second, third]), ['resolved', 'resolved', 'resolved'])
		if (name === 'escaped') assert.equal(janus.asked('relay')[0].signals[0].payload, bad)
	})
	test(`join() with ${name} in the name`, async t => {
		const janus = strict(new FakeJanus())
		const portal = start(janus, { display: bad })
		t.after(() => portal.close())
		assert.equal(await settled(portal.join()), 'resolved')
	})
}

/* Janus has destroyed the session without saying so (Admin API: destroy_session), and answers every request with 458. */
test('a session that Janus does not know any more is lost', async t => {
	const janus = new FakeJanus()
	let lost
	const session = new Session({ url, WebSocket: janus.WebSocket, keepalive: 50, onlost: error => { lost = error } })
	t.after(() => session.close())
	await session.open()
	janus.receive = (socket, { transaction }) => janus.say(socket, { janus: 'error', transaction, error: { code: 458, reason: 'No such session' } })
	await wait(500) // ten keepalives
	assert.ok(lost)
})

/* A request is answered 459: the number was not used, so it has to come again. */
for (const code of [458, 459]) test(`${code}: nothing is lost, and the membership is the same`, async t => {
	const janus = new FakeJanus()
	let done = 0
	janus.handlers.join = ({ ack, room }) => ({ portal: 'success', resumed: ack !== undefined, protocol: 1, room, id: 'me', version: 5, n: 0, seq: done, ack: 0, ...ack === undefined && { members: [] }, limits: {}, resume_timeout: 30 })
	janus.handlers.sync = () => ({ portal: 'success', members: [], n: 0, version: 5 })
	janus.handlers.relay = ({ seq }) => { done = seq; return { portal: 'success', relayed: 1 } }
	const portal = start(janus)
	t.after(() => portal.close())
	let rejoined = 0
	portal.on('rejoined', () => rejoined++)
	await portal.join()
	const receive = janus.receive
	const [socket] = janus.sockets
	janus.receive = function (from, frame) {
		if (from !== socket || frame.janus !== 'message') return receive.call(this, from, frame)
		this.say(from, { janus: 'error', transaction: frame.transaction, error: { code, reason: 'not there' } })
		setTimeout(() => code === 459 && this.say(from, { janus: 'detached', sender: 1 }), 5) // later, by the loop of the handle
	}
	assert.equal(await portal.signal('chat', 'one').then(() => 'resolved', error => error.code), 'resolved')
	await eventually(() => portal.state === 'open')
	assert.equal(rejoined, 0)
	assert.equal(janus.asked('relay').length, 1)
})

/* Session.probe() and the keepalive's interval do not know of each other. */
test('a live session is not given up because a keepalive falls due right behind a probe', async t => {
	const janus = new FakeJanus()
	const receive = janus.receive.bind(janus)
	janus.receive = (...args) => setTimeout(() => receive(...args), 60) // the way there and back
	let lost = 0
	const session = new Session({ url, WebSocket: janus.WebSocket, keepalive: 500, onlost: () => lost++ })
	t.after(() => session.close())
	await session.open() // the interval began some 60 ms ago
	await wait(400) // 40 ms before it is due: the page becomes visible
	session.probe()
	await wait(200)
	assert.equal(lost, 0, 'the answer was on its way')
})

test('a live session is not given up because it is probed again while the answer is on its way', async t => {
	const janus = new FakeJanus()
	let slow = 0
	const receive = janus.receive.bind(janus)
	janus.receive = (...args) => setTimeout(() => receive(...args), slow)
	let lost = 0
	const session = new Session({ url, WebSocket: janus.WebSocket, onlost: () => lost++ })
	t.after(() => session.close())
	await session.open()
	slow = 60
	session.probe()
	await wait(4_970)
	session.probe()
	await wait(300)
	assert.equal(lost, 0, 'the answer was on its way')
})

/* The event `route` when a direct connection is doubted and believed again. */
test('route is told when a silent direct connection is left, and when it passes again', async t => {
	const clock = fakeTimeouts(t)
	const connection = new Connection({ id: 'ada', polite: false, signal: () => {}, reachable: () => true, RTCPeerConnection: FakePeerConnection })
	t.after(() => connection.close())
	const told = []
	connection.on('route', route => told.push(route))
	const sent = []
	Object.assign(connection.ownChannel, { readyState: 'open', send: frame => sent.push(frame) })
	connection.ownChannel.dispatchEvent(new Event('open'))
	await connection.send('x')
	for (let passed = 0; passed < 3_500; passed += 50) {
		clock.tick(50)
		for (let turns = 0; turns < 10; turns++) await Promise.resolve()
	}
	assert.equal(connection.route, 'server')
	assert.deepEqual(told, ['direct', 'server'])
	// The other side acknowledges what came directly after all.
	const ack = new Uint8Array(13), view = new DataView(ack.buffer)
	ack.set(sent[0].subarray(0, 13))
	view.setUint8(0, 4)
	connection.ownChannel.dispatchEvent(Object.assign(new Event('message'), { data: ack.buffer }))
	assert.equal(connection.route, 'direct')
	assert.deepEqual(told, ['direct', 'server', 'direct'])
})

/* An offer of a later generation, deflated, is being read while the connection closes. */
const said = async () => ({ generation: 2, ...await deflate({ description: { type: 'offer', sdp: JSON.stringify({ name: 'x', round: 1, tracks: [], fill: 'y'.repeat(900) }) }, candidates: [] }) })

test('a closed connection makes no RTCPeerConnection', async () => {
	FakePeerConnection.all.length = 0
	const connection = new Connection({ id: 'ada', polite: false, signal: () => {}, RTCPeerConnection: FakePeerConnection })
	const told = []
	for (const name of ['renewed', 'close']) connection.on(name, () => told.push(name))
	connection.take('description', await said())
	await Promise.resolve()
	await Promise.resolve()
	connection.close()
	await wait(50)
	assert.deepEqual(told, ['close'])
	assert.deepEqual(FakePeerConnection.all.map(({ signalingState }) => signalingState), ['closed'])
})

test('PortalGun: who has left is no connection', async t => {
	const { janus, gun } = startGun(t)
	const seen = []
	for (const name of ['connection', 'disconnection']) gun.addEventListener(name, () => seen.push(name))
	await eventually(() => gun.connections.size === 1)
	// She renews and leaves: both in one event, as the server gathers them.
	janus.push(1, { event: 'signal', from: 'ada', type: 'description', payload: await said() })
	await Promise.resolve()
	await Promise.resolve()
	janus.push(2, { event: 'left', id: 'ada', reason: 'leave' })
	await wait(50)
	assert.deepEqual(seen, ['connection', 'disconnection'])
	assert.equal(gun.connections.size, 0)
})

test('what is sent is what it was at the call', async t => {
	const got = []
	const make = to => new Messages({
		direct: {
			open: () => true,
			send(frame) {
				const copy = frame.slice()
				setTimeout(() => to().receive(copy, 'direct'))
			}
		},
		server: { open: () => false }, deliver: (_, value) => got.push(value)
	})
	const one = make(() => other), other = make(() => one)
	t.after(() => { one.close(); other.close() })
	const position = { x: 1 }, bytes = new Uint8Array([1])
	one.send(position)
	one.send(bytes)
	position.x = 2
	bytes[0] = 2
	await wait(20)
	assert.deepEqual(got, [{ x: 1 }, new Uint8Array([1]).buffer])
	assert.deepEqual([...new Uint8Array(got[1])], [1])
})

/** What the server takes JSON to weigh: plugin/fields.c, portal_weigh(). */
function portalWeigh(value, depth = 0) {
	if (value === null || typeof value !== 'object') {
		if (typeof value === 'string') return JSON.stringify(value).length
		if (typeof value === 'number') return Number.isInteger(value) ? String(value).length : 24
		return 5
	}
	const items = Array.isArray(value) ? value.map(v => [0, v]) : Object.entries(value).map(([k, v]) => [JSON.stringify(k).length + 2, v])
	const indentation = 1 + 3 * (5 + depth + 1)
	return 2 + items.reduce((sum, [key, v]) => sum + key + indentation + 1 + portalWeigh(v, depth + 1), 0) + indentation - 3
}

const numbers = Array.from({ length: 3_000 }, (_, i) => i % 10)
const points = Array.from({ length: 500 }, (_, i) => [i % 100 / 4, (i * 7) % 100 / 4])

for (const [name, payload] of [['3,000 small numbers', numbers], ['500 points', points]]) {
	test(`five signals of ${name} each, given in one turn, are not refused as too large`, async t => {
		assert.ok(portalWeigh(payload) <= 65_536, `${portalWeigh(payload)}: each one may be sent`)
		const janus = Object.assign(new FakeJanus(), { members: [{ id: 'ada', polite: true }] })
		const { relay } = janus.handlers
		janus.handlers.relay = body => portalWeigh(body) > 262_144
			? { portal: 'error', error_code: 436, code: 'too_large', error: `The request is larger than 262144 bytes: ${portalWeigh(body)}` } : relay(body)
		const portal = start(janus)
		const errors = []
		portal.on('error', error => errors.push(error.message))
		t.after(() => portal.close())
		await portal.join()
		const sent = await Promise.allSettled(Array.from({ length: 5 }, () => portal.signal('stroke', payload)))
		assert.deepEqual(sent.map(({ reason }) => reason?.message), Array(5).fill(undefined))
	})
}

test('who gets such signals acknowledges before it is full', async t => {
	const janus = new FakeJanus()
	const portal = start(janus)
	t.after(() => portal.close())
	await portal.join()
	let backlog = 0, n = 0
	const full = 1_048_576 * 3 / 4
	while (janus.asked('ack').length === 0) {
		const weight = portalWeigh(numbers) + 'stroke'.length + 2 + 166 // relay.c
		assert.ok(backlog + weight <= full, `after ${n} signals of ${JSON.stringify(numbers).length} characters the backlog is ${backlog}: the next is refused, and in 30 s it is removed as too_slow`)
		backlog += weight
		janus.push(++n, { event: 'signal', from: 'ada', type: 'stroke', payload: numbers })
		await wait(2)
	}
})

test('nothing is delivered after close()', async () => {
	const frames = []
	const one = new Messages({ direct: { open: () => true, send: frame => frames.push(frame.slice()) }, server: { open: () => false }, deliver() {} })
	for (let i = 0; i < 3; i++) await one.send(i)
	const got = []
	const other = new Messages({ direct: { open: () => true, send() {} }, server: { open: () => false }, deliver: (_, value) => { got.push(value); other.close() } })
	for (const i of [1, 2, 0]) other.receive(frames[i], 'direct')
	one.close()
	assert.deepEqual(got, [0])
})

/* A program that leaves when it is alone, and is closed itself. */
test('close() in a listener of close', async () => {
	const janus = Object.assign(new FakeJanus(), { members: [{ id: 'ada', polite: true }] })
	const portal = start(janus)
	let inner
	portal.on('close', () => { if (portal.connections.length === 0) inner ??= portal.close() })
	await portal.join()
	await portal.close()
	assert.equal(await inner.then(() => 'resolved', error => String(error)), 'resolved')
	assert.equal(janus.asked('leave').length, 1)
	assert.equal(portal.state, 'closed')
})

test('signal() in a listener of close is refused as it should', async () => {
	const janus = Object.assign(new FakeJanus(), { members: [{ id: 'ada', polite: true }] })
	const portal = start(janus)
	let said
	portal.on('close', () => { said = portal.signal('bye', 1) })
	await portal.join()
	portal.close()
	assert.match(await said.then(() => 'resolved', error => error.code ?? String(error)), /^(closed|room_not_set)$/)
})

test('close() as soon as the portal is back leaves', async t => {
	const janus = new FakeJanus()
	janus.handlers.join = ({ ack, room }) => ({ portal: 'success', resumed: ack !== undefined, protocol: 1, room, id: 'me', version: 5, n: 0, seq: 0, ack: 0, ...ack === undefined && { members: [] }, limits: {}, resume_timeout: 30 })
	const portal = start(janus)
	await portal.join()
	let closing
	portal.on('state', state => { if (state === 'open') closing = portal.close() })
	janus.sockets[0].drop()
	await eventually(() => !!closing)
	const began = performance.now()
	await closing
	assert.equal(janus.asked('leave').length, 1, `no leave, after ${Math.round(performance.now() - began)} ms`)
})

test('ICE servers that the browser refuses are not those of the next RTCPeerConnection', async t => {
	const made = []
	class Picky extends FakePeerConnection {
		constructor(configuration) {
			super(configuration)
			made.push(configuration)
		}

		setConfiguration() {
			throw new SyntaxError('not these')
		}
	}
	const connection = new Connection({ id: 'ada', polite: true, signal: () => {}, RTCPeerConnection: Picky, configuration: { iceServers: [] } })
	t.after(() => connection.close())
	assert.throws(() => connection.setIceServers([{ urls: 'nonsense' }]), SyntaxError)
	connection.renew()
	await eventually(() => made.length === 2)
	assert.deepEqual(made, [{ iceServers: [] }, { iceServers: [] }])
})

test('PortalGun tells who is in the room before it tells of the connections with them', async t => {
	const { janus, gun } = startGun(t)
	const seen = []
	gun.addEventListener('info', ({ members }) => seen.push(members.map(({ id }) => id).join()))
	gun.addEventListener('connection', ({ target }) => seen.push(target.id))
	await eventually(() => gun.connections.size === 1)
	janus.push(1, { event: 'joined', members: [{ id: 'bob', polite: true }] })
	await eventually(() => gun.connections.size === 2)
	assert.deepEqual(seen, ['ada', 'ada', 'ada,bob', 'bob'])
})
