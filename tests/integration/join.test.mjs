// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { idOf, newKey } from './client.mjs'
import { politeTowards, refused, sorted, useLab } from './lab.mjs'

const LIMITS = {
	max_signal: 65536, max_signals: 256, max_request: 262144, max_metadata: 4096, max_display: 128,
	max_depth: 32, window: 256, max_backlog: 1048576, ack_every: 32, ack_timeout: 30,
	rate: 200, burst: 1000, byte_rate: 1048576, byte_burst: 4194304,
}

describe('Join', () => {
	const lab = useLab()

	test('the first member of a room learns id, roster, numbers and limits', async () => {
		const peer = await lab.peer()
		const key = newKey()
		assert.deepEqual(await peer.ask({ request: 'join', room: 'home', key }), {
			portal: 'success', resumed: false, protocol: 1, room: 'home', id: idOf(key),
			version: 1, n: 0, members: [], description: 'At home', limits: LIMITS, resume_timeout: 0,
		})
	})

	test('the second member gets the first with name, metadata and politeness', async () => {
		const metadata = { colour: 'blue', deep: { list: [1, 2.5, null, true, 'ü'] } }
		const ada = await lab.join('home', { display: 'Ada ♥', metadata })
		const bob = await lab.join('home')
		assert.deepEqual(bob.joined.members,
			[{ id: ada.id, display: 'Ada ♥', metadata, polite: politeTowards(bob.id, ada.id) }])
		assert.equal(bob.joined.version, ada.joined.version + 1)
		assert.equal(bob.joined.n, 0)
	})

	test('whoever is in the room hears of the one who comes, with the politeness of the hearer', async () => {
		const ada = await lab.join('home')
		const bob = await lab.join('home', { display: 'Bob', metadata: { a: 1 } })
		assert.deepEqual(await ada.event(), {
			portal: 'event', room: 'home', n: 1, version: bob.joined.version,
			events: [{ event: 'joined',
				members: [{ id: bob.id, display: 'Bob', metadata: { a: 1 }, polite: politeTowards(ada.id, bob.id) }] }],
		})
		assert.deepEqual(bob.pushes, [], 'one does not hear of oneself')
	})

	test('of every pair exactly one is polite, and joined events agree with the rosters', async () => {
		const members = await lab.members('home', 5)
		const polite = new Map()
		for (const member of members) {
			for (const other of member.joined.members) polite.set(`${member.id} ${other.id}`, other.polite)
			for (const { event, member: other } of member.entries)
				if (event === 'joined') polite.set(`${member.id} ${other.id}`, other.polite)
		}
		assert.equal(polite.size, 20)
		for (const [pair, value] of polite) {
			const [self, other] = pair.split(' ')
			assert.equal(value, politeTowards(self, other))
			assert.equal(value, !polite.get(`${other} ${self}`))
		}
	})

	test('a client without a key gets one from the server, and its id belongs to it', async () => {
		const peer = await lab.peer()
		const { key, id } = await peer.ask({ request: 'join', room: 'home' })
		assert.match(key, /^[A-Za-z0-9_-]{22,64}$/)
		assert.equal(id, idOf(key))
		const other = await lab.peer()
		assert.notEqual((await other.ask({ request: 'join', room: 'home' })).key, key)
	})

	test('the same key gives the same id again, and nobody is ever told a key', async () => {
		const key = newKey()
		const first = await lab.join('home', { key })
		await first.ask({ request: 'leave' })
		const second = await lab.join('home', { key })
		const bob = await lab.join('home')
		await second.entry('joined')
		assert.equal(second.id, first.id)
		const told = JSON.stringify([first, second, bob].map(handle => handle.frames))
		assert.ok(!told.includes(key) && !told.includes(bob.key))
	})

	test('keys of 22 and of 64 characters are keys, shorter and longer ones and other characters are not', async () => {
		for (const key of ['a'.repeat(22), '_-'.repeat(32)]) await lab.join('home', { key })
		const peer = await lab.peer()
		for (const key of ['a'.repeat(21), 'a'.repeat(65), 'a'.repeat(21) + '/', 'a'.repeat(21) + ' ', '', 7, {}])
			refused(await peer.ask({ request: 'join', room: 'home', key }), 'invalid_field', /^key:/)
	})

	test('a second join on one handle is refused, and the first goes on', async () => {
		const ada = await lab.join('home')
		refused(await ada.ask({ request: 'join', room: 'other', key: newKey() }), 'already_joined')
		assert.equal(await lab.count('other'), 0)
		assert.equal((await ada.ask({ request: 'sync' })).room, 'home')
	})

	test('a join after leave on the same handle is refused: old requests must not run in a new name', async () => {
		const ada = await lab.join('home')
		await ada.ask({ request: 'leave' })
		refused(await ada.ask({ request: 'join', room: 'home', key: newKey() }), 'peer_used')
		assert.equal((await ada.ask({ request: 'exists', room: 'home' })).exists, true)
		assert.equal((await ada.ask({ request: 'list' })).portal, 'success')
		assert.equal((await ada.ask({ request: 'ping', ping: 1 })).portal, 'pong')
	})

	test('more rooms take more handles: two on one session are two members', async () => {
		const session = await lab.session()
		const home = await lab.join('home', {}, await session.attach())
		const other = await lab.join('other', {}, await session.attach())
		const bob = await lab.join('other')
		assert.deepEqual(bob.joined.members.map(({ id }) => id), [other.id])
		await other.entry('joined')
		assert.deepEqual(home.pushes, [])
	})

	test('one key may be in two rooms at once', async () => {
		const key = newKey()
		const [home, other] = [await lab.join('home', { key }), await lab.join('other', { key })]
		assert.equal(home.id, other.id)
	})

	test('a room that does not exist is refused by name', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join', room: 'attic' }), 'room_not_found', /^No such room: attic$/)
		await lab.join('home', {}, peer)
	})

	test('a join that names no room is refused as such', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join' }), 'room_not_set')
		refused(await peer.ask({ request: 'join', room: null }), 'room_not_set')
	})

	test('a full room takes nobody until somebody goes', async () => {
		const [ada] = await lab.members('other', 3)
		const late = await lab.peer()
		refused(await late.ask({ request: 'join', room: 'other' }), 'room_full')
		assert.equal(await lab.count('other'), 3)
		await ada.ask({ request: 'leave' })
		await lab.join('other', {}, late)
	})

	test('a locked room takes nobody', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join', room: 'shut' }), 'room_locked')
	})

	test('a room with a pin opens to the pin only', async () => {
		const peer = await lab.peer()
		for (const pin of [undefined, 'open', 'open sesame!'])
			refused(await peer.ask({ request: 'join', room: 'vault', pin }), 'wrong_pin')
		refused(await (await lab.peer()).ask({ request: 'join', room: 'vault', pin: '' }), 'wrong_pin')
		refused(await peer.ask({ request: 'join', room: 'vault', pin: 5 }), 'invalid_field', /^pin:/)
		assert.equal(await lab.count('vault'), 0)
		await lab.join('vault', { pin: 'open sesame' }, peer)
	})

	test('a pin is ignored where none is asked for', async () => {
		await lab.join('home', { pin: 'whatever' })
	})

	test('a private room takes whoever knows its name', async () => {
		await lab.join('secret')
		assert.equal(await lab.count('secret'), 1)
	})

	test('absent and null fields are left out of what the others see', async () => {
		const ada = await lab.join('home', { display: null, metadata: null })
		const bob = await lab.join('home')
		assert.deepEqual(bob.joined.members, [{ id: ada.id, polite: politeTowards(bob.id, ada.id) }])
	})

	test('fields that this version does not know are ignored', async () => {
		await lab.join('home', { token: 'x', from_the_future: [1, 2, 3] })
	})

	test('twenty clients joining at once all end with the same roster', async () => {
		const peers = await Promise.all(Array.from({ length: 20 }, () => lab.peer()))
		const members = await Promise.all(peers.map(peer => lab.join('home', {}, peer)))
		const ids = members.map(({ id }) => id).sort()
		await Promise.all(members.map(async member => {
			const known = new Set(member.joined.members.map(({ id }) => id))
			const entries = await member.gather(19 - known.size, 'joined')
			for (const { member: { id } } of entries) known.add(id)
			assert.deepEqual([...known, member.id].sort(), ids)
		}))
		const rosters = await Promise.all(members.map(member => member.ask({ request: 'sync' })))
		for (const [index, { members: others, version }] of rosters.entries()) {
			assert.equal(version, rosters[0].version)
			assert.deepEqual(sorted([...others, members[index]]).map(({ id }) => id), ids)
		}
	})
})
