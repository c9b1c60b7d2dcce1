// SPDX-License-Identifier: GPL-3.0-or-later
/** Coming back: a member whose connection breaks loses nothing and is no ghost. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { idOf, newKey } from './client.mjs'
import { newSeed, randomness } from '../lib/random.mjs'
import { eventually, politeTowards, refused, rooms, sleep, sorted, startLab, UNLIMITED, useLab } from './lab.mjs'

const ROOMS = 60

/** Rooms enough for each test to have its own: members that were cut off stay in theirs for a while. */
const manyRooms = general => rooms({ ...UNLIMITED, ...general }) +
	Array.from({ length: ROOMS }, (_, i) => `room-r${i + 1}: {\n}\n`).join('')

function useRooms(general, options) {
	const lab = useLab({ config: manyRooms(general), clears: false, ...options })
	let last = 0
	return { lab, newRoom: () => {
		assert.ok(last < ROOMS, 'there are not rooms enough')
		return `r${++last}`
	} }
}

const relay = (payload, more) => ({ request: 'relay', signals: [{ type: 'x', payload }], ...more })

const payloads = ({ entries }) => entries.filter(({ event }) => event === 'signal').map(({ payload }) => payload)

/** The names of the events, with the payloads in place of the signals. */
const story = ({ entries }) => entries.map(({ event, payload, reason }) => payload ?? (reason ? `${event} ${reason}` : event))

const count = length => Array.from({ length }, (_, i) => i + 1)

/** Another answer of the plugin shows that what it pushed before to this handle has come, if it came at all. */
const settled = handle => handle.ask({ request: 'ping', ping: 1 }).then(() => sleep(20))

