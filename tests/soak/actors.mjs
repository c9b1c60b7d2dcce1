// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Who lives in a soak: each actor does something at random, over and over, until it is told to stop; all that is random comes
 * from the source that it gets. An actor throws when a promise is broken towards it.
 */
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import WebSocket from 'ws'
import { newKey, Session } from '../integration/client.mjs'
import { Schedule } from '../faults/schedule.mjs'

const between = (random, low, high) => low + Math.floor(random() * (high - low))
const among = (random, list) => list[Math.floor(random() * list.length)]

/** What may happen to whoever is in a room with a manager, in rooms that come and go. */
const BAD_LUCK = new Set(['room_not_found', 'room_full', 'kicked', 'room_destroyed', 'rate_limited', 'peer_used', 'member_not_found',
	'room_not_set', 'recipient_full', 'member_gone', 'server_full', 'too_slow', 'superseded', 'window_exceeded', 'events_gone'])

/** Counts what came out of it; all but bad luck is wrong. */
function note(counts, { portal, code, error }) {
	const outcome = portal === 'error' ? code : 'success'
	counts[outcome] = (counts[outcome] ?? 0) + 1
	if (portal === 'error' && !BAD_LUCK.has(code)) throw new Error(`${code}: ${error}`)
}

/**
 * @typedef {object} World
 * @property {import('../lib/janus.mjs').Janus} janus
 * @property {string} adminKey
 * @property {() => number} random
 * @property {() => boolean} over
 * @property {Record<string, number>} counts of what came out
 * @property {string[]} rooms that come and go
 */

/**
 * Members whose connections suffer, and who see to it that every signal comes once and in order. Over WebSocket only: Janus's
 * HTTP transport never closes some of the connections whose client went in the middle of a poll (about 1 of 30 here, also of
 * handles that were only pinged), so nothing could be said of files and memory.
 *
 * @param {World} world
 */
export async function witnesses({ janus, random, over, counts }, room) {
	const addresses = { websockets: janus.url }
	while (!over()) {
		const schedule = new Schedule({
			seed: Math.floor(random() * 2 ** 31), room, transports: ['websockets'], deaths: true, addresses, patience: 120_000, count() {}
		})
		if (!await schedule.run()) throw new Error(schedule.report())
		counts.witnessed = (counts.witnessed ?? 0) + schedule.got
	}
}

/** Somebody who comes, talks, comes back perhaps, and goes in one of many ways. @param {World} world */
export async function visitor({ janus, random, over, counts, rooms }) {
	while (!over()) {
		const key = newKey()
		let session
		try {
			session = await Session.open(janus.url)
			let handle = await session.attach()
			const room = among(random, rooms)
			const joined = await handle.ask({ request: 'join', room, key, attempt: 1, display: `visitor ${between(random, 0, 1e6)}` })
			note(counts, joined)
			if (joined.portal === 'success') {
				await talk({ handle, random, counts })
				if (random() < 0.3) {
					await session.terminate()
					await wait(random() * 2_500)
					session = await Session.open(janus.url)
					handle = await session.attach()
					note(counts, await handle.ask({ request: 'join', room, key, attempt: 2, ack: handle.n ?? 0, display: 'again' }))
					await talk({ handle, random, counts })
				}
			}
			const way = random()
			if (way < 0.3) await session.close()
			else if (way < 0.5) await handle.detach()
			else if (way < 0.6) await session.request({ janus: 'destroy' })
		} catch (error) {
			/* A handle that was ended, as it did not read in time or its room went. */
			if (!/Janus refused: 45[89]|connection has ended/i.test(error.message)) throw error
		} finally {
			await session?.terminate()
		}
		await wait(random() * 200)
	}
}

async function talk({ handle, random, counts }) {
	for (let seq = 1, last = between(random, 1, 12); seq <= last; seq++) {
		const pad = 'x'.repeat(random() < 0.1 ? between(random, 1, 20_000) : 20)
		note(counts, await handle.ask({ request: 'relay', signals: [{ type: 'x', payload: { pad } }] }))
		if (random() < 0.1) note(counts, await handle.ask({ request: 'configure', metadata: { mood: random() } }))
		if (random() < 0.05) note(counts, await handle.ask({ request: 'sync' }))
		await wait(random() * 60)
	}
}

