// SPDX-License-Identifier: GPL-3.0-or-later
import { createServer } from 'node:net'

/**
 * Below the range from which the system takes the ports of outgoing connections, so that no client
 * of a test gets a port between our look and Janus's.
 */
const FIRST = 12_000
const COUNT = 20_000

const candidate = () => FIRST + Math.floor(Math.random() * COUNT)

/** @returns {Promise<import('node:net').Server | undefined>} a server on that port, if it was free */
const hold = port => new Promise((resolve, reject) => {
	const server = createServer()
	server.once('error', error => error.code === 'EADDRINUSE' || error.code === 'EACCES' ? resolve() : reject(error))
	server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server))
})

/**
 * Ports of 127.0.0.1 that are free now. They are all held until the last one is found, so they differ.
 *
 * @param {number} count
 * @returns {Promise<number[]>}
 */
export async function freePorts(count) {
	const held = []
	for (let tries = 0; held.length < count && tries < 1000; tries++) {
		const server = await hold(candidate())
		if (server) held.push(server)
	}
	const ports = held.map(server => server.address().port)
	await Promise.all(held.map(server => new Promise(resolve => server.close(resolve))))
	if (ports.length < count) throw new Error('There is no free port on 127.0.0.1')
	return ports
}
