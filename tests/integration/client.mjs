// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A small Janus client over WebSocket, for tests. Requests can be pipelined (`send` does not
 * wait), every frame is kept in the order in which it came, and a wait that fails tells what
 * came instead.
 */
import { createHash, randomBytes } from 'node:crypto'
import WebSocket from 'ws'

export const PLUGIN = 'janus.plugin.portal'
const PATIENCE = 15_000

/** A fresh member key. */
export const newKey = () => randomBytes(24).toString('base64url')

/** The public id that belongs to a key. */
export const idOf = key => createHash('sha256').update(key).digest('base64url').slice(0, 22)

/** What the Janus core itself refused. */
export class JanusError extends Error {
	constructor({ code, reason }) {
		super(`Janus refused: ${code} ${reason}`)
		this.code = code
	}
}

const brief = value => {
	const text = JSON.stringify(value)
	return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text
}

const recent = frames => frames.length
	? `the last of ${frames.length} frames:\n` + frames.slice(-12).map(frame => '  ' + brief(frame)).join('\n')
	: 'no frame came'

/** A promise with its handles; nobody has to look at it, so a refusal that nobody awaits is no crash. */
const deferred = () => {
	const it = {}
	it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }))
	it.promise.catch(() => {})
	return it
}

/** Resolves with what `look()` finds, looked for again at each `poke`; rejects after `timeout`. */
class Waits {
	waits = new Set()

	poke() {
		for (const wait of [...this.waits]) wait()
	}

	until(look, timeout, complaint) {
		return new Promise((resolve, reject) => {
			const finish = (settle, value) => {
				clearTimeout(timer)
				this.waits.delete(wait)
				settle(value)
			}
			const wait = () => {
				try {
					const found = look()
					if (found !== undefined) finish(resolve, found)
				} catch (error) {
					finish(reject, error)
				}
			}
			const timer = setTimeout(() => finish(reject, new Error(complaint())), timeout)
			this.waits.add(wait)
			wait()
		})
	}
}

/** What an event weighs: what Janus's default indented writer makes of it. */
export const weightOf = entry => JSON.stringify(entry, null, 3).length

/** An entry as several, one for each member of which it says that it joined: how many come in one is a matter of time. */
export const oneByOne = ({ members, ...entry }) => members ? members.map(member => ({ ...entry, member })) : [entry]

/** One WebSocket with one Janus session on it. */
export class Session {
	/** Every frame received, in order. */
	frames = []
	/** The transactions that Janus acknowledged because their answer had to wait. */
	acks = new Set()
	#handles = new Map()
	#pending = new Map()
	#last = 0

	/** @param {string} url @param {{token?: string}} [envelope] goes into every request @returns {Promise<Session>} */
	static async open(url, envelope = {}) {
		const session = new Session()
		session.envelope = envelope
		await session.#connect(url, 'janus-protocol')
		session.id = (await session.request({ janus: 'create' })).data.id
		return session
	}

	/** Takes up this session, with its handles, on another connection: Janus's `claim`. */
	async claim(url) {
		await this.#connect(url, 'janus-protocol')
		await this.request({ janus: 'claim' })
	}

