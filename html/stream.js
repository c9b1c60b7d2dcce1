// SPDX-License-Identifier: MIT
import { PortalError } from './events.js'
import { within } from './signal.js'

/** What the server says in its answer to `join` replaces these. */
const LIMITS = { max_signals: 256, max_request: 262_144, window: 256, ack_every: 32, max_backlog: 1_048_576 }

/** Of the requests that wait for an earlier one the server keeps 256 KiB; this much is unanswered at most. */
const WINDOW_BYTES = 196_608

const encoder = new TextEncoder()

/** How long signals that can wait do so for more, milliseconds. */
const GATHER = 10

/** Where the server does not say when a refused number may come again, milliseconds. */
const RETRY_AFTER = 100

/** @typedef {{body: object, weight: number, resolve: Function, reject: Function}} Request */

/**
 * One member's two streams, the browser's half of the plugin's stream.c: its numbered requests (Janus runs
 * the messages of one client in any order, the numbers let the server put them right), and the numbered
 * events that the server keeps until they are acknowledged.
 *
 * They outlive the peer: while there is none, requests wait, and when the member comes back what has no answer
 * is sent again under the same numbers. The server does what it had not done, and repeats its answer otherwise.
 */
export class Stream {
	/** @type {((body: object) => Promise<any>) | null} null while there is no peer */
	#send = null
	#limits = LIMITS
	#seq = 0
	/** @type {{to?: string | string[], type: string, payload: any, weight: number, resolve: Function, reject: Function}[]} */
	#signals = []
	/** @type {(() => Promise<any>)[]} make signals that can wait */
	#late = []
	/** @type {Promise<any[]>} that these wait for */
	#turn = Promise.resolve([])
	#answered = () => {}
	/** @type {Request[]} */
	#waiting = []
	/** @type {Map<number, Request>} those that have a number, in its order */
	#unanswered = new Map()
	#unansweredBytes = 0
	/** @type {PortalError | null} */
	#ended = null
	/** The last event that was taken. */
	got = 0
	#acked = 0
	#unackedBytes = 0
	#asked = false
	/** The last number that is known to be done. */
	done = 0

	/**
	 * The membership has begun.
	 *
	 * @param {(body: object) => Promise<any>} send hands a request to the member's peer
	 * @param {{seq?: number, n: number, limits: object}} begin the last number that is done, the last event that is not
	 *   to be expected, and the limits, as in the answer to `join`
	 */
	start(send, { seq = 0, n, limits }) {
		this.#seq = this.done = seq
		this.got = this.#acked = n
		this.#limits = { ...LIMITS, ...limits }
		this.resume(send)
	}

	/** The peer is gone: what it may still say does not count. */
	pause() {
		this.#send = null
	}

