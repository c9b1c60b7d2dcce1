// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'

const DEMO = fileURLToPath(new URL('../demo.mjs', import.meta.url))

/** Starts the demo; resolves once it has said where it is. */
async function start() {
	const child = spawn(process.execPath, [DEMO], { stdio: ['ignore', 'pipe', 'inherit'] })
	const ended = once(child, 'exit')
	let said = ''
	for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
		said += text
		if (said.includes('Ctrl-C')) break
	}
	child.stdout.resume()
	const port = Number(/Open +http:\/\/localhost:(\d+)\//.exec(said)?.[1])
	assert.ok(port, `The demo said no address, but: ${said}`)
	const folder = dirname(/log to (\S+)/.exec(said)[1])
	return { child, ended, page: `http://127.0.0.1:${port}/`, port, janusUrl: /ws:\S+/.exec(said)[0], folder }
}

const open = async url => {
	const socket = new WebSocket(url, 'janus-protocol')
	await once(socket, 'open')
	return socket
}

describe('The demo', () => {
	for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
		test(`serves the page and Janus, and ends all of it on ${signal}`, async () => {
			const demo = await start()
			const page = await fetch(demo.page)
			assert.equal(page.status, 200)
			assert.match(await page.text(), /portal/i)
			const sockets = [await open(`ws://127.0.0.1:${demo.port}/janus`), await open(demo.janusUrl)]
			const closed = sockets.map(socket => once(socket, 'close'))
			demo.child.kill(signal)
			assert.deepEqual(await demo.ended, [0, null])
			await Promise.all(closed)
			assert.ok(!existsSync(demo.folder), `${demo.folder} is still there`)
			await assert.rejects(fetch(demo.page))
			await assert.rejects(open(demo.janusUrl))
		})

	test('takes the next port if the first is taken', async () => {
		const others = createServer().listen(8080, '127.0.0.1')
		/* Taken already, by whoever else? Just as good. */
		await new Promise(resolve => others.on('listening', resolve).on('error', resolve))
		const demo = await start()
		assert.ok(demo.port > 8080)
		demo.child.kill('SIGINT')
		assert.deepEqual(await demo.ended, [0, null])
		others.close()
	})
})
