// SPDX-License-Identifier: GPL-3.0-or-later
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { inflateSync } from 'node:zlib'
import { Connection } from '../../html/peer.js'
import { FakePeerConnection } from './fake-rtc.mjs'
import { randomness } from '../lib/random.mjs'
import { eventually, fakeTimeouts, wait } from './wait.mjs'

const track = id => ({ id })

/** What a payload says, deflated or not. */
const opened = ({ deflated, ...payload }) => deflated === undefined ? payload : { ...payload, ...JSON.parse(inflateSync(Buffer.from(deflated, 'base64'))) }

/** Two connections whose signals travel in order, each direction with a delay of its own. In the log is also what they `said` when it was deflated. */
function makePair({ delay = () => 0, polite = {}, impolite = {} } = {}) {
	const sides = {}
	const log = []
	const end = (name, other, options) => {
		let road = Promise.resolve(), made = Promise.resolve()
		const say = (type, payload) => {
			const text = JSON.stringify(payload)
			log.push({ from: name, type, payload: JSON.parse(text), said: opened(JSON.parse(text)) })
			road = road.then(() => wait(delay())).then(() => sides[other].take(type, JSON.parse(text)))
		}
		const signal = (type, payload) => {
			if (typeof payload !== 'function') return say(type, payload)
			made = made.then(payload).then(whole => whole && say(whole.type, whole.payload))
		}
		const side = sides[name] = new Connection({
			id: other, polite: name === 'polite', signal, RTCPeerConnection: FakePeerConnection, ...options
		})
		side.heard = []
		side.errors = []
		side.on('track', ({ track }) => side.heard.push(track.id))
		side.on('error', error => side.errors.push(error))
	}
	end('polite', 'impolite', polite)
	end('impolite', 'polite', impolite)
	return { ...sides, log, close: () => Object.values(sides).forEach(side => side.close()) }
}

const connected = ({ polite, impolite }) => [polite, impolite].every(({ pc }) => {
	return pc.connectionState === 'connected' && pc.signalingState === 'stable'
})

test('a pair connects with one offer, the polite side\'s, and one answer', async () => {
	const pair = makePair()
	await eventually(() => connected(pair))
	const said = pair.log.filter(({ type }) => type === 'description')
	assert.deepEqual(said.map(({ from, payload }) => [from, payload.description.type, payload.generation]), [
		['polite', 'offer', 1], ['impolite', 'answer', 1]
	])
	pair.close()
})

test('candidates that come before their description are kept until it is there', async () => {
	const { impolite, ...pair } = makePair()
	pair.polite.close()
	impolite.take('candidate', { generation: 1, candidates: [{ candidate: 'x.1' }] })
	impolite.take('candidate', { generation: 1, candidates: [null] })
	await wait(5)
	assert.equal(impolite.pc.candidates, undefined)
	const description = { type: 'offer', sdp: JSON.stringify({ name: 'x', round: 1, tracks: [] }) }
	impolite.take('description', { generation: 1, description })
	await eventually(() => impolite.pc.candidates?.length === 2)
	assert.deepEqual(impolite.errors, [])
	impolite.close()
})

/** As much as an offer of sound and video says, and as often the same. */
const CHATTER = Array.from({ length: 120 }, (_, i) => `a=rtpmap:${i % 100} something/90000 with parameters`)

async function chattering(t, work) {
	t.after(() => { FakePeerConnection.chatter = [] })
	FakePeerConnection.chatter = CHATTER
	await work()
}

const descriptions = ({ log }) => log.filter(({ type }) => type === 'description').map(({ from, payload, said: { generation, plain, description } }) =>
	`${from} ${generation}: ${description.type} ${'deflated' in payload ? 'deflated' : 'as it is'}${'changes' in description ? ', by its changes' : ''}${
		plain ? ', reads only plain ones' : ''}`)

