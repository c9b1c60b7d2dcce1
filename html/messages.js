// SPDX-License-Identifier: MIT
import { PortalError } from './events.js'

/** Bytes of one frame at the most: less than any browser's limit for a message. */
const CHUNK = 16_384

/** What may be unacknowledged. Through the server it is less: what it keeps for a member is for all who write to it. */
const WINDOW = 256
const WINDOW_BYTES = 1_048_576
const SERVER_BYTES = 196_608

/** The other side has to hold it in one piece. */
const MAX_MESSAGE = 67_108_864

const ACK_AFTER = 32
const ACK_DELAY = 100

/** Without an acknowledgement for so long a route is not believed any more, if there is another one. */
const STALL = 3_000

/** Each is somebody who began anew under the same id. */
const FORMER = 16

const FIRST = 1
const LAST = 2
const ACK = 4
const PROBE = 8
const HEADER = 13

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * A way to the other member. What is given to one that ends may be lost; what arrives over it arrives in order.
 *
 * @typedef {object} Route
 * @property {() => boolean} open
 * @property {(frame: Uint8Array) => Promise<{retry_after?: number} | undefined> | void} send resolves with why it was refused, if it was
 */

/**
 * Messages to and from one other member: in order and once each, whatever becomes of the direct connection and of
 * the one to the server meanwhile.
 *
 * A message is cut into numbered frames. A frame is kept until the other side has acknowledged it; it goes over the
 * direct connection if that is open, else through the server, and all that are kept go again when the route changes.
 * So a frame may arrive twice, and over two routes out of order; the numbers put that right.
 *
 * Each side names its frames' stream by a number of its own choice, and says with every frame from which number on it
 * has not been acknowledged: so whoever begins anew, the other goes on from there.
 */
export class Messages {
	#direct
	#server
	#largest
	#deliver
	#rerouted
	#stream = Math.floor(Math.random() * 2 ** 32)
	#last = 0
	/** @type {{n: number, flags: number, body: Uint8Array}[]} those that are not acknowledged */
	#frames = []
	#bytes = 0
	/** How many of them were given to the route that is used now. */
	#given = 0
	/** @type {Route | null} */
	#using = null
	#doubted = false
	/** Whether anything but a probe came over the direct route since there is something to acknowledge. */
	#heard = false
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#probeTimer
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#timer
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#retry
	/** @type {{resolve: () => void, reject: (error: Error) => void}[]} */
	#waiting = []
	#order = Promise.resolve()
	/** @type {PortalError | null} */
	#closed = null
	#theirs = -1
	/** Streams that have ended, the last of them: what is late of one is no beginning. @type {number[]} */
	#former = []
	#expected = 1
	/** @type {Map<number, {flags: number, body: Uint8Array}>} */
	#ahead = new Map()
	/** @type {Uint8Array[] | null} of the message that has begun */
	#parts = null
	/** Bytes of those parts. */
	#size = 0
	#unacked = 0
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	#ackTimer

	/**
	 * @param {object} options
	 * @param {Route} options.direct
	 * @param {Route} options.server
	 * @param {() => number} [options.largest] bytes that the server takes as one signal
	 * @param {(type: string | null, value: any) => void} options.deliver
	 * @param {() => void} [options.rerouted] is called when `route` may be another one
	 */
	constructor({ direct, server, largest = () => Infinity, deliver, rerouted = () => {} }) {
		this.#direct = direct
		this.#server = server
		this.#largest = largest
		this.#deliver = deliver
		this.#rerouted = rerouted
	}

	/** `direct`, `server`, or null while there is none. */
	get route() {
		const route = this.#route()
		return route === this.#direct ? 'direct' : route && 'server'
	}