	/**
	 * The member is back on another peer, and has said what it got.
	 *
	 * @param {any} send
	 */
	resume(send) {
		this.#send = send
		this.#ack()
		for (const seq of this.#unanswered.keys()) this.#transmit(seq)
		this.#flush()
		this.#pump()
	}

	/**
	 * Signals that are given in one turn go in one request.
	 *
	 * @param {{to?: string | string[], type: string, payload: any}} signal
	 * @returns {Promise<{failed: {to?: string[], code: string, error: string, error_code: number, retry_after?: number}[]}>}
	 */
	relay(signal) {
		return new Promise((resolve, reject) => {
			if (this.#ended) return reject(this.#ended)
			this.#signals.push({ ...signal, weight: weigh(signal), resolve, reject })
			queueMicrotask(() => this.#flush())
		})
	}

	/**
	 * One that can wait does so while a request is unanswered, until the answer or a moment later: a browser makes descriptions and finds
	 * candidates one by one, a turn for each.
	 *
	 * @param {() => Promise<any>} make makes it when it is sent, or nothing if there is no need any more
	 * @returns {Promise<any>} as of `relay()`, or nothing
	 */
	async relayLate(make) {
		const place = this.#late.push(make) - 1
		if (place === 0) this.#turn = this.#takeTurn(this.#turn)
		return (await this.#turn)[place]
	}

	/** @param {Promise<any>} before what is given while that is made comes after it */
	async #takeTurn(before) {
		await before
		if (this.#unanswered.size > 0) await within(GATHER, /** @type {Promise<void>} */ (new Promise(resolve => { this.#answered = resolve })))
		const made = await Promise.all(this.#late.splice(0).map(make => make()))
		return made.map(signal => signal && this.relay(signal))
	}

	/**
	 * @param {object} body a request that is to be numbered
	 * @returns {Promise<any>}
	 */
	request(body) {
		this.#flush()
		return this.#number(body, weigh(body))
	}

	/** The last request of all does not wait for room in the window: the page may be gone by then. */
	leave() {
		this.#flush()
		const left = new Promise((resolve, reject) => this.#give({ body: { request: 'leave' }, weight: 0, resolve, reject }))
		this.#refuse(new PortalError('closed', 'The portal is closed'), this.#waiting.splice(0), this.#signals.splice(0))
		return left
	}

	/**
	 * No more requests; those that have no answer are refused with `error`, done or not.
	 *
	 * @param {PortalError} error
	 */
	end(error) {
		this.#send = null
		const unanswered = [...this.#unanswered.values()]
		this.#unanswered.clear()
		this.#refuse(error, unanswered, this.#waiting.splice(0), this.#signals.splice(0))
	}

	/**
	 * @param {PortalError} error
	 * @param {...{reject: Function}[]} lists
	 */
	#refuse(error, ...lists) {
		this.#ended ??= error
		for (const { reject } of lists.flat()) reject(error)
	}

	/**
	 * @param {{n: number, events: any[]}} push
	 * @returns {{number: number, event: any}[]} those that were not there before
	 */
	accept({ n, events }) {
		if (n > this.got + 1) throw new RangeError() // events are missing
		const fresh = events.map((event, index) => ({ number: n + index, event })).filter(({ number }) => number > this.got)
		this.got += fresh.length
		this.#unackedBytes += weigh(events)
		this.#asked ||= fresh.some(({ event }) => event.event === 'ack')
		return fresh
	}

	/** Driven by events and not by a timer, as the timers of a hidden tab hardly run. */
	acknowledge() {
		if (!this.#send) return
		const { ack_every: every, max_backlog: backlog } = this.#limits
		if (!this.#asked && this.got - this.#acked < every && this.#unackedBytes < backlog / 4) return
		this.#send({ request: 'ack', ...this.#ack() }).catch(() => {})
	}

	#ack() {
		if (this.got === this.#acked) return {}
		this.#acked = this.got
		this.#unackedBytes = 0
		this.#asked = false
		return { ack: this.got }
	}

	#flush() {
		if (!this.#send) return
		const { max_signals: most, max_request: heaviest } = this.#limits
		while (this.#signals.length > 0) {
			let weight = 0
			let count = 0
			for (const signal of this.#signals.slice(0, most)) {
				// A quarter is left for what the estimate misses, such as deeper indentation.
				if (count > 0 && weight + signal.weight > heaviest * 3 / 4) break
				weight += signal.weight
				count++
			}
			this.#relay(this.#signals.splice(0, count), weight)
		}
	}

	/**
	 * @param {any[]} batch
	 * @param {number} weight
	 */
	async #relay(batch, weight) {
		const signals = batch.map(({ to, type, payload }) => ({ to, type, payload }))
		try {
			const { failed = [] } = await this.#number({ request: 'relay', signals }, weight)
			batch.forEach(({ resolve }, index) => resolve({ failed: failed.filter((/** @type {any} */ failure) => failure.index === index) }))
		} catch (error) {
			for (const { reject } of batch) reject(error)
		}
	}

	/**
	 * @param {any} body
	 * @param {number} weight
	 * @returns {Promise<any>}
	 */
	#number(body, weight) {
		if (this.#ended) return Promise.reject(this.#ended)
		return new Promise((resolve, reject) => {
			this.#waiting.push({ body, weight, resolve, reject })
			this.#pump()
		})
	}

	#pump() {
		const fits = () => this.#unanswered.size === 0 ||
			this.#unanswered.size < this.#limits.window && this.#unansweredBytes + this.#waiting[0].weight <= WINDOW_BYTES
		while (this.#send && this.#waiting.length > 0 && fits()) this.#give(this.#waiting.shift())
	}

	/**
	 * Gives a request its number, which it keeps until it has its answer.
	 *
	 * @param {any} request
	 */
	#give(request) {
		const seq = ++this.#seq
		this.#unanswered.set(seq, request)
		this.#unansweredBytes += request.weight
		this.#transmit(seq)
	}

	/** @param {number} seq */
	async #transmit(seq) {
		const send = this.#send
		const { body, resolve, reject } = /** @type {Request} */ (this.#unanswered.get(seq))
		try {
			const answer = await send?.({ ...body, seq, ...this.#ack() })
			if (send && send === this.#send) this.#done(seq, () => resolve(answer))
		} catch (caught) {
			const error = /** @type {PortalError} */ (caught)
			// Without its peer there is no answer yet: the number comes again on the next one.
			if (send !== this.#send || error.code === 'connection_lost') return
			if (error.code === 'rate_limited' || error.code === 'window_exceeded') return this.#later(seq, error.retryAfter)
			this.#done(seq, () => reject(error))
		}
	}

	/**
	 * A number that was refused without being used: those behind it wait for it on the server.
	 *
	 * @param {number} seq
	 */
	#later(seq, milliseconds = RETRY_AFTER) {
		const send = this.#send
		setTimeout(() => {
			if (send === this.#send && this.#unanswered.has(seq)) this.#transmit(seq)
		}, milliseconds)
	}

	/**
	 * @param {number} seq
	 * @param {any} tell
	 */
	#done(seq, tell) {
		const request = this.#unanswered.get(seq)
		if (!request) return
		this.#unanswered.delete(seq)
		this.done = Math.max(this.done, seq)
		this.#unansweredBytes -= request.weight
		tell()
		this.#answered()
		this.#pump()
	}
}

// The server weighs what its default writer would write, and that one indents.
/** @param {any} value */
function weigh(value) {
	return encoder.encode(JSON.stringify([[[[[[[[[[value]]]]]]]]]], null, 3)).length
}