/** All that one side has said of its negotiation, in order. */
const order = (pair, name) => pair.log.filter(({ from, type }) => from === name && type !== 'portal.renew')
	.flatMap(({ said: { description, candidates = [] } }) => [...description ? [description.type] : [], ...candidates.map(() => 'candidate')])

test('a long description goes deflated, an answer by its changes, and no candidate overtakes it however long that takes', async t => {
	const Native = globalThis.CompressionStream
	t.after(() => { globalThis.CompressionStream = Native })
	globalThis.CompressionStream = class {
		constructor(format) {
			const slow = new TransformStream({ async transform(chunk, controller) {
				await wait(30)
				controller.enqueue(chunk)
			} })
			const { readable, writable } = new Native(format)
			Object.assign(this, { writable, readable: readable.pipeThrough(slow) })
		}
	}
	await chattering(t, async () => {
		const pair = makePair()
		await eventually(() => connected(pair) && pair.polite.pc.candidates?.length === 3 && pair.impolite.pc.candidates?.length === 3)
		assert.deepEqual(descriptions(pair), ['polite 1: offer deflated', 'impolite 1: answer as it is, by its changes'])
		for (const [name, type] of [['polite', 'offer'], ['impolite', 'answer']]) {
			assert.deepEqual(order(pair, name), [type, 'candidate', 'candidate', 'candidate'])
		}
		const [{ payload: { deflated } }, { payload: { description } }] = pair.log.filter(({ type }) => type === 'description')
		assert.ok(deflated.length < CHATTER.join('').length / 2)
		assert.ok(description.changes.length < CHATTER.join('').length / 8, description.changes)
		assert.equal(pair.impolite.pc.remoteDescription.sdp, pair.polite.pc.localDescription.sdp)
		assert.equal(pair.polite.pc.remoteDescription.sdp, pair.impolite.pc.localDescription.sdp)
		// What a restart of ICE brings goes in the same order, else the candidates would not fit.
		pair.impolite.pc.restartIce()
		await eventually(() => connected(pair) && pair.polite.pc.candidates.length === 6 && pair.impolite.pc.candidates.length === 6)
		assert.deepEqual([...pair.polite.errors, ...pair.impolite.errors], [])
		pair.close()
	})
})

test('candidates that are found before a description is sent go in its signal', async () => {
	let send = () => {}
	const sent = new Promise(resolve => { send = resolve })
	const said = []
	const connection = new Connection({
		id: 'other', polite: true, RTCPeerConnection: FakePeerConnection,
		signal: async (type, make) => { said.push(await sent.then(make)) }
	})
	await eventually(() => connection.pc.signalingState === 'have-local-offer')
	await wait(10)
	send()
	await eventually(() => said.length > 0)
	const [{ to, type, payload: { generation, description, candidates } }] = said
	assert.deepEqual([to, type, generation, description.type, candidates.length, candidates.at(-1)], ['other', 'description', 1, 'offer', 3, null])
	connection.pc.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { candidate: 'later' } }))
	await eventually(() => said.length > 1)
	assert.deepEqual(said[1], { to: 'other', type: 'candidate', payload: { generation: 1, plain: undefined, description: undefined, candidates: [{ candidate: 'later' }] } })
	connection.close()
})

test('many candidates go deflated, and are read where that can be done', async () => {
	const pair = makePair()
	await eventually(() => connected(pair) && pair.impolite.pc.candidates?.length === 3)
	const { name, round } = JSON.parse(pair.polite.pc.localDescription.sdp)
	const candidate = { candidate: `${name}.${round}`, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: 'abcdefgh' }
	for (let i = 0; i < 12; i++) pair.polite.pc.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate }))
	await eventually(() => pair.impolite.pc.candidates.length === 15)
	assert.ok(pair.log.at(-1).payload.deflated.length < 200)
	assert.deepEqual([pair.log.at(-1).type, pair.log.at(-1).said.candidates.length], ['candidate', 12])
	pair.close()
})

const otherThan = { polite: 'impolite', impolite: 'polite' }

