// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refused, useLab } from './lab.mjs'

const entry = (room, description, more) =>
	({ room, description, num_members: 0, max_members: 32, pin_required: false, locked: false, ...more })

describe('Rooms of the sample configuration', () => {
	const lab = useLab({ config: undefined })

	test('the three sample rooms are listed, in the order of their names', async () => {
		const peer = await lab.peer()
		const reply = await peer.ask({ request: 'list' })
		assert.deepEqual(Object.keys(reply).sort(), ['list', 'portal'])
		assert.equal(reply.portal, 'success')
		assert.deepEqual(reply.list.map(({ room }) => room), ['coffee-chat', 'home', 'misc'])
		for (const room of reply.list)
			assert.deepEqual(room, entry(room.room, room.description))
	})
})

describe('Rooms', () => {
	const lab = useLab()
	const LISTED = [
		entry('home', 'At home'),
		entry('other', 'Elsewhere', { max_members: 3 }),
		entry('shut', 'Takes nobody', { locked: true }),
		entry('vault', 'With a pin', { pin_required: true }),
	]

	test('list tells all that a lobby needs, and keeps private rooms to itself', async () => {
		const peer = await lab.peer()
		assert.deepEqual(await peer.ask({ request: 'list' }), { portal: 'success', list: LISTED })
	})

	test('list counts members', async () => {
		const [ada] = await lab.members('home', 2)
		const { list } = await ada.ask({ request: 'list' })
		assert.deepEqual(list[0], { ...LISTED[0], num_members: 2 })
	})

	test('list is paged: limit rooms at a time, next goes into after', async () => {
		const peer = await lab.peer()
		assert.deepEqual(await peer.ask({ request: 'list', limit: 3 }),
			{ portal: 'success', list: LISTED.slice(0, 3), next: 'shut' })
		assert.deepEqual(await peer.ask({ request: 'list', limit: 3, after: 'shut' }),
			{ portal: 'success', list: LISTED.slice(3) })
		assert.deepEqual(await peer.ask({ request: 'list', limit: 4 }), { portal: 'success', list: LISTED })
	})

	test('list goes on after a room that is not there any more', async () => {
		const peer = await lab.peer()
		assert.deepEqual(await peer.ask({ request: 'list', after: 'p', limit: 1 }),
			{ portal: 'success', list: [LISTED[2]], next: 'shut' })
		assert.deepEqual(await peer.ask({ request: 'list', after: 'zzz' }), { portal: 'success', list: [] })
	})

	test('list works inside a room as well', async () => {
		const ada = await lab.join('home')
		assert.equal((await ada.ask({ request: 'list' })).portal, 'success')
	})

	test('exists answers for each room, private ones too, and for none', async () => {
		const peer = await lab.peer()
		for (const room of ['home', 'secret', 'attic'])
			assert.deepEqual(await peer.ask({ request: 'exists', room }),
				{ portal: 'success', room, exists: room !== 'attic' })
	})

	test('list and exists refuse nonsense and name the field', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'list', limit: 0 }), 'invalid_field', /^limit:/)
		refused(await peer.ask({ request: 'list', limit: '5' }), 'invalid_field', /^limit:/)
		refused(await peer.ask({ request: 'list', after: 5 }), 'invalid_field', /^after:/)
		refused(await peer.ask({ request: 'exists' }), 'missing_field', /^room:/)
		refused(await peer.ask({ request: 'exists', room: 7 }), 'invalid_field', /^room:/)
	})
})

describe('Two hundred rooms with long descriptions', () => {
	const name = i => `r${String(i).padStart(3, '0')}`
	const config = Array.from({ length: 200 }, (_, i) =>
		`room-${name(i)}: { description = "${'d'.repeat(1000)}" }`).join('\n')
	const lab = useLab({ config })

	test('no page of the list is larger than 64 KiB, and the pages together are complete', async () => {
		const peer = await lab.peer()
		const rooms = []
		let after, pages = 0
		do {
			const reply = await peer.ask({ request: 'list', ...(after && { after }) })
			assert.ok(JSON.stringify(reply, null, 3).length <= 65536 + 2048, 'the page is too large')
			rooms.push(...reply.list.map(({ room }) => room))
			after = reply.next
			pages++
		} while (after)
		assert.deepEqual(rooms, Array.from({ length: 200 }, (_, i) => name(i)))
		assert.ok(pages > 3, `only ${pages} pages`)
	})
})
