// SPDX-License-Identifier: GPL-3.0-or-later
/** What Janus's event handlers are told: by its sample handler, over real HTTP. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { PLUGIN } from './client.mjs'
import { eventually, startLab, stopWell } from './lab.mjs'

/** A web server that keeps what it is sent. */
async function startBackend() {
	const events = []
	const server = createServer(async (request, response) => {
		let text = ''
		for await (const part of request) text += part
		events.push(...[JSON.parse(text)].flat())
		response.end()
	})
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
	return {
		url: `http://127.0.0.1:${server.address().port}/`,
		events,
		/** Of those, what the plugin said. */
		told: () => events.filter(({ type, event }) => type === 64 && event.plugin === PLUGIN).map(({ event }) => event.data),
		close: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections?.() }),
	}
}

const SECRET = 'nobody may see this'
const config = more => `general: {\n\tadmin_key = "${SECRET}"\n\tresume_timeout = 1\n${more}}\nroom-home: {\n\tpin = "${SECRET}"\n}\n`

describe('Event handlers', () => {
	let backend
	before(async () => { backend = await startBackend() })
	after(() => backend.close())

	async function withEvents(more, use) {
		backend.events.length = 0
		const lab = await startLab({ config: config(more), eventHandler: backend.url })
		try {
			await use(lab)
			await lab.close()
		} finally {
			await stopWell(lab.janus)
		}
	}

	test('hear what happens in rooms, with ids and counts, and no payload or secret', () => withEvents('', async lab => {
		const owner = await lab.peer()
		await owner.ask({ request: 'create', room: 'new', admin_key: SECRET, secret: SECRET })
		await owner.ask({ request: 'edit', room: 'new', secret: SECRET, new_description: SECRET })
		const ada = await lab.join('new', { display: SECRET })
		const bob = await lab.join('new')
		await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: SECRET }] })
		await bob.session.terminate()
		await ada.entry('away')
		const again = await lab.back(bob, { ack: 0 })
		await again.session.terminate()
		await ada.entry('left')
		const carol = await lab.join('new')
		await owner.ask({ request: 'kick', room: 'new', secret: SECRET, id: carol.id })
		await (await lab.peer()).ask({ request: 'join', room: 'home', pin: 'guess' })
		await ada.ask({ request: 'leave' })
		await owner.ask({ request: 'destroy', room: 'new', secret: SECRET })
		await eventually('the last one', () => backend.told().some(({ event }) => event === 'destroyed'))
		const room = 'new'
		assert.deepEqual(backend.told(), [
			{ event: 'created', room }, { event: 'edited', room },
			{ event: 'joined', room, id: ada.id, num_members: 1 }, { event: 'joined', room, id: bob.id, num_members: 2 },
			{ event: 'away', room, id: bob.id }, { event: 'back', room, id: bob.id }, { event: 'away', room, id: bob.id },
			{ event: 'left', room, id: bob.id, reason: 'timeout', num_members: 1 },
			{ event: 'joined', room, id: carol.id, num_members: 2 },
			{ event: 'kicked', room, id: carol.id }, { event: 'left', room, id: carol.id, reason: 'kicked', num_members: 1 },
			{ event: 'refused', request: 'join', room: 'home', code: 'wrong_pin' },
			{ event: 'left', room, id: ada.id, reason: 'leave', num_members: 0 },
			{ event: 'destroyed', room, num_members: 0 },
		])
		assert.ok(!JSON.stringify(backend.events).includes(SECRET))
		const joined = backend.events.find(({ event }) => event?.data?.event === 'joined')
		assert.deepEqual([joined.session_id, joined.handle_id], [ada.session.id, ada.handleId])
		assert.ok(!lab.janus.log().includes(SECRET))
	}))

	test('hear who is gone for good at once, where nobody may come back', () => withEvents('', async lab => {
		const owner = await lab.peer()
		await owner.ask({ request: 'create', room: 'brief', admin_key: SECRET, resume_timeout: 0 })
		const ada = await lab.join('brief')
		await ada.session.terminate()
		await eventually('that she left', () => backend.told().some(({ event }) => event === 'left'))
		assert.deepEqual(backend.told().at(-1), { event: 'left', room: 'brief', id: ada.id, reason: 'timeout', num_members: 0 })
	}))

	test('hear of ten refusals a second, and how many there were', () => withEvents('', async lab => {
		const peer = await lab.peer()
		for (let i = 0; i < 40; i++) await peer.ask({ request: 'join', room: 'attic' })
		const refusals = () => backend.told().filter(({ event }) => event === 'refused')
		await eventually('ten of them', () => refusals().length >= 10)
		const first = refusals().length
		await eventually('one that counts the others', async () => {
			await peer.ask({ request: 'join', room: 'attic' })
			return refusals().some(({ suppressed }) => suppressed > 0)
		})
		const { suppressed } = refusals().find(refusal => refusal.suppressed)
		assert.ok(first < 40 && suppressed > 0)
	}))

	test('hear of refused joins and management, by their codes, and of no other refusals', () => withEvents('', async lab => {
		const peer = await lab.peer(), ada = await lab.join('home', { pin: SECRET })
		await peer.ask({ request: 'edit', room: 'home', secret: `${SECRET}?` })
		await peer.ask({ request: 'create', description: SECRET })
		await peer.ask({ request: 'destroy', room: 'attic' })
		await peer.ask({ request: 'join', room: 'home', display: 5 })
		await ada.ask({ request: 'relay', signals: SECRET })
		await lab.adminAsk({ request: 'kick', room: 'home', id: 'x'.repeat(22) })
		await ada.ask({ request: 'leave' })
		await eventually('the last one', () => backend.told().some(({ event }) => event === 'left'))
		const refusals = backend.told().filter(({ event }) => event === 'refused').map(({ event, ...refusal }) => refusal)
		assert.deepEqual(refusals, [
			{ request: 'edit', room: 'home', code: 'unauthorized' }, { request: 'create', code: 'unauthorized' },
			/* A name that no room has may be any text of any stranger. */
			{ request: 'destroy', code: 'room_not_found' }, { request: 'join', room: 'home', code: 'invalid_field' },
			{ request: 'kick', room: 'home', code: 'member_not_found' },
		])
		assert.ok(!JSON.stringify(backend.events).includes(SECRET))
	}))

	test('hear nothing of rooms if they are switched off', () => withEvents('\tevents = false\n', async lab => {
		const ada = await lab.join('home', { pin: SECRET })
		await ada.ask({ request: 'leave' })
		await ada.session.close()
		await eventually('what Janus itself says', () => backend.events.some(({ type, event }) => type === 1 && event.name === 'destroyed'))
		assert.deepEqual(backend.told(), [])
		assert.match(lab.janus.log(), /Event handlers are not told of rooms/)
	}))
})
