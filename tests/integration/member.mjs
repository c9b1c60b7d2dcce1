// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A member that comes back: a client as the README asks for one. It numbers its requests and sends those that were not
 * answered again, acknowledges, takes every event once and in order, and believes only its current peer. When it loses
 * its connection, and how, is up to the test.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { idOf, newKey, oneByOne, Session, weightOf } from './client.mjs'

const ENVELOPE = 512 /* more than a request weighs without its signals */
const GONE = new Set(['member_gone', 'events_gone', 'invalid_ack'])
const COMES_AGAIN = new Set(['rate_limited', 'window_exceeded'])

export class Member {
	/** Every event, in order, each with its number `n`. */
	entries = []
	/** The number of the last one. */
	n = 0
	/** Why it was told that its membership is over, if it was. */
	closed = null
	/** What happened to it on the way. */
	counts = { joins: 0, resumed: 0, missed: 0, repeated: 0, answered: 0, unanswered: 0, duplicates: 0, limited: 0, refused: 0, gaps: 0 }
	/** How often it joined afresh. */
	lives = 0
	/** Whether it acknowledges. */
	acknowledges = true
	#attempt = 0
	#known = false
	#connection = null
	#sessions = new Set()
	#requests = new Map()
	#seq = 0
	#inFlight = 0
	#acked = 0
	#unacked = 0
	#limits
	#waiting = []

	/** @param {string} url @param {string} room @param {object} [fields] more of `join` */
	constructor(url, room, fields = {}) {
		this.url = url
		this.room = room
		this.key = newKey()
		this.id = idOf(this.key)
		this.fields = fields
	}

