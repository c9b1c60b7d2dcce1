// SPDX-License-Identifier: GPL-3.0-or-later
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Portal, PortalError } from '../../html/portal.js'
import { Stream } from '../../html/stream.js'
import { FakeJanus } from './fake-janus.mjs'
import { FakePeerConnection } from './fake-rtc.mjs'
import { eventually, fakeTimeouts, wait } from './wait.mjs'

const ada = { id: 'ada', display: 'Ada', polite: true }
const bob = { id: 'bob', polite: false }

function makePortal(janus, options = {}) {
	const portal = new Portal({
		url: 'ws://127.0.0.1:1/janus', room: 'home', WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection,
		...options
	})
	const seen = []
	for (const type of ['connection', 'close', 'info', 'message', 'signal', 'error', 'state']) {
		portal.on(type, thing => seen.push([type, thing]))
	}
	const said = type => seen.filter(([name]) => name === type).map(([, thing]) => thing)
	return { portal, seen, said }
}

async function joined(t, { members = [ada, bob], options, ...settings } = {}) {
	const janus = Object.assign(new FakeJanus(), { members, ...settings })
	const made = makePortal(janus, options)
	t.after(() => made.portal.close())
	await made.portal.join()
	return { janus, ...made }
}

/** From now on a join with `ack` comes back to the membership. */
function comesBack(janus, seq = () => 0) {
	const { join } = janus.handlers
	janus.handlers.join = body => body.ack === undefined ? join(body) : {
		portal: 'success', resumed: true, room: 'home', id: 'me', seq: seq(), ack: body.ack, version: 9, n: body.ack, limits: janus.limits
	}
}

/** The other side takes the offer. */
async function answered(connection) {
	await eventually(() => connection.pc.signalingState === 'have-local-offer')
	const { name, round } = JSON.parse(connection.pc.localDescription.sdp)
	const sdp = JSON.stringify({ name: connection.id, round: 1, to: `${name}.${round}`, tracks: [] })
	connection.take('description', { generation: connection.generation, description: { type: 'answer', sdp } })
	await eventually(() => connection.alive && connection.pc.signalingState === 'stable')
}

const refusal = (code, errorCode = 400) => ({ portal: 'error', error_code: errorCode, error: `No: ${code}`, code })

test('joining creates a session, attaches, joins, and hands over the roster', async t => {
	const { janus, portal, seen } = await joined(t, { options: { display: 'Me', pin: '1', janus: { token: 'secret' } } })
	assert.equal(janus.sockets[0].protocol, 'janus-protocol')
	assert.deepEqual(janus.frames.slice(0, 3).map(({ janus }) => janus), ['create', 'attach', 'message'])
	assert.ok(janus.frames.every(({ token }) => token === 'secret'))
	const { key, ...join } = janus.requests[0]
	assert.deepEqual(join, { request: 'join', room: 'home', display: 'Me', pin: '1', attempt: 1 })
	if (globalThis.crypto) assert.match(key, /^[A-Za-z0-9_-]{22,64}$/)
	assert.deepEqual(seen.map(([type, thing]) => [type, thing.id ?? thing]), [
		['state', 'connecting'], ['state', 'open'], ['connection', 'ada'], ['connection', 'bob'], ['info', 'me']
	])
	assert.deepEqual(seen.at(-1)[1], { room: 'home', id: 'me', version: 5, members: [ada, bob] })
	assert.deepEqual([portal.id, portal.state, portal.members], ['me', 'open', [ada, bob]])
})

test('each portal makes a key of its own', { skip: !globalThis.crypto && 'this Node has no global crypto' }, async t => {
	const keys = []
	for (let i = 0; i < 3; i++) keys.push((await joined(t)).janus.requests[0].key)
	assert.equal(new Set(keys).size, 3)
})

test('a refused join rejects with the server\'s code, hangs up, and may be tried again', async t => {
	const janus = new FakeJanus()
	const { portal, seen } = makePortal(janus, { room: 'attic' })
	t.after(() => portal.close())
	const { join } = janus.handlers
	janus.handlers.join = () => refusal('room_not_found', 426)
	await assert.rejects(portal.join(), error => {
		assert.ok(error instanceof PortalError)
		assert.deepEqual([error.code, error.errorCode, error.message], ['room_not_found', 426, 'No: room_not_found'])
		return true
	})
	await eventually(() => janus.sockets[0].closedByClient)
	assert.deepEqual(seen, [['state', 'connecting'], ['state', 'closed']])
	janus.handlers.join = join
	await portal.join()
	assert.equal(portal.state, 'open')
})

test('Janus\'s own errors reject with a stable code too', async () => {
	const janus = new FakeJanus()
	janus.receive = (socket, { transaction }) => {
		janus.say(socket, { janus: 'error', transaction, error: { code: 403, reason: 'Unauthorized' } })
	}
	await assert.rejects(makePortal(janus).portal.join(), { code: 'unauthorized', errorCode: 403 })
})

test('a server that cannot be reached rejects the join', async () => {
	const janus = Object.assign(new FakeJanus(), { refuse: true })
	const { portal, said } = makePortal(janus)
	await assert.rejects(portal.join(), { code: 'connection_lost' })
	assert.deepEqual([portal.state, said('error')], ['closed', []])
})

test('joining twice is refused and does no harm', async t => {
	const { portal } = await joined(t)
	await assert.rejects(portal.join(), { code: 'already_joined' })
	assert.equal(portal.state, 'open')
})

test('an AbortSignal stops a join, and a membership that comes of it all the same is left', async () => {
	const janus = new FakeJanus()
	const { portal } = makePortal(janus)
	const { join } = janus.handlers
	janus.handlers.join = () => undefined
	const joining = portal.join({ signal: AbortSignal.timeout(30) })
	await assert.rejects(joining, { name: 'TimeoutError' })
	assert.equal(portal.state, 'closed')
	const { transaction, handle_id: sender, body } = janus.frames.at(-1)
	const plugindata = { plugin: 'janus.plugin.portal', data: join(body) }
	janus.say(janus.sockets[0], { janus: 'success', transaction, sender, plugindata })
	await eventually(() => janus.sockets[0].readyState === 3)
	assert.deepEqual(janus.asked('leave'), [{ request: 'leave', seq: 1 }])
	assert.equal(portal.state, 'closed')
})

test('a signal that is aborted already stops a join before it connects', async () => {
	const janus = new FakeJanus()
	const { portal } = makePortal(janus)
	await assert.rejects(portal.join({ signal: AbortSignal.abort() }), { name: 'AbortError' })
	assert.deepEqual([janus.sockets, portal.state], [[], 'idle'])
})

test('closing stops a join that is under way', async () => {
	const janus = new FakeJanus()
	janus.handlers.join = () => undefined
	const { portal } = makePortal(janus)
	const joining = assert.rejects(portal.join(), { code: 'closed' })
	await eventually(() => janus.asked('join').length === 1)
	await portal.close()
	assert.equal(portal.state, 'closed')
	await joining
	janus.handlers.join = new FakeJanus().handlers.join
	await portal.join()
	assert.equal(portal.state, 'open')
	await portal.close()
})

test('events that come before the answer to join are kept until it is there', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { join } = janus.handlers
	janus.handlers.join = body => {
		janus.push(1, { event: 'joined', members: [bob] })
		janus.push(2, { event: 'signal', from: 'bob', type: 'chat', payload: 'hi' })
		return join(body)
	}
	const { portal, seen } = makePortal(janus)
	t.after(() => portal.close())
	await portal.join()
	assert.deepEqual(seen.map(([type, thing]) => [type, thing.id ?? thing.from ?? thing]).slice(2), [
		['connection', 'ada'], ['info', 'me'], ['connection', 'bob'], ['info', 'me'], ['signal', 'bob']
	])
})

