// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What the integration tests share: a real Janus for the tests of one file, members who join with
 * one line, the Admin API, and checks of the shapes that recur.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before } from 'node:test'
import WebSocket from 'ws'
import { startJanus } from '../lib/janus.mjs'
import { idOf, newKey, PLUGIN, Session } from './client.mjs'
import { Member } from './member.mjs'

/** As much as anybody wants, for tests that are not about rates. */
export const UNLIMITED = {
	rate: 1_000_000_000, burst: 1_000_000_000, byte_rate: 1_000_000_000, byte_burst: 1_000_000_000, room_rate: 1_000_000_000,
}

/** A configuration with the rooms of the tests and these options of `general`. */
export const rooms = (general = {}) => `
general: {
${Object.entries(general).map(([name, value]) => `\t${name} = ${value}\n`).join('')}}
room-home: {
	description = "At home"
}
room-other: {
	description = "Elsewhere"
	max_members = 3
}
room-vault: {
	description = "With a pin"
	pin = "open sesame"
}
room-shut: {
	description = "Takes nobody"
	locked = true
}
room-secret: {
	description = "Not listed"
	is_private = true
}
`

/** Members do not stay when their peer has gone: the next test finds the rooms empty. */
export const ROOMS = rooms({ resume_timeout: 0 })

