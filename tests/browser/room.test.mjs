// SPDX-License-Identifier: GPL-3.0-or-later
/** Whole rooms of portals over fake connections, in which everything happens at once: whatever the order, it ends well. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Portal } from '../../html/portal.js'
import { FakeJanus } from './fake-janus.mjs'
import { FakePeerConnection } from './fake-rtc.mjs'
import { newSeed, randomness } from '../lib/random.mjs'
import { eventually, wait } from './wait.mjs'

const SEED = newSeed()
const INFLATE = globalThis.DecompressionStream

/** What the plugin does for a room, for portals that each have a fake Janus of their own. */
class FakeRoom {
	/** @type {Map<string, {id: string, janus: FakeJanus, events: object[], away: boolean}>} */
	members = new Map()
	#count = 0

	constructor(random) {
		this.random = random
	}

	/** A portal that has not joined yet. */
	portal() {
		const janus = new FakeJanus()
		const id = `m${String.fromCharCode(97 + Math.floor(this.random() * 26))}${++this.#count}`
		janus.handlers.join = ({ ack }) => this.#join(id, janus, ack)
		janus.handlers.leave = () => this.#leave(id)
		janus.handlers.relay = ({ seq, signals }) => this.#relay(id, seq, signals)
		const portal = new Portal({ url: 'ws://127.0.0.1:1/', room: 'home', WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection })
		return { portal, janus, drop: ends => this.#drop(id, janus, ends) }
	}

	#tell(to, event) {
		const member = this.members.get(to)
		member.events.push(event)
		this.#push(member, member.events.length)
	}

	/** After a while, but in order: what is late is pushed with what comes before it. */
	#push(member, n) {
		setTimeout(() => {
			if (member.away || member !== this.members.get(member.id)) return
			for (; member.pushed < n; member.pushed++) member.janus.push(member.pushed + 1, member.events[member.pushed])
		}, this.random() * 4)
	}

	#others(id) {
		return [...this.members.keys()].filter(other => other !== id)
	}

	#join(id, janus, ack) {
		const member = this.members.get(id)
		if (ack !== undefined && !member) return { portal: 'error', error_code: 447, error: 'gone', code: 'member_gone' }
		if (member) {
			Object.assign(member, { away: false, pushed: ack ?? 0 })
			for (const other of this.#others(id)) this.#tell(other, { event: 'back', id })
			this.#push(member, member.events.length)
			return { portal: 'success', resumed: true, room: 'home', id, seq: member.seq, ack: ack ?? 0, version: 1, n: member.events.length, limits: {} }
		}
		const members = this.#others(id).map(other => ({ id: other, polite: id > other, ...this.members.get(other).away && { away: true } }))
		for (const other of this.#others(id)) this.#tell(other, { event: 'joined', members: [{ id, polite: other > id }] })
		this.members.set(id, { id, janus, events: [], pushed: 0, seq: 0, away: false })
		return { portal: 'success', resumed: false, protocol: 1, room: 'home', id, version: 1, n: 0, members, limits: {}, resume_timeout: 30 }
	}

	#leave(id) {
		this.members.delete(id)
		for (const other of this.#others(id)) this.#tell(other, { event: 'left', id, reason: 'leave' })
		return { portal: 'success' }
	}

	#relay(id, seq, signals) {
		const member = this.members.get(id)
		if (!member) return { portal: 'error', error_code: 424, error: 'none', code: 'room_not_set' }
		if (seq <= member.seq) return { portal: 'success', relayed: 1, duplicate: true }
		member.seq = seq
		const failed = []
		for (const [index, { to, type, payload }] of signals.entries()) {
			if (this.members.has(to)) this.#tell(to, { event: 'signal', from: id, type, payload: structuredClone(payload) })
			else failed.push({ index, to: [to], code: 'member_not_found', error: 'none', error_code: 428 })
		}
		return { portal: 'success', relayed: 1, failed }
	}

	/** With `ends` the membership is over before the member comes back. */
	#drop(id, janus, ends) {
		const member = this.members.get(id)
		janus.sockets.at(-1)?.drop()
		if (!member || member.away) return
		member.away = true
		for (const other of this.#others(id)) this.#tell(other, { event: 'away', id })
		if (!ends) return
		this.members.delete(id)
		for (const other of this.#others(id)) this.#tell(other, { event: 'left', id, reason: 'timeout' })
	}
}