test('of the events that the roster of the join contains only the signals are taken', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { join } = janus.handlers
	janus.handlers.join = body => ({ ...join(body), n: 2 })
	const { portal, said } = makePortal(janus)
	t.after(() => portal.close())
	await portal.join()
	janus.push(1, { event: 'left', id: 'ada', reason: 'leave' }, { event: 'signal', from: 'ada', type: 'a', payload: 1 })
	janus.push(3, { event: 'joined', members: [bob] })
	assert.deepEqual(portal.members, [ada, bob])
	assert.deepEqual([said('signal').length, said('close').length], [1, 0])
})

test('events that were seen already are dropped', async t => {
	const { janus, said } = await joined(t)
	const hello = payload => ({ event: 'signal', from: 'ada', type: 'hello', payload })
	janus.push(1, hello(1), hello(2))
	janus.push(2, hello(2), hello(3))
	janus.push(1, hello(1))
	assert.deepEqual(said('signal').map(({ payload }) => payload), [1, 2, 3])
})

test('where events are missing they are asked for again, from another peer', async t => {
	const { janus, portal, said } = await joined(t)
	comesBack(janus)
	janus.push(2, { event: 'left', id: 'ada', reason: 'leave' })
	assert.equal(portal.state, 'resuming')
	await eventually(() => portal.state === 'open')
	assert.deepEqual([janus.asked('join')[1].ack, said('error'), portal.members.length], [0, [], 2])
	janus.push(1, { event: 'left', id: 'ada', reason: 'leave' })
	assert.equal(portal.members.length, 1)
})

test('the roster is kept from differences, and each change is told once', async t => {
	const { janus, portal, said } = await joined(t)
	janus.push(1, { event: 'changed', member: { id: 'ada', display: 'Countess' } }, { event: 'left', id: 'bob', reason: 'leave' })
	assert.deepEqual(portal.members, [{ id: 'ada', display: 'Countess', metadata: undefined, polite: true }])
	assert.equal(said('info').length, 2)
	assert.equal(said('info')[1].version, 8)
	janus.push(3, { event: 'changed', member: { id: 'nobody' } }, { event: 'something new' })
	assert.equal(said('info').length, 2)
})

test('whoever leaves is closed at once, whoever vanished only when the direct connection is gone too', async t => {
	const { janus, portal, said } = await joined(t)
	const [a, b] = portal.connections
	b.ownChannel.readyState = a.ownChannel.readyState = 'open'
	a.pc.become('connected')
	b.pc.become('connected')
	janus.push(1, { event: 'left', id: 'ada', reason: 'timeout' }, { event: 'left', id: 'bob', reason: 'kicked' })
	assert.deepEqual([portal.members, said('close')], [[], [b]])
	a.pc.become('disconnected')
	assert.deepEqual(said('close'), [b, a])
	assert.deepEqual(portal.connections, [])
})

test('whoever vanished and does not come back is closed after a minute, though the direct connection holds', async t => {
	const { janus, portal, said } = await joined(t, { members: [ada] })
	const [a] = portal.connections
	a.ownChannel.readyState = 'open'
	await answered(a)
	const clock = fakeTimeouts(t)
	janus.push(1, { event: 'left', id: 'ada', reason: 'timeout' })
	clock.tick(59_000)
	const before = [a.closed, portal.members]
	clock.tick(1_500)
	clock.reset()
	assert.deepEqual([before, a.closed, said('close')], [[false, []], true, [a]])
})

test('whoever vanished without a direct connection is closed', async t => {
	const { janus, portal, said } = await joined(t)
	const [a] = portal.connections
	janus.push(1, { event: 'left', id: 'ada', reason: 'timeout' })
	await eventually(() => said('close').length === 1)
	assert.deepEqual(said('close'), [a])
})

test('a member that joins again under its id keeps a direct connection that holds', async t => {
	const { janus, portal, said } = await joined(t)
	const [a] = portal.connections
	a.ownChannel.readyState = 'open'
	a.pc.become('connected')
	const { pc } = a
	janus.push(1, { event: 'left', id: 'ada', reason: 'timeout' }, { event: 'joined', members: [ada] })
	assert.deepEqual([portal.connections.find(({ id }) => id === 'ada'), a.pc, said('close')], [a, pc, []])
})

test('a member that joins again under its id gets a connection of the next generation where the former one is gone', async t => {
	const { janus, portal, said } = await joined(t)
	const [a] = portal.connections
	janus.push(1, { event: 'left', id: 'ada', reason: 'leave' })
	const made = FakePeerConnection.all.length
	janus.push(2, { event: 'joined', members: [ada] })
	const again = portal.connections.find(({ id }) => id === 'ada')
	assert.deepEqual([a.closed, said('close'), again.generation], [true, [a], 2])
	await wait(20)
	assert.deepEqual([again.generation, FakePeerConnection.all.length - made], [2, 1], 'one RTCPeerConnection for it')
})

for (const polite of [true, false]) test(`an offer that was lost with a membership is made up for, by the ${polite ? 'polite' : 'impolite'} side`, async t => {
	const { janus, portal } = await joined(t, { members: [{ id: 'ada', polite }] })
	const [connection] = portal.connections
	connection.ownChannel.readyState = 'open'
	connection.pc.become('connected')
	connection.pc.signalingState = 'have-local-offer'
	const { join } = janus.handlers
	janus.handlers.join = body => body.ack === undefined ? join(body) : refusal('member_gone', 447)
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	if (polite) await eventually(() => connection.generation === 2)
	else await eventually(() => janus.asked('relay').some(({ signals }) => signals.some(({ type }) => type === 'portal.renew')))
})

test('when the server began anew, nobody is lost who takes a moment longer to come back, nor what was sent meanwhile', async t => {
	const { janus, portal, said } = await joined(t, { members: [ada], options: { RTCPeerConnection: null } })
	const [connection] = portal.connections
	const { join } = janus.handlers
	janus.handlers.join = body => body.ack === undefined ? join(body) : refusal('member_gone', 447)
	janus.members = []
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await portal.send('chat', 'meanwhile')
	await eventually(() => portal.state === 'open')
	assert.deepEqual([portal.members, portal.connections, said('close')], [[], [connection], []])
	janus.push(1, { event: 'joined', members: [ada] })
	await eventually(() => janus.asked('relay').some(({ signals }) => signals.some(({ to, type }) => to === 'ada' && type === 'portal.data')))
	assert.deepEqual([portal.connections, said('close')], [[connection], []])
})

test('of a negotiation that is refused one is begun anew, not one for each signal', async t => {
	const { janus, portal } = await joined(t, { members: [] })
	janus.handlers.relay = ({ signals }) => ({
		portal: 'success', relayed: 0,
		failed: signals.map(({ to }, index) => ({ index, to: [to], code: 'recipient_full', error_code: 445, error: 'full', retry_after: 60 }))
	})
	const made = FakePeerConnection.all.length
	janus.push(1, { event: 'joined', members: [ada] })
	const [connection] = portal.connections
	await eventually(() => connection.generation === 3)
	assert.equal(FakePeerConnection.all.length - made, 3)
	const signals = janus.asked('relay').flatMap(({ signals }) => signals).filter(({ payload }) => payload.generation < 3)
	assert.ok(signals.length > 2, `${signals.length} signals were refused`)
})

test('ICE servers that the browser refuses do not end a call when the member comes back', async t => {
	const { janus, portal, said } = await joined(t)
	comesBack(janus)
	const back = janus.handlers.join
	janus.handlers.join = body => ({ ...back(body), ice_servers: [{ urls: 'nonsense' }] })
	for (const { pc } of portal.connections) t.mock.method(pc, 'setConfiguration', () => { throw new SyntaxError('no such scheme') })
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	assert.deepEqual([portal.connections.length, said('close'), said('error').map(({ code }) => code)], [2, [], ['event_failed']])
})