for (const who of [['impolite'], ['polite'], ['polite', 'impolite']]) {
	test(`${who.join(' and ')} that cannot inflate is told everything as it is`, t => chattering(t, async () => {
		const pair = makePair(Object.fromEntries(who.map(name => [name, { inflates: false }])))
		const generation = who.includes('impolite') ? 2 : 1
		await eventually(() => connected(pair) && pair.polite.generation === generation && pair.impolite.generation === generation)
		for (const name of ['polite', 'impolite']) pair[name].addTrack(track(`of ${name}`))
		await eventually(() => pair.impolite.heard.length === 1 && pair.polite.heard.length === 1 && connected(pair))
		assert.deepEqual([...pair.polite.errors, ...pair.impolite.errors], [])
		const said = descriptions(pair)
		assert.deepEqual(said.filter(text => text.endsWith('only plain ones')), said.filter(text => who.includes(text.split(' ')[0])))
		// Of the first offer nobody can know yet who will read it.
		assert.match(said.shift(), /^polite 1: offer deflated/)
		for (const text of said) {
			const told = otherThan[text.split(' ')[0]]
			if (who.includes(told)) assert.match(text, /(offer|answer) as it is(, reads only plain ones)?$/)
			else assert.match(text, / deflated|by its changes/)
		}
		pair.close()
	}))
}

test('the polite side that cannot inflate begins anew when it is offered something before it has said so', t => chattering(t, async () => {
	const pair = makePair({ polite: { inflates: false }, impolite: { RTCPeerConnection: null } })
	const { polite } = pair
	polite.take('description', { generation: 1, deflated: 'eJwDAAAAAAE=' })
	await eventually(() => polite.generation === 2)
	await eventually(() => descriptions(pair).includes('polite 2: offer deflated, reads only plain ones'))
	assert.deepEqual(polite.errors, [])
	pair.close()
}))

test('the impolite side that cannot inflate asks for another generation than the one that it could not read, a few times at most', async () => {
	const { impolite, polite, log } = makePair({ polite: { RTCPeerConnection: null }, impolite: { inflates: false } })
	for (let i = 0; i < 8; i++) impolite.take(i % 2 ? 'candidate' : 'description', { generation: 5, deflated: 'eJwDAAAAAAE=' })
	await wait(20)
	assert.deepEqual(log.map(({ type, payload }) => [type, payload]), Array(3).fill(['portal.renew', { generation: 5, plain: true }]))
	impolite.close()
	polite.close()
})

const deflated = async text => Buffer.from(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('deflate'))).arrayBuffer()).toString('base64')

test('what cannot be inflated, or becomes too long, is an error, and negotiation begins anew a few times at most', async () => {
	const bomb = await deflated(new Uint8Array(50_000_000))
	const unreadable = await Promise.all(['', '{', 'null', '{"description":{"type":"answer","changes":"1\\n70\\n2"}}', '{"description":{"type":"answer","changes":7}}'].map(deflated))
	for (const text of ['', '!', 'AAAA', 7, null, {}, bomb, bomb.slice(0, 100), ...unreadable]) {
		const { polite } = makePair({ impolite: { RTCPeerConnection: null } })
		for (let i = 0; i < 8; i++) {
			polite.take('description', { generation: polite.generation, deflated: text })
			await eventually(() => polite.errors.length === i + 1, () => `${JSON.stringify(text)?.slice(0, 20)}: ${polite.errors}`)
		}
		assert.ok(polite.errors.every(({ code }) => code === 'negotiation_failed'))
		if (text === bomb) assert.match(polite.errors[0].message, /too long/)
		assert.equal(polite.generation, 4)
		polite.close()
	}
})

test('the library\'s own data channel is there from the start', () => {
	const pair = makePair()
	const { label, negotiated, id } = pair.polite.ownChannel
	assert.deepEqual({ label, negotiated, id }, { label: 'portal', negotiated: true, id: 0 })
	pair.close()
})

