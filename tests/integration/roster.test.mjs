// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { politeTowards, refused, sorted, useLab } from './lab.mjs'

describe('The roster', () => {
	const lab = useLab()

	test('joining, changing and leaving reach the others as numbered differences with versions', async () => {
		const ada = await lab.join('home')
		const bob = await lab.join('home', { display: 'Bob' })
		/* Each is awaited, since one push carries only the version that its last entry leads to. */
		assert.deepEqual(await ada.entry(), { n: 1, version: ada.joined.version + 1, event: 'joined',
			member: { id: bob.id, display: 'Bob', polite: politeTowards(ada.id, bob.id) } })
		await bob.ask({ request: 'configure', metadata: { hand: true } })
		assert.deepEqual(await ada.entry(), { n: 2, version: ada.joined.version + 2, event: 'changed',
			member: { id: bob.id, display: 'Bob', metadata: { hand: true } } })
		await bob.ask({ request: 'leave' })
		assert.deepEqual(await ada.entry(), { n: 3, version: ada.joined.version + 3, event: 'left', id: bob.id, reason: 'leave' })
	})

	test('pushes hold nothing but what the protocol names', async () => {
		const [ada] = await lab.members('home', 3)
		for (const push of ada.pushes) {
			assert.deepEqual(Object.keys(push).sort(), ['events', 'n', 'portal', 'room', 'version'])
			assert.equal(push.portal, 'event')
			assert.equal(push.room, 'home')
		}
	})

	test('versions of all members agree after comings and goings', async () => {
		const members = await lab.members('home', 4)
		await members[1].ask({ request: 'leave' })
		await members[2].session.terminate()
		const [ada, , , dan] = members
		for (const member of [ada, dan]) await member.gather(2, 'left')
		const rosters = [await ada.ask({ request: 'sync' }), await dan.ask({ request: 'sync' })]
		assert.equal(rosters[0].version, rosters[1].version)
		assert.equal(rosters[0].version, ada.joined.version + 5)
		assert.equal(ada.entries.at(-1).version, rosters[0].version)
	})

	test('signals take a number but leave the version of the room as it is', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: 1 }] })
		const { version, n } = await bob.entry('signal')
		assert.deepEqual({ version, n }, { version: bob.joined.version, n: 1 })
	})

	test('each room has versions of its own, and no event crosses from one to the other', async () => {
		const ada = await lab.join('home')
		const others = await lab.members('other', 2)
		await others[0].ask({ request: 'configure', display: 'Otto' })
		await others[1].entry('changed')
		assert.deepEqual(ada.pushes, [])
		assert.equal((await ada.ask({ request: 'sync' })).version, ada.joined.version)
	})
})

describe('Sync', () => {
	const lab = useLab()

	test('sync gives the roster again, with version, the number of the last event that it contains, and what is known of the room', async () => {
		const ada = await lab.join('home')
		const bob = await lab.join('home', { display: 'Bob' })
		const eve = await lab.join('home', { metadata: { a: [] } })
		await ada.gather(2)
		const { members, ...rest } = await ada.ask({ request: 'sync' })
		assert.deepEqual(rest, { portal: 'success', room: 'home', version: eve.joined.version, n: 2, description: 'At home' })
		assert.deepEqual(sorted(members), sorted([
			{ id: bob.id, display: 'Bob', polite: politeTowards(ada.id, bob.id) },
			{ id: eve.id, metadata: { a: [] }, polite: politeTowards(ada.id, eve.id) },
		]))
	})

	test('sync agrees with the events at its number, also while others come and go', async () => {
		const ada = await lab.join('home')
		const roster = new Map()
		const crowd = (async () => {
			for (let i = 0; i < 12; i++) {
				const member = await lab.join('home')
				if (i % 3 === 0) await member.ask({ request: 'leave' })
			}
		})()
		const snapshots = []
		for (let i = 0; i < 20; i++) snapshots.push(await ada.ask({ request: 'sync' }))
		await crowd
		await ada.gather(16)
		let at = 0
		for (const { n, members } of [...snapshots, await ada.ask({ request: 'sync' })]) {
			for (; ada.entries[at]?.n <= n; at++) {
				const { event, member, id } = ada.entries[at]
				if (event === 'joined') roster.set(member.id, member)
				else roster.delete(id)
			}
			assert.deepEqual(sorted(members), sorted([...roster.values()]))
		}
	})
})

