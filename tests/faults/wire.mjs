// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What carries a member's requests and events: Janus's API over WebSocket, over HTTP with a long poll, over a Unix socket
 * (through unix-bridge.py), over RabbitMQ and MQTT. They all look the same from above: a wire is one Janus session with one handle.
 */
import amqp from 'amqplib'
import { randomUUID } from 'node:crypto'
import http from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import mqtt from 'mqtt'
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

/**
 * A connection that carries messages both ways, whatever is below it.
 *
 * @typedef {object} Line
 * @property {(message: object) => void} send
 * @property {() => void} close
 * @property {(message: object) => void} [onmessage]
 * @property {() => void} [onclose]
 * @property {boolean} closed
 */

/** @returns {Promise<Line>} over WebSocket */
const dialWebSocket = (url, patience) => new Promise((resolve, reject) => {
	const socket = new WebSocket(url, 'janus-protocol', { perMessageDeflate: false, handshakeTimeout: patience })
	const line = {
		closed: false,
		send: message => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
		close: () => socket.terminate(),
	}
	socket.on('message', text => line.onmessage?.(JSON.parse(text)))
	socket.on('error', () => {})
	socket.on('close', () => hangUp(line, reject))
	socket.once('open', () => resolve(line))
})

function hangUp(line, reject) {
	reject(new Error('The connection was closed'))
	if (line.closed) return
	line.closed = true
	line.onclose?.()
}

/** @returns {Promise<Line>} over a Unix socket, by way of the bridge */
const dialUnix = url => new Promise((resolve, reject) => {
	const socket = connect(Number(new URL(url).port), '127.0.0.1')
	const line = {
		closed: false,
		send: message => socket.writable && socket.write(`${JSON.stringify(message)}\n`),
		close: () => socket.destroy(),
	}
	createInterface({ input: socket }).on('line', text => {
		try { line.onmessage?.(JSON.parse(text)) } catch { /* the rest of one that was torn */ }
	}).on('error', () => {})
	socket.on('error', () => {})
	socket.on('close', () => hangUp(line, reject))
	socket.once('connect', () => resolve(line))
})

/** @returns {Promise<Line>} over RabbitMQ: a queue of one's own at Janus's exchange, so that everybody gets everything */
async function dialRabbit(url) {
	const line = { closed: false, send() {}, close() {} }
	const connection = await amqp.connect(url, { timeout: 5_000 })
	const ended = () => hangUp(line, () => {})
	connection.on('error', () => {})
	connection.on('close', ended)
	const quietly = work => { try { work() } catch { /* it is closing */ } }
	line.close = () => {
		connection.connection.stream.destroy()
		ended()
	}
	try {
		const channel = await connection.createChannel()
		channel.on('error', () => {})
		channel.on('close', ended)
		const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true })
		await channel.bindQueue(queue, 'janus-exchange', 'from-janus')
		await channel.consume(queue, message => message && line.onmessage?.(JSON.parse(message.content)), { noAck: true })
		line.send = message => quietly(() => channel.sendToQueue('to-janus', Buffer.from(JSON.stringify(message))))
	} catch (error) {
		line.close()
		throw error
	}
	return line
}

/** @returns {Promise<Line>} over MQTT */
const dialMqtt = (url, patience) => new Promise((resolve, reject) => {
	const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: patience, clean: true, resubscribe: false })
	const line = {
		closed: false,
		send: message => client.connected && client.publish('to-janus', JSON.stringify(message), { qos: 1 }, () => {}),
		close: () => client.end(true),
	}
	client.on('message', (topic, text) => line.onmessage?.(JSON.parse(text)))
	client.on('error', () => {})
	client.on('close', () => hangUp(line, reject))
	client.on('connect', () => client.subscribe('from-janus', { qos: 1 }, error => error ? reject(error) : resolve(line)))
})

/**
 * @param {(url: string, patience: number) => Promise<Line>} dial
 * @returns {(url: string, ears: Ears, patience: number) => Promise<Wire>} `patience`: milliseconds for opening it
 */
const openLine = dial => async (url, ears, patience) => {
	let line, timer
	const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error('it takes too long')), patience) })
	const dialled = dial(url, patience)
	dialled.catch(() => {})
	try {
		line = await Promise.race([dialled, late])
		const closed = new Promise((resolve, reject) => { line.onclose = () => reject(new Error('it was closed')) })
		closed.catch(() => {})
		/* Others hear what is for us, and we what is for them. */
		const ask = message => {
			const transaction = randomUUID()
			const answer = new Promise(resolve => {
				line.onmessage = message => message.transaction === transaction && resolve(message)
			})
			line.send({ ...message, transaction })
			return Promise.race([answer, closed, late])
		}
		const session = (await ask({ janus: 'create' })).data.id
		const handle = (await ask({ janus: 'attach', session_id: session, plugin: PLUGIN })).data.id
		return lineWire(line, session, handle, ears)
	} catch (error) {
		dialled.then(line => line.close(), () => {})
		throw error
	} finally {
		clearTimeout(timer)
	}
}

function lineWire(line, session, handle, ears) {
	line.onmessage = message => message.session_id === session && hear(message, ears)
	line.onclose = () => ears.gone('the connection was closed')
	if (line.closed) setImmediate(() => ears.gone('the connection was closed'))
	const send = message => line.send({ session_id: session, handle_id: handle, ...message })
	return {
		send: (transaction, body) => send({ janus: 'message', transaction, body }),
		renew() {},
		detach: () => send({ janus: 'detach', transaction: 'detach' }),
		end: () => line.close(),
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

export const openWire = {
	websockets: openLine(dialWebSocket), http: openHttp, pfunix: openLine(dialUnix), rabbitmq: openLine(dialRabbit), mqtt: openLine(dialMqtt),
}