test('what was configured is said again when the portal is joined again', async t => {
	const { janus, portal } = await joined(t, { members: [], options: { display: 'Ada', metadata: { a: 1 } } })
	await portal.configure({ display: 'Countess', metadata: null })
	assert.deepEqual(janus.asked('configure'), [{ request: 'configure', display: 'Countess', metadata: null, seq: 1 }])
	await portal.close()
	await portal.join()
	const { display, metadata } = janus.asked('join')[1]
	assert.deepEqual([display, metadata], ['Countess', undefined])
})

test('requests that change something are numbered, in order', async t => {
	const { janus, portal } = await joined(t, { members: [] })
	await portal.signal('one')
	await Promise.all([portal.signal('two'), portal.configure({ display: 'X' })])
	await portal.close()
	const numbered = janus.requests.slice(1).map(({ request, seq }) => [request, seq])
	assert.deepEqual(numbered, [['relay', 1], ['relay', 2], ['configure', 3], ['leave', 4]])
})

test('signals of one turn go in one request', async t => {
	const { janus, portal } = await joined(t, { members: [] })
	await Promise.all([portal.signal('a', 1), portal.signal('b', { x: 1 }, { to: 'ada' }), portal.signal('c', null, { to: ['ada', 'bob'] })])
	assert.deepEqual(janus.asked('relay').map(({ signals }) => signals), [[
		{ type: 'a', payload: 1 }, { to: 'ada', type: 'b', payload: { x: 1 } }, { to: ['ada', 'bob'], type: 'c', payload: null }
	]])
})

test('signals that can wait gather while a request is unanswered, and keep their order', async () => {
	const sent = [], answers = []
	const stream = new Stream()
	stream.start(({ signals }) => {
		sent.push(signals.map(({ payload }) => payload))
		return new Promise(resolve => answers.push(resolve))
	}, { n: 0, limits: {} })
	const turn = () => new Promise(resolve => setImmediate(resolve))
	const late = async payload => {
		stream.relayLate(async () => ({ type: 'x', payload })).catch(() => {}) // those without answer when it ends
		await turn()
	}
	await late(1)
	assert.deepEqual(sent.splice(0), [[1]], 'nothing is unanswered')
	for (const candidate of [2, 3, 4]) await late(candidate)
	answers.shift()({})
	await wait(0)
	assert.deepEqual(sent.splice(0), [[2, 3, 4]], 'the answer came')
	await late(5)
	stream.relay({ type: 'x', payload: 6 })
	await turn()
	assert.deepEqual(sent.splice(0), [[6]], 'one that cannot wait goes at once')
	await late(7)
	await wait(40)
	assert.deepEqual(sent.splice(0), [[5, 7]], 'there was no answer for a while')
	while (answers.length > 0) answers.shift()({})
	await wait(0)
	stream.relayLate(() => wait(20).then(() => ({ type: 'x', payload: 8 }))).catch(() => {})
	const none = stream.relayLate(async () => {})
	await wait(5)
	await late(9)
	assert.deepEqual(sent.splice(0), [], 'one is still being made')
	assert.equal(await none, undefined)
	await wait(60)
	assert.deepEqual(sent.splice(0), [[8], [9]], 'what came meanwhile stays behind it')
	stream.pause()
	await late(10)
	await wait(40)
	assert.deepEqual(sent.splice(0), [], 'there is nobody to send it to')
	const ended = assert.rejects(stream.relayLate(async () => ({ type: 'x', payload: 11 })), { code: 'closed' })
	stream.end(new PortalError('closed', ''))
	await ended
	await assert.rejects(stream.relayLate(async () => ({ type: 'x', payload: 12 })), { code: 'closed' })
})

test('descriptions and candidates for many members, each made in a turn of its own, go in few requests, in order for each', async t => {
	let turn = 0
	FakePeerConnection.delay = () => turn++ % 40 / 10
	t.after(() => { FakePeerConnection.delay = () => 0 })
	const members = Array.from({ length: 20 }, (_, i) => ({ id: `m${i}`, polite: true }))
	const { janus } = await joined(t, { members, answers: 'late' })
	const relayed = () => janus.asked('relay').flatMap(({ signals }) => signals)
	const each = to => relayed().filter(signal => signal.to === to)
		.flatMap(({ payload: { description, candidates } }) => [...description ? ['description'] : [], ...candidates.map(() => 'candidate')])
	await eventually(() => members.every(({ id }) => each(id).length === 4))
	for (const { id } of members) assert.deepEqual(each(id), ['description', 'candidate', 'candidate', 'candidate'])
	assert.ok(janus.asked('relay').length <= 8, `${janus.asked('relay').length} requests`)
	assert.ok(relayed().length <= 50, `${relayed().length} signals`)
})

test('candidates that are found while their signal waits go in it, but not before the description that they belong to', async t => {
	const { janus, portal } = await joined(t, { members: [{ id: 'ada', polite: true }] })
	await eventually(() => janus.asked('relay').flatMap(({ signals }) => signals).some(({ payload }) => payload.candidates?.includes(null)))
	const [{ pc }] = portal.connections
	const { name, round } = JSON.parse(pc.localDescription.sdp)
	const description = { type: 'answer', sdp: JSON.stringify({ name: 'ada', round: 1, to: `${name}.${round}`, tracks: [] }) }
	janus.push(1, { event: 'signal', from: 'ada', type: 'description', payload: { generation: 1, description } })
	await eventually(() => pc.signalingState === 'stable')
	const find = candidate => pc.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { candidate } }))
	janus.requests = []
	const frames = []
	janus.handlers.relay = (body, frame) => void frames.push(frame) // which are answered later, or never
	/* The moment for which signals gather is long here, so that it does not matter how busy the machine is. */
	const { setTimeout } = globalThis
	t.after(() => { globalThis.setTimeout = setTimeout })
	globalThis.setTimeout = (work, milliseconds, ...rest) => setTimeout(work, milliseconds === 10 ? 10_000 : milliseconds, ...rest)
	find('a')
	await wait(0)
	find('b')
	find('c')
	await wait(0)
	find('d')
	pc.dispatchEvent(new Event('negotiationneeded'))
	await eventually(() => pc.signalingState === 'have-local-offer')
	await wait(0)
	find('e')
	portal.signal('now').catch(() => {}) // has no answer
	await wait(20)
	const said = () => janus.asked('relay').flatMap(({ signals }) => signals).map(({ type, payload: { description, candidates = [] } }) =>
		[...description ? [description.type] : [], ...candidates.map(found => found?.candidate)].join(' ') || type)
	assert.deepEqual(said(), ['a', 'now'], 'what cannot wait goes before what can')
	const [{ transaction, handle_id: sender }] = frames
	janus.say(janus.sockets[0], { janus: 'event', transaction, sender, plugindata: { data: { portal: 'success', relayed: 1 } } })
	await eventually(() => said().length === 4)
	assert.match(said().join(), /^a,now,b c d,offer [^,]* e$/)
})

test('a turn\'s signals are split by the server\'s limits', async t => {
	const { janus, portal } = await joined(t, { members: [], limits: { max_signals: 4, max_request: 10_000 } })
	await Promise.all(Array.from({ length: 10 }, (_, i) => portal.signal('small', i)))
	assert.deepEqual(janus.asked('relay').map(({ signals }) => signals.length), [4, 4, 2])
	janus.requests = []
	await Promise.all(Array.from({ length: 4 }, () => portal.signal('big', 'ä'.repeat(2_000))))
	assert.deepEqual(janus.asked('relay').map(({ signals }) => signals.length), [1, 1, 1, 1])
})