describe('Configure', () => {
	const lab = useLab()

	test('configure changes what it names and leaves the rest', async () => {
		const ada = await lab.join('home')
		const bob = await lab.join('home', { display: 'Bob', metadata: { a: 1 } })
		const reply = await bob.ask({ request: 'configure', display: 'Bobby' })
		assert.deepEqual(reply, { portal: 'success', version: bob.joined.version + 1 })
		assert.deepEqual(await ada.entry('changed'), { n: 2, version: reply.version, event: 'changed',
			member: { id: bob.id, display: 'Bobby', metadata: { a: 1 } } })
		await bob.ask({ request: 'configure', metadata: { b: 2 } })
		assert.deepEqual((await ada.entry('changed')).member, { id: bob.id, display: 'Bobby', metadata: { b: 2 } })
	})

	test('null clears', async () => {
		const ada = await lab.join('home')
		const bob = await lab.join('home', { display: 'Bob', metadata: { a: 1 } })
		await bob.ask({ request: 'configure', display: null })
		assert.deepEqual((await ada.entry('changed')).member, { id: bob.id, metadata: { a: 1 } })
		await bob.ask({ request: 'configure', metadata: null })
		assert.deepEqual((await ada.entry('changed')).member, { id: bob.id })
	})

	test('who joins later sees the changed name', async () => {
		const ada = await lab.join('home', { display: 'A' })
		await ada.ask({ request: 'configure', display: 'Ada', metadata: {} })
		const bob = await lab.join('home')
		assert.deepEqual(bob.joined.members,
			[{ id: ada.id, display: 'Ada', metadata: {}, polite: politeTowards(bob.id, ada.id) }])
	})

	test('one does not hear of what one changed oneself', async () => {
		const ada = await lab.join('home')
		await ada.ask({ request: 'configure', display: 'Ada' })
		const bob = await lab.join('home')
		assert.deepEqual((await ada.entry()).member.id, bob.id)
	})

	test('a refused configure changes nothing and tells nobody', async () => {
		const [ada, bob] = await lab.members('home', 2)
		refused(await bob.ask({ request: 'configure', display: 'Good', metadata: 'bad' }), 'invalid_field', /^metadata:/)
		refused(await bob.ask({ request: 'configure', display: 'x'.repeat(129) }), 'too_large', /^display:/)
		const sync = await ada.ask({ request: 'sync' })
		assert.equal(sync.version, bob.joined.version)
		assert.deepEqual(sync.members, [{ id: bob.id, polite: politeTowards(ada.id, bob.id) }])
		assert.equal(ada.entries.length, 1)
	})

	test('the limits count bytes: 128 of a name, 4096 of metadata', async () => {
		const ada = await lab.join('home')
		assert.equal((await ada.ask({ request: 'configure', display: 'ü'.repeat(64) })).portal, 'success')
		refused(await ada.ask({ request: 'configure', display: 'ü'.repeat(65) }), 'too_large', /^display:/)
		assert.equal((await ada.ask({ request: 'configure', metadata: { a: 'x'.repeat(4000) } })).portal, 'success')
		refused(await ada.ask({ request: 'configure', metadata: { a: 'x'.repeat(4100) } }), 'too_large', /^metadata:/)
	})
})

describe('Ping', () => {
	const lab = useLab()

	test('ping gives back what it was given, before join, inside and after leave', async () => {
		const ada = await lab.peer()
		const pong = { portal: 'pong', ping: { at: 17, list: [null, 'ü'] } }
		const ping = () => ada.ask({ request: 'ping', ping: pong.ping })
		assert.deepEqual(await ping(), pong)
		await lab.join('home', {}, ada)
		assert.deepEqual(await ping(), pong)
		await ada.ask({ request: 'leave' })
		assert.deepEqual(await ping(), pong)
	})

	test('ping takes at most 1 KiB', async () => {
		const ada = await lab.peer()
		assert.equal((await ada.ask({ request: 'ping', ping: 'x'.repeat(1000) })).portal, 'pong')
		refused(await ada.ask({ request: 'ping', ping: 'x'.repeat(1100) }), 'invalid_field', /^ping:/)
	})
})

