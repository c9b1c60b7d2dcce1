// SPDX-License-Identifier: GPL-3.0-or-later
/** What a program does in a call: tracks that change, messages to iterate over, listening late, ending. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Portal } from '../../html/portal.js'
import { FakeJanus } from './fake-janus.mjs'
import { FakePeerConnection } from './fake-rtc.mjs'
import { eventually, fakeTimeouts, wait } from './wait.mjs'

const ada = { id: 'ada', display: 'Ada', polite: true }
const bob = { id: 'bob', polite: false }
const track = id => Object.assign(new EventTarget(), { id })

async function joined(t, options) {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const portal = new Portal({ url: 'ws://127.0.0.1:1/janus', room: 'home', WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection, ...options })
	t.after(() => portal.close())
	await portal.join()
	return { janus, portal }
}

const sent = connection => connection.pc.getSenders().map(({ track }) => track?.id)

test('a replaced track is the one that later members get, with its hints', async t => {
	const { janus, portal } = await joined(t)
	const [camera, screen] = [track('camera'), track('screen')]
	portal.addTrack(camera)
	await portal.setEncoding(camera, { maxBitrate: 100_000, degradationPreference: 'maintain-resolution' })
	await portal.replaceTrack(camera, screen)
	await portal.replaceTrack(track('nobody’s'), camera) // changes nothing
	janus.push(1, { event: 'joined', members: [bob] })
	const [first, second] = portal.connections
	assert.deepEqual([sent(first), sent(second)], [['screen'], ['screen']])
	const parameters = first.pc.getSenders()[0].getParameters()
	assert.deepEqual([parameters.encodings[0].maxBitrate, parameters.degradationPreference], [100_000, 'maintain-resolution'])
	/* Before the first negotiation a browser may take no parameters, so they are set once that is done. */
	second.pc.signalingState = 'stable'
	second.pc.dispatchEvent(new Event('signalingstatechange'))
	await eventually(() => second.pc.getSenders()[0].getParameters().encodings[0].maxBitrate === 100_000)
	portal.removeTrack(screen)
	assert.deepEqual([sent(first), sent(second)], [[], []])
})

test('tracks that are replaced and taken back without waiting end as they were left', async t => {
	const { portal } = await joined(t)
	const [connection] = portal.connections
	const [camera, screen, other] = [track('camera'), track('screen'), track('other')]
	portal.addTrack(camera)
	portal.replaceTrack(camera, screen)
	portal.replaceTrack(screen, camera)
	await wait(5)
	assert.deepEqual(sent(connection), ['camera'])
	portal.replaceTrack(camera, other)
	portal.removeTrack(other)
	await wait(5)
	assert.deepEqual(sent(connection), [], 'what was taken back is not sent')
	await portal.setEncoding(camera, { maxBitrate: 1 })
	portal.addTrack(camera)
	connection.renew()
	await eventually(() => connection.generation === 2)
	portal.replaceTrack(camera, screen)
	await wait(5)
	assert.deepEqual(sent(connection), ['screen'], 'also where the RTCPeerConnection is another one')
})

test('who listens once hears once, also if what was there is gone before', async t => {
	const { janus, portal } = await joined(t)
	const heard = []
	portal.on('connection', ({ id }) => heard.push(id), { once: true })
	janus.push(1, { event: 'left', id: 'ada', reason: 'leave' })
	await wait(5)
	assert.deepEqual(heard, [])
	janus.push(2, { event: 'joined', members: [bob] }, { event: 'joined', members: [{ id: 'carol', polite: true }] })
	await wait(5)
	assert.deepEqual(heard, ['bob'])
})

test('messages can be iterated over, by type, until the portal ends or one stops', async t => {
	const { portal } = await joined(t)
	const say = (type, payload) => portal.dispatchEvent(Object.assign(new Event('message'), { detail: { from: 'ada', type, payload } }))
	const heard = []
	const stop = new AbortController()
	const listening = (async () => {
		for await (const { payload } of portal.messages('chat', { signal: stop.signal })) heard.push(payload)
		return 'done'
	})()
	const most = portal.messages(undefined, { most: 2 })
	const first = most.next()
	for (let i = 0; i < 4; i++) say(i === 1 ? 'other' : 'chat', i)
	await eventually(() => heard.length === 3)
	assert.deepEqual(heard, [0, 2, 3])
	assert.ok([0, 2].includes((await first).value.payload), 'the oldest are dropped where nobody takes them')
	stop.abort()
	assert.equal(await listening, 'done')
	say('chat', 5)
	await wait(5)
	assert.deepEqual(heard, [0, 2, 3])
	await portal.close()
	while (!(await most.next()).done);
	assert.equal((await portal.messages().next()).done, true, 'there is nothing to wait for in a portal that is closed')
})

