// SPDX-License-Identifier: GPL-3.0-or-later
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { Session } from '../../html/signal.js'
import { FakeJanus } from './fake-janus.mjs'
import { eventually, wait } from './wait.mjs'

async function opened(t, options) {
	const janus = new FakeJanus()
	const lost = []
	const session = new Session({
		url: 'ws://127.0.0.1:1/janus', WebSocket: janus.WebSocket, onlost: error => lost.push(error.code), ...options
	})
	t.after(() => session.close())
	await session.open()
	return { janus, session, lost }
}

test('a session is kept alive', async t => {
	const { janus, lost } = await opened(t, { keepalive: 10 })
	await eventually(() => janus.frames.filter(frame => frame.janus === 'keepalive').length >= 3)
	assert.equal(janus.frames.at(-1).session_id, 1)
	assert.deepEqual(lost, [])
})

test('a server that no longer answers is a lost connection, said once', async t => {
	const { janus, lost, session } = await opened(t, { keepalive: 20 })
	janus.deaf = true
	await assert.rejects(session.attach('x', () => {}), { code: 'connection_lost' })
	await wait(50)
	assert.deepEqual(lost, ['connection_lost'])
	assert.equal(janus.sockets[0].readyState, 3)
})

test('a session that was closed is not a lost one, and asks Janus to forget it', async t => {
	const { janus, lost, session } = await opened(t)
	await session.close()
	await wait(10)
	assert.deepEqual(lost, [])
	assert.equal(janus.frames.at(-1).janus, 'destroy')
	await assert.rejects(session.attach('x', () => {}), { code: 'connection_lost' })
})

test('what is said to one peer is not heard by another', async t => {
	const { janus, session } = await opened(t)
	const heard = []
	await session.attach('x', ({ text }) => heard.push(['one', text]))
	janus.pushData({ text: 1 })
	await session.attach('x', ({ text }) => heard.push(['two', text]))
	janus.pushData({ text: 2 })
	janus.say(janus.sockets[0], { janus: 'event', sender: 99, plugindata: { data: { text: 3 } } })
	assert.deepEqual(heard, [['one', 1], ['two', 2]])
})