export const CODES = {
	invalid_json: 422, unknown_request: 423, room_not_set: 424, already_joined: 425,
	room_not_found: 426, room_exists: 427, member_not_found: 428, missing_field: 429, invalid_field: 430,
	jsep_refused: 431, room_full: 432, wrong_pin: 433, room_locked: 434, too_deep: 435, too_large: 436,
	window_exceeded: 437, peer_used: 438, recipient_is_self: 439, superseded: 440, invalid_ack: 441,
	answer_gone: 442, server_full: 443, rate_limited: 444, recipient_full: 445, events_gone: 446, member_gone: 447,
	unauthorized: 448, wrong_token: 449, kicked: 450, room_destroyed: 451, room_is_static: 452,
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Asks `look` again and again until it gives something true; fails with `what` and the last answer. */
export async function eventually(what, look, timeout = 10_000) {
	const end = Date.now() + timeout
	for (;;) {
		const found = await look()
		if (found) return found
		assert.ok(Date.now() < end, `Not within ${timeout} ms: ${what}`)
		await sleep(20)
	}
}

/** Asserts that an answer is an error of that code and nothing else, and that its text matches. */
export function refused(reply, code, text = /./) {
	const { error, ...rest } = reply
	assert.deepEqual(rest, { portal: 'error', error_code: CODES[code], code }, `with the text: ${error}`)
	assert.equal(typeof error, 'string')
	assert.match(error, text)
}

/** Asserts that an answer says when to try again, and returns after how many milliseconds. */
export function limited(reply, text = /./) {
	const { retry_after: wait, ...rest } = reply
	refused(rest, 'rate_limited', text)
	assert.ok(Number.isInteger(wait) && wait > 0, `retry_after is ${wait}`)
	return wait
}

const byId = (a, b) => a.id < b.id ? -1 : 1

/** A roster in a fixed order, since the wire promises none. */
export const sorted = members => [...members].sort(byId)

/** What `self` is towards `other`: of a pair the one with the greater id is polite. */
export const politeTowards = (self, other) => Buffer.from(self).compare(Buffer.from(other)) > 0

const COMINGS_AND_GOINGS = /^(Creating|Destroying|Detaching)|Handle and related resources freed|Destroying WebSocket client$/

/** A Janus with what the tests need around it. */
export class Lab {
	#sessions = new Set()

	/** Starts the Janus. */
	async start(options) {
		this.janus = await startJanus({ config: ROOMS, transports: ['websockets', 'http'], admin: true, ...options })
		this.started = this.janus.log().length
		return this
	}

	async session() {
		const session = await Session.open(this.janus.url)
		this.#sessions.add(session)
		return session
	}

	/** A handle on a session of its own, not in any room. */
	async peer() {
		return (await this.session()).attach()
	}

	/** A member: its handle, with `.key`, `.id` and `.joined`, the reply to its join. */
	async join(room, fields = {}, peer = undefined) {
		const handle = peer ?? await this.peer()
		handle.key = fields.key ?? newKey()
		handle.joined = await handle.ask({ request: 'join', room, key: handle.key, ...fields })
		assert.equal(handle.joined.portal, 'success', JSON.stringify(handle.joined))
		assert.equal(handle.joined.id, idOf(handle.key))
		handle.id = handle.joined.id
		return handle
	}

	/** Comes back as that member, on a new connection: its new handle. */
	back(member, fields = {}) {
		return this.join(member.joined.room, { key: member.key, ...fields })
	}

	/** A member that minds its connection itself, not yet in the room. */
	comer(room, fields) {
		const member = new Member(this.janus.url, room, fields)
		this.#sessions.add(member)
		return member
	}

	/** Members one after the other; the earlier ones have been told of the later ones. */
	async members(room, count) {
		const members = []
		for (let i = 0; i < count; i++) members.push(await this.join(room))
		for (const [index, member] of members.entries()) await member.gather(count - 1 - index, 'joined')
		return members
	}

	/** A request of the Admin API over HTTP; Janus's whole answer. */
	async admin(message) {
		const path = [message.session_id, message.handle_id].filter(Boolean).map(id => '/' + id).join('')
		const body = { admin_secret: this.janus.adminSecret, transaction: 'admin', ...message }
		const options = { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) }
		return (await fetch(this.janus.httpAdminUrl + path, options)).json()
	}

	/** A request to the plugin by the Admin API's `message_plugin`. */
	async adminAsk(request) {
		const answer = await this.admin({ janus: 'message_plugin', plugin: PLUGIN, request })
		assert.equal(answer.janus, 'success', JSON.stringify(answer))
		return answer.response
	}

	/** What the Admin API tells of a handle. */
	async info(handle) {
		const ids = { session_id: handle.session.id, handle_id: handle.handleId }
		const answer = await this.admin({ janus: 'handle_info', ...ids })
		assert.equal(answer.janus, 'success', JSON.stringify(answer))
		return answer.info
	}

	/** What Janus has written to its log since it started, save for sessions and handles that come and go. */
	news() {
		const lines = this.janus.log().slice(this.started).split('\n')
		return lines.filter(line => line && !COMINGS_AND_GOINGS.test(line))
	}

	async count(room) {
		return (await this.adminAsk({ request: 'listmembers', room })).members.length
	}

	async close() {
		await Promise.all([...this.#sessions].map(session => session.close()))
		this.#sessions.clear()
	}

	/** Ends all sessions and waits until no room has a member: whoever stays is a ghost. */
	async clear() {
		await this.close()
		await eventually('all rooms are empty', async () => {
			const { list } = await this.adminAsk({ request: 'list' })
			return list.every(room => room.num_members === 0)
		})
	}
}

/** One Admin API request over WebSocket; Janus's whole answer. */
export function overWebSocket({ adminUrl, adminSecret }, message) {
	const socket = new WebSocket(adminUrl, 'janus-admin-protocol')
	const answer = new Promise((resolve, reject) => {
		socket.once('error', reject)
		socket.once('open', () => socket.send(JSON.stringify({ admin_secret: adminSecret, transaction: 'admin', ...message })))
		socket.once('message', text => resolve(JSON.parse(text)))
		setTimeout(() => reject(new Error('The Admin API did not answer')), 10_000).unref()
	})
	return answer.finally(() => socket.close())
}

/**
 * Starts a Janus before the tests of a `describe`, clears it after each (or, where members may stay for long, only closes
 * the sessions), stops it after the last; it must end by itself and cleanly. Returns a lab whose `janus` is there once
 * the tests run.
 */
export function useLab({ clears = true, ...options } = {}) {
	const lab = new Lab()
	before(async () => {
		await lab.start(options)
	})
	afterEach(() => lab.janus && (clears ? lab.clear() : lab.close()))
	after(async () => {
		if (lab.janus) await stopWell(lab.janus)
	})
	return lab
}

/** Stops a Janus, which must end by itself and cleanly. */
export async function stopWell(janus) {
	assert.deepEqual(await janus.stop(), { code: 0, signal: null }, `Janus did not end well:\n${janus.log()}`)
}

/** A Janus of a test's own, which has to stop it. */
export const startLab = options => new Lab().start(options)

/** A Janus for one test: `use` gets a lab with it. */
export async function withJanus(config, use, options = {}) {
	const lab = await startLab({ config, ...options })
	try {
		await use(lab)
		await lab.close()
	} catch (error) {
		await lab.janus.stop()
		throw error
	}
	await stopWell(lab.janus)
}