test('whoever listens late hears of the connections, the tracks and the roster that are there', async t => {
	const { portal } = await joined(t)
	const [connection] = portal.connections
	connection.pc.dispatchEvent(Object.assign(new Event('track'), { track: track('theirs'), streams: [] }))
	const heard = []
	portal.on('connection', ({ id }) => heard.push(id))
	portal.on('info', ({ members }) => heard.push(members.length))
	connection.on('track', ({ track }) => heard.push(track.id))
	const stop = portal.on('connection', () => heard.push('never'))
	stop()
	portal.on('connection', ({ id }) => heard.push(`once ${id}`), { once: true })
	assert.deepEqual(heard, [], 'not before on() has returned')
	await wait(1)
	assert.deepEqual(heard.sort(), [1, 'ada', 'once ada', 'theirs'].sort())
	portal.dispatchEvent(Object.assign(new Event('connection'), { detail: { id: 'x' } }))
	assert.ok(heard.includes('x') && !heard.includes('once x'))
})

test('a connection that is interrupted for long is restarted, one that mends itself is not', async t => {
	const { portal } = await joined(t)
	const clock = fakeTimeouts(t)
	const { pc } = portal.connections[0]
	pc.become('connected')
	pc.become('disconnected')
	clock.tick(4_000)
	pc.become('connected')
	clock.tick(4_000)
	assert.equal(pc.restarts, 0)
	pc.become('disconnected')
	clock.tick(5_000)
	assert.equal(pc.restarts, 1)
	clock.reset()
})

test('an entry that cannot be handled does not take those behind it along', async t => {
	const { janus, portal } = await joined(t)
	const errors = []
	const heard = []
	portal.on('error', ({ code }) => errors.push(code))
	portal.on('signal', ({ payload }) => heard.push(payload))
	const hello = payload => ({ event: 'signal', from: 'ada', type: 'hello', payload })
	const data = payload => ({ event: 'signal', from: 'ada', type: 'portal.data', payload })
	janus.push(1, data({ no: 'text' }), data(null), data('%'), data(5), hello('after garbage'))
	assert.deepEqual([heard, errors], [['after garbage'], []])
	portal.connections[0].pc.setConfiguration = () => { throw new Error('no such server') }
	janus.push(6, { event: 'ice', ice_servers: [{ urls: 'turn:' }] }, hello('after a bad server'))
	assert.deepEqual([heard.at(-1), errors], ['after a bad server', ['event_failed']])
	t.mock.method(FakePeerConnection.prototype, 'createDataChannel', () => { throw new Error('too many') }, { times: 1 })
	janus.push(8, { event: 'joined', members: [{ id: 'carol', polite: true }, { id: 'dora', polite: true }] }, hello('after two'))
	assert.deepEqual([heard.at(-1), portal.connections.at(-1).id, errors.length], ['after two', 'dora', 2])
	assert.equal(portal.state, 'open')
})

test('a room that takes small signals only gets small frames', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada], limits: { max_signal: 1024 } })
	const portal = new Portal({ url: 'ws://127.0.0.1:1/janus', room: 'home', WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection })
	t.after(() => portal.close())
	await portal.join()
	await portal.send('x', 'y'.repeat(5_000))
	const payloads = () => janus.asked('relay').flatMap(({ signals }) => signals).filter(({ type }) => type === 'portal.data').map(({ payload }) => payload)
	await eventually(() => payloads().length >= 7)
	assert.ok(payloads().every(payload => payload.length + 2 <= 1024))
})

test('a channel of one’s own, and those of the other side', async t => {
	const { portal } = await joined(t)
	const [connection] = portal.connections
	assert.equal(connection.channel('game', { ordered: false }).label, 'game')
	const heard = []
	connection.on('channel', ({ label }) => heard.push(label))
	connection.pc.dispatchEvent(Object.assign(new Event('datachannel'), { channel: { label: 'theirs' } }))
	assert.deepEqual(heard, ['theirs'])
})

test('a message to nobody rejects, one to some says who was missed', async t => {
	const { portal } = await joined(t)
	await assert.rejects(portal.send('x', 1, { to: 'nobody' }), { code: 'member_not_found', id: 'nobody' })
	await assert.rejects(portal.send('x', 1, { to: [] }), { code: 'invalid_field' })
	const { failed } = await portal.send('x', 1, { to: ['ada', 'nobody'] })
	assert.deepEqual(failed.map(({ id, code }) => [id, code]), [['nobody', 'member_not_found']])
	const other = new Portal({ room: 'home', url: 'ws://127.0.0.1:1/' })
	await assert.rejects(other.send('x'), { code: 'room_not_set' })
})

test('at the end of its block a portal leaves', async t => {
	const { janus, portal } = await joined(t)
	await portal[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]()
	assert.deepEqual([portal.state, janus.asked('leave').length], ['closed', 1])
})