describe('Coming back', () => {
	const { lab, newRoom } = useRooms()

	/** Two members of a room of their own, one having been told of the other. */
	const pair = () => lab.members(newRoom(), 2)

	/** Breaks the member's connection, and waits until the witness knows. */
	const cut = async (member, witness) => {
		await member.session.terminate()
		await witness.entry(({ event, id }) => event === 'away' && id === member.id)
	}

	test('whoever comes back gets what it missed, as the protocol says it, and the others hear away and back', async () => {
		const [ada, bob] = await pair()
		bob.acknowledges = false
		await ada.ask(relay(1))
		await ada.ask(relay(2))
		await bob.reached(2)
		await bob.ask({ request: 'ack', ack: 1 })
		await cut(bob, ada)
		await ada.ask(relay(3))
		const peer = await lab.peer()
		const { limits, ...reply } = await peer.ask({ request: 'join', room: bob.joined.room, key: bob.key, attempt: 1, ack: 1 })
		assert.deepEqual(reply, { portal: 'success', resumed: true, room: bob.joined.room, id: bob.id, seq: 0, ack: 1,
			version: bob.joined.version + 2, n: 3 })
		assert.deepEqual(limits, bob.joined.limits)
		await peer.reached(3)
		assert.deepEqual(payloads(peer), [2, 3])
		await ada.entry('back')
		assert.deepEqual(ada.entries.slice(1), [
			{ n: 2, version: bob.joined.version + 1, event: 'away', id: bob.id },
			{ n: 3, version: bob.joined.version + 2, event: 'back', id: bob.id },
		])
	})

	test('an away member keeps its place in every roster, marked as away', async () => {
		const [ada, bob] = await pair()
		const { room } = ada.joined
		await cut(bob, ada)
		const shown = { id: bob.id, away: true, polite: politeTowards(ada.id, bob.id) }
		assert.deepEqual((await ada.ask({ request: 'sync' })).members, [shown])
		const eve = await lab.join(room)
		assert.deepEqual(eve.joined.members.find(({ id }) => id === bob.id), { ...shown, polite: politeTowards(eve.id, bob.id) })
		const { members } = await lab.adminAsk({ request: 'listmembers', room })
		assert.deepEqual(sorted(members), sorted([{ id: ada.id }, { id: bob.id, away: true }, { id: eve.id }]))
		await lab.back(bob, { ack: 0 })
		await eve.entry('back')
		assert.equal((await eve.ask({ request: 'sync' })).members.find(({ id }) => id === bob.id).away, undefined)
	})

	for (const [how, end] of Object.entries({
		'its handle is detached': bob => bob.detach(),
		'its session is destroyed': bob => bob.session.request({ janus: 'destroy' }),
		'its connection breaks': bob => bob.session.terminate(),
	}))
		test(`a member is away, and comes back, when ${how}`, async () => {
			const [ada, bob] = await pair()
			await end(bob)
			assert.equal((await ada.entry('away')).id, bob.id)
			await ada.ask(relay('missed'))
			const again = await lab.back(bob, { ack: 0 })
			await again.reached(1)
			assert.deepEqual(story(again), ['missed'])
			assert.equal((await ada.entry('back')).id, bob.id)
		})

	test('it works ten times with nothing missed', async () => {
		const [ada, bob] = await pair()
		let member = bob
		for (let round = 1; round <= 10; round++) {
			await ada.ask(relay(round))
			await member.reached(round)
			await cut(member, ada)
			member = await lab.back(member, { attempt: round, ack: round })
			assert.equal(member.joined.resumed, true)
			assert.equal(member.joined.n, round)
			await ada.entry('back')
		}
		await settled(member)
		assert.deepEqual(member.entries, [])
		await ada.ask(relay('end'))
		await member.reached(11)
		assert.deepEqual(payloads(member), ['end'])
	})

	test('it works ten times with everything missed, from the first event on', async () => {
		const [ada, bob] = await pair()
		let member = bob
		for (let round = 1; round <= 10; round++) {
			await cut(member, ada)
			await ada.ask(relay(round))
			member = await lab.back(member, { attempt: round, ack: 0 })
			await member.reached(round)
			assert.deepEqual(payloads(member), count(round))
			await ada.entry('back')
		}
	})

	test('it works while others come, change and go, and the rosters agree afterwards', async () => {
		const [ada, bob] = await pair()
		const { room } = ada.joined
		const crowd = (async () => {
			for (let i = 0; i < 12; i++) {
				const guest = await lab.join(room, { display: `guest ${i}` })
				await guest.ask({ request: 'configure', metadata: { i } })
				if (i % 3 === 0) await guest.ask({ request: 'leave' })
				if (i % 3 === 1) await guest.session.terminate()
			}
		})()
		const entries = []
		let member = bob
		for (let round = 1; round <= 8; round++) {
			await member.session.terminate()
			entries.push(...member.entries)
			member = await lab.back(member, { attempt: round, ack: entries.length })
		}
		await crowd
		await eventually('the four that were cut off are away', async () =>
			(await lab.adminAsk({ request: 'listmembers', room })).members.filter(({ away }) => away).length === 4)
		const { n, members, version } = await member.ask({ request: 'sync' })
		await member.reached(n)
		entries.push(...member.entries)
		assert.deepEqual(entries.map(entry => entry.n), count(n))
		assert.deepEqual(sorted(rosterFrom(bob.joined.members, entries)), sorted(members))
		const other = await ada.ask({ request: 'sync' })
		assert.equal(other.version, version)
		assert.deepEqual([...other.members.map(({ id }) => id), ada.id].sort(), [...members.map(({ id }) => id), bob.id].sort())
	})

	test('a member is taken over from a peer that still seems alive; the others hear nothing, the former peer is told', async () => {
		const [ada, bob] = await pair()
		await ada.ask(relay(1))
		await bob.reached(1)
		const again = await lab.back(bob, { attempt: 1, ack: 0 })
		assert.deepEqual(await bob.event(push => push.portal !== 'event'), { portal: 'closed', reason: 'replaced' })
		await again.reached(1)
		assert.deepEqual(payloads(again), [1])
		await ada.ask(relay(2))
		await again.reached(2)
		await settled(ada)
		assert.deepEqual(story(ada), ['joined'])
		assert.deepEqual(payloads(bob), [1], 'the former peer is told no more events')
	})

	test('requests of the former peer do nothing any more, and it can join nothing', async () => {
		const [ada, bob] = await pair()
		const again = await lab.back(bob, { attempt: 1, ack: 0 })
		refused(await bob.ask(relay('late', { seq: 1 })), 'room_not_set')
		refused(await bob.ask({ request: 'leave' }), 'room_not_set')
		refused(await bob.ask({ request: 'configure', display: 'late' }), 'room_not_set')
		refused(await bob.ask({ request: 'join', room: bob.joined.room, key: bob.key, attempt: 9 }), 'peer_used')
		refused(await bob.ask({ request: 'join', room: bob.joined.room, key: newKey() }), 'peer_used')
		assert.equal((await bob.ask({ request: 'list' })).portal, 'success')
		assert.deepEqual(await again.ask(relay('mine', { seq: 1 })), { portal: 'success', relayed: 1 })
		await ada.entry('signal')
		assert.deepEqual(story(ada), ['joined', 'mine'])
	})

	test('the late end of a former peer changes nothing', async () => {
		const [ada, bob] = await pair()
		const again = await lab.back(bob, { ack: 0 })
		await bob.session.terminate()
		await eventually('Janus has ended the old session', async () => {
			const ids = { session_id: bob.session.id, handle_id: bob.handleId }
			return (await lab.admin({ janus: 'handle_info', ...ids })).janus === 'error'
		})
		await ada.ask(relay(1))
		await again.reached(1)
		assert.deepEqual(story(ada), ['joined'])
	})

	test('a first join whose answer was lost is repaired by the same join on another connection', async () => {
		const ada = await lab.join(newRoom())
		const { room } = ada.joined
		const key = newKey()
		const lost = await lab.peer()
		lost.session.socket.pause()
		lost.send({ request: 'join', room, key, attempt: 1 })
		await ada.entry('joined')
		await ada.ask(relay('early'))
		await lost.session.terminate()
		const again = await lab.join(room, { key, attempt: 2 })
		assert.deepEqual([again.joined.resumed, again.joined.ack, again.joined.seq], [true, 0, 0])
		await again.reached(1)
		assert.deepEqual(story(again), ['early'])
		assert.deepEqual((await again.ask({ request: 'sync' })).members, [{ id: ada.id, polite: politeTowards(again.id, ada.id) }])
	})

	test('an answer to coming back that was lost is repaired in the same way, and nothing comes twice or never', async () => {
		const [ada, bob] = await pair()
		await ada.ask(relay(1))
		await bob.reached(1)
		await cut(bob, ada)
		for (let attempt = 1; attempt <= 3; attempt++) {
			const lost = await lab.peer()
			lost.session.socket.pause()
			lost.send({ request: 'join', room: bob.joined.room, key: bob.key, attempt, ack: 1 })
			await ada.entry('back')
			await ada.ask(relay(1 + attempt))
			await cut(Object.assign(lost, { id: bob.id }), ada)
		}
		const again = await lab.back(bob, { attempt: 4, ack: 1 })
		await again.reached(4)
		assert.deepEqual(payloads(again), [2, 3, 4])
	})

	test('a gap on a living peer is filled by the same join on the same peer, as often as it takes', async () => {
		const [ada, bob] = await pair()
		bob.acknowledges = false
		for (const item of [1, 2, 3]) await ada.ask(relay(item))
		await bob.reached(3)
		for (const attempt of [1, 2]) {
			const { resumed, ack } = await bob.ask({ request: 'join', room: bob.joined.room, key: bob.key, attempt, ack: 1 })
			assert.deepEqual([resumed, ack], [true, 1])
			await bob.reached(3)
		}
		assert.deepEqual(payloads(bob), [1, 2, 3, 2, 3, 2, 3])
		assert.deepEqual(bob.pushes.filter(({ portal }) => portal === 'closed'), [])
		await ada.ask(relay(4))
		await bob.reached(4)
		await settled(ada)
		assert.deepEqual(story(ada), ['joined'])
	})

	test('a stale attempt, sent late on an old connection, takes nothing from the live one', async () => {
		const [ada, bob] = await pair()
		const stale = [await lab.peer(), await lab.peer()]
		const live = await lab.back(bob, { attempt: 5, ack: 0 })
		const { room } = bob.joined
		for (const [index, attempt] of [4, 5].entries())
			refused(await stale[index].ask({ request: 'join', room, key: bob.key, attempt, ack: 0 }), 'superseded', /^attempt:/)
		refused(await live.ask({ request: 'join', room, key: bob.key, attempt: 5, ack: 0 }), 'superseded')
		await ada.ask(relay(1))
		await live.reached(1)
		assert.equal((await live.ask(relay(2, { seq: 1 }))).relayed, 1)
		assert.deepEqual(live.pushes.filter(({ portal }) => portal === 'closed'), [])
		assert.equal((await lab.back(bob, { ack: 0 })).joined.resumed, true, 'without a number it counts as newer than all')
	})

	test('what took effect before the drop takes effect once, and what waited then is sent again', async () => {
		const [ada, bob] = await pair()
		await bob.ask(relay(1, { seq: 1 }))
		await bob.send(relay('dropped', { seq: 3 })).acked
		await cut(bob, ada)
		const again = await lab.back(bob, { attempt: 1, ack: 0 })
		assert.equal(again.joined.seq, 1)
		assert.deepEqual(await again.ask(relay(1, { seq: 1 })), { portal: 'success', relayed: 1, duplicate: true })
		assert.deepEqual(await again.ask(relay(2, { seq: 2 })), { portal: 'success', relayed: 1 })
		assert.deepEqual(await again.ask(relay(3, { seq: 3 })), { portal: 'success', relayed: 1 })
		await ada.gather(3, 'signal')
		assert.deepEqual(story(ada), ['joined', 1, 'away', 'back', 2, 3])
	})

	test('acknowledgements that cannot be are refused and change nothing', async () => {
		const [ada, bob] = await pair()
		bob.acknowledges = false
		for (const item of [1, 2, 3]) await ada.ask(relay(item))
		await bob.reached(3)
		await bob.ask({ request: 'ack', ack: 2 })
		await cut(bob, ada)
		const peer = await lab.peer()
		const join = more => peer.ask({ request: 'join', room: bob.joined.room, key: bob.key, ...more })
		refused(await join({ ack: 1 }), 'events_gone', /^ack:/)
		refused(await join({ ack: 4 }), 'invalid_ack', /^ack:/)
		refused(await join({ ack: -1 }), 'invalid_field', /^ack:/)
		refused(await join({ ack: '2' }), 'invalid_field', /^ack:/)
		for (const attempt of [0, -1, 1.5, '1', {}]) refused(await join({ attempt }), 'invalid_field', /^attempt:/)
		const { resumed, ack } = await join({ attempt: 1 })
		assert.deepEqual([resumed, ack], [true, 2], 'whoever does not know goes on after what was acknowledged')
		await peer.reached(3)
		assert.deepEqual(payloads(peer), [3])
		await ada.entry('back')
		assert.deepEqual(story(ada), ['joined', 'away', 'back'])
	})

	test('without the key nobody gets anything, not even whether the id exists', async () => {
		const [ada, bob] = await pair()
		const { room } = ada.joined
		const other = await lab.join(newRoom())
		await cut(bob, ada)
		const thief = await lab.peer()
		const strangers = [newKey(), bob.id, idOf(newKey()), bob.key.slice(0, -1), other.key]
		const answers = []
		for (const key of strangers) answers.push(await thief.ask({ request: 'join', room, key, ack: 0 }))
		for (const answer of answers) {
			refused(answer, 'member_gone', /^ack:/)
			assert.deepEqual(answer, answers[0])
		}
		refused(await thief.ask({ request: 'join', room: other.joined.room, key: bob.key, ack: 0 }), 'member_gone')
		const { id, resumed } = await thief.ask({ request: 'join', room, key: bob.id })
		assert.deepEqual([id, resumed], [idOf(bob.id), false], 'the id of a member is the key of another one')
		await ada.ask(relay('to bob', { signals: [{ to: bob.id, type: 'x', payload: 'to bob' }] }))
		const again = await lab.back(bob, { ack: 0 })
		await again.reached(2)
		assert.deepEqual(story(again), ['joined', 'to bob'])
		assert.ok(!JSON.stringify([thief.frames, ada.frames]).includes(bob.key))
		assert.ok(!JSON.stringify(thief.frames).includes('to bob'))
	})

	test('an away member keeps its place in a full room, and comes back into it', async () => {
		const [ada, bob] = await lab.members('other', 3)
		await cut(bob, ada)
		const late = await lab.peer()
		refused(await late.ask({ request: 'join', room: 'other' }), 'room_full')
		assert.equal((await lab.back(bob, { ack: 0 })).joined.resumed, true)
	})

	test('the pin concerns fresh joins only', async () => {
		const ada = await lab.join('vault', { pin: 'open sesame' })
		const bob = await lab.join('vault', { pin: 'open sesame' })
		await cut(bob, ada)
		assert.equal((await lab.back(bob, { ack: 0 })).joined.resumed, true)
		refused(await (await lab.peer()).ask({ request: 'join', room: 'vault', key: newKey() }), 'wrong_pin')
	})

	test('a member that left is gone: there is nothing to come back to, and the same key begins anew', async () => {
		const [ada, bob] = await pair()
		await bob.ask(relay(1, { seq: 1 }))
		await bob.ask({ request: 'leave', seq: 2 })
		const { room } = bob.joined
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join', room, key: bob.key, attempt: 2, ack: 0 }), 'member_gone', /^ack:/)
		const again = await lab.join(room, { key: bob.key, attempt: 1 }, peer)
		assert.deepEqual([again.joined.resumed, again.id], [false, bob.id])
		assert.deepEqual(await again.ask(relay(2, { seq: 1 })), { portal: 'success', relayed: 1 })
		await ada.gather(2, 'signal')
		assert.deepEqual(story(ada), ['joined', 1, 'left leave', 'joined', 2])
	})

	test('members of two rooms on one connection are away, and come back, each by itself', async () => {
		const session = await lab.session()
		const [one, other] = [await lab.join(newRoom()), await lab.join(newRoom())]
		const twins = [await lab.join(one.joined.room, {}, await session.attach()),
			await lab.join(other.joined.room, {}, await session.attach())]
		await session.terminate()
		await one.entry('away')
		await other.entry('away')
		await lab.back(twins[0], { ack: 0 })
		assert.equal((await one.entry('back')).id, twins[0].id)
		await settled(other)
		assert.deepEqual(story(other), ['joined', 'away'])
	})
})