describe('Ack', () => {
	const lab = useLab()

	test('ack takes what was pushed and refuses what was not', async () => {
		const [ada, bob] = await lab.members('home', 2)
		assert.deepEqual(await ada.ask({ request: 'ack', ack: 1 }), { portal: 'success' })
		assert.deepEqual(await ada.ask({ request: 'ack', ack: 0 }), { portal: 'success' })
		refused(await ada.ask({ request: 'ack', ack: 2 }), 'invalid_ack', /^ack:/)
		refused(await bob.ask({ request: 'ack', ack: 1 }), 'invalid_ack', /^ack:/)
		refused(await ada.ask({ request: 'ack' }), 'missing_field', /^ack:/)
		for (const ack of ['1', -1, 1.5, null, {}]) {
			const reply = await ada.ask({ request: 'ack', ack })
			assert.ok(['invalid_field', 'missing_field'].includes(reply.code), JSON.stringify([ack, reply]))
			assert.match(reply.error, /^ack:/)
		}
	})

	test('ack may come with any request of a member, and one too high is refused there too', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const relay = { request: 'relay', signals: [{ type: 'x', payload: 1 }] }
		assert.equal((await ada.ask({ ...relay, ack: 1 })).relayed, 1)
		refused(await ada.ask({ ...relay, ack: 9 }), 'invalid_ack', /^ack:/)
		assert.equal((await ada.ask({ request: 'sync', ack: 1 })).portal, 'success')
		await bob.gather(1, 'signal')
		assert.equal((await ada.ask({ request: 'sync' })).portal, 'success')
		assert.equal(bob.entries.length, 1)
	})
})

describe('Leave', () => {
	const lab = useLab()

	test('leave is answered, the others hear the reason, and the handle is in no room any more', async () => {
		const [ada, bob] = await lab.members('home', 2)
		assert.deepEqual(await bob.ask({ request: 'leave' }), { portal: 'success' })
		assert.deepEqual(await ada.entry('left'), { n: 2, version: bob.joined.version + 1, event: 'left',
			id: bob.id, reason: 'leave' })
		for (const request of ['sync', 'leave', 'configure'])
			refused(await bob.ask({ request }), 'room_not_set')
		refused(await bob.ask({ request: 'relay', signals: [] }), 'room_not_set')
		refused(await bob.ask({ request: 'ack', ack: 0 }), 'room_not_set')
		assert.equal(await lab.count('home'), 1)
	})

	const ENDS = {
		'its handle is detached': bob => bob.detach(),
		'its session is destroyed': bob => bob.session.request({ janus: 'destroy' }),
		'its connection breaks': bob => bob.session.terminate(),
	}
	for (const [how, end] of Object.entries(ENDS))
		test(`a member is gone, for the reason timeout, when ${how}`, async () => {
			const [ada, bob] = await lab.members('home', 2)
			await end(bob)
			assert.deepEqual(await ada.entry('left'), { n: 2, version: bob.joined.version + 1, event: 'left',
				id: bob.id, reason: 'timeout' })
			assert.equal(await lab.count('home'), 1)
		})

	test('the members of one session that ends all leave, each from its own room', async () => {
		const [home, other] = [await lab.join('home'), await lab.join('other')]
		const session = await lab.session()
		const twins = [await lab.join('home', {}, await session.attach()), await lab.join('other', {}, await session.attach())]
		await session.terminate()
		assert.equal((await home.entry('left')).id, twins[0].id)
		assert.equal((await other.entry('left')).id, twins[1].id)
	})

	test('a hangup is not a leave: there is no media here to hang up', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await bob.session.request({ janus: 'hangup', handle_id: bob.handleId })
		assert.equal((await bob.ask({ request: 'relay', signals: [{ type: 'x', payload: 1 }] })).relayed, 1)
		await ada.entry('signal')
		assert.equal(await lab.count('home'), 2)
	})

	test('nobody hears anything after leaving', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await bob.ask({ request: 'leave' })
		await ada.entry('left')
		const before = bob.pushes.length
		const eve = await lab.join('home')
		await ada.entry('joined')
		await eve.ask({ request: 'relay', signals: [{ type: 'x', payload: 1 }] })
		await ada.entry('signal')
		await bob.ask({ request: 'ping', ping: 1 })
		assert.equal(bob.pushes.length, before)
	})
})