test('tracks reach the other side whenever and by whomever they are added', async () => {
	const pair = makePair({ polite: { tracks: [[track('early'), []]] } })
	await eventually(() => connected(pair))
	pair.polite.addTrack(track('a'))
	pair.impolite.addTrack(track('b'))
	pair.impolite.addTrack(track('c'))
	await eventually(() => pair.impolite.heard.length === 2 && pair.polite.heard.length === 2)
	assert.deepEqual(pair.impolite.heard.sort(), ['a', 'early'])
	assert.deepEqual(pair.polite.heard.sort(), ['b', 'c'])
	pair.close()
})

test('when two offers meet, both sides end up with everything and without an error', async () => {
	for (let seed = 1; seed <= 40; seed++) {
		const random = randomness(seed)
		FakePeerConnection.delay = () => random() * 3
		const pair = makePair({ delay: () => random() * 4 })
		const wanted = { polite: [], impolite: [] }
		for (let i = 0; i < 6; i++) {
			await wait(random() * 6)
			const name = random() < 0.5 ? 'polite' : 'impolite'
			wanted[name].push(`${name}${i}`)
			pair[name].addTrack(track(`${name}${i}`))
		}
		await eventually(() => {
			return connected(pair) && pair.polite.heard.length === wanted.impolite.length
				&& pair.impolite.heard.length === wanted.polite.length
		}, () => `seed ${seed}: ${JSON.stringify([wanted, pair.polite.heard, pair.impolite.heard, pair.log])}`)
		assert.deepEqual([pair.polite.errors, pair.impolite.errors], [[], []], `seed ${seed}`)
		assert.deepEqual(new Set(pair.log.map(({ payload }) => payload.generation)), new Set([1]), `seed ${seed}`)
		pair.close()
	}
	FakePeerConnection.delay = () => 0
})

test('an offer that comes while an answer is being applied is not taken for a collision', async () => {
	FakePeerConnection.delay = () => 20
	const pair = makePair()
	await eventually(() => connected(pair))
	const { impolite, log } = pair
	impolite.addTrack(track('mine'))
	await eventually(() => log.some(({ from, said }) => from === 'impolite' && said.description?.type === 'offer'))
	pair.polite.take = () => {}
	const { name, round } = JSON.parse(impolite.pc.localDescription.sdp)
	const other = JSON.parse(impolite.pc.remoteDescription.sdp)
	const say = (type, more) => impolite.take('description', {
		generation: 1, description: { type, sdp: JSON.stringify({ name: other.name, ...more }) }
	})
	say('answer', { round: 90, to: `${name}.${round}`, tracks: [] })
	say('offer', { round: 91, tracks: ['theirs'] })
	await eventually(() => impolite.heard.includes('theirs'))
	assert.deepEqual(impolite.errors, [])
	FakePeerConnection.delay = () => 0
	pair.close()
})

test('what carries a lower generation is dropped', async () => {
	const pair = makePair()
	await eventually(() => connected(pair))
	pair.impolite.take('portal.renew', { generation: 1 })
	pair.polite.take('portal.renew', { generation: 1 })
	await eventually(() => connected(pair) && pair.log.at(-1).payload.generation === 2)
	const before = pair.impolite.pc
	pair.impolite.take('description', { generation: 1, description: { type: 'offer', sdp: '{"tracks":["old"]}' } })
	pair.impolite.take('candidate', { generation: 1, candidates: [{ candidate: 'old' }] })
	pair.polite.take('portal.renew', { generation: 1 })
	await wait(20)
	assert.equal(pair.impolite.pc, before)
	assert.deepEqual([pair.impolite.heard, pair.impolite.errors, pair.polite.errors], [[], [], []])
	assert.ok(pair.log.every(({ payload }) => payload.generation <= 2))
	pair.close()
})

