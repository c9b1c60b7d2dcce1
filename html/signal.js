// SPDX-License-Identifier: MIT
import { PortalError } from './events.js'

/**
 * Names for those of Janus's own errors that a program may want to tell apart.
 *
 * @type {Record<number, string>}
 */
const JANUS_CODES = {
	403: 'unauthorized',
	405: 'unauthorized',
	460: 'plugin_not_found'
}

/** Janus's own errors for a session or a handle that is not there any more; it may have ended without an event. */
const ENDED = [458, 459]

/** What may be otherwise at the next try. All else that refuses a member is final. */
export const PASSING = new Set(['connection_lost', 'plugin_not_found', 'janus_error',
	'rate_limited', 'superseded', 'server_full'])

/**
 * A Janus handle: one attach to one plugin.
 *
 * @typedef {object} Peer
 * @property {(body: object) => Promise<any>} request resolves with the plugin's answer, rejects with its error
 */

/** How long the server may take to answer when it is asked whether it is there. */
const PROBE = 5_000

/**
 * A session with Janus over one WebSocket. It lives as long as its socket: once lost, make a new one.
 */
export class Session {
	#url
	#WebSocket
	#envelope
	#keepalive
	/** @type {WebSocket | null} */
	#socket = null
	/** @type {number | undefined} */
	#id
	/** @type {ReturnType<typeof setInterval> | undefined} */
	#timer
	#silent = false
	#ended = false
	#transaction = 0
	/** @type {Map<string, {resolve: Function, reject: Function, whole: boolean}>} */
	#requests = new Map()
	/** @type {Map<number, (data: any) => void>} */
	#peers = new Map()

	/**
	 * @param {object} options
	 * @param {string} options.url
	 * @param {typeof globalThis.WebSocket} [options.WebSocket]
	 * @param {object} [options.envelope] goes into every request to Janus: its `token` or `apisecret`
	 * @param {number} [options.keepalive] milliseconds
	 * @param {(error: PortalError) => void} [options.onlost] the session ended and not by `close()`
	 */
	constructor({ url, WebSocket = globalThis.WebSocket, envelope, keepalive = 25_000, onlost }) {
		if (!WebSocket) throw new PortalError('unsupported', 'There is no WebSocket here: hand one in')
		this.#url = url
		this.#WebSocket = WebSocket
		this.#envelope = envelope
		this.#keepalive = keepalive
		this.onlost = onlost
	}

	/** Connects and creates the session. */
	async open() {
		await /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
			const socket = this.#socket = new this.#WebSocket(this.#url, 'janus-protocol')
			socket.addEventListener('open', () => resolve())
			socket.addEventListener('message', ({ data }) => this.#receive(data))
			// What follows an error is always a close; the error event itself says nothing more.
			socket.addEventListener('error', () => {})
			socket.addEventListener('close', () => {
				const error = new PortalError('connection_lost', `The connection to ${this.#url} is closed`)
				reject(error)
				this.#lose(error)
			})
		}))
		this.#keepAlive()
		const { data } = await this.#request({ janus: 'create' })
		this.#id = data.id
	}

	/**
	 * @param {string} plugin
	 * @param {(data: any) => void} onpush what the plugin says by itself
	 * @returns {Promise<Peer>}
	 */
	async attach(plugin, onpush) {
		const { data } = await this.#request({ janus: 'attach', plugin })
		this.#peers.set(data.id, onpush)
		return { request: body => this.#message(data.id, body) }
	}

	/** Ends the session in Janus, then closes the socket. */
	async close() {
		if (this.#ended) return
		if (this.#id !== undefined) await within(2_000, this.#request({ janus: 'destroy' }).catch(() => {}))
		this.#end(new PortalError('closed', 'The session has ended'))
	}

	/** Forgets the session at once, without a word to Janus: its connection is of no use any more. */
	abandon() {
		this.#end(new PortalError('connection_lost', 'The session has ended'))
	}

	/**
	 * @param {any} peerId
	 * @param {any} body
	 */
	async #message(peerId, body) {
		const { plugindata } = await this.#request({ janus: 'message', handle_id: peerId, body }, true)
		const data = plugindata?.data ?? {}
		if (data.portal === 'error' || data.error_code !== undefined) {
			const { error_code: errorCode, retry_after: retryAfter } = data
			throw new PortalError(data.code ?? 'unknown_error', data.error, { errorCode, retryAfter })
		}
		return data
	}

	/**
	 * @param {object} request
	 * @param {boolean} [whole] wait for the plugin's answer, not only for Janus's `ack`
	 * @returns {Promise<any>}
	 */
	#request(request, whole = false) {
		return new Promise((resolve, reject) => {
			if (this.#ended) return reject(new PortalError('connection_lost', 'The session has ended'))
			const transaction = String(++this.#transaction)
			this.#requests.set(transaction, { resolve, reject, whole })
			// Janus reads no message with a NUL or half a surrogate pair in it, and cannot say whose it was.
			this.#socket?.send(JSON.stringify({ ...this.#envelope, ...request, session_id: this.#id, transaction })
				.replace(/(\\\\)|\\u(0000|d...)/g, '$1'))
		})
	}

	/** @param {string} text */
	#receive(text) {
		if (this.#ended) return
		this.#silent = false
		const message = JSON.parse(text)
		const waiting = this.#requests.get(message.transaction)
		if (message.janus === 'timeout' || message.janus === 'detached' || ENDED.includes(message.error?.code)) {
			this.#lose(new PortalError('connection_lost', 'The session has ended'))
		} else if (waiting) {
			this.#answer(message, waiting)
		} else if (message.janus === 'event') {
			this.#peers.get(message.sender)?.(message.plugindata?.data ?? {})
		}
	}

	/**
	 * @param {any} message
	 * @param {any} options1
	 */
	#answer(message, { resolve, reject, whole }) {
		if (message.janus === 'ack' && whole) return
		this.#requests.delete(message.transaction)
		if (message.janus !== 'error') return resolve(message)
		const { code, reason } = message.error
		reject(new PortalError(JANUS_CODES[code] ?? 'janus_error', reason, { errorCode: code }))
	}

	// A socket whose other end has vanished stays "open" for many minutes. Nothing heard between two
	// keepalives is proof enough, and holds however rarely a hidden tab's timers run.
	#keepAlive(next = this.#keepalive) {
		if (this.#silent) return this.#lose(new PortalError('connection_lost', 'The session has ended'))
		this.#silent = true
		clearTimeout(this.#timer)
		this.#timer = setTimeout(() => this.#keepAlive(), next)
		if (this.#id !== undefined) this.#request({ janus: 'keepalive' }).catch(() => {})
	}

	/** There is reason to doubt that the socket's other end is still there: that is known within seconds. */
	probe() {
		this.#silent = false
		this.#keepAlive(PROBE)
	}

	/** @param {any} error */
	#lose(error) {
		if (this.#ended) return
		this.#end(error)
		this.onlost?.(error)
	}

	/** @param {any} error */
	#end(error) {
		this.#ended = true
		clearTimeout(this.#timer)
		this.#socket?.close()
		for (const { reject } of this.#requests.values()) reject(error)
		this.#requests.clear()
	}
}

/**
 * @template T
 * @param {number} milliseconds
 * @param {Promise<T>} promise
 * @returns {Promise<T | undefined>} undefined when the time was up first
 */
export function within(milliseconds, promise) {
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer
	/** @type {Promise<undefined>} */
	const timeout = new Promise(resolve => { timer = setTimeout(() => resolve(undefined), milliseconds) })
	return Promise.race([promise, timeout]).finally(() => clearTimeout(timer))
}