/** Makes rooms, changes them, shows members out, and takes rooms away. @param {World} world */
export async function manager({ janus, adminKey, random, over, counts, rooms }, prefix) {
	const session = await Session.open(janus.url)
	let handle = await session.attach()
	const mine = new Set()
	/* One handle is not answered for ever. */
	const manage = async body => {
		const answer = await handle.ask({ admin_key: adminKey, ...body })
		if (answer.code !== 'peer_used') return answer
		handle = await session.attach()
		return manage(body)
	}
	for (let made = 0; !over() || mine.size > 0;) {
		if (!over() && mine.size < 4) {
			const room = `${prefix}${made++}`
			note(counts, await manage({ request: 'create', room, secret: room, permanent: random() < 0.5, max_members: between(random, 2, 20) }))
			mine.add(room)
			rooms.push(room)
		}
		const room = among(random, [...mine])
		if (random() < 0.5) note(counts, await manage({ request: 'edit', room, new_description: `${random()}`, new_max_members: between(random, 2, 20) }))
		const { members = [] } = await manage({ request: 'listmembers', room, secret: room })
		for (const { id } of members) if (random() < 0.1) {
			const answer = await manage({ request: 'kick', room, id, secret: room })
			note(counts, answer)
			if (answer.portal === 'success') counts.kicks = (counts.kicks ?? 0) + 1
		}
		if (over() || random() < 0.2) {
			const answer = await manage({ request: 'destroy', room, secret: room, permanent: true })
			note(counts, answer)
			if (answer.code !== 'rate_limited') {
				mine.delete(room)
				rooms.splice(rooms.indexOf(room), 1)
			}
		}
		await wait(over() ? 100 : random() * 400) // not faster than its rate, also when it tidies up
	}
	await session.close()
}

/** Stops to read for a while, and is gone or reads on. @param {World} world */
export async function sleeper({ janus, random, over, counts, rooms }) {
	while (!over()) {
		const session = await Session.open(janus.url)
		try {
			const handle = await session.attach()
			const joined = await handle.ask({ request: 'join', room: among(random, rooms) })
			note(counts, joined)
			session.socket.pause()
			for (let i = 0; i < 200; i++) {
				handle.send({ request: 'sync' })
				if (i % 20 === 0) await wait(20)
			}
			await wait(random() * 3_000)
			counts.slept = (counts.slept ?? 0) + 1
			if (random() < 0.5) {
				session.socket.resume()
				await wait(random() * 1_000)
			}
		} catch (error) {
			if (!/Janus refused: 45[89]|connection has ended/i.test(error.message)) throw error
		} finally {
			await session.terminate()
		}
	}
}

const GARBAGE = [
	() => 'no json', () => '{', () => '[]', () => '5', () => '"x"', () => '{"janus":5}', () => '{"janus":"message"}', () => '\0\0\0',
	() => '['.repeat(5_000), () => `{"janus":"${'x'.repeat(70_000)}"}`, () => Buffer.from([0xff, 0xfe, 0]), () => '{"janus":"create"',
]

const WORDS = ['join', 'relay', 'leave', 'ack', 'sync', 'configure', 'ping', 'list', 'exists', 'create', 'edit', 'destroy', 'kick', 'allowed',
	'listmembers', 'stats', 'nothing']
const FIELDS = ['request', 'room', 'key', 'id', 'secret', 'pin', 'token', 'admin_key', 'ack', 'seq', 'attempt', 'signals', 'to', 'type', 'payload',
	'display', 'metadata', 'ping', 'after', 'limit', 'permanent', 'new_pin', 'allowed', 'action', 'max_members']

/** Any JSON. */
function anything(random, ids, depth = 0) {
	const kind = random()
	if (kind < 0.1) return among(random, [null, true, false])
	if (kind < 0.3) return among(random, [0, -1, 1, 2 ** 53, -(2 ** 53), 1e300, 0.5, between(random, 0, 1_000)])
	if (kind < 0.6) return among(random, ['', 'home', 'x'.repeat(between(random, 0, 5_000)), '\u0000', '\ud800', ...ids, newKey()])
	if (depth > 4) return 'deep'
	if (kind < 0.8) return Array.from({ length: between(random, 0, 5) }, () => anything(random, ids, depth + 1))
	return Object.fromEntries(Array.from({ length: between(random, 0, 6) }, () => [among(random, FIELDS), anything(random, ids, depth + 1)]))
}

