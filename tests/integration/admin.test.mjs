// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PLUGIN } from './client.mjs'
import { overWebSocket, refused, sorted, useLab } from './lab.mjs'

describe('The Admin API', () => {
	const lab = useLab()
	const ways = {
		HTTP: message => lab.admin(message),
		WebSocket: message => overWebSocket(lab.janus, message),
	}
	const ask = request => ({ janus: 'message_plugin', plugin: PLUGIN, request })

	for (const [name, way] of Object.entries(ways)) {
		test(`lists rooms over ${name}`, async () => {
			await lab.join('home')
			const answer = await way(ask({ request: 'list' }))
			assert.deepEqual(Object.keys(answer).sort(), ['janus', 'response', 'transaction'])
			assert.equal(answer.janus, 'success')
			assert.equal(answer.response.portal, 'success')
			assert.deepEqual(answer.response.list.find(({ room }) => room === 'home'), { room: 'home',
				description: 'At home', num_members: 1, max_members: 32, pin_required: false, locked: false })
		})

		test(`lists the members of a room over ${name}`, async () => {
			const ada = await lab.join('home', { display: 'Ada', metadata: { a: 1 } })
			const bob = await lab.join('home')
			const { response } = await way(ask({ request: 'listmembers', room: 'home' }))
			const { members, ...rest } = response
			assert.deepEqual(rest, { portal: 'success', room: 'home' })
			assert.deepEqual(sorted(members), sorted([{ id: ada.id, display: 'Ada', metadata: { a: 1 } }, { id: bob.id }]))
		})
	}

	test('list is paged as it is for members', async () => {
		const { list, next } = await lab.adminAsk({ request: 'list', limit: 2 })
		assert.deepEqual([list.map(({ room }) => room), next], [['home', 'other'], 'other'])
		const rest = await lab.adminAsk({ request: 'list', after: 'other' })
		assert.equal(rest.next, undefined)
		assert.ok(rest.list.length >= 2)
	})

	test('listmembers is paged by id', async () => {
		const members = await lab.members('home', 5)
		const ids = members.map(({ id }) => id).sort()
		const first = await lab.adminAsk({ request: 'listmembers', room: 'home', limit: 3 })
		const second = await lab.adminAsk({ request: 'listmembers', room: 'home', limit: 3, after: first.next })
		assert.equal(second.next, undefined)
		assert.deepEqual([first.members.length, second.members.length], [3, 2])
		assert.deepEqual([...first.members, ...second.members].map(({ id }) => id).sort(), ids)
	})

	test('refuses what it does not know, and names the field', async () => {
		refused(await lab.adminAsk({ request: 'listmembers' }), 'missing_field', /^room:/)
		refused(await lab.adminAsk({ request: 'listmembers', room: 5 }), 'invalid_field', /^room:/)
		refused(await lab.adminAsk({ request: 'listmembers', room: 'attic' }), 'room_not_found', /attic/)
		refused(await lab.adminAsk({ request: 'dance' }), 'unknown_request', /dance/)
		refused(await lab.adminAsk({}), 'missing_field', /^request:/)
		refused(await lab.adminAsk({ request: 'join', room: 'home' }), 'unknown_request')
		const { response } = await lab.admin({ janus: 'message_plugin', plugin: PLUGIN })
		refused(response, 'invalid_json')
	})

	test('shows room, id and counters of a member, and no secret', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: 'whisper' }] })
		await bob.entry('signal')
		const info = await lab.info(ada)
		assert.equal(info.plugin, PLUGIN)
		const specific = info.plugin_specific
		assert.equal(specific.room, 'home')
		assert.equal(specific.id, ada.id)
		assert.ok(Object.values(specific).some(value => typeof value === 'number' && value > 0), JSON.stringify(specific))
		const text = JSON.stringify(specific)
		assert.ok(!text.includes(ada.key) && !text.includes('whisper'))
	})

	test('shows a handle that is in no room, before join and after leave', async () => {
		const peer = await lab.peer()
		assert.equal((await lab.info(peer)).plugin_specific?.room, undefined)
		await lab.join('home', {}, peer)
		await peer.ask({ request: 'leave' })
		assert.equal((await lab.info(peer)).plugin_specific?.room, undefined)
	})

	test('knows the plugin by name and version', async () => {
		const { plugins } = await (await fetch(`${lab.janus.httpUrl}/info`, { signal: AbortSignal.timeout(10_000) })).json()
		const { name, description, version_string: version, author } = plugins[PLUGIN]
		for (const text of [name, description, version, author]) assert.ok(text?.length > 0, JSON.stringify(plugins))
	})
})
