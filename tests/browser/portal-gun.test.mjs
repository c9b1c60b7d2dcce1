// SPDX-License-Identifier: GPL-3.0-or-later
/** A program that was written for @openlab/portals/client.js. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as gun from '../../html/portal-gun.js'
import { PortalGun as exported } from '../../html/portal.js'
import { FakeJanus } from './fake-janus.mjs'
import { FakePeerConnection } from './fake-rtc.mjs'
import { eventually, wait } from './wait.mjs'

const ada = { id: 'ada', display: 'Ada', polite: true }
const bob = { id: 'bob', polite: false }

function start(janus, options = {}) {
	globalThis.RTCPeerConnection = FakePeerConnection
	const portalGun = new gun.PortalGun({
		room: 'home', url: new URL('ws://127.0.0.1:1/janus'), rtc: { iceServers: [{ urls: 'stun:own.example' }] },
		WebSocket: janus.WebSocket, ...options
	})
	const seen = []
	for (const name of ['connection', 'disconnection', 'info', 'error']) portalGun.addEventListener(name, thing => seen.push([name, thing]))
	return { portalGun, seen, said: name => seen.filter(([other]) => other === name).map(([, thing]) => thing) }
}

test('an existing program sees its rooms, its members, its tracks', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portalGun, said } = start(janus)
	t.after(() => portalGun.close())
	const track = { id: 'camera' }
	const tracks = []
	portalGun.addEventListener('connection', portal => {
		portal.addMediaStream({ getTracks: () => [track] })
		portal.peer.addEventListener('track', event => tracks.push([portal.target.id, event.track.id]))
		portal.addEventListener('track', event => tracks.push([portal.target.id, event.track.id]))
	})
	await eventually(() => said('info').length === 1)
	assert.deepEqual(said('info'), [{ id: 'me', members: [{ id: 'ada', polite: true }] }])
	const [portal] = said('connection')
	assert.deepEqual(portal.target, { id: 'ada', polite: true })
	assert.equal(portalGun.connections.get('ada'), portal)
	assert.deepEqual(portal.peer.configuration.iceServers, [{ urls: 'stun:own.example' }])
	assert.deepEqual(portal.peer.getSenders().map(({ track }) => track), [track])
	portal.peer.dispatchEvent(Object.assign(new Event('track'), { track: { id: 'theirs' }, streams: [] }))
	assert.deepEqual(tracks, [['ada', 'theirs'], ['ada', 'theirs']])
	janus.push(1, { event: 'joined', members: [bob] })
	assert.deepEqual(said('connection').map(({ target }) => target.id), ['ada', 'bob'])
	assert.equal(said('connection').filter(({ target }) => target.id === 'ada').length, 1, 'nobody is connected anew because of it')
	janus.push(2, { event: 'left', id: 'ada', reason: 'leave' })
	assert.deepEqual(said('disconnection'), [portal])
	assert.deepEqual([...portalGun.connections.keys()], ['bob'])
	portalGun.connections.get('bob').close()
	assert.equal(portalGun.connections.size, 0)
})

test('a replaced RTCPeerConnection is told as a new connection', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portalGun, said } = start(janus)
	t.after(() => portalGun.close())
	await eventually(() => said('info').length === 1)
	janus.push(1, { event: 'signal', from: 'ada', type: 'portal.renew', payload: { generation: 1 } })
	await eventually(() => said('connection').length === 2)
	const [first, second] = said('connection')
	assert.notEqual(first.peer, second.peer)
	assert.equal(portalGun.connections.get('ada'), second)
	assert.deepEqual(said('disconnection'), [])
})

test('debug and error are told by the room and by its connections, to whom they belong', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portalGun, said } = start(janus)
	t.after(() => portalGun.close())
	const debug = [], errors = []
	portalGun.addEventListener('debug', (...things) => debug.push(things))
	await eventually(() => said('connection').length === 1)
	assert.deepEqual(debug, [['state@connecting'], ['state@open']].slice(-debug.length))
	assert.ok(debug.length > 0)
	const [portal] = said('connection')
	assert.ok(portal instanceof gun.Portal)
	const told = []
	portal.addEventListener('debug', (...things) => told.push(things))
	portal.addEventListener('error', error => errors.push(error))
	portal.peer.dispatchEvent(Object.assign(new Event('icecandidateerror'), { address: '192.0.2.1', port: 1, errorCode: 701, errorText: 'no answer', url: 'stun:x' }))
	assert.equal(told.length, 1)
	assert.equal(told[0][0], 'icecandidateerror')
	assert.ok(told[0][1] instanceof gun.IceCandidateError)
	assert.deepEqual([told[0][1].errorCode, told[0][1].url], [701, 'stun:x'])
	janus.push(1, { event: 'signal', from: 'ada', type: 'description', payload: { generation: 1, description: { type: 'answer', sdp: 'nonsense' } } })
	await eventually(() => errors.length === 1)
	assert.deepEqual([errors[0].code, said('error')], ['negotiation_failed', []], 'what concerns one connection is told by that one')
})

test('an unknown room is an error with its name', async t => {
	const janus = new FakeJanus()
	janus.handlers.join = () => ({ portal: 'error', error_code: 426, error: 'No such room: home', code: 'room_not_found' })
	const { portalGun, said } = start(janus)
	t.after(() => portalGun.close())
	await eventually(() => said('error').length === 1)
	const [error] = said('error')
	assert.ok(error instanceof gun.RoomNotFoundError)
	assert.equal(error.room, 'home')
})

test('a server that is not there yet is tried again', async t => {
	const janus = Object.assign(new FakeJanus(), { refuse: true })
	const { portalGun, said } = start(janus)
	t.after(() => portalGun.close())
	await eventually(() => said('error').length === 1)
	assert.equal(said('error')[0].code, 'connection_lost')
	janus.refuse = false
	await eventually(() => said('info').length === 1)
	assert.deepEqual(said('info'), [{ id: 'me', members: [] }])
})

test('close leaves, and leaves nothing behind', async () => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portalGun, said } = start(janus)
	await eventually(() => said('info').length === 1)
	await portalGun.close()
	assert.deepEqual(janus.asked('leave').length, 1)
	assert.equal(said('disconnection').length, 1)
	assert.ok(janus.sockets.every(({ readyState }) => readyState === 3))
	await wait(20)
	assert.equal(janus.sockets.length, 1)
	const early = start(new FakeJanus())
	early.portalGun.close()
	await wait(20)
	assert.deepEqual(early.said('error'), [])
})

test('listeners can be taken away; the other names are there', async () => {
	const emitter = new gun.EventEmitter(), heard = []
	const listener = (...args) => heard.push(args)
	emitter.addEventListener('x', listener)
	emitter.emit('x', 1, 2)
	emitter.removeEventListener('x', listener)
	emitter.emit('x', 3)
	assert.deepEqual(heard, [[1, 2]])
	assert.throws(() => new gun.SignalingChannel({}), /make a PortalGun/)
	const error = new gun.IceCandidateError({ address: 'a', errorCode: 701, errorText: 't', port: 1, url: 'stun:x' })
	assert.deepEqual([error.name, error.errorCode, error.url], ['IceCandidateError', 701, 'stun:x'])
	let calls = 0
	const later = gun.debounce(5, () => calls++)
	later()
	later()
	await gun.pause(20)
	assert.equal(calls, 1)
	assert.equal(exported, gun.PortalGun)
})