test('a higher generation is taken only as an offer and only from the polite side', async () => {
	const pair = makePair()
	await eventually(() => connected(pair))
	const before = [pair.polite.pc, pair.impolite.pc]
	const description = type => ({ generation: 7, description: { type, sdp: '{"name":"x","round":1,"tracks":[]}' } })
	pair.polite.take('description', description('offer'))
	pair.impolite.take('description', description('answer'))
	pair.impolite.take('candidate', { generation: 7, candidates: [null] })
	await wait(20)
	assert.deepEqual([pair.polite.pc, pair.impolite.pc], before)
	pair.impolite.take('description', description('offer'))
	await eventually(() => pair.impolite.pc !== before[1])
	assert.equal(before[1].signalingState, 'closed')
	pair.close()
})

test('a new generation carries the same tracks over new connections', async () => {
	const pair = makePair({ polite: { tracks: [[track('p'), []]] }, impolite: { tracks: [[track('i'), []]] } })
	await eventually(() => connected(pair))
	pair.polite.addTrack(track('q'))
	await eventually(() => pair.impolite.heard.length === 2)
	const before = pair.polite.pc
	pair.polite.take('portal.renew', { generation: 1 })
	// What the former one still says comes to nothing, and holds nothing up.
	before.dispatchEvent(new Event('negotiationneeded'))
	await eventually(() => pair.polite.pc !== before && connected(pair))
	await eventually(() => pair.polite.heard.length === 2)
	assert.deepEqual([pair.polite.heard, pair.impolite.heard], [['i', 'i'], ['p', 'q', 'p', 'q']])
	pair.close()
})

test('negotiation that went wrong starts anew, asked for by the impolite side, and is reported', async () => {
	const pair = makePair()
	await eventually(() => connected(pair))
	const before = pair.polite.pc
	pair.impolite.take('description', { generation: 1, description: { type: 'offer', sdp: 'garbage' } })
	await eventually(() => pair.polite.pc !== before && connected(pair))
	assert.deepEqual(pair.log.filter(({ type }) => type === 'portal.renew').map(({ from }) => from), ['impolite'])
	const [error] = pair.impolite.errors
	assert.deepEqual([error.code, error.id], ['negotiation_failed', 'polite'])
	pair.close()
})

test('negotiation that always goes wrong is given up', async () => {
	class Broken extends FakePeerConnection {
		setLocalDescription() {
			return Promise.reject(new Error('broken'))
		}
	}
	const pair = makePair({ polite: { RTCPeerConnection: Broken } })
	await wait(100)
	assert.equal(pair.polite.errors.length, 4)
	pair.close()
})

test('a malformed signal does no harm to what follows', async () => {
	const pair = makePair()
	for (const payload of [null, undefined, 7, 'x', {}, { generation: 'one' }]) {
		for (const type of ['description', 'candidate', 'portal.renew', 'portal.unheard']) {
			pair.polite.take(type, payload)
			pair.impolite.take(type, payload)
		}
	}
	await eventually(() => connected(pair))
	assert.deepEqual([pair.polite.errors, pair.impolite.errors], [[], []])
	pair.close()
})

test('the impolite side offers by itself when the polite one does not for a while', async () => {
	const signals = []
	const connection = new Connection({
		id: 'other', polite: false, patience: 50, RTCPeerConnection: FakePeerConnection,
		signal: async (type, make) => { signals.push(await make()) }
	})
	await wait(30)
	assert.deepEqual(signals, [])
	await eventually(() => signals[0]?.payload.description.type === 'offer')
	connection.close()
})

test('a failed connection restarts ICE, but not while signals would not arrive', async () => {
	let reachable = false
	const pair = makePair({ polite: { mayRestart: () => reachable } })
	await eventually(() => connected(pair))
	pair.polite.pc.become('failed')
	assert.equal(pair.polite.pc.restarts, 0)
	reachable = true
	pair.polite.pc.become('failed')
	assert.equal(pair.polite.pc.restarts, 1)
	await eventually(() => pair.log.filter(({ said }) => said.description?.type === 'offer').length === 2)
	pair.close()
})

