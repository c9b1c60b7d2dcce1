// SPDX-License-Identifier: MIT
import { PortalError } from './events.js'

/** What the server says in its answer to `join` replaces these. */
const LIMITS = { max_signals: 256, max_request: 262_144, window: 256, ack_every: 32, max_backlog: 1_048_576 }

/** Of the requests that wait for an earlier one the server keeps 256 KiB; this much is unanswered at most. */
const WINDOW_BYTES = 196_608

const encoder = new TextEncoder()

/**
 * One member's two streams, the browser's half of the plugin's stream.c: its numbered requests (Janus runs
 * the messages of one client in any order, the numbers let the server put them right), and the numbered
 * events that the server keeps until they are acknowledged.
 */
export class Stream {
	#send
	#limits
	#seq = 0
	/** @type {{to?: string | string[], type: string, payload: any, weight: number, resolve: Function, reject: Function}[]} */
	#signals = []
	/** @type {{body: object, weight: number, resolve: Function, reject: Function}[]} */
	#waiting = []
	#unanswered = 0
	#unansweredBytes = 0
	#ended = null
	#n = 0
	#acked = 0
	#unackedBytes = 0

	/**
	 * @param {(body: object) => Promise<any>} send hands a request to the member's peer
	 * @param {object} [limits] from the answer to `join`
	 */
	constructor(send, limits) {
		this.#send = send
		this.#limits = { ...LIMITS, ...limits }
	}

	/**
	 * Signals that are given in one turn go in one request.
	 *
	 * @param {{to?: string | string[], type: string, payload: any}} signal
	 * @returns {Promise<{failed: {to?: string[], code: string, error: string, error_code: number}[]}>}
	 */
	relay(signal) {
		return new Promise((resolve, reject) => {
			if (this.#signals.length === 0) queueMicrotask(() => this.#flush())
			this.#signals.push({ ...signal, weight: weigh(signal), resolve, reject })
		})
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
		const left = this.#transmit({ body: { request: 'leave' }, weight: 0 })
		this.end(new PortalError('closed', 'The member has left'))
		return left
	}

	/**
	 * No more requests; those that wait are refused with `error`.
	 *
	 * @param {PortalError} error
	 */
	end(error) {
		this.#ended ??= error
		for (const { reject } of [...this.#waiting.splice(0), ...this.#signals.splice(0)]) reject(error)
	}

	/**
	 * @param {{n: number, events: object[]}} push
	 * @param {number} size its length as text
	 * @returns {{number: number, event: any}[]} those that were not there before
	 */
	accept({ n, events }, size) {
		if (n > this.#n + 1) throw new PortalError('events_missing', `Events ${this.#n + 1} to ${n - 1} are missing`)
		const fresh = events.map((event, index) => ({ number: n + index, event })).filter(({ number }) => number > this.#n)
		this.#n += fresh.length
		this.#unackedBytes += size
		return fresh
	}

	/** Driven by events and not by a timer, as the timers of a hidden tab hardly run. */
	acknowledge() {
		const { ack_every: every, max_backlog: backlog } = this.#limits
		if (this.#n - this.#acked < every && this.#unackedBytes < backlog / 4) return
		this.#send({ request: 'ack', ...this.#ack() }).catch(() => {})
	}

	#ack() {
		if (this.#n === this.#acked) return {}
		this.#acked = this.#n
		this.#unackedBytes = 0
		return { ack: this.#n }
	}

	#flush() {
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

	async #relay(batch, weight) {
		const signals = batch.map(({ to, type, payload }) => ({ to, type, payload }))
		try {
			const { failed = [] } = await this.#number({ request: 'relay', signals }, weight)
			batch.forEach(({ resolve }, index) => resolve({ failed: failed.filter(failure => failure.index === index) }))
		} catch (error) {
			for (const { reject } of batch) reject(error)
		}
	}

	#number(body, weight) {
		if (this.#ended) return Promise.reject(this.#ended)
		return new Promise((resolve, reject) => {
			this.#waiting.push({ body, weight, resolve, reject })
			this.#pump()
		})
	}

	#pump() {
		while (this.#waiting.length > 0 && this.#fits(this.#waiting[0].weight)) {
			const { resolve, reject, ...request } = this.#waiting.shift()
			this.#transmit(request).then(resolve, reject)
		}
	}

	#fits(weight) {
		return this.#unanswered === 0
			|| this.#unanswered < this.#limits.window && this.#unansweredBytes + weight <= WINDOW_BYTES
	}

	async #transmit({ body, weight }) {
		this.#unanswered++
		this.#unansweredBytes += weight
		try {
			return await this.#send({ ...body, seq: ++this.#seq, ...this.#ack() })
		} finally {
			this.#unanswered--
			this.#unansweredBytes -= weight
			this.#pump()
		}
	}
}

// The server weighs what its default writer would write, and that one indents.
function weigh(value) {
	return encoder.encode(JSON.stringify(value, null, 3)).length
}