test('no more than the window is unanswered, and nothing overtakes', async t => {
	const { janus, portal } = await joined(t, { members: [], limits: { window: 3, max_signals: 1 } })
	const held = []
	janus.handlers.relay = (body, frame) => void held.push(frame)
	const sent = Array.from({ length: 8 }, (_, i) => portal.signal('x', i))
	await wait(20)
	assert.equal(held.length, 3)
	const answer = ({ transaction, handle_id: sender }) => {
		const data = { portal: 'success', relayed: 1 }
		janus.say(janus.sockets[0], { janus: 'event', transaction, sender, plugindata: { data } })
	}
	while (held.length > 0) {
		answer(held.shift())
		await wait(5)
	}
	await Promise.all(sent)
	assert.deepEqual(janus.asked('relay').map(({ signals: [{ payload }], seq }) => [payload, seq]), [
		[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [6, 7], [7, 8]
	])
})

for (const answers of ['sync', 'late', 'early']) {
	test(`answers are understood when they come ${answers}`, async t => {
		const { portal, janus } = await joined(t, { answers })
		assert.deepEqual(await portal.signal('x'), { failed: [] })
		janus.handlers.relay = () => refusal('too_large', 436)
		await assert.rejects(portal.signal('x'), { code: 'too_large' })
	})
}

test('what did not arrive is told to whoever sent it', async t => {
	const { portal, janus } = await joined(t, { members: [] })
	const failure = (index, to) => ({ index, to, error_code: 428, error: 'No such member', code: 'member_not_found' })
	janus.handlers.relay = () => ({ portal: 'success', relayed: 1, failed: [failure(0, ['x']), failure(1, ['x']), failure(3)] })
	const results = await Promise.allSettled([
		portal.signal('t', 1, { to: ['x', 'y'] }), portal.signal('t', 2, { to: 'x' }), portal.signal('t', 3), portal.signal('t', 4)
	])
	assert.deepEqual(results[0].value, { failed: [{ id: 'x', code: 'member_not_found', error: 'No such member' }] })
	assert.deepEqual([results[1].reason.code, results[1].reason.errorCode], ['member_not_found', 428])
	assert.deepEqual(results[2].value, { failed: [] })
	assert.equal(results[3].reason.code, 'member_not_found')
})

test('the library\'s own types cannot be sent by the application', async t => {
	const { portal } = await joined(t)
	for (const type of ['description', 'candidate', 'portal.renew', 'portal.x']) {
		await assert.rejects(portal.signal(type, {}), { code: 'invalid_type' })
	}
})

test('sending and configuring before joining is refused', async () => {
	const { portal } = makePortal(new FakeJanus())
	await assert.rejects(portal.signal('x'), { code: 'room_not_set' })
	await assert.rejects(portal.configure({ display: 'x' }), { code: 'room_not_set' })
})

test('an AbortSignal ends the waiting of a send(), and not the message; one that is aborted already sends nothing', async t => {
	const { janus, portal } = await joined(t, { members: [ada] })
	const sent = () => janus.requests.filter(({ request }) => request === 'relay').length
	janus.handlers.relay = () => undefined // never answered, so there is room for a window of messages, and no more
	const reason = new Error('long enough')
	await assert.rejects(portal.send('x', 0, { signal: AbortSignal.abort(reason) }), reason)
	await assert.rejects(portal.send('x', 0, { to: ada.id, signal: AbortSignal.abort() }), { name: 'AbortError' })
	assert.equal(sent(), 0)
	const giveUp = new AbortController()
	let room = 0
	const sends = Array.from({ length: 300 }, (_, i) => portal.send('x', i, { signal: giveUp.signal }).then(() => { room++ }))
	const outcomes = Promise.allSettled(sends)
	await eventually(() => room > 200)
	giveUp.abort(reason)
	const failed = (await outcomes).filter(({ status }) => status === 'rejected')
	assert.ok(failed.length > 40 && failed.length === 300 - room, `${failed.length} of 300 gave up`)
	assert.ok(failed.every(one => one.reason === reason))
	assert.ok(sent() > 0)
	await assert.rejects(portal.connections[0].send('x', 'y', { signal: AbortSignal.timeout(20) }), { name: 'TimeoutError' })
})

test('events are acknowledged after ack_every, and by every request in between', async t => {
	const { janus, portal } = await joined(t, { members: [], limits: { ack_every: 4 } })
	const hello = { event: 'signal', from: 'ada', type: 'hello', payload: 1 }
	janus.push(1, hello, hello, hello)
	await portal.signal('x')
	assert.equal(janus.asked('relay')[0].ack, 3)
	janus.push(4, hello, hello, hello)
	await wait(10)
	assert.deepEqual(janus.asked('ack'), [])
	janus.push(7, hello)
	await eventually(() => janus.asked('ack').length > 0)
	assert.deepEqual(janus.asked('ack'), [{ request: 'ack', ack: 7 }])
	await portal.signal('y')
	assert.equal(janus.asked('relay')[1].ack, undefined)
})

test('events are acknowledged when they weigh a quarter of the backlog', async t => {
	const { janus } = await joined(t, { members: [], limits: { max_backlog: 8_000 } })
	janus.push(1, { event: 'signal', from: 'ada', type: 'x', payload: 'y'.repeat(1_000) })
	await wait(10)
	assert.deepEqual(janus.asked('ack'), [])
	janus.push(2, { event: 'signal', from: 'ada', type: 'x', payload: 'y'.repeat(1_000) })
	await eventually(() => janus.asked('ack').length > 0)
	assert.deepEqual(janus.asked('ack'), [{ request: 'ack', ack: 2 }])
})

test('tracks go to members of now and later, and can be taken back', async t => {
	const stream = { getTracks: () => [{ id: 'audio' }, { id: 'video' }] }
	const tracks = stream.getTracks()
	stream.getTracks = () => tracks
	const { janus, portal } = await joined(t, { members: [ada] })
	const sent = () => portal.connections.map(({ pc }) => pc.getSenders().map(({ track }) => track.id))
	portal.addStream(stream)
	janus.push(1, { event: 'joined', members: [bob] })
	assert.deepEqual(sent(), [['audio', 'video'], ['audio', 'video']])
	portal.removeTrack(tracks[1])
	assert.deepEqual(sent(), [['audio'], ['audio']])
	portal.removeStream(stream)
	janus.push(2, { event: 'joined', members: [{ id: 'eve', polite: true }] })
	assert.deepEqual(sent(), [[], [], []])
})

test('tracks that a listener of the connection adds are in the first offer', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portal } = makePortal(janus)
	t.after(() => portal.close())
	portal.on('connection', connection => connection.addTrack({ id: 'mine' }))
	await portal.join()
	const offered = await eventually(() => janus.asked('relay')[0]?.signals[0])
	assert.equal(offered.to, 'ada')
	assert.equal(offered.payload.description.type, 'offer')
	assert.deepEqual(JSON.parse(offered.payload.description.sdp).tracks, ['mine'])
})

