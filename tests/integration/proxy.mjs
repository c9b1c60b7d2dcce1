// SPDX-License-Identifier: GPL-3.0-or-later
/** A network between a client and Janus that can be lost without a word: nothing passes any more, nothing is closed. */
import { connect, createServer } from 'node:net'

/**
 * @param {string} target url of Janus's WebSocket API
 * @returns {Promise<{ url: string, hold: () => void, close: () => Promise<void> }>} `hold` loses the network of all
 *   connections that there are; those that come later pass
 */
export async function startProxy(target) {
	const { hostname, port } = new URL(target)
	const passages = new Set()
	const server = createServer(client => passages.add(passage(client, connect({ host: hostname, port: Number(port) }))))
	await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
	return {
		url: `ws://127.0.0.1:${server.address().port}`,
		hold() {
			for (const it of passages) it.held = true
		},
		close() {
			for (const { sockets } of passages) for (const socket of sockets) socket.destroy()
			return new Promise(resolve => server.close(resolve))
		},
	}
}

function passage(...sockets) {
	const it = { sockets, held: false }
	for (const [index, socket] of sockets.entries()) {
		const other = sockets[1 - index]
		/* What is held is read all the same, and lost, as in a network that is gone. */
		socket.on('data', data => it.held || other.write(data))
		socket.on('error', () => {})
		socket.on('close', () => it.held || other.destroy())
	}
	return it
}
