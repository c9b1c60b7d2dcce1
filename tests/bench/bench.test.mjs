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
	return load(t, http, 'portalsjs')
}

/** Two clients of a server that say signals to one another for a moment. */
async function load(t, http, protocol) {
	await new Promise(done => http.listen(0, '127.0.0.1', done))
	t.after(() => { http.closeAllConnections(); http.close() })
	const { stdout } = await run(join(BUILD, 'load'), ['--protocol', protocol, '--scenario', 'relay', '--port', http.address().port,
		'--clients', 2, '--window', 8, '--seconds', 0.1].map(String))
	return JSON.parse(stdout)
}

/** As much of Janus with Portal as the load generator needs; `tamper` makes something else of what is said to a client, perhaps. */
async function faultyPortal(t, tamper) {
	const http = createServer()
	const members = new Map()
	let handles = 0, sockets = 0
	new WebSocketServer({ server: http, handleProtocols: () => 'janus-protocol' }).on('connection', socket => {
		const say = message => socket.send(JSON.stringify(message))
		let last = 0
		const tell = event => {
			for (const data of tamper({ portal: 'event', room: 'x', n: ++last, version: 1, events: [event] }, socket) ?? [])
				say({ janus: 'event', session_id: 1, sender: 1, plugindata: { plugin: 'janus.plugin.portal', data } })
		}
		const id = `member-${String(sockets++).padStart(15, '0')}`
		const answers = {
			join({ display }) {
				const others = [...members].map(([id, { display }]) => ({ id, display, polite: false }))
				for (const there of members.values()) there.tell({ event: 'joined', members: [{ id, display, polite: true }] })
				members.set(id, { display, tell })
				return { resumed: false, room: 'x', id, version: 1, n: 0, members: others }
			},
			relay({ signals }) {
				let relayed = 0
				for (const { to, type, payload } of signals) for (const one of [to].flat()) {
					relayed++
					members.get(one).tell({ event: 'signal', from: id, type, payload })
				}
				return { relayed }
			}
		}
		socket.on('message', text => {
			const { janus, transaction, body } = JSON.parse(text)
			if (janus !== 'message') return say({ janus: 'success', transaction, data: { id: ++handles } })
			const data = { portal: 'success', ...answers[body.request]?.(body) }
			for (const answer of tamper(data, socket) ?? [])
				say({ janus: 'event', session_id: 1, sender: 1, transaction, plugindata: { plugin: 'janus.plugin.portal', data: answer } })
		})
	})
	return load(t, http, 'portal')
}

test('a Portal that does it right violates nothing', async t => {
	const { violations, count } = await faultyPortal(t, said => [said])
	assert.ok(count > 0)
	assert.deepEqual(violations, { order: 0, lost: 0, extra: 0, roster: 0, numbers: 0, refused: 0, closed: 0, foreign: 0 })
})

/** The nth that is like that is made another one. */
const once = (nth, like, make) => {
	let seen = 0
	return said => like(said) && ++seen === nth ? make(said) : [said]
}
const isSignal = ({ events }) => events?.[0].event === 'signal', isAnswer = ({ relayed }) => relayed > 0

const FAULTS = [
	['an event that leaves a number out', 'numbers', once(20, isSignal, said => [{ ...said, n: said.n + 1 }])],
	['a membership that resumes where there was none', 'numbers', once(1, ({ resumed }) => resumed === false, said => [{ ...said, resumed: true }])],
	['somebody who joins twice', 'roster', once(1, ({ events }) => events?.[0].event === 'joined', said => [{ ...said, events: [{ ...said.events[0], members: [said.events[0].members[0], said.events[0].members[0]] }] }])],
	['somebody who leaves', 'roster', once(5, isSignal, said => [{ ...said, events: [...said.events, { event: 'left', id: 'x', reason: 'timeout' }] }])],
	['a signal that is refused', 'refused', once(5, isAnswer, () => [{ portal: 'success', relayed: 0, failed: [] }])],
	['a membership that is ended', 'closed', once(5, isSignal, said => [said, { portal: 'closed', reason: 'kicked' }])],
]
for (const [what, kind, tamper] of FAULTS) test(`${what} is noticed with Portal`, async t => {
	const { violations } = await faultyPortal(t, tamper)
	assert.ok(violations[kind] > 0, JSON.stringify(violations))
})

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