test('two portals negotiate through the server', async t => {
	const ends = {}
	const make = async (id, polite, other) => {
		const janus = Object.assign(new FakeJanus(), { members: [{ id: other, polite }] })
		let n = 0
		janus.handlers.relay = ({ signals }) => {
			ends[other].janus.push(n + 1, ...signals.map(({ type, payload }) => ({ event: 'signal', from: id, type, payload })))
			n += signals.length
			return { portal: 'success', relayed: signals.length }
		}
		const made = ends[id] = { janus, ...makePortal(janus) }
		t.after(() => made.portal.close())
		made.portal.addTrack({ id: `${id}'s` })
		made.portal.on('connection', connection => connection.on('track', ({ track }) => { made.track = track.id }))
		return made
	}
	const [a, b] = [await make('a', true, 'b'), await make('b', false, 'a')]
	await Promise.all([a.portal.join(), b.portal.join()])
	await eventually(() => [a, b].every(({ portal }) => portal.connections[0].pc.connectionState === 'connected'))
	await eventually(() => a.track && b.track)
	assert.deepEqual([a.track, b.track, a.said('error'), b.said('error')], ["b's", "a's", [], []])
	assert.deepEqual([a.said('signal'), b.said('signal')], [[], []])
})

test('a negotiation signal to a member that has just left is no error', async t => {
	const { janus, said } = await joined(t, { members: [] })
	const failed = code => [{ index: 0, to: ['ada'], error_code: 428, error: 'No', code }]
	janus.handlers.relay = () => ({ portal: 'success', relayed: 0, failed: failed('member_not_found') })
	janus.push(1, { event: 'joined', members: [ada] })
	await eventually(() => janus.asked('relay').length > 1)
	await wait(10)
	assert.deepEqual(said('error'), [])
	janus.handlers.relay = () => ({ portal: 'success', relayed: 0, failed: failed('too_large') })
	janus.push(2, { event: 'joined', members: [{ ...ada, id: 'eve' }] })
	await eventually(() => said('error').length > 0)
	assert.deepEqual([said('error')[0].code, said('error')[0].id], ['too_large', 'eve'])
})

test('close() ends the connections, leaves, waits for the answer, and only then ends the session', async t => {
	const { janus, portal, seen } = await joined(t)
	const connections = portal.connections
	seen.length = 0
	let leave
	janus.handlers.leave = (body, frame) => { leave = frame }
	const closing = portal.close()
	assert.deepEqual(seen, [['close', connections[0]], ['close', connections[1]], ['state', 'closed']])
	assert.ok(connections.every(({ pc }) => pc.signalingState === 'closed'))
	await eventually(() => leave)
	await wait(20)
	// Janus would run it before the plugin has seen the leave.
	assert.deepEqual([janus.frames.at(-1), janus.sockets[0].readyState], [leave, 1])
	const { transaction, handle_id: sender } = leave
	janus.say(janus.sockets[0], { janus: 'success', transaction, sender, plugindata: { data: { portal: 'success' } } })
	await closing
	assert.deepEqual([janus.frames.at(-1).janus, janus.sockets[0].readyState], ['destroy', 3])
	await portal.close()
	assert.equal(janus.asked('leave').length, 1)
})

test('close() does not wait for ever', async t => {
	const { janus, portal } = await joined(t)
	janus.deaf = true
	const before = Date.now()
	await portal.close()
	assert.ok(Date.now() - before < 5_000)
	assert.equal(janus.sockets[0].readyState, 3)
})

test('a listener may close the portal in the middle of what there is to tell', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada, bob] })
	const { portal, said } = makePortal(janus)
	portal.on('connection', () => portal.close())
	await portal.join()
	assert.deepEqual([portal.state, said('connection').length, portal.connections], ['closed', 1, []])
	await eventually(() => janus.sockets[0].readyState === 3)
})

test('after close() the portal can be joined again, as a member with numbers of its own', async t => {
	const { janus, portal } = await joined(t, { members: [] })
	await portal.signal('x')
	janus.push(1, { event: 'joined', members: [ada] })
	await portal.close()
	janus.requests = []
	await portal.join()
	await portal.signal('x')
	assert.deepEqual([janus.sockets.length, janus.asked('relay')[0].seq, portal.members], [2, 1, []])
	janus.push(1, { event: 'joined', members: [bob] })
	assert.deepEqual(portal.members, [bob])
})

test('a page that goes says so and keeps the socket; shown again, it joins again', async t => {
	const page = new EventTarget()
	const { janus, portal } = await joined(t, { options: { page } })
	page.dispatchEvent(new Event('pagehide'))
	assert.deepEqual([portal.state, portal.connections, janus.sockets[0].readyState], ['closed', [], 1])
	await eventually(() => janus.asked('leave').length === 1)
	assert.equal(janus.sockets[0].readyState, 1)
	page.dispatchEvent(new Event('pageshow'))
	await eventually(() => portal.state === 'open')
	assert.equal(janus.sockets.length, 2)
	await eventually(() => janus.sockets[0].readyState === 3)
	await portal.close()
	page.dispatchEvent(new Event('pagehide'))
	page.dispatchEvent(new Event('pageshow'))
	await wait(10)
	assert.equal(portal.state, 'closed')
})

test('a page that is shown again before there is a network joins when there is one', async t => {
	const page = new EventTarget()
	const { janus, portal, said } = await joined(t, { options: { page } })
	page.dispatchEvent(new Event('pagehide'))
	await eventually(() => janus.asked('leave').length === 1)
	janus.refuse = true
	t.mock.method(Math, 'random', () => 1)
	page.dispatchEvent(new Event('pageshow'))
	await eventually(() => janus.sockets.length === 2)
	await wait(5)
	assert.equal(portal.state, 'resuming')
	janus.refuse = false
	page.dispatchEvent(new Event('online'))
	await eventually(() => portal.state === 'open')
	assert.deepEqual([portal.members.length, portal.connections.length, said('error')], [2, 2, []])
	page.dispatchEvent(new Event('pagehide'))
	janus.refuse = true
	page.dispatchEvent(new Event('pageshow'))
	await eventually(() => portal.state === 'resuming')
	await portal.close()
	janus.refuse = false
	await wait(20)
	assert.equal(portal.state, 'closed', 'close() ends it')
})

test('a portal whose membership was ended does not listen to its page any more', async t => {
	const page = new EventTarget()
	let listeners = 0
	const add = page.addEventListener.bind(page)
	page.addEventListener = (type, listener, options) => {
		listeners++
		options.signal.addEventListener('abort', () => listeners--)
		add(type, listener, options)
	}
	const { janus, portal, said } = await joined(t, { options: { page } })
	assert.ok(listeners > 0)
	janus.pushData({ portal: 'closed', reason: 'kicked' })
	assert.deepEqual([portal.state, said('error').map(({ code }) => code), listeners], ['closed', ['kicked'], 0])
})

test('leave is sent even when the window is full', async t => {
	const page = new EventTarget()
	const { janus, portal } = await joined(t, { members: [], limits: { window: 1 }, options: { page } })
	janus.handlers.relay = () => undefined
	const refused = ['x', 'y', 'z'].map(type => wait(0).then(() => portal.signal(type)).catch(error => error.code))
	await eventually(() => janus.asked('relay').length === 1)
	await wait(5)
	page.dispatchEvent(new Event('pagehide'))
	await eventually(() => janus.asked('leave').length === 1)
	assert.equal(janus.asked('leave')[0].seq, 2)
	assert.deepEqual(await Promise.all(refused.slice(1)), ['closed', 'closed'])
})

test('a lost socket leaves the direct connections alone, and the portal comes back at once', async t => {
	const { janus, portal, said } = await joined(t)
	comesBack(janus)
	const [a, b] = portal.connections
	const pcs = [a.pc, b.pc]
	janus.push(1, { event: 'signal', from: 'ada', type: 'hello', payload: 1 })
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	const [first, again] = janus.asked('join')
	assert.deepEqual([again.attempt, again.ack, again.key], [2, 1, first.key])
	assert.equal(janus.sockets.length, 2)
	assert.deepEqual([portal.connections, a.pc, b.pc, said('error'), said('close')], [[a, b], ...pcs, [], []])
	assert.deepEqual(said('state'), ['connecting', 'open', 'resuming', 'open'])
})

