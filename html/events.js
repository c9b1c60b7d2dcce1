// SPDX-License-Identifier: MIT

/**
 * An error with a stable `code` to compare, as the server sends it (`room_not_found`, `wrong_pin`, …)
 * or one of the library's own (`connection_lost`, `negotiation_failed`, …).
 */
export class PortalError extends Error {
	/**
	 * @param {string} code stable, for programs
	 * @param {string} message for people; may change
	 * @param {object} [more]
	 * @param {number} [more.errorCode] the server's number
	 * @param {number} [more.retryAfter] milliseconds after which the same may succeed
	 * @param {string} [more.id] the member that it is about
	 * @param {unknown} [more.cause] what was thrown where it began
	 */
	constructor(code, message, { errorCode, retryAfter, id, cause } = {}) {
		super(message)
		this.name = 'PortalError'
		this.code = code
		if (errorCode !== undefined) this.errorCode = errorCode
		if (retryAfter !== undefined) this.retryAfter = retryAfter
		if (id !== undefined) this.id = id
		if (cause !== undefined) this.cause = cause
	}
}

/**
 * An EventTarget that can also be listened to with `on()`, which hands over the thing itself.
 *
 * @template {Record<string, any>} Events what each event hands over, by its name
 */
export class Emitter extends EventTarget {
	/**
	 * @template {keyof Events & string} Type
	 * @param {Type} type
	 * @param {(thing: Events[Type]) => void} listener
	 * @param {AddEventListenerOptions} [options] `once`, `signal`
	 * @returns {() => void} stops listening
	 */
	on(type, listener, options) {
		const handler = (/** @type {any} */ event) => listener(event.detail)
		this.addEventListener(type, handler, options)
		return () => this.removeEventListener(type, handler, options)
	}

	/**
	 * As `on()`, for a listener that is to hear of what was there before, too: soon, but not at once, so that the one who
	 * listens has what `on()` returns.
	 *
	 * @protected
	 * @template {keyof Events & string} Type
	 * @param {Type} type
	 * @param {(thing: Events[Type]) => void} listener
	 * @param {AddEventListenerOptions | undefined} options
	 * @param {() => any[]} things
	 * @returns {() => void} stops listening
	 */
	replay(type, listener, options, things) {
		const known = things()
		let heard = known.length === 0
		let stopped = false
		const stop = Emitter.prototype.on.call(this, type, listener, options)
		if (!heard) queueMicrotask(() => {
			const there = new Set(things())
			for (const thing of known) if (!stopped && !options?.signal?.aborted && there.has(thing) && !(options?.once && heard)) {
				heard = true
				listener(thing)
			}
			if (options?.once && heard) stop()
		})
		return () => {
			stopped = true
			stop()
		}
	}
}

/**
 * @param {EventTarget} target
 * @param {string} type
 * @param {unknown} detail
 */
export function emit(target, type, detail) {
	target.dispatchEvent(Object.assign(new Event(type), { detail })) // Node 18 has no CustomEvent
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} [signal] ends the waiting
 * @param {(stop: (why: Error) => void) => void} [tell] what else may end it
 * @returns {Promise<T>}
 */
export function stoppable(promise, signal, tell) {
	return new Promise((resolve, reject) => {
		const stop = () => reject(signal?.reason)
		if (signal?.aborted) stop()
		tell?.(reject)
		signal?.addEventListener('abort', stop)
		promise.then(resolve, reject).finally(() => signal?.removeEventListener('abort', stop))
	})
}
