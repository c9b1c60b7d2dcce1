// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The smallest proof that the plugin works in a Janus: it is listed, two members meet, one tells the other
 * something, one leaves. `tests/janus-versions` runs it in each Janus that it was given.
 */
import assert from 'node:assert/strict'
import { newKey, Session } from '../integration/client.mjs'
import { startJanus } from './janus.mjs'

async function join(session, room) {
	const member = await session.attach()
	const joined = await member.ask({ request: 'join', room, key: newKey() })
	assert.equal(joined.portal, 'success', JSON.stringify(joined))
	return Object.assign(member, { id: joined.id })
}

async function meet(janus) {
	const [first, second] = [await Session.open(janus.url), await Session.open(janus.url)]
	const { list } = await (await first.attach()).ask({ request: 'list' })
	assert.deepEqual(list.map(({ room }) => room).sort(), ['coffee-chat', 'home', 'misc'])
	const ada = await join(first, 'home')
	const bob = await join(second, 'home')
	await ada.entry(({ event, member }) => event === 'joined' && member.id === bob.id)
	const signals = [{ to: bob.id, type: 'chat', payload: { text: 'hello' } }]
	assert.deepEqual(await ada.ask({ request: 'relay', seq: 1, signals }), { portal: 'success', relayed: 1 })
	const { from, payload } = await bob.entry('signal')
	assert.deepEqual({ from, payload }, { from: ada.id, payload: { text: 'hello' } })
	assert.deepEqual(await ada.ask({ request: 'leave', seq: 2 }), { portal: 'success' })
	await bob.entry(({ event, id, reason }) => event === 'left' && id === ada.id && reason === 'leave')
	await Promise.all([first.close(), second.close()])
}

const janus = await startJanus()
try {
	await meet(janus)
	assert.deepEqual(await janus.stop(), { code: 0, signal: null })
	const version = /Starting Meetecho Janus.* v(\S+)/.exec(janus.log())?.[1]
	console.log(`Janus ${version}: the plugin loads, two members meet, one tells the other something and leaves`)
} catch (error) {
	await janus.stop()
	console.log(`${error.stack}\nJanus said:\n${janus.log()}`)
	process.exitCode = 1
}