	/**
	 * @param {any} value a string, an ArrayBuffer, a view of one, a Blob, or anything that is JSON
	 * @param {string | null} [type]
	 * @returns {Promise<void>} resolves when there is room for more
	 */
	send(value, type = null) {
		// Now, as it may be changed later; what cannot be encoded is told in its turn.
		const encoded = encode(value, type)
		encoded.catch(() => {})
		// Blobs are read asynchronously, and a large message waits for room: what comes behind it stays behind it.
		const sent = this.#order.then(async () => {
			const bytes = await encoded
			if (bytes.length > MAX_MESSAGE - CHUNK) throw new PortalError('too_large', `A message has at most ${MAX_MESSAGE - CHUNK} bytes`)
			// In base64, between quotes, with its head.
			const size = Math.min(CHUNK, Math.floor((this.#largest() - 2) / 4) * 3 - HEADER)
			for (let at = 0; at < bytes.length; at += size) {
				const body = bytes.subarray(at, at + size)
				await this.#room()
				this.#keep((at === 0 ? FIRST : 0) | (at + size >= bytes.length ? LAST : 0), body)
			}
			await this.#room()
		})
		this.#order = sent.catch(() => {})
		return sent
	}

	/** What arrived. @param {Uint8Array} frame @param {'direct' | 'server'} from */
	receive(frame, from) {
		if (this.#closed || frame.length < HEADER) return
		const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
		const [flags, stream, base, n] = [view.getUint8(0), view.getUint32(1), view.getUint32(5), view.getUint32(9)]
		const route = from === 'direct' ? this.#direct : this.#server
		// Who asks whether it passes has had nothing for a while: that is no sign that it does.
		this.#heard ||= route === this.#direct && !(flags & PROBE)
		if (flags & ACK) return stream === this.#stream && this.#acknowledged(n, route)
		if (this.#former.includes(stream)) return
		if (stream !== this.#theirs) this.#beginAnew(stream, base)
		if (flags & PROBE) return this.#ack(route)
		if (n >= this.#expected && n < this.#expected + 2 * WINDOW) this.#ahead.set(n, { flags, body: frame.slice(HEADER) })
		this.#takeNext()
		if (++this.#unacked >= ACK_AFTER) this.#ack(route)
		else this.#ackTimer ??= setTimeout(() => this.#ack(route), ACK_DELAY)
	}

	/** A route has opened or ended. */
	rerouted() {
		if (!this.#direct.open()) this.#doubted = false
		this.#pump()
	}

	/** What was given to the server may be lost: a membership began anew. */
	again() {
		this.#given = 0
		this.#pump()
	}

	close() {
		this.#closed = new PortalError('connection_closed', 'The connection is closed')
		clearTimeout(this.#timer)
		clearTimeout(this.#ackTimer)
		clearTimeout(this.#probeTimer)
		for (const { reject } of this.#waiting.splice(0)) reject(this.#closed)
	}

	// Sending

	#room() {
		if (this.#closed) return Promise.reject(this.#closed)
		if (this.#frames.length < WINDOW && this.#bytes < WINDOW_BYTES) return Promise.resolve()
		return /** @type {Promise<void>} */ (new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })))
	}

	/**
	 * @param {number} flags
	 * @param {any} body
	 */
	#keep(flags, body) {
		this.#frames.push({ n: ++this.#last, flags, body })
		this.#bytes += body.length
		this.#pump()
	}

	#route() {
		const direct = this.#direct.open()
		if (direct && !this.#doubted) return this.#direct
		return this.#server.open() ? this.#server : direct ? this.#direct : null
	}

	#pump() {
		const route = this.#route()
		if (route !== this.#using) this.#given = 0
		this.#using = route
		this.#rerouted()
		if (!route || this.#closed) return
		let bytes = this.#frames.slice(0, this.#given).reduce((sum, { body }) => sum + body.length, 0)
		while (this.#given < this.#frames.length && (route === this.#direct || this.#given === 0 || bytes < SERVER_BYTES)) {
			const frame = this.#frames[this.#given++]
			bytes += frame.body.length
			this.#give(route, frame)
		}
		if (this.#frames.length > 0 && !this.#timer) {
			this.#heard = false
			this.#timer = setTimeout(() => this.#stalled(), STALL)
		}
	}

	/**
	 * @param {Route} route
	 * @param {any} options1
	 */
	async #give(route, { n, flags, body }) {
		try {
			const refused = await route.send(this.#frame(flags, this.#stream, n, body))
			// Of all that were refused meanwhile, one repeats all.
			if (refused?.retry_after) this.#retry ??= setTimeout(() => {
				this.#retry = undefined
				if (this.#using === route) this.again()
			}, refused.retry_after)
		} catch {
			// A channel that is about to close; what it did not take stays here.
			if (route === this.#direct) this.#doubt()
		}
	}

	/**
	 * @param {number} flags
	 * @param {number} stream
	 * @param {number} n
	 * @param {ArrayLike<number>} [body]
	 */
	#frame(flags, stream, n, body = []) {
		const frame = new Uint8Array(HEADER + body.length)
		frame.set(body, HEADER)
		const view = new DataView(frame.buffer)
		view.setUint8(0, flags)
		view.setUint32(1, stream)
		view.setUint32(5, this.#frames[0]?.n ?? this.#last + 1)
		view.setUint32(9, n)
		return frame
	}

	/**
	 * @param {number} n
	 * @param {Route} route
	 */
	#acknowledged(n, route) {
		if (route === this.#direct && this.#doubted) {
			this.#doubted = false // it passes again
			this.#pump()
		}
		const before = this.#frames.length
		while (this.#frames.length > 0 && this.#frames[0].n <= n) {
			this.#bytes -= this.#frames[0].body.length
			this.#frames.shift()
			this.#given = Math.max(0, this.#given - 1)
		}
		if (this.#frames.length === before) return
		clearTimeout(this.#timer)
		this.#timer = undefined
		while (this.#waiting.length > 0 && this.#frames.length < WINDOW && this.#bytes < WINDOW_BYTES) this.#waiting.shift()?.resolve()
		this.#pump()
	}

	/** Nothing was acknowledged for a while. */
	#stalled() {
		this.#timer = undefined
		if (this.#closed || this.#frames.length === 0) return
		// Where much comes the other way, acknowledgements stand behind it; and nothing would come if nothing arrived there.
		if (this.#using === this.#direct && this.#server.open()) this.#heard || this.#doubt()
		else if (this.#using === this.#server) this.#give(this.#server, this.#frames[0])
		this.#pump()
	}

	#doubt() {
		this.#doubted = true
		this.#probeTimer ??= setTimeout(() => this.#probe(), STALL)
	}

	/** Whether a route that is doubted passes again is found out by what needs an answer at once. */
	#probe() {
		this.#probeTimer = undefined
		if (this.#closed || !this.#doubted) return
		try {
			if (this.#direct.open()) this.#direct.send(this.#frame(PROBE, this.#stream, 0))
		} catch { /* it is closing */ }
		this.#doubt()
	}

	// Receiving

	/**
	 * @param {number} stream
	 * @param {number} base
	 */
	#beginAnew(stream, base) {
		if (this.#theirs !== -1 && this.#former.push(this.#theirs) > FORMER) this.#former.shift()
		this.#theirs = stream
		this.#expected = base
		this.#ahead.clear()
		this.#parts = null
	}

	#takeNext() {
		for (let frame; !this.#closed && (frame = this.#ahead.get(this.#expected)); ) {
			this.#ahead.delete(this.#expected++)
			if (frame.flags & FIRST) {
				this.#parts = []
				this.#size = 0
			}
			// What has lost its beginning to somebody who is gone is of no use.
			if (!this.#parts) continue
			this.#parts.push(frame.body)
			this.#size += frame.body.length
			if (this.#size > MAX_MESSAGE) this.#parts = null
			if (this.#parts && frame.flags & LAST) this.#take(this.#parts)
		}
	}

	/** @param {Uint8Array[]} parts */
	#take(parts) {
		this.#parts = null
		let message
		try {
			message = decode(parts)
		} catch {
			return // not by this library
		}
		this.#deliver(message[0], message[1])
	}

	/** @param {Route} route */
	#ack(route) {
		clearTimeout(this.#ackTimer)
		this.#ackTimer = undefined
		this.#unacked = 0
		const way = route.open() ? route : this.#route()
		if (this.#closed || !way) return
		try {
			way.send(this.#frame(ACK, this.#theirs, this.#expected - 1))
		} catch { /* it is asked for again */ }
	}
}

const BINARY = 0
const TEXT = 1
const JSON_VALUE = 2

/**
 * A message: the length of its head, the head (type and kind as JSON), the body. All but a Blob is copied before this returns.
 *
 * @param {any} value
 * @param {string | null} type
 */
async function encode(value, type) {
	const [kind, body] = typeof value === 'string' ? [TEXT, encoder.encode(value)]
		: value instanceof ArrayBuffer ? [BINARY, new Uint8Array(value)]
			: ArrayBuffer.isView(value) ? [BINARY, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]
				: globalThis.Blob && value instanceof Blob ? [BINARY, new Uint8Array(await value.arrayBuffer())]
					: [JSON_VALUE, encoder.encode(JSON.stringify(value ?? null))]
	const head = encoder.encode(JSON.stringify([type, kind]))
	const bytes = new Uint8Array(2 + head.length + body.length)
	new DataView(bytes.buffer).setUint16(0, head.length)
	bytes.set(head, 2)
	bytes.set(body, 2 + head.length)
	return bytes
}

/** @param {Uint8Array[]} parts */
function decode(parts) {
	const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
	let at = 0
	for (const part of parts) {
		bytes.set(part, at)
		at += part.length
	}
	const head = 2 + new DataView(bytes.buffer).getUint16(0)
	const [type, kind] = JSON.parse(decoder.decode(bytes.subarray(2, head)))
	const body = bytes.subarray(head)
	return [type, kind === BINARY ? body.slice().buffer : kind === TEXT ? decoder.decode(body) : JSON.parse(decoder.decode(body))]
}

/** @param {Uint8Array} bytes */
export function toBase64(bytes) {
	return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''))
}

/** @param {string} text */
export function fromBase64(text) {
	return Uint8Array.from(atob(text), letter => letter.charCodeAt(0))
}