	get attempt() { return this.#attempt }
	get limits() { return this.#limits }
	get session() { return this.#connection.session }
	get handle() { return this.#connection.handle }
	/** How many requests have no answer yet. */
	get pending() { return this.#requests.size }

	/** Joins, or comes back, on a new connection, whatever has become of the former one. */
	async connect() {
		const session = await Session.open(this.url)
		this.#sessions.add(session)
		const connection = { session, handle: await session.attach(), open: false, stale: false, kept: [] }
		connection.handle.push = data => this.#pushed(connection, data)
		this.#connection = connection
		return this.#join(connection)
	}

	/** The same join once more on the peer that it has. */
	again() {
		this.#connection.stale = true
		return this.#join(this.#connection)
	}

	/** Comes back, but never gets the answer, because its connection breaks. */
	async connectInVain() {
		const session = await Session.open(this.url)
		const handle = await session.attach()
		handle.push = () => {}
		await handle.ask(this.#request())
		return session.terminate()
	}

	/** Its connection breaks. */
	cut() {
		return this.session.terminate()
	}

	#request() {
		const { key, room } = this
		return { request: 'join', room, key, attempt: ++this.#attempt, ...this.#known && { ack: this.n }, ...this.fields }
	}

	async #join(connection) {
		connection.open = false
		const round = connection.round = {}
		for (const request of this.#requests.values()) {
			if (request.sent) this.counts.unanswered++
			request.sent = null
		}
		this.#inFlight = 0
		this.counts.joins++
		const reply = await connection.handle.ask(this.#request())
		if (connection !== this.#connection || round !== connection.round) return reply
		if (this.#known && GONE.has(reply.code)) {
			this.#known = false
			return this.#join(connection)
		}
		if (reply.code === 'rate_limited') { /* it has come and gone too often */
			await sleep(reply.retry_after)
			return connection === this.#connection && round === connection.round ? this.#join(connection) : reply
		}
		assert.equal(reply.portal, 'success', JSON.stringify(reply))
		assert.equal(reply.id, this.id)
		this.#joined(connection, reply)
		return reply
	}

	#joined(connection, reply) {
		if (reply.resumed) this.counts.resumed++
		else if (this.lives++ > 0) this.#beginAnew()
		if (!this.#known) this.n = reply.resumed ? reply.ack : reply.n
		this.counts.missed += reply.n - this.n
		this.#known = true
		this.#acked = this.n
		this.#unacked = 0
		this.#limits = reply.limits
		connection.open = true
		for (const data of connection.kept.splice(0)) this.#pushed(connection, data)
		this.#fill()
	}

	/** What the ended membership was asked for has no answer any more, and numbers begin with one. */
	#beginAnew() {
		for (const { reject } of this.#requests.values()) reject(new Error('The membership has ended'))
		this.#requests.clear()
		this.#seq = 0
	}

	#pushed(connection, data) {
		if (connection !== this.#connection) return
		if (data.portal === 'closed') this.closed = data.reason
		else if (connection.open) this.#take(connection, data)
		else connection.kept.push(data)
	}

	#take(connection, { n, events }) {
		if (n > this.n + 1) {
			/* What was on its way when it joined again comes before what is pushed again. */
			if (connection.stale) return
			this.counts.gaps++
			this.again().catch(() => {})
			return
		}
		connection.stale = false
		for (const [index, entry] of events.entries()) {
			if (n + index <= this.n) this.counts.repeated++
			else this.#append(entry)
		}
		this.#acknowledge(connection, events.some(({ event }) => event === 'ack'))
	}

	#append(entry) {
		this.n++
		for (const one of oneByOne(entry)) this.entries.push({ n: this.n, ...one })
		this.#unacked += weightOf(entry)
		this.#look()
	}

	#look() {
		this.#waiting = this.#waiting.filter(({ look, resolve }) => !look() || resolve())
	}

	#acknowledge({ handle }, asked) {
		const { ack_every: every, max_backlog: backlog } = this.#limits
		if (!this.acknowledges || (!asked && this.n - this.#acked < every && this.#unacked < backlog / 4)) return
		handle.send({ request: 'ack', ...this.#ack() })
	}

	#ack() {
		if (!this.acknowledges || this.n === this.#acked) return {}
		this.#acked = this.n
		this.#unacked = 0
		return { ack: this.n }
	}

	/** A numbered request; resolves with its answer, however often it has to be sent. */
	request(body) {
		const numbered = { ...body, seq: ++this.#seq }
		return new Promise((resolve, reject) => {
			const weight = weightOf(body) + ENVELOPE
			this.#requests.set(numbered.seq, { body: numbered, weight, resolve, reject, sent: null, resting: false })
			this.#fill()
		})
	}

	relay(...signals) {
		return this.request({ request: 'relay', signals })
	}

	/** Sends what the window and the bytes that may wait allow, counted from the first that is not answered. */
	#fill() {
		const connection = this.#connection
		if (!connection?.open) return
		const { window, max_request: most } = this.#limits
		const low = this.#requests.keys().next().value
		for (const [seq, request] of this.#requests) {
			if (seq >= low + window) break
			if (request.sent || request.resting) continue
			if (seq !== low && this.#inFlight + request.weight > most) break
			this.#send(connection, request)
		}
	}

	#send(connection, request) {
		const round = request.sent = connection.round
		this.#inFlight += request.weight
		connection.handle.send({ ...request.body, ...this.#ack() }).reply.then(answer => {
			/* An answer to what was sent before the last join is not believed: it comes again. */
			if (request.sent === round && connection === this.#connection) this.#answered(request, answer)
		}, () => {})
	}

	#answered(request, answer) {
		this.#inFlight -= request.weight
		request.sent = null
		if (COMES_AGAIN.has(answer.code)) this.#rest(request, answer)
		else {
			if (answer.duplicate) this.counts.duplicates++
			this.counts.answered++
			this.#requests.delete(request.body.seq)
			request.resolve(answer)
			this.#look()
		}
		this.#fill()
	}

	/** The same number again when the server said so; those behind it wait there. */
	#rest(request, { code, retry_after: wait = 10 }) {
		this.counts[code === 'rate_limited' ? 'limited' : 'refused']++
		request.resting = true
		setTimeout(() => {
			request.resting = false
			this.#fill()
		}, wait)
	}

	/** Resolves as soon as `look` gives something true after an event or an answer came. */
	until(look, timeout = 30_000) {
		return new Promise((resolve, reject) => {
			if (look()) return resolve()
			const timer = setTimeout(() => reject(new Error(`Nothing of the kind within ${timeout} ms: ${look}; ` +
				`n ${this.n}, ${this.pending} pending, ${JSON.stringify(this.counts)}`)), timeout)
			this.#waiting.push({ look, resolve: () => { clearTimeout(timer); resolve() } })
		})
	}

	/** The payloads that it got, in order. */
	get payloads() {
		return this.entries.filter(({ event }) => event === 'signal').map(({ payload }) => payload)
	}

	/** Leaves, and ends all connections that it ever had; nobody may be there any more at the end of the former ones. */
	async close() {
		if (this.#connection?.open) await this.#connection.handle.ask({ request: 'leave' }).catch(() => {})
		await Promise.all([...this.#sessions].map(session => session.terminate()))
	}
}
