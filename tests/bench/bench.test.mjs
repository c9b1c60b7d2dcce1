// SPDX-License-Identifier: GPL-3.0-or-later
/** The bench itself: each scenario runs once with few clients, and the load generator notices what is wrong. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { WebSocketServer } from 'ws'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const BUILD = resolve(process.env.PORTAL_BENCH_BUILD ?? join(HERE, '../../build/tests/bench'))
const run = promisify(execFile)

test('each scenario runs, with every system, and Portal violates nothing', { timeout: 60_000 }, async t => {
	const folder = mkdtempSync(join(tmpdir(), 'portal-bench-'))
	t.after(() => rmSync(folder, { recursive: true }))
	const json = join(folder, 'bench.json')
	const { stdout } = await run(join(HERE, 'run'), ['--smoke', '--quiet', '--json', json])
	assert.match(stdout, /Portal: no violations/)
	const { results } = JSON.parse(readFileSync(json))
	assert.deepEqual(results.filter(({ failed }) => failed), [])
	for (const { system, scenario, violations } of results)
		if (system === 'portal') assert.deepEqual([scenario, ...Object.values(violations).filter(Boolean)], [scenario])
	const seen = new Set(results.map(({ system, scenario }) => `${system} ${scenario}`))
	for (const scenario of ['relay', 'mesh', 'fill', 'broadcast', 'idle', 'storm'])
		assert.ok(seen.has(`portal ${scenario}`), `portal ${scenario}`)
	for (const system of ['forward', 'peerserver', 'socketio', 'portalsjs'])
		for (const scenario of ['relay', 'mesh', 'broadcast']) assert.ok(seen.has(`${system} ${scenario}`), `${system} ${scenario}`)
})

/** A server in the way of portals.js, where `pass` does with a recipient and a text what it likes. */
async function faulty(t, pass) {
	const http = createServer()
	const members = new Map()
	new WebSocketServer({ server: http }).on('connection', socket => {
		socket.on('message', text => {
			const message = JSON.parse(text)
			if (message.type !== 'join') return pass(members.get(message.target), String(text))
			members.set(message.join.id, socket)
			for (const each of members.values())
				each.send(JSON.stringify({ type: 'info', info: { members: [...members.keys()].map(id => ({ id })) } }))
		})
	})
	await new Promise(done => http.listen(0, '127.0.0.1', done))
	t.after(() => { http.closeAllConnections(); http.close() })
	const { stdout } = await run(join(BUILD, 'load'), ['--protocol', 'portalsjs', '--scenario', 'relay', '--port', http.address().port,
		'--clients', 2, '--window', 8, '--seconds', 0.1].map(String))
	return JSON.parse(stdout)
}

test('a server that does it right violates nothing', async t => {
	const { violations, count } = await faulty(t, (to, text) => to.send(text))
	assert.ok(count > 0)
	assert.deepEqual(Object.values(violations).filter(Boolean), [])
})

test('a signal that comes twice is noticed', async t => {
	let sent = 0
	const { violations } = await faulty(t, (to, text) => { to.send(text); if (++sent % 20 === 0) to.send(text) })
	assert.ok(violations.order > 0 && violations.extra > 0)
})

test('a signal that is lost is noticed', async t => {
	let sent = 0
	const { violations } = await faulty(t, (to, text) => { if (++sent !== 20) to.send(text) })
	assert.ok(violations.order > 0 && violations.lost === 1, JSON.stringify(violations))
})

test('a signal that overtakes another is noticed', async t => {
	let sent = 0, late
	const { violations } = await faulty(t, (to, text) => {
		if (++sent === 20) late = [to, text]
		else if (late && late[0] === to) {
			to.send(text)
			to.send(late[1])
			late = undefined
		} else to.send(text)
	})
	assert.ok(violations.order > 0 && violations.lost === 0 && violations.extra === 0, JSON.stringify(violations))
})

test('a signal for somebody else is noticed', async t => {
	let sent = 0
	const { violations } = await faulty(t, (to, text) => to.send(++sent === 20 ? text.replace(/\[(\d),(\d)/, '[$2,$1') : text))
	assert.ok(violations.foreign === 1, JSON.stringify(violations))
})
