// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Asks a Janus whether it answers. Done with what Node 18 has, without `ws`: the demo, which starts
 * its Janus with the same code, installs nothing from npm.
 */
import { randomBytes } from 'node:crypto'
import { get, request } from 'node:http'

const PATIENCE = 2000

/** A text frame as a client sends it; it has to be masked, and a mask of zeros is one. */
function frame(text) {
	const payload = Buffer.from(text)
	if (payload.length > 125) throw new RangeError('too long for a short frame')
	return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

/**
 * Sends one message over a WebSocket of its own and resolves as soon as `sign` is in what comes back.
 *
 * @param {{ port: number, protocol: string, message: object, sign: string }} what
 * @returns {Promise<void>}
 */
export function probeWebSocket({ port, protocol, message, sign }) {
	return new Promise((resolve, reject) => {
		const headers = {
			'Connection': 'Upgrade', 'Upgrade': 'websocket',
			'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Protocol': protocol,
			'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
		}
		const call = request({ host: '127.0.0.1', port, path: '/', headers, agent: false })
		const end = error => {
			clearTimeout(timer)
			call.destroy()
			if (error) reject(error)
			else resolve()
		}
		const timer = setTimeout(() => end(new Error(`port ${port} did not answer in time`)), PATIENCE)
		call.on('error', end)
		call.on('response', response => end(new Error(`port ${port} answered ${response.statusCode}`)))
		call.on('upgrade', (_, socket, head) => {
			let seen = head.toString('latin1')
			const look = data => {
				seen += data.toString('latin1')
				if (seen.includes(sign)) { socket.destroy(); end() }
			}
			socket.on('error', end)
			socket.on('close', () => end(new Error(`port ${port} hung up`)))
			socket.on('data', look)
			socket.write(frame(JSON.stringify(message)))
			look('')
		})
		call.end()
	})
}

/**
 * @param {{ url: string, sign: string }} what
 * @returns {Promise<void>} resolves when a GET gives a text with `sign` in it
 */
export function probeHttp({ url, sign }) {
	return new Promise((resolve, reject) => {
		const call = get(url, { agent: false, timeout: PATIENCE }, response => {
			let seen = ''
			response.setEncoding('utf8').on('data', data => { seen += data })
			response.on('end', () => seen.includes(sign) ? resolve() : reject(new Error(`${url} gave ${seen}`)))
			response.on('error', reject)
		})
		call.on('timeout', () => call.destroy(new Error(`${url} did not answer in time`)))
		call.on('error', reject)
	})
}