/** The roster that follows from the one at `join` and the events since. */
function rosterFrom(members, entries) {
	const roster = new Map(members.map(member => [member.id, member]))
	for (const { event, id, member } of entries) {
		if (event === 'joined') roster.set(member.id, member)
		if (event === 'changed') roster.set(member.id, { ...member, polite: roster.get(member.id).polite })
		if (event === 'left') roster.delete(id)
		if (event === 'away') roster.set(id, { ...roster.get(id), away: true })
		if (event === 'back') {
			const { away, ...rest } = roster.get(id)
			roster.set(id, rest)
		}
	}
	return [...roster.values()]
}

describe('Exactly once and in order', () => {
	const { lab, newRoom } = useRooms({ max_backlog: 64 * 1024 * 1024 })
	/* So many that they are still under way when the first new connection is there, however fast the machine is. */
	const COUNT = 8000, DROPS = 20

	/* What may happen to a connection, and how the member gets its next one. */
	const FAULTS = {
		cut: async member => { await member.cut(); await member.connect() },
		seemsAlive: member => member.connect(),
		detached: async member => { member.handle.detach().catch(() => {}); await member.connect() },
		destroyed: async member => { await member.session.request({ janus: 'destroy' }).catch(() => {}); await member.connect() },
		answerLost: async member => { await member.cut(); await member.connectInVain(); await member.connect() },
		samePeer: member => member.again(),
		twiceAtOnce: member => Promise.all([member.connect(), member.connect()]),
	}

	/** Lets faults happen to a member at random places of what it receives, events and answers; returns their names. */
	async function disturb(member, random) {
		const places = Array.from({ length: DROPS }, () => 2 + Math.floor(random() * (2 * COUNT - 2))).sort((a, b) => a - b)
		const names = []
		for (const place of places) {
			await member.until(() => member.n + member.counts.answered >= place)
			const kinds = Object.keys(FAULTS)
			names.push(kinds[Math.floor(random() * kinds.length)])
			await FAULTS[names.at(-1)](member)
		}
		return names
	}

	for (const round of [1, 2, 3])
		test(`${COUNT} numbered relays one way and ${COUNT} the other, ${DROPS} drops of each side (${round})`, async t => {
			const seed = newSeed(), random = randomness(seed)
			const room = newRoom(), members = [lab.comer(room), lab.comer(room)]
			for (const member of members) await member.connect()
			const drops = Promise.all(members.map(member => disturb(member, randomness(random() * 2 ** 32))))
			const answers = members.flatMap(member => count(COUNT).map(item =>
				member.relay({ type: 'item', payload: { item, fill: 'x'.repeat(random() * 1000) } })))
			for (const { portal, relayed } of await Promise.all(answers))
				assert.deepEqual([portal, relayed], ['success', 1], `seed ${seed}`)
			for (const member of members) {
				await member.until(() => member.payloads.length >= COUNT)
				assert.deepEqual(member.payloads.map(({ item }) => item), count(COUNT), `seed ${seed}`)
				assert.deepEqual(member.entries.map(({ n }) => n), count(member.n), `seed ${seed}`)
			}
			const names = await drops
			for (const [index, { counts }] of members.entries())
				t.diagnostic(`seed ${seed}: ${names[index].join(' ')}; ${JSON.stringify(counts)}`)
			for (const { counts, closed } of members) {
				assert.equal(closed, null, `seed ${seed}`)
				assert.ok(counts.resumed >= DROPS, `seed ${seed}`)
			}
			/* Of the two together: which of them has something under way when it is dropped is the machine's doing. */
			const all = name => members.reduce((sum, { counts }) => sum + counts[name], 0)
			assert.ok(all('missed') > 0 && all('unanswered') > 0, `seed ${seed}: nothing was on its way at any drop`)
		})
})