test('what was not answered is sent again under its number, what is sent meanwhile afterwards', async t => {
	const { janus, portal } = await joined(t, { members: [] })
	comesBack(janus)
	const { relay } = janus.handlers
	janus.handlers.relay = () => undefined
	const sent = [portal.signal('one'), wait(5).then(() => portal.signal('two'))]
	await eventually(() => janus.asked('relay').length === 2)
	janus.handlers.relay = body => ({ ...relay(body), ...body.seq === 1 && { duplicate: true } })
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	sent.push(portal.signal('three'))
	assert.deepEqual(await Promise.all(sent), [{ failed: [] }, { failed: [] }, { failed: [] }])
	assert.deepEqual(janus.asked('relay').map(({ seq, signals: [{ type }] }) => [seq, type]),
		[[1, 'one'], [2, 'two'], [1, 'one'], [2, 'two'], [3, 'three']])
})

test('a number that was limited comes again, and those behind it wait', async t => {
	const { janus, portal } = await joined(t, { members: [] })
	const { relay } = janus.handlers
	let refusals = 2
	janus.handlers.relay = body => refusals-- > 0 ? { ...refusal('rate_limited', 444), retry_after: 5 } : relay(body)
	await portal.signal('one')
	await portal.signal('two')
	assert.deepEqual(janus.asked('relay').map(({ seq }) => seq), [1, 1, 1, 2])
})

test('events that come before the join is answered are kept, and what was seen already is dropped', async t => {
	const { janus, portal, said } = await joined(t)
	const hello = payload => ({ event: 'signal', from: 'ada', type: 'hello', payload })
	janus.push(1, hello(1), hello(2))
	const { join } = janus.handlers
	comesBack(janus)
	const answer = janus.handlers.join
	janus.handlers.join = body => {
		janus.push(2, hello(2), hello(3))
		return answer(body)
	}
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	janus.push(4, hello(4))
	assert.deepEqual(said('signal').map(({ payload }) => payload), [1, 2, 3, 4])
	assert.ok(join)
})

test('a membership that is gone begins anew under the same key; connections that hold are kept', async t => {
	const { janus, portal, said } = await joined(t)
	const rejoined = []
	portal.on('rejoined', info => rejoined.push(info))
	const [a] = portal.connections
	a.ownChannel.readyState = 'open'
	await answered(a)
	const { pc } = a
	const { join } = janus.handlers
	janus.handlers.relay = () => undefined
	const lost = assert.rejects(portal.signal('x'), { code: 'member_gone' })
	await eventually(() => janus.asked('relay').some(({ signals }) => signals.some(({ type }) => type === 'x')))
	janus.handlers.join = body => body.ack === undefined ? join(body) : refusal('member_gone', 447)
	janus.members = [ada, { id: 'carol', polite: true }]
	janus.sockets[0].drop()
	await lost
	await eventually(() => portal.state === 'open')
	assert.deepEqual(janus.asked('join').map(({ attempt, ack }) => [attempt, ack]), [[1, undefined], [2, 0], [3, undefined]])
	assert.equal(new Set(janus.asked('join').map(({ key }) => key)).size, 1)
	assert.deepEqual([rejoined.length, a.closed, a.pc === pc], [1, false, true])
	assert.deepEqual([portal.members.map(({ id }) => id), said('close')], [['ada', 'carol'], []], 'bob may only take longer')
})

test('the ICE servers of the server are used, and renewed on connections that live', async t => {
	const one = [{ urls: ['turn:t.example'], username: '1:me', credential: 'a' }]
	const two = [{ urls: ['turn:t.example'], username: '2:me', credential: 'b' }]
	const three = [{ urls: ['turn:t.example'], username: '3:me', credential: 'c' }]
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { join } = janus.handlers
	janus.handlers.join = body => ({ ...join(body), ice_servers: one })
	const { portal } = makePortal(janus, { rtc: { iceTransportPolicy: 'relay' } })
	t.after(() => portal.close())
	await portal.join()
	const [{ pc }] = portal.connections
	assert.deepEqual(pc.configuration, { iceServers: one, iceTransportPolicy: 'relay' })
	janus.push(1, { event: 'ice', ice_servers: two }, { event: 'joined', members: [bob] })
	assert.deepEqual(portal.connections.map(({ pc }) => pc.configuration), [
		{ iceServers: two, iceTransportPolicy: 'relay' }, { iceServers: two, iceTransportPolicy: 'relay' }
	])
	comesBack(janus)
	const back = janus.handlers.join
	janus.handlers.join = body => ({ ...back(body), ice_servers: three })
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	assert.deepEqual(portal.connections.map(({ pc }) => pc.configuration.iceServers), [three, three])
})

test('ICE servers of the page win', async t => {
	const own = [{ urls: 'stun:own.example' }]
	for (const options of [{ iceServers: own }, { rtc: { iceServers: own } }]) {
		const janus = Object.assign(new FakeJanus(), { members: [ada] })
		const { join } = janus.handlers
		janus.handlers.join = body => ({ ...join(body), ice_servers: [{ urls: 'stun:server.example' }] })
		const { portal } = makePortal(janus, options)
		t.after(() => portal.close())
		await portal.join()
		janus.push(1, { event: 'ice', ice_servers: [{ urls: 'stun:server.example' }] })
		assert.deepEqual(portal.connections[0].pc.configuration.iceServers, own)
	}
})

test('an edited room is told in info', async t => {
	const { janus, said } = await joined(t)
	janus.push(1, { event: 'room', description: 'New', locked: true, pin_required: false, max_members: 4 })
	const { description, locked, pin_required, max_members } = said('info').at(-1)
	assert.deepEqual([said('info').length, description, locked, pin_required, max_members], [2, 'New', true, false, 4])
})

test('a room is managed from inside and from outside', async t => {
	const { janus, portal } = await joined(t)
	janus.handlers.kick = () => ({ portal: 'success' })
	await portal.manage({ request: 'kick', secret: 's', id: 'ada' })
	assert.deepEqual(janus.asked('kick'), [{ room: 'home', request: 'kick', secret: 's', id: 'ada' }])
	janus.handlers.create = ({ admin_key: key }) => key === 'k' ? { portal: 'success', room: 'new', permanent: false } : refusal('unauthorized', 448)
	const outside = { url: 'ws://127.0.0.1:1/janus', WebSocket: janus.WebSocket }
	assert.equal((await Portal.manage({ request: 'create', admin_key: 'k' }, outside)).room, 'new')
	await assert.rejects(Portal.manage({ request: 'create' }, outside), { code: 'unauthorized', errorCode: 448 })
	await portal.close()
	await assert.rejects(portal.manage({ request: 'kick' }), { code: 'room_not_set' })
})

for (const reason of ['kicked', 'room_destroyed', 'replaced']) {
	test(`who is told ${reason} does not come back`, async t => {
		const { janus, portal, said } = await joined(t)
		janus.pushData({ portal: 'closed', reason })
		assert.deepEqual([portal.state, said('error').map(({ code }) => code), said('close').length], ['closed', [reason], 2])
		await wait(20)
		assert.equal(janus.asked('join').length, 1)
	})

}

for (const reason of ['kicked', 'room_destroyed', 'wrong_pin', 'wrong_token', 'room_locked', 'room_full', 'invalid_field', 'unauthorized']) {
	test(`who is refused with ${reason} when it comes back gives up`, async t => {
		const { janus, portal, said } = await joined(t)
		janus.handlers.join = () => refusal(reason)
		janus.sockets[0].drop()
		await eventually(() => portal.state === 'closed')
		assert.deepEqual(said('error').map(({ code }) => code), [reason])
		await wait(20)
		assert.equal(janus.asked('join').length, 2)
	})
}