async function schedule(seed, members = []) {
	const random = randomness(seed)
	const chance = share => random() < share
	FakePeerConnection.delay = () => random() * 2
	FakePeerConnection.all.length = 0
	// Long enough to be deflated or not, where that can be read or not.
	FakePeerConnection.chatter = Array.from({ length: chance(0.7) ? 100 : 0 }, (_, i) => `so many codecs: ${i % 70}`)
	globalThis.DecompressionStream = INFLATE
	if (chance(0.3)) delete globalThis.DecompressionStream
	const room = new FakeRoom(random)
	const made = []
	const errors = []
	let ended = false
	const add = (member, i) => {
		const track = { id: `${members.indexOf(member) + 1}.${i}` }
		member.tracks.push(track)
		member.portal.addTrack(track)
	}
	const enter = async () => {
		const member = { ...room.portal(), tracks: [], heard: new Map() }
		members.push(member)
		member.portal.on('error', error => errors.push(`${error.code}: ${error.message}`))
		member.portal.on('connection', connection => {
			made.push({ connection, first: connection.generation })
			member.heard.set(connection, new Set())
			connection.on('track', ({ track }) => member.heard.get(connection).add(track.id))
		})
		if (chance(0.6)) add(member, 'first')
		await member.portal.join().catch(() => {})
	}
	await Promise.all([enter(), enter(), enter()])
	for (let i = 0; i < 25; i++) {
		await wait(random() * 4)
		// Whoever loses the server while leaving is only away for it, and in a room without clock for ever.
		const there = members.filter(({ portal, leaving }) => portal.state === 'open' && !leaving && room.members.get(portal.id)?.away === false)
		const member = there[Math.floor(random() * there.length)]
		const what = random()
		if (!member || what < 0.1 && members.length < 6) enter()
		else if (what < 0.2 && there.length > 2) {
			member.leaving = true
			member.portal.close()
		} else if (what < 0.4) {
			const ends = chance(0.3)
			ended ||= ends
			member.drop(ends)
			// Also while it is not there.
			if (chance(0.5)) add(member, i)
		} else if (what < 0.65) add(member, i)
		else if (what < 0.7 && member.tracks.length > 0) member.portal.removeTrack(member.tracks.shift())
		else if (what < 0.75 && member.tracks.length > 0) {
			const by = { id: `${members.indexOf(member) + 1}.${i}` }
			member.portal.replaceTrack(member.tracks.shift(), by)
			member.portal.removeTrack(by)
		} else if (what < 0.85) member.portal.connections[0]?.pc.restartIce()
		else member.portal.connections[0]?.renew()
	}
	const same = (ids, tracks) => ids.length === tracks.length && tracks.every(({ id }) => ids.includes(id))
	const there = () => members.filter(({ portal }) => portal.state === 'open')
	// Who was away when somebody left keeps that connection for as long as it holds, and these hold for ever.
	const pairs = () => there().flatMap(member => member.portal.connections.filter(({ id }) => room.members.has(id))
		.map(connection => ({ member, connection })))
	const settled = () => pairs().length === there().length * (there().length - 1) && members.every(({ portal }) =>
		portal.state === 'open' || portal.state === 'closed') && pairs().every(({ member, connection }) => {
		const other = there().find(({ portal }) => portal.id === connection.id)
		const back = other?.portal.connections.find(({ id }) => id === member.portal.id)
		return back && connection.pc.signalingState === 'stable' && connection.pc.connectionState === 'connected'
			&& connection.generation === back.generation
			&& connection.pc.remoteDescription?.sdp === back.pc.localDescription?.sdp
			&& connection.pc.remoteDescription && same(JSON.parse(connection.pc.remoteDescription.sdp).tracks, other.tracks)
			&& other.tracks.every(({ id }) => member.heard.get(connection).has(id))
	})
	const tell = () => `seed ${seed}: ${JSON.stringify(pairs().map(({ member, connection }) => [member.portal.id, connection.id, connection.generation,
		connection.pc.signalingState, connection.pc.connectionState,
		JSON.parse(connection.pc.remoteDescription?.sdp ?? '{}').tracks, [...member.heard.get(connection)]]))}; tracks: ${members.map(({ tracks }) => tracks.map(({ id }) => id).join('+'))}; the portals: ${members.map(({ portal }) => `${portal.id} ${portal.state}`)}; in the room: ${
		[...room.members.values()].map(({ id, away }) => `${id}${away ? ' (away)' : ''}`)}; ${errors}`
	await eventually(settled, tell, 15_000)
	// Of what is said around the end of a membership the description may be lost, and not the candidates.
	const expected = error => ended && error.includes('A candidate was refused')
	assert.deepEqual(errors.filter(error => !expected(error)), [], `seed ${seed}`)
	const generations = made.reduce((sum, { connection, first }) => sum + connection.generation - first + 1, 0)
	assert.ok(FakePeerConnection.all.length <= generations, `seed ${seed}: ${FakePeerConnection.all.length} RTCPeerConnections for ${generations} generations`)
	FakePeerConnection.delay = () => 0
	FakePeerConnection.chatter = []
	return { members: members.length, connections: made.length, pcs: FakePeerConnection.all.length, generations }
}

test('joins, leaves, drops, tracks, restarts and renewals in any order end with every pair stable, each with the tracks of the other', { timeout: 120_000 }, async t => {
	const sum = {}
	for (let i = 0; i < 25; i++) {
		const members = []
		const counts = await schedule((SEED + i) >>> 0, members).finally(() => Promise.all(members.map(({ portal }) => portal.close())))
		for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + count
	}
	t.diagnostic(`seeds ${SEED} and the 24 after it: ${JSON.stringify(sum)}`)
})