describe('Taking up a session by Janus’s claim', () => {
	const { lab, newRoom } = useRooms({}, { settings: { 'general.reclaim_session_timeout': 20 } })

	test('loses what was pushed meanwhile, and the same join on the same handle brings it', async () => {
		const [ada, bob] = await lab.members(newRoom(), 2)
		await ada.ask(relay(1))
		await bob.reached(1)
		await bob.session.terminate()
		for (const item of [2, 3]) await ada.ask(relay(item))
		await eventually('they were pushed to nobody', async () => (await lab.info(bob)).plugin_specific.pushed === 3)
		await bob.session.claim(lab.janus.url)
		await settled(bob)
		assert.deepEqual(payloads(bob), [1], 'Janus has kept nothing')
		const { resumed } = await bob.ask({ request: 'join', room: bob.joined.room, key: bob.key, attempt: 1, ack: 1 })
		assert.equal(resumed, true)
		await bob.reached(3)
		assert.deepEqual(payloads(bob), [1, 2, 3])
		assert.deepEqual(await bob.ask(relay('mine', { seq: 1 })), { portal: 'success', relayed: 1 })
		await ada.entry('signal')
		assert.deepEqual(story(ada), ['joined', 'mine'], 'nobody has noticed')
	})
})

describe('Whoever does not come back', () => {
	const { lab, newRoom } = useRooms({ resume_timeout: 2 })

	test('is told in the answer to join how long it may be away', async () => {
		assert.equal((await lab.join(newRoom())).joined.resume_timeout, 2)
	})

	test('is away first and then left, for the reason timeout, after resume_timeout', async () => {
		const [ada, bob] = await lab.members(newRoom(), 2)
		await bob.session.terminate()
		const away = await ada.entry('away'), begun = performance.now()
		const left = await ada.entry('left'), took = performance.now() - begun
		assert.deepEqual([away.id, left.id, left.reason], [bob.id, bob.id, 'timeout'])
		assert.ok(took > 1900 && took < 8000, `after ${took} ms`)
		assert.deepEqual((await ada.ask({ request: 'sync' })).members, [])
		assert.equal(await lab.count(ada.joined.room), 1)
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join', room: bob.joined.room, key: bob.key, attempt: 1, ack: 0 }), 'member_gone')
		const again = await lab.join(bob.joined.room, { key: bob.key, attempt: 2 }, peer)
		assert.deepEqual([again.id, again.joined.resumed, again.joined.n], [bob.id, false, 0])
		await ada.entry('joined')
		assert.deepEqual(story(ada), ['joined', 'away', 'left timeout', 'joined'])
	})

	test('has its time from the last time that it was away', async () => {
		const [ada, bob] = await lab.members(newRoom(), 2)
		let member = bob
		for (let round = 1; round <= 4; round++) {
			await member.session.terminate()
			await ada.entry('away')
			await sleep(800)
			member = await lab.back(member, { ack: 0 })
			await ada.entry('back')
		}
		await sleep(2500)
		assert.equal((await member.ask({ request: 'sync' })).members.length, 1)
		assert.ok(!story(ada).includes('left timeout'))
	})

	test('is no ghost: thirty that vanish at once are all gone soon, and the rooms are empty', async () => {
		const ada = await lab.join(newRoom(), {})
		const guests = await Promise.all(Array.from({ length: 30 }, () => lab.join(ada.joined.room)))
		await Promise.all(guests.map(guest => guest.session.terminate()))
		const entries = await ada.gather(30, 'left', 10_000)
		const left = entries.filter(({ event }) => event === 'left').map(({ id }) => id)
		assert.deepEqual(left.sort(), guests.map(({ id }) => id).sort())
		assert.equal(await lab.count(ada.joined.room), 1)
		await ada.ask({ request: 'leave' })
		assert.equal(await lab.count(ada.joined.room), 0)
	})
})

describe('A restart of Janus', () => {
	test('gives everybody the same id again, to the same key', async () => {
		const config = rooms()
		const first = await startLab({ config })
		const [ada, bob] = await first.members('home', 2)
		process.kill(first.janus.pid, 'SIGKILL')
		await first.janus.ended
		await first.janus.stop()
		const second = await startLab({ config })
		try {
			const peer = await second.peer()
			refused(await peer.ask({ request: 'join', room: 'home', key: ada.key, attempt: 2, ack: 1 }), 'member_gone')
			const again = await second.join('home', { key: ada.key, attempt: 3 }, peer)
			assert.deepEqual([again.id, again.joined.resumed], [ada.id, false])
			assert.equal((await second.join('home', { key: bob.key, attempt: 1 })).id, bob.id)
			assert.equal((await again.entry('joined')).member.id, bob.id)
		} finally {
			await second.close()
			await second.janus.stop()
		}
	})
})