for (const code of ['events_gone', 'invalid_ack']) {
	test(`who is refused with ${code} when it comes back begins anew, under the same key`, async t => {
		const { janus, portal } = await joined(t)
		const rejoined = []
		portal.on('rejoined', info => rejoined.push(info))
		const { join } = janus.handlers
		janus.handlers.join = body => body.ack === undefined ? join(body) : refusal(code)
		janus.sockets[0].drop()
		await eventually(() => rejoined.length === 1)
		assert.deepEqual([portal.state, janus.asked('join').map(({ ack }) => ack), new Set(janus.asked('join').map(({ key }) => key)).size], ['open', [undefined, 0, undefined], 1])
	})
}

test('a membership that knows less than was done is another one, so everything begins anew', async t => {
	const { janus, portal } = await joined(t)
	const rejoined = []
	portal.on('rejoined', info => rejoined.push(info))
	await portal.signal('one')
	await portal.signal('two')
	comesBack(janus, () => 1)
	janus.handlers.sync = () => ({ portal: 'success', room: 'home', version: 9, n: 0, members: [ada] })
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	assert.deepEqual([rejoined.length, portal.members.map(({ id }) => id)], [1, ['ada']])
	await portal.signal('three')
	assert.equal(janus.asked('relay').at(-1).seq, 2)
})

test('events are acknowledged at once when the server asks for it', async t => {
	const { janus } = await joined(t)
	janus.push(1, { event: 'signal', from: 'ada', type: 'hello', payload: 1 })
	await wait(5)
	assert.deepEqual(janus.asked('ack'), [])
	janus.push(2, { event: 'ack' })
	await eventually(() => janus.asked('ack').length === 1)
	janus.push(3, { event: 'signal', from: 'ada', type: 'hello', payload: 2 })
	await wait(5)
	assert.deepEqual(janus.asked('ack').map(({ ack }) => ack), [2])
})

test('a first join whose answer was lost is repaired by joining again, and the roster is asked for', async t => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portal } = makePortal(janus)
	t.after(() => portal.close())
	const { join } = janus.handlers
	janus.handlers.join = () => undefined
	const first = assert.rejects(portal.join(), { code: 'connection_lost' })
	await eventually(() => janus.asked('join').length === 1)
	janus.sockets[0].drop()
	await first
	janus.handlers.join = body => ({ portal: 'success', resumed: true, room: 'home', id: 'me', seq: 3, ack: 2, version: 9, n: 4, limits: {}, got: join && body })
	janus.handlers.sync = () => ({ portal: 'success', room: 'home', version: 9, n: 4, members: [ada], description: 'At home' })
	assert.equal((await portal.join()).description, 'At home')
	assert.deepEqual([portal.members, janus.asked('join')[1].attempt, janus.asked('join')[1].ack], [[ada], 2, undefined])
	await portal.signal('x')
	assert.equal(janus.asked('relay').at(-1).seq, 4)
})

test('coming back is tried again, until it is refused for good', async t => {
	const { janus, portal, said } = await joined(t)
	janus.refuse = true
	janus.sockets[0].drop()
	await eventually(() => janus.sockets.length >= 3)
	assert.deepEqual([portal.state, portal.connections.length], ['resuming', 2])
	janus.refuse = false
	janus.handlers.join = () => refusal('room_not_found', 426)
	await eventually(() => portal.state === 'closed')
	assert.deepEqual([said('error').map(({ code }) => code), portal.connections], [['room_not_found'], []])
})

const returns = [['the network\'s return', 'online', page => page], ['a page that is seen again', 'visibilitychange', page => page.document]]
for (const [what, type, on] of returns) test(`${what} ends the wait before the next try`, async t => {
	const page = Object.assign(new EventTarget(), { document: Object.assign(new EventTarget(), { hidden: false }) })
	const { janus, portal } = await joined(t, { options: { page } })
	comesBack(janus)
	t.mock.method(Math, 'random', () => 1)
	janus.refuse = true
	janus.sockets[0].drop()
	await eventually(() => janus.sockets.length === 2)
	await wait(5)
	janus.refuse = false
	on(page).dispatchEvent(new Event(type))
	await eventually(() => portal.state === 'open')
	assert.equal(janus.sockets.length, 3)
})

for (const [what, type, on] of returns) test(`after ${what} a connection that is dead without a word is found out within seconds`, async t => {
	const page = Object.assign(new EventTarget(), { document: Object.assign(new EventTarget(), { hidden: false }) })
	const { janus, portal } = await joined(t, { options: { page } })
	comesBack(janus)
	const clock = fakeTimeouts(t)
	on(page).dispatchEvent(new Event(type))
	clock.tick(1)
	clock.tick(5_000)
	assert.equal(portal.state, 'open', 'one that answers is kept')
	clock.tick(1)
	janus.deaf = true
	on(page).dispatchEvent(new Event(type))
	clock.tick(4_900)
	assert.equal(portal.state, 'open')
	clock.tick(200)
	assert.equal(portal.state, 'resuming')
})

test('the waits between tries to come back grow by half, at random and up to 30 s, and not below what the server says', async t => {
	const { janus, portal } = await joined(t)
	let share = 1
	t.mock.method(Math, 'random', () => share)
	const clock = fakeTimeouts(t)
	const turns = async () => { for (let i = 0; i < 50; i++) await Promise.resolve() }
	janus.refuse = true
	janus.sockets[0].drop()
	/** When each try begins, in milliseconds of the fake clock. */
	const begun = []
	const pass = async milliseconds => {
		for (const end = clock.now() + milliseconds; clock.now() < end;) {
			clock.tick(10)
			await turns()
			while (begun.length < janus.sockets.length - 1) begun.push(clock.now())
		}
	}
	await pass(240_000)
	const waits = begun.slice(1).map((at, i) => at - begun[i])
	const due = waits.map((_, i) => Math.min(30_000, 300 * 1.5 ** (i + 1)))
	assert.ok(waits.length > 14 && waits.every((wait, i) => Math.abs(wait - due[i]) <= 40), `${waits}; due were ${due}`)
	share = 0
	janus.refuse = false
	const tries = begun.length
	janus.handlers.join = () => ({ ...refusal('rate_limited', 446), retry_after: 7_000 })
	await pass(60_000)
	const refused = begun.slice(tries)
	assert.ok(refused.length >= 3 && refused.slice(2).every((at, i) => at - refused[i + 1] >= 7_000), String(refused))
	assert.equal(portal.state, 'resuming')
})

test('closing ends coming back', async () => {
	const janus = Object.assign(new FakeJanus(), { members: [ada] })
	const { portal } = makePortal(janus)
	await portal.join()
	janus.refuse = true
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await portal.close()
	const sockets = janus.sockets.length
	await wait(20)
	assert.deepEqual([portal.state, portal.connections, janus.sockets.length], ['closed', [], sockets])
})

test('who is away stays a member, and what broke meanwhile is mended when both are back', async t => {
	const { janus, portal, said } = await joined(t)
	const [a] = portal.connections
	const restarts = t.mock.method(a.pc, 'restartIce', () => {})
	janus.push(1, { event: 'away', id: 'ada' })
	assert.deepEqual(portal.members.map(({ id, away }) => [id, away]), [['ada', true], ['bob', undefined]])
	a.pc.become('failed')
	assert.equal(restarts.mock.callCount(), 0)
	janus.push(2, { event: 'back', id: 'ada' })
	assert.equal(restarts.mock.callCount(), 1)
	assert.deepEqual([portal.members[0].away, said('close')], [undefined, []])
	comesBack(janus)
	janus.sockets[0].drop()
	await eventually(() => portal.state === 'resuming')
	await eventually(() => portal.state === 'open')
	assert.equal(restarts.mock.callCount(), 2)
})

