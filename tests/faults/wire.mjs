// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What carries a member's requests and events: Janus's API over WebSocket, or over HTTP with a long poll. Both look the same
 * from above: a wire is one Janus session with one handle.
 */
import http from 'node:http'
import WebSocket from 'ws'

const PLUGIN = 'janus.plugin.portal'
const MAX_EVENTS = 10 /* that one answer to a long poll may hold */
const NO_SESSION = 458, NO_HANDLE = 459

/**
 * What a wire tells.
 *
 * @typedef {object} Ears
 * @property {() => void} heard anything came
 * @property {(transaction: string, data: object) => void} answer the plugin's answer to a request, late ones as well
 * @property {(data: object) => void} push what the plugin says unasked
 * @property {(why: string) => void} broken something that was on its way is lost; the handle may live
 * @property {(why: string) => void} gone the handle is gone, or can no longer be reached
 */

/** @typedef {object} Wire
 * @property {(transaction: string, body: object) => void} send
 * @property {() => void} renew what was on its way is given up; events come from now on
 * @property {() => void} detach tells Janus that the handle is not needed any more, and does not wait
 * @property {() => void} end closes everything, without a word to Janus */

/** One message of Janus, passed on to where it belongs. */
function hear(message, ears) {
	ears.heard()
	const data = message.plugindata?.data
	if (data && message.transaction) ears.answer(message.transaction, data)
	else if (data) ears.push(data)
	else if (message.janus === 'timeout') ears.gone('the session timed out')
	else if (message.janus === 'error') {
		const lost = message.error.code === NO_SESSION || message.error.code === NO_HANDLE
		ears[lost ? 'gone' : 'broken'](`${message.error.code} ${message.error.reason}`)
	}
}

/** @param {string} url @param {Ears} ears @param {number} patience milliseconds for opening it @returns {Promise<Wire>} */
async function openWebSocket(url, ears, patience) {
	const socket = new WebSocket(url, 'janus-protocol', { perMessageDeflate: false, handshakeTimeout: patience })
	const timer = setTimeout(() => socket.terminate(), patience)
	let waiting = null
	const closed = new Promise((resolve, reject) => {
		socket.on('error', () => {})
		socket.on('close', () => reject(new Error('The WebSocket was closed')))
	})
	closed.catch(() => {})
	const ask = message => {
		socket.send(JSON.stringify({ ...message, transaction: 'open' }))
		return Promise.race([new Promise(resolve => { waiting = resolve }), closed])
	}
	socket.on('message', text => waiting?.(JSON.parse(text)))
	try {
		await Promise.race([new Promise(resolve => socket.once('open', resolve)), closed])
		const session = (await ask({ janus: 'create' })).data.id
		const handle = (await ask({ janus: 'attach', session_id: session, plugin: PLUGIN })).data.id
		return webSocketWire(socket, session, handle, ears)
	} catch (error) {
		socket.terminate()
		throw error
	} finally {
		clearTimeout(timer)
	}
}

function webSocketWire(socket, session, handle, ears) {
	socket.removeAllListeners('message').on('message', text => hear(JSON.parse(text), ears))
	socket.on('close', () => ears.gone('the WebSocket was closed'))
	if (socket.readyState !== WebSocket.OPEN) setImmediate(() => ears.gone('the WebSocket was closed'))
	const send = message => socket.readyState === WebSocket.OPEN &&
		socket.send(JSON.stringify({ session_id: session, handle_id: handle, ...message }))
	return {
		send: (transaction, body) => send({ janus: 'message', transaction, body }),
		renew() {},
		detach: () => send({ janus: 'detach', transaction: 'detach' }),
		end: () => socket.terminate(),
	}
}

/** One HTTP request; rejects if it has no whole answer. */
const ask = (url, agent, { message, timeout, signal }) => new Promise((resolve, reject) => {
	const request = http.request(url, { agent, timeout, signal, method: message ? 'POST' : 'GET' }, response => {
		const chunks = []
		response.on('data', chunk => chunks.push(chunk))
		response.on('error', reject)
		response.on('end', () => {
			try { resolve(JSON.parse(Buffer.concat(chunks))) } catch (error) { reject(error) }
		})
	})
	request.on('error', reject)
	request.on('timeout', () => request.destroy(new Error('no answer')))
	request.end(message && JSON.stringify(message))
})

/** @param {string} url @param {Ears} ears @param {number} patience milliseconds for each request @returns {Promise<Wire>} */
async function openHttp(url, ears, patience) {
	const agent = new http.Agent({ keepAlive: true })
	try {
		const open = (path, message) => ask(path, agent, { message: { ...message, transaction: 'open' }, timeout: patience })
		const session = `${url}/${(await open(url, { janus: 'create' })).data.id}`
		const { data } = await open(session, { janus: 'attach', plugin: PLUGIN })
		return new HttpWire({ session, handle: `${session}/${data.id}`, agent, ears, patience })
	} catch (error) {
		agent.destroy()
		throw error
	}
}

class HttpWire {
	#ended = false
	#poll = null
	#works = false

	constructor(parts) {
		Object.assign(this, parts)
		this.renew()
	}

	async send(transaction, body) {
		try {
			const message = { janus: 'message', transaction, body }
			this.#hear(await ask(this.handle, this.agent, { message, timeout: this.patience }))
		} catch (error) {
			if (!this.#ended) this.ears.broken(`a request: ${error.message}`)
		}
	}

	#hear(message) {
		if (!this.#ended) hear(message, this.ears)
	}

	/**
	 * Gives up the poll that waits, if it brought nothing since the last time, and begins another. One that works is kept:
	 * Janus does not notice that a poll was given up, and lets it take the next message with it.
	 */
	renew() {
		const works = this.#works
		this.#works = false
		if (works) return
		this.#poll?.abort()
		this.#poll = new AbortController()
		this.#listen(this.#poll)
	}

	async #listen(poll) {
		while (poll === this.#poll && !this.#ended) {
			try {
				const { signal } = poll
				const messages = [await ask(`${this.session}?maxev=${MAX_EVENTS}`, this.agent, { signal })].flat()
				if (poll !== this.#poll) return
				this.#works = true
				for (const message of messages) this.#hear(message)
			} catch (error) {
				if (poll !== this.#poll || this.#ended) return
				this.ears.broken(`the poll: ${error.message}`)
				if (poll === this.#poll) await new Promise(resolve => setTimeout(resolve, 50))
			}
		}
	}

	detach() {
		const message = { janus: 'detach', transaction: 'detach' }
		ask(this.handle, new http.Agent(), { message, timeout: this.patience }).catch(() => {})
	}

	end() {
		this.#ended = true
		this.#poll.abort()
		this.agent.destroy()
	}
}

export const openWire = { websockets: openWebSocket, http: openHttp }