test('the polite side restarts a connection that failed, the other one only if it does not', async t => {
	const pair = makePair()
	await eventually(() => connected(pair))
	const clock = fakeTimeouts(t)
	pair.impolite.pc.become('failed')
	clock.tick(4_000)
	pair.impolite.pc.become('connected') // by the other side's restart
	clock.tick(10_000)
	assert.equal(pair.impolite.pc.restarts, 0)
	pair.impolite.pc.become('failed')
	clock.tick(5_000)
	assert.equal(pair.impolite.pc.restarts, 1)
	clock.reset()
	pair.close()
})

// Two Firefoxes that had never been connected were stuck for half a minute when the impolite side offered the restart.
test('what was never connected the impolite side does not restart, but asks for another one when the polite side does nothing', async t => {
	const clock = fakeTimeouts(t)
	const said = []
	const connection = new Connection({
		id: 'other', polite: false, RTCPeerConnection: FakePeerConnection, patience: 1e9, signal: (type, payload) => said.push(JSON.stringify([type, payload]))
	})
	const { pc } = connection
	pc.become('failed')
	clock.tick(4_999)
	assert.deepEqual(said, [])
	clock.tick(1)
	await new Promise(resolve => setImmediate(resolve))
	assert.deepEqual([said, pc.restarts], [['["portal.renew",{"generation":1}]'], 0])
	connection.close()
	clock.reset()
})

test('where ICE cannot be restarted, a failed connection is replaced, whichever side sees it', async () => {
	class Unable extends FakePeerConnection {
		restartIce = undefined
	}
	for (const side of ['polite', 'impolite']) {
		const pair = makePair({ polite: { RTCPeerConnection: Unable }, impolite: { RTCPeerConnection: Unable } })
		await eventually(() => connected(pair))
		const before = [pair.polite.pc, pair.impolite.pc]
		pair[side].pc.become('failed')
		await eventually(() => connected(pair) && pair.polite.pc !== before[0] && pair.impolite.pc !== before[1], undefined, 8_000)
		pair[side].pc.become('failed')
		pair[side].repair() // signals pass again
		await eventually(() => connected(pair) && pair.polite.generation >= 3, undefined, 8_000)
		assert.deepEqual([...pair.polite.errors, ...pair.impolite.errors], [])
		pair.close()
	}
})

test('a closed connection is silent and says so once', async () => {
	const pair = makePair()
	let closes = 0
	pair.polite.on('close', connection => {
		assert.equal(connection, pair.polite)
		closes++
	})
	pair.polite.close()
	pair.polite.close()
	pair.polite.addTrack(track('late'))
	pair.polite.take('description', { generation: 1, description: { type: 'offer', sdp: '{}' } })
	await wait(20)
	assert.equal(closes, 1)
	assert.deepEqual(pair.log.filter(({ from }) => from === 'polite'), [])
	pair.close()
})

for (const polite of [true, false]) test(`a connection that an ICE restart does not mend is replaced, the ${polite ? 'polite' : 'impolite'} side sees to it`, async t => {
	const pair = makePair()
	t.after(pair.close)
	await eventually(() => connected(pair))
	await wait(20)
	const clock = fakeTimeouts(t)
	const broken = polite ? pair.polite : pair.impolite
	const { pc } = broken
	const restarts = t.mock.method(pc, 'restartIce', () => {})
	const pass = async milliseconds => {
		for (let i = 0; i < milliseconds; i += 100) {
			clock.tick(100)
			for (let turn = 0; turn < 10; turn++) await Promise.resolve()
		}
	}
	const givesWay = polite ? 0 : 5_000
	pc.become('failed')
	await pass(givesWay + 100)
	assert.equal(restarts.mock.callCount(), 1)
	await pass(9_500 + givesWay)
	assert.deepEqual([broken.pc, broken.generation], [pc, 1])
	await pass(1_000)
	assert.notEqual(broken.pc, pc)
	assert.deepEqual([broken.generation, restarts.mock.callCount()], [2, 1])
	await pass(1_000)
	assert.ok(connected(pair))
	assert.deepEqual([pair.polite.generation, pair.impolite.generation], [2, 2])
})