/** Somebody who wants no good: garbage, floods, wrong secrets, replays, halves of requests, names and ids of others. @param {World} world */
export async function attacker({ janus, random, over, counts, rooms }) {
	while (!over()) {
		counts.attacks = (counts.attacks ?? 0) + 1
		const kind = random()
		if (kind < 0.15) await halfRequest({ janus, random, counts })
		else if (kind < 0.35) await garbage(janus, random)
		else await insider({ janus, random, rooms })
		await wait(random() * 150)
	}
}

async function garbage(janus, random) {
	const socket = new WebSocket(janus.url, 'janus-protocol')
	socket.on('error', () => {})
	await new Promise(resolve => socket.once('open', resolve).once('close', resolve))
	for (let i = between(random, 1, 8); i > 0; i--) socket.send(among(random, GARBAGE)())
	await wait(random() * 100)
	socket.terminate()
}

/** Over HTTP and WebSocket: it begins, and never ends. */
async function halfRequest({ janus, random, counts }) {
	const { port } = new URL(random() < 0.5 ? janus.url : janus.httpUrl)
	const socket = connect(Number(port), '127.0.0.1')
	socket.on('error', () => {})
	socket.write(among(random, [
		'POST /janus HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"janus":',
		'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n',
		'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
			'Sec-WebSocket-Protocol: janus-protocol\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n\x81\xfe\x10\x00abcd',
	]))
	await wait(random() * 300)
	if (socket.bytesWritten > 0) counts.halves = (counts.halves ?? 0) + 1
	if (random() < 0.5) socket.resetAndDestroy()
	else socket.destroy()
}

/** One that has a handle, and perhaps a membership, and knows the ids of all who are there. */
async function insider({ janus, random, rooms }) {
	const session = await Session.open(janus.url)
	try {
		const handle = await session.attach()
		const room = among(random, rooms)
		const joined = await handle.ask({ request: 'join', room })
		const ids = (joined.members ?? []).map(({ id }) => id)
		const send = body => handle.send(body)
		switch (between(random, 0, 6)) {
		case 0: // anything at all
			for (let i = 0; i < 60; i++) send({ request: among(random, WORDS), room, ...anything(random, ids) })
			break
		case 1: // bodies that are no objects, and a jsep
			for (const body of [null, 5, 'x', [], [{}]]) send(body)
			handle.send({ request: 'ping' }, { jsep: { type: 'offer', sdp: 'v=0\r\n' } })
			break
		case 2: // wrong secrets, as one who guesses
			for (let i = 0; i < 40; i++) send(among(random, [
				{ request: 'create', room: 'mine', admin_key: newKey() }, { request: 'destroy', room, secret: newKey() },
				{ request: 'kick', room, id: among(random, ids) ?? 'x', secret: newKey() }, { request: 'join', room: 'vault', pin: newKey() }, { request: 'join', room: 'club', token: newKey() },
			]))
			break
		case 3: // a flood
			for (let i = 0; i < 2_000; i++) send({ request: 'ping', ping: i })
			break
		case 4: // the same again and again, of old numbers and of numbers that are far ahead
			for (let i = 0; i < 50; i++) send({ request: 'relay', seq: among(random, [1, 1, 2, 3, 300, 2 ** 40]), ack: between(random, 0, 99), signals: [] })
			break
		case 5: // in the name of others
			for (const id of ids) {
				send({ request: 'relay', from: id, id, signals: [{ to: id, from: id, type: 'x', payload: 'by whom?' }] })
				send({ request: 'kick', room, id })
				const other = await session.attach()
				const posing = await other.ask({ request: 'join', room, key: id, attempt: 1e9 })
				if (posing.portal === 'success' && posing.id === id) throw new Error(`whoever knows the id ${id} can take it`)
			}
		}
		await wait(random() * 400)
	} catch (error) {
		if (!/Janus refused: 45[89]|connection has ended|No answer/i.test(error.message)) throw error
	} finally {
		await session.terminate()
	}
}
