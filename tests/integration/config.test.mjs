// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Session } from './client.mjs'
import { withJanus } from './lab.mjs'

/** Janus with this configuration must run without the plugin, and its log must tell line and reason. */
const refusedToLoad = (config, reason) => withJanus(config, async ({ janus }) => {
	const session = await Session.open(janus.url)
	/* 460: no such plugin. That is how Janus shows a plugin that refused to start. */
	await assert.rejects(session.attach(), { code: 460 })
	await session.close()
	assert.match(janus.log(), reason)
	assert.match(janus.log(), /janus\.plugin\.portal.*could not be initialized/)
	const names = readdirSync(`/proc/${janus.pid}/task`)
		.map(id => readFileSync(`/proc/${janus.pid}/task/${id}/comm`, 'utf8'))
	assert.deepEqual(names.filter(name => name.includes('portal')), [], 'a thread of the plugin is left')
})

const at = (line, text) => new RegExp(`janus\\.plugin\\.portal\\.jcfg:${line}: ${text}`)

describe('A configuration', () => {
	const BAD = {
		'that does not parse': ['general: {\n}\nroom-home: {\n\tpin = "1234"\n', at('\\d+', '.*syntax')],
		'with an option that does not exist': ['general: {\n\tmax_membres = 5\n}\n', at(2, 'general\\.max_membres ')],
		'with a misspelled option of a room': ['room-home: {\n\n\tpinn = "1234"\n}\n', at(3, 'room-home\\.pinn ')],
		'with a category that is none': ['rooms: {\n}\n', at(1, 'rooms ')],
		'with a room of a forbidden name': [`room-${'x'.repeat(65)}: {\n}\n`, at(1, 'room-x+ ')],
		'with a room of no name': ['general: {\n}\nroom-: {\n}\n', at(3, 'room- ')],
		'with a number that is a string': ['general: {\n\twindow = "many"\n}\n', at(2, 'general\\.window ')],
		'with a number out of range': ['general: {\n\tmax_depth = 1000\n}\n', at(2, 'general\\.max_depth ')],
		'with a negative number': ['general: {\n\tmax_signals = -1\n}\n', at(2, 'general\\.max_signals ')],
		'with a rate of nothing': ['general: {\n\trate = 0\n}\n', at(2, 'general\\.rate ')],
		'with a backlog too small for a signal': ['general: {\n\tmax_backlog = 1000\n}\n', at(2, 'general\\.max_backlog ')],
		'with a time below zero': ['general: {\n\tresume_timeout = -1\n}\n', at(2, 'general\\.resume_timeout ')],
		'with a fraction': ['general: {\n\tmax_signals = 1.5\n}\n', at(2, 'general\\.max_signals ')],
		'with a pin that is a number, which would lose its zeros': ['room-home: {\n\tpin = 0123\n}\n', at(2, 'room-home\\.pin ')],
		'with an empty pin': ['room-home: {\n\tpin = ""\n}\n', at(2, 'room-home\\.pin ')],
		'with a flag that is neither yes nor no': ['room-home: {\n\tlocked = "perhaps"\n}\n', at(2, 'room-home\\.locked ')],
		'with a room for one': ['room-home: {\n\tmax_members = 1\n}\n', at(2, 'room-home\\.max_members ')],
		'with a room twice': ['room-home: {\n}\nroom-home: {\n}\n', at(3, '.*duplicate')],
		'with more rooms than it allows': ['general: {\n\tmax_rooms = 1\n}\nroom-a: {\n}\nroom-b: {\n}\n', at(6, 'room-b ')],
	}
	for (const [what, [config, reason]] of Object.entries(BAD))
		test(`${what} keeps the plugin from loading, and the log says where and why`, () => refusedToLoad(config, reason))

	test('that is empty is no mistake: a portal without rooms', () => withJanus('', async lab => {
		const peer = await lab.peer()
		assert.deepEqual(await peer.ask({ request: 'list' }), { portal: 'success', list: [] })
	}))

	const SMALL = 'general: {\n\tmax_display = 4\n\tmax_depth = 8\n\twindow = 2\n\tmax_members = 2\n}\nroom-r: {\n}\n'
	test('sets the limits that it names, and clients are told', () => withJanus(SMALL, async lab => {
		const ada = await lab.join('r', { display: 'Anna' })
		const { max_display: display, max_depth: depth, window, max_signal: signal } = ada.joined.limits
		assert.deepEqual({ display, depth, window, signal }, { display: 4, depth: 8, window: 2, signal: 65536 })
		assert.equal((await ada.ask({ request: 'configure', display: 'Annas' })).code, 'too_large')
		assert.equal((await ada.ask({ request: 'ping', ping: [[[[[[[[]]]]]]]] })).code, 'too_deep')
		assert.equal((await ada.ask({ request: 'relay', seq: 4, signals: [] })).code, 'window_exceeded')
		assert.equal((await ada.ask({ request: 'list' })).list[0].max_members, 2)
	}))

	const TWO = 'general: {\n\tmax_total_members = 2\n}\nroom-a: {\n}\nroom-b: {\n}\n'
	test('may bound the members of all rooms together', () => withJanus(TWO, async lab => {
		const members = [await lab.join('a'), await lab.join('b')]
		const late = await lab.peer()
		assert.equal((await late.ask({ request: 'join', room: 'a' })).code, 'server_full')
		await members[0].ask({ request: 'leave' })
		await lab.join('a', {}, late)
	}))
})