for (const janusSays of ['timeout', 'detached']) {
	test(`Janus's ${janusSays} is a lost connection`, async t => {
		const { janus, portal } = await joined(t)
		comesBack(janus)
		janus.say(janus.sockets[0], { janus: janusSays, session_id: 1 })
		assert.equal(portal.state, 'resuming')
		await eventually(() => portal.state === 'open')
	})
}

test('who was too slow begins anew', async t => {
	const { janus, portal } = await joined(t)
	const { join } = janus.handlers
	janus.handlers.join = body => body.ack === undefined ? join(body) : refusal('member_gone', 447)
	janus.pushData({ portal: 'closed', reason: 'too_slow' })
	await eventually(() => portal.state === 'open' && janus.asked('join').length === 3)
})

test('being thrown out closes the portal with the reason', async t => {
	const { janus, portal, said } = await joined(t)
	janus.pushData({ portal: 'closed', reason: 'kicked' })
	assert.deepEqual([portal.state, said('error')[0].code, portal.connections], ['closed', 'kicked', []])
})

test('what a former session still says is ignored', async t => {
	const { janus, portal, said } = await joined(t)
	const [old] = janus.sockets
	janus.handlers.leave = () => undefined
	const closing = portal.close()
	await portal.join()
	const before = said('info').length
	janus.pushData({ portal: 'event', room: 'home', n: 1, version: 9, events: [{ event: 'left', id: 'ada', reason: 'leave' }] }, old)
	old.drop()
	await wait(10)
	assert.deepEqual([portal.state, portal.members, said('info').length], ['open', [ada, bob], before])
	await closing
})

test('on() hands over the thing and can be stopped; addEventListener gets a DOM event', async t => {
	const { janus, portal } = await joined(t)
	const heard = []
	const stop = portal.on('signal', message => heard.push(message.payload))
	portal.on('signal', message => heard.push(message.payload), { once: true })
	portal.addEventListener('signal', event => heard.push([event.type, event.detail.payload]))
	const hello = payload => ({ event: 'signal', from: 'ada', type: 'hello', payload })
	janus.push(1, hello(1))
	stop()
	janus.push(2, hello(2))
	assert.deepEqual(heard, [1, 1, ['signal', 1], ['signal', 2]])
})

test('rooms are listed without joining, page by page', async () => {
	const janus = new FakeJanus()
	janus.handlers.list = ({ after }) => {
		if (!after) return { portal: 'success', list: [{ room: 'coffee-chat' }, { room: 'home' }], next: 'home' }
		return { portal: 'success', list: [{ room: 'misc' }] }
	}
	const rooms = await Portal.rooms({ url: 'ws://127.0.0.1:1/janus', WebSocket: janus.WebSocket })
	assert.deepEqual(rooms.map(({ room }) => room), ['coffee-chat', 'home', 'misc'])
	assert.deepEqual(janus.requests, [{ request: 'list' }, { request: 'list', after: 'home' }])
	await eventually(() => janus.sockets[0].readyState === 3)
})

test('an AbortSignal ends what is asked from outside, before it is begun and while it waits, and the session with it', async () => {
	const asks = [options => Portal.rooms(options), options => Portal.exists('home', options), options => Portal.manage({ request: 'create' }, options)]
	for (const ask of asks) {
		const janus = new FakeJanus()
		for (const request of ['list', 'exists', 'create']) janus.handlers[request] = () => undefined
		const options = { url: 'ws://127.0.0.1:1/janus', WebSocket: janus.WebSocket }
		await assert.rejects(ask({ ...options, signal: AbortSignal.abort() }), { name: 'AbortError' })
		const giveUp = new AbortController()
		const asked = assert.rejects(ask({ ...options, signal: giveUp.signal }), { message: 'enough' })
		await eventually(() => janus.requests.length === 1)
		giveUp.abort(new Error('enough'))
		await asked
		await eventually(() => janus.sockets.length === 2 && janus.sockets.every(({ readyState }) => readyState === 3))
	}
})

test('an AbortSignal ends listening', async t => {
	const { janus, portal } = await joined(t)
	const enough = new AbortController()
	const heard = []
	for (const type of ['connection', 'signal']) portal.on(type, thing => heard.push(thing.payload ?? thing.id), { signal: enough.signal })
	await eventually(() => heard.length === 2)
	const hello = payload => ({ event: 'signal', from: 'ada', type: 'hello', payload })
	janus.push(1, hello('one'))
	enough.abort()
	janus.push(2, hello('two'))
	assert.deepEqual(heard, ['ada', 'bob', 'one'])
})

test('whether a room exists can be asked without joining', async () => {
	const janus = new FakeJanus()
	const options = { url: 'ws://127.0.0.1:1/janus', WebSocket: janus.WebSocket }
	assert.deepEqual([await Portal.exists('home', options), await Portal.exists('attic', options)], [true, false])
})

test('without RTCPeerConnection, on purpose, all goes through the server and nothing is negotiated', async t => {
	const { janus, portal, said } = await joined(t, { options: { RTCPeerConnection: null } })
	const [connection] = portal.connections
	assert.deepEqual([portal.connections.length, connection.route, connection.alive, connection.pc.connectionState], [2, 'server', false, 'new'])
	const offer = { generation: 1, description: { type: 'offer', sdp: 'x' } }
	janus.push(1, { event: 'signal', from: 'ada', type: 'description', payload: offer },
		{ event: 'signal', from: 'ada', type: 'candidate', payload: { generation: 1, candidates: [null] } },
		{ event: 'signal', from: 'ada', type: 'portal.renew', payload: { generation: 1 } },
		{ event: 'ice', ice_servers: [] }, { event: 'away', id: 'ada' }, { event: 'back', id: 'ada' })
	portal.addTrack({ id: 'microphone' })
	assert.deepEqual(await connection.stats().then(({ loss, local }) => [loss, local]), [0, undefined])
	assert.throws(() => connection.channel('game'), { code: 'unsupported' })
	await portal.send('chat', 'hello', { to: 'ada' })
	await portal.signal('note', 'well')
	await wait(20)
	const types = janus.asked('relay').flatMap(({ signals }) => signals.map(({ type }) => type))
	assert.deepEqual(types.sort(), ['note', 'portal.data'])
	assert.deepEqual(said('error'), [])
	assert.equal(connection.generation, 1)
})

test('what a place that is no browser lacks is said before anything is tried, and the portal can join afterwards', async t => {
	const janus = new FakeJanus()
	const given = { url: 'ws://127.0.0.1:1/janus', room: 'home', WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection }
	const was = ['WebSocket', 'RTCPeerConnection'].map(name => [name, globalThis[name]])
	t.after(() => Object.assign(globalThis, Object.fromEntries(was)))
	for (const [name] of was) globalThis[name] = undefined
	for (const [lacking, says] of [['WebSocket', /WebSocket/], ['RTCPeerConnection', /RTCPeerConnection.*null/], ['url', /url/]]) {
		const portal = new Portal({ ...given, [lacking]: undefined })
		t.after(() => portal.close())
		await assert.rejects(portal.join(), { name: 'PortalError', code: 'unsupported', message: says })
		assert.equal(portal.state, 'idle')
	}
	await assert.rejects(Portal.rooms({ url: given.url }), { code: 'unsupported', message: /WebSocket/ })
	globalThis.RTCPeerConnection = FakePeerConnection
	const portal = new Portal({ ...given, RTCPeerConnection: undefined })
	t.after(() => portal.close())
	await portal.join()
	assert.equal(portal.state, 'open')
})