	#connect(url, protocol) {
		const socket = new WebSocket(url, protocol, { perMessageDeflate: false, handshakeTimeout: PATIENCE })
		this.socket = socket
		socket.on('message', text => this.#receive(JSON.parse(text)))
		this.closed = new Promise(resolve => socket.once('close', resolve))
		this.closed.then(() => socket === this.socket && this.#gone())
		return new Promise((resolve, reject) => {
			socket.once('open', resolve)
			socket.once('error', reject)
			socket.on('error', () => {})
		})
	}

	#gone() {
		const error = new Error('The connection has ended')
		for (const request of [...this.#pending.values()]) request.fail(error)
	}

	/** Sends one message of Janus's own API without waiting; `.answer` is Janus's final word. */
	send(message) {
		const transaction = `t${++this.#last}`
		const answer = deferred(), acked = deferred()
		const timer = setTimeout(() => fail(new Error(
			`No answer to ${transaction} ${brief(message)}; ${recent(this.frames)}`)), PATIENCE)
		const fail = error => {
			clearTimeout(timer)
			this.#pending.delete(transaction)
			answer.reject(error)
			acked.reject(error)
		}
		const done = frame => {
			clearTimeout(timer)
			this.#pending.delete(transaction)
			answer.resolve(frame)
			acked.resolve(frame)
		}
		this.#pending.set(transaction, { fail, done, acked: acked.resolve, patient: message.janus === 'message' })
		if (this.socket.readyState === WebSocket.OPEN)
			this.socket.send(JSON.stringify({ ...this.envelope, ...message, transaction, session_id: this.id }))
		else fail(new Error('The connection has ended'))
		return { transaction, answer: answer.promise, acked: acked.promise }
	}

	/** Sends and waits for the answer; what Janus refuses is thrown. */
	async request(message) {
		const frame = await this.send(message).answer
		if (frame.janus === 'error') throw new JanusError(frame.error)
		return frame
	}

	/** A new handle of the plugin. @returns {Promise<Handle>} */
	async attach(plugin = PLUGIN) {
		const { data } = await this.request({ janus: 'attach', plugin })
		const handle = new Handle(this, data.id)
		this.#handles.set(data.id, handle)
		return handle
	}

	#receive(frame) {
		this.frames.push(frame)
		const request = this.#pending.get(frame.transaction)
		const handle = this.#handles.get(frame.sender)
		handle?.frames.push(frame)
		if (frame.janus === 'ack') this.acks.add(frame.transaction)
		if (request && frame.janus === 'ack' && request.patient) request.acked(frame)
		else if (request) request.done(frame)
		else if (handle && frame.janus === 'event') handle.push(frame.plugindata.data)
		handle?.waits.poke()
	}

	/** Ends memberships, session and connection in the orderly way. */
	async close() {
		if (this.socket.readyState !== WebSocket.OPEN) return
		const staying = [...this.#handles.values()].filter(({ member }) => member && member.resume_timeout !== 0)
		await Promise.all(staying.map(handle => handle.ask({ request: 'leave' }).catch(() => {})))
		await this.send({ janus: 'destroy' }).answer.catch(() => {})
		this.socket.close()
		await this.closed
	}

	/** Ends the connection as a crash of the client would. */
	terminate() {
		this.socket.terminate()
		return this.closed
	}
}

/** One attach: a peer. */
export class Handle {
	/** Every frame for this handle, in order. */
	frames = []
	/** What the plugin pushed unasked, in order: `plugindata.data` of each. */
	pushes = []
	/** All entries of those pushes, in order, each with its number `n` and the push's `version`; of joined members one by one. */
	entries = []
	/** Whether it acknowledges as often as it was asked to; a test that wants to do so itself sets this to false. */
	acknowledges = true
	/** The answer to the last join that was not refused. */
	member = null
	/** The number of the last event that it took; null before the reply to join, and until then pushes are kept. */
	n = null
	waits = new Waits()
	#early = []
	#limits
	#acked = 0
	#unacked = 0
	#fault = null
	#takenPushes = 0
	#takenEntries = 0

	constructor(session, id) {
		this.session = session
		this.handleId = id
	}

	/**
	 * Sends a body without waiting. `.reply` resolves with the plugin's answer, late ones as well;
	 * `.acked` as soon as Janus has taken the request (its `ack`, or the answer itself).
	 */
	send(body, { jsep } = {}) {
		const message = { janus: 'message', handle_id: this.handleId, body }
		const { transaction, answer, acked } = this.session.send(jsep ? { ...message, jsep } : message)
		const settled = body?.request === 'join' ? this.#joining() : data => data
		const reply = answer.then(frame => {
			if (frame.janus === 'error') throw new JanusError(frame.error)
			return settled(frame.plugindata.data)
		})
		reply.catch(() => {})
		return { transaction, reply, acked }
	}

	/** Sends a body and waits for the plugin's answer. */
	ask(body, extra) {
		return this.send(body, extra).reply
	}

	/** Takes a push; one out of its turn spoils every later wait, so that no test overlooks it. */
	push(data) {
		this.pushes.push(data)
		if (!Array.isArray(data.events)) return
		if (this.n === null) this.#early.push(data)
		else this.#take(data)
	}

	/** From now until the answer, pushes are kept: only the answer tells with which number they begin. */
	#joining() {
		const former = this.n
		this.n = null
		return answer => {
			if (answer.portal === 'success') {
				this.n = this.#acked = answer.resumed ? answer.ack : answer.n
				this.#limits = answer.limits
				this.member = answer
			} else this.n ??= former
			if (this.n !== null)
				for (const data of this.#early.splice(0)) this.#take(data)
			this.waits.poke()
			return answer
		}
	}

	#take(data) {
		if (data.n !== this.n + 1)
			this.#fault ??= new Error(`Event ${data.n} came where ${this.n + 1} was due: ${brief(data)}`)
		for (const entry of data.events) {
			this.n++
			for (const one of oneByOne(entry)) this.entries.push({ n: this.n, version: data.version, ...one })
			this.#unacked += weightOf(entry)
		}
		const { ack_every: every, max_backlog: backlog } = this.#limits
		const asked = data.events.some(({ event }) => event === 'ack')
		if (!this.acknowledges || (!asked && this.n - this.#acked < every && this.#unacked < backlog / 4)) return
		this.#acked = this.n
		this.#unacked = 0
		this.send({ request: 'ack', ack: this.n })
	}

	#until(look, timeout, what) {
		return this.waits.until(() => {
			if (this.#fault) throw this.#fault
			return look()
		}, timeout, () => `${what} did not come within ${timeout} ms; ${recent(this.frames)}`)
	}

	/** The next push not yet taken that satisfies `predicate`; those before it are passed over. */
	event(predicate = () => true, timeout = PATIENCE) {
		return this.#until(() => {
			const index = this.pushes.findIndex((push, at) => at >= this.#takenPushes && predicate(push))
			if (index < 0) return undefined
			this.#takenPushes = index + 1
			return this.pushes[index]
		}, timeout, 'The push')
	}

	/** The next entry not yet taken that satisfies `predicate` (or has that name). */
	entry(predicate = () => true, timeout = PATIENCE) {
		const matches = typeof predicate === 'string' ? entry => entry.event === predicate : predicate
		return this.#until(() => {
			const index = this.entries.findIndex((entry, at) => at >= this.#takenEntries && matches(entry))
			if (index < 0) return undefined
			this.#takenEntries = index + 1
			return this.entries[index]
		}, timeout, 'The entry')
	}

	/** Waits until `count` entries (of that name, if one is given) have come, and returns them. */
	gather(count, name, timeout = PATIENCE) {
		return this.#until(() => {
			const found = name ? this.entries.filter(entry => entry.event === name) : this.entries
			return found.length >= count ? found.slice() : undefined
		}, timeout, `${count} entries`)
	}

	/** Waits until the event of that number is there. */
	reached(n, timeout = PATIENCE) {
		return this.#until(() => this.n >= n || undefined, timeout, `Event ${n}`)
	}

	/** Takes the handle away from the plugin. */
	detach() {
		return this.session.request({ janus: 'detach', handle_id: this.handleId })
	}
}
