// SPDX-License-Identifier: GPL-3.0-or-later
/** Managing rooms in a real Janus, by message and through the Admin API. What follows from each rule is in tests/unit/check_manage.c. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { newKey } from './client.mjs'
import { eventually, limited, overWebSocket, refused, useLab, withJanus } from './lab.mjs'

const KEY = 'key of the server', OWNER = 'secret of the room', PIN = 'pin of the room', TOKEN = 'token of a member'
const hash = secret => `sha256:salt:${createHash('sha256').update('salt' + secret).digest('hex')}`
const config = `general: {\n\tadmin_key = "${hash(KEY)}"\n\tmax_rooms = 40\n}\nroom-home: {}\n` +
	`room-guarded: {\n\tsecret = "${hash(OWNER)}"\n\tpin = "${hash(PIN)}"\n}\n`

let made = 0

describe('Managing rooms', () => {
	const lab = useLab({ config, clears: false })
	const newRoom = () => `made-${++made}`

	/** The same request by message and by both ways of the Admin API; each on a room of its own. */
	const ways = {
		'a message': async request => (await lab.peer()).ask({ admin_key: KEY, ...request }),
		'the Admin API over HTTP': request => lab.adminAsk(request),
		'the Admin API over WebSocket': async request => (await overWebSocket(lab.janus,
			{ janus: 'message_plugin', plugin: 'janus.plugin.portal', request })).response,
	}

	for (const [name, ask] of Object.entries(ways)) {
		test(`works by ${name}`, async () => {
			const room = newRoom()
			assert.deepEqual(await ask({ request: 'create', room, secret: OWNER, is_private: true }),
				{ portal: 'success', room, permanent: false })
			refused(await ask({ request: 'create', room }), 'room_exists')
			const { list } = await ask({ request: 'list' })
			assert.deepEqual(list.find(entry => entry.room === room),
				{ room, num_members: 0, max_members: 32, pin_required: false, locked: false, is_private: true })
			const ada = await lab.join(room, { display: 'Ada' }), bob = await lab.join(room)
			assert.deepEqual(await ask({ request: 'edit', room, new_locked: true, new_metadata: { a: 1 } }),
				{ portal: 'success', room, permanent: false })
			const { n, version, ...event } = await ada.entry('room')
			assert.deepEqual(event, { event: 'room', metadata: { a: 1 }, max_members: 32, pin_required: false, locked: true })
			refused(await (await lab.peer()).ask({ request: 'join', room }), 'room_locked')
			const { members } = await ask({ request: 'listmembers', room })
			assert.deepEqual(members.map(({ id }) => id).sort(), [ada.id, bob.id].sort())
			assert.deepEqual(await ask({ request: 'kick', room, id: bob.id }), { portal: 'success' })
			assert.deepEqual(await bob.event(({ portal }) => portal === 'closed'), { portal: 'closed', reason: 'kicked' })
			const left = await ada.entry('left')
			assert.deepEqual([left.id, left.reason], [bob.id, 'kicked'])
			refused(await (await lab.peer()).ask({ request: 'join', room, key: bob.key }), 'kicked')
			assert.deepEqual(await ask({ request: 'allowed', room, action: 'enable', allowed: [TOKEN] }),
				{ portal: 'success', room, enabled: true, num_allowed: 1, permanent: false })
			await ask({ request: 'edit', room, new_locked: false })
			refused(await (await lab.peer()).ask({ request: 'join', room, token: 'guess' }), 'wrong_token')
			await lab.join(room, { token: TOKEN })
			const stats = await ask({ request: 'stats', room })
			assert.deepEqual([stats.members, stats.joins, stats.refusals.kicked, stats.refusals.wrong_token], [2, 3, 1, 1])
			assert.deepEqual(await ask({ request: 'destroy', room }), { portal: 'success', room, permanent: false })
			assert.deepEqual(await ada.event(({ portal }) => portal === 'closed'), { portal: 'closed', reason: 'room_destroyed' })
			refused(await (await lab.peer()).ask({ request: 'join', room, key: ada.key }), 'room_destroyed')
			refused(await (await lab.peer()).ask({ request: 'join', room }), 'room_not_found')
			refused(await ask({ request: 'edit', room }), 'room_not_found')
			refused(await ask({ request: 'edit', room: 'home', new_pin: 'x', permanent: true }), 'room_is_static')
			assert.ok((await ask({ request: 'stats' })).uptime > 0)
		})
	}

	test('is for those who have the secret or the key, which may be kept as hashes', async () => {
		const wrong = [{}, { secret: 'guess' }, { admin_key: 'guess' }, { secret: hash(OWNER) }]
		for (const request of ['edit', 'destroy', 'kick', 'allowed', 'listmembers', 'stats'])
			for (const right of wrong)
				refused(await (await lab.peer()).ask({ request, room: 'guarded', id: 'x'.repeat(22), action: 'enable', ...right }), 'unauthorized')
		refused(await (await lab.peer()).ask({ request: 'create', room: newRoom(), secret: OWNER }), 'unauthorized')
		refused(await (await lab.peer()).ask({ request: 'stats' }), 'unauthorized')
		refused(await (await lab.peer()).ask({ request: 'list', admin_key: 'guess' }), 'unauthorized')
		refused(await lab.adminAsk({ request: 'edit', room: 'guarded', secret: 'guess' }), 'unauthorized')
		refused(await (await lab.peer()).ask({ request: 'edit', room: 'home', secret: '' }), 'unauthorized')
		const peer = await lab.peer()
		assert.equal((await peer.ask({ request: 'edit', room: 'guarded', secret: OWNER })).portal, 'success')
		assert.equal((await peer.ask({ request: 'listmembers', room: 'guarded', admin_key: KEY })).portal, 'success')
	})

	test('a room without a secret of its own takes no secret at all, only the key of the server', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room })
		for (const right of [{}, { secret: 'guess' }])
			refused(await (await lab.peer()).ask({ request: 'destroy', room, ...right }), 'unauthorized', /^secret:/)
		assert.equal((await (await lab.peer()).ask({ request: 'destroy', room, admin_key: KEY })).portal, 'success')
	})

	test('a room without a name gets one, and those who join hear what it is about', async () => {
		const about = { description: 'Under the roof', metadata: { floor: 3 } }
		const { room } = await lab.adminAsk({ request: 'create', pin: PIN, ...about })
		assert.match(room, /^[A-Za-z0-9_-]{8,64}$/)
		assert.notEqual((await lab.adminAsk({ request: 'create' })).room, room)
		refused(await (await lab.peer()).ask({ request: 'join', room }), 'wrong_pin')
		const { description, metadata } = (await lab.join(room, { pin: PIN })).joined
		assert.deepEqual({ description, metadata }, about)
	})

	test('an edit replaces what it names, null takes it away, and all else stays', async () => {
		const room = newRoom(), described = async () => (await lab.adminAsk({ request: 'list' })).list.find(entry => entry.room === room)
		await lab.adminAsk({ request: 'create', room, secret: OWNER, description: 'one', pin: PIN, max_members: 5, metadata: { a: 1 }, max_display: 3 })
		const plain = { room, num_members: 0, locked: false }
		assert.deepEqual(await described(), { ...plain, description: 'one', metadata: { a: 1 }, max_members: 5, pin_required: true })
		const owner = await lab.peer()
		await owner.ask({ request: 'edit', room, secret: OWNER, new_description: 'two' })
		assert.deepEqual(await described(), { ...plain, description: 'two', metadata: { a: 1 }, max_members: 5, pin_required: true })
		await owner.ask({ request: 'edit', room, secret: OWNER, new_description: null, new_pin: null, new_max_members: null,
			new_metadata: null, new_max_display: null })
		assert.deepEqual(await described(), { ...plain, max_members: 32, pin_required: false })
		assert.equal((await lab.join(room, { display: 'longer than three' })).joined.limits.max_display, 128)
		await owner.ask({ request: 'edit', room, secret: OWNER, new_secret: 'another' })
		refused(await owner.ask({ request: 'edit', room, secret: OWNER }), 'unauthorized')
		assert.equal((await owner.ask({ request: 'edit', room, secret: 'another', new_secret: null })).portal, 'success')
		refused(await owner.ask({ request: 'edit', room, secret: 'another' }), 'unauthorized')
	})

	test('a value that cannot be changes nothing, and the refusal names the field', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room, description: 'as it was' })
		const before = (await lab.adminAsk({ request: 'list' })).list
		const wrong = { description: 5, max_members: 1, max_display: -1, locked: 'perhaps', pin: '', secret: 'x'.repeat(257),
			metadata: 'text', is_private: 1, resume_timeout: 3601, max_signal: 1e9 }
		for (const [field, value] of Object.entries(wrong)) {
			refused(await lab.adminAsk({ request: 'create', room: newRoom(), [field]: value }), 'invalid_field', RegExp(`^${field}:`))
			refused(await lab.adminAsk({ request: 'edit', room, new_description: 'changed', [`new_${field}`]: value }),
				'invalid_field', RegExp(`^new_${field}:`))
		}
		refused(await lab.adminAsk({ request: 'create', room: newRoom(), pin: 'sha256:salt:short' }), 'invalid_field', /^pin: /)
		refused(await lab.adminAsk({ request: 'create', room: 'not a name' }), 'invalid_field', /^room: /)
		refused(await lab.adminAsk({ request: 'edit' }), 'missing_field', /^room: /)
		assert.deepEqual((await lab.adminAsk({ request: 'list' })).list, before)
	})

	test('a list of tokens grows and shrinks; who is in the room comes back without one', async () => {
		const room = newRoom(), change = (action, allowed) => lab.adminAsk({ request: 'allowed', room, action, allowed })
		const state = async reply => { const { enabled, num_allowed: count } = await reply; return [enabled, count] }
		const enters = async token => (await (await lab.peer()).ask({ request: 'join', room, token })).code ?? 'success'
		await lab.adminAsk({ request: 'create', room, resume_timeout: 30 })
		const ada = await lab.join(room)
		refused(await change('add', ['a']), 'invalid_field', /^action: .*enable/)
		assert.deepEqual(await state(change('enable')), [true, 0])
		assert.deepEqual([await enters('a'), await enters()], ['wrong_token', 'wrong_token'])
		assert.deepEqual(await state(change('add', ['a', 'b', 'a'])), [true, 2])
		assert.deepEqual(await state(change('add', ['b', 'c'])), [true, 3])
		assert.deepEqual(await state(change('remove', ['a', 'never there'])), [true, 2])
		assert.deepEqual([await enters('a'), await enters('b'), await enters('c')], ['wrong_token', 'success', 'success'])
		refused(await change('add', ['']), 'invalid_field', /^allowed/)
		refused(await change('add', [5]), 'invalid_field', /^allowed\[0\]:/)
		refused(await change('sometimes', []), 'invalid_field', /^action:/)
		await ada.session.terminate()
		assert.equal((await lab.back(ada, { ack: 0 })).joined.resumed, true)
		assert.deepEqual(await state(change('disable')), [false, 0])
		assert.equal(await enters(), 'success')
	})

	test('lists come in pages, private rooms only to those with the key', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room, is_private: true })
		const names = async ask => {
			const found = []
			for (let after; ;) {
				const { list, next } = await ask({ request: 'list', limit: 1, after })
				found.push(...list.map(entry => entry.room))
				if (!next) return found
				after = next
			}
		}
		const peer = await lab.peer()
		const some = await names(request => peer.ask(request)), all = await names(request => peer.ask({ ...request, admin_key: KEY }))
		assert.ok(!some.includes(room) && all.includes(room))
		assert.deepEqual(all, [...all].sort())
		assert.deepEqual(await names(request => lab.adminAsk(request)), all)
		const members = []
		for (const display of ['Ada', 'Bob', 'Carol']) members.push(await lab.join(room, { display, metadata: { display } }))
		await members[2].session.terminate()
		await members[0].entry('away')
		const found = []
		for (let after; ;) {
			const page = await peer.ask({ request: 'listmembers', room, admin_key: KEY, limit: 2, after })
			assert.equal(page.room, room)
			found.push(...page.members)
			if (!page.next) break
			assert.equal(page.members.length, 2)
			after = page.next
		}
		const expected = members.map(({ id }, i) => {
			const display = ['Ada', 'Bob', 'Carol'][i]
			return { id, display, metadata: { display }, ...(i === 2 && { away: true }) }
		})
		assert.deepEqual(found, expected.sort((a, b) => Buffer.from(a.id).compare(Buffer.from(b.id))))
	})

	test('nobody is kicked who is not there; a new room of an old name takes those whom the old one had', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room })
		const [ada, bob, carol] = [await lab.join(room), await lab.join(room), await lab.join(room)]
		refused(await lab.adminAsk({ request: 'kick', room, id: 'x'.repeat(22) }), 'member_not_found', /^id:/)
		await lab.adminAsk({ request: 'kick', room, id: carol.id })
		refused(await lab.adminAsk({ request: 'kick', room, id: carol.id }), 'member_not_found', /^id:/)
		await bob.session.terminate()
		await ada.entry('away')
		await lab.adminAsk({ request: 'destroy', room })
		await ada.event(({ portal }) => portal === 'closed')
		refused(await (await lab.peer()).ask({ request: 'join', room, key: bob.key, ack: 0 }), 'room_destroyed')
		await lab.adminAsk({ request: 'create', room })
		for (const { key } of [ada, bob, carol]) assert.equal((await lab.join(room, { key })).joined.resumed, false)
	})

	test('whoever is kicked while away stays out; with another key one is another member', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room })
		const [ada, bob] = [await lab.join(room), await lab.join(room)]
		await bob.session.terminate()
		await ada.entry('away')
		await lab.adminAsk({ request: 'kick', room, id: bob.id })
		const left = await ada.entry('left')
		assert.deepEqual([left.id, left.reason], [bob.id, 'kicked'])
		refused(await (await lab.peer()).ask({ request: 'join', room, key: bob.key, ack: 0, attempt: 5 }), 'kicked')
		await lab.join(room, { key: newKey() })
	})

	test('a room is locked for those who come, not for those who come back', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room })
		const ada = await lab.join(room)
		await lab.adminAsk({ request: 'edit', room, new_locked: true, new_pin: PIN, new_max_members: 2 })
		await ada.entry('room')
		await ada.session.terminate()
		const again = await lab.back(ada, { ack: 1 })
		assert.equal(again.joined.resumed, true)
	})

	test('a room has limits of its own', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room, max_members: 2, rate: 1, burst: 2, resume_timeout: 1, max_display: 3 })
		const ada = await lab.join(room)
		assert.deepEqual([ada.joined.limits.rate, ada.joined.limits.max_display, ada.joined.resume_timeout], [1, 3, 1])
		refused(await (await lab.peer()).ask({ request: 'join', room, display: 'Bobby' }), 'too_large')
		const bob = await lab.join(room, { display: 'Bob' })
		refused(await (await lab.peer()).ask({ request: 'join', room }), 'room_full')
		const answers = await Promise.all(Array.from({ length: 10 }, (_, ping) => ada.ask({ request: 'ping', ping })))
		assert.ok(answers.some(({ code }) => code === 'rate_limited'))
		await bob.session.terminate()
		await ada.entry('left')
	})

	test('guessing is slow for a handle, and no other waits for it', async () => {
		const peer = await lab.peer()
		for (let i = 0; i < 3; i++) refused(await peer.ask({ request: 'join', room: 'guarded', pin: 'guess' }), 'wrong_pin')
		assert.ok(limited(await peer.ask({ request: 'join', room: 'guarded', pin: PIN }), /wrong tries/) <= 2000)
		await lab.join('guarded', { pin: PIN })
	})

	test('guessing secrets is as slow as guessing pins, and the key of the server is no way round it', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'edit', room: 'guarded', secret: 'guess' }), 'unauthorized')
		refused(await peer.ask({ request: 'create', admin_key: 'guess' }), 'unauthorized')
		refused(await peer.ask({ request: 'list', admin_key: 'guess' }), 'unauthorized')
		limited(await peer.ask({ request: 'edit', room: 'guarded', secret: OWNER }), /wrong tries/)
		limited(await peer.ask({ request: 'create', admin_key: KEY }), /wrong tries/)
		const wait = limited(await peer.ask({ request: 'join', room: 'guarded', pin: PIN }), /wrong tries/)
		assert.ok(wait <= 2000)
		assert.equal((await (await lab.peer()).ask({ request: 'edit', room: 'guarded', secret: OWNER })).portal, 'success')
		await eventually('it may try again', async () => (await peer.ask({ request: 'edit', room: 'guarded', secret: OWNER })).portal === 'success')
	})

	test('however many handles guess, 20 tries are looked at and then one a second, and who is inside comes back', async () => {
		const room = newRoom(), key = newKey()
		await lab.adminAsk({ request: 'create', room, pin: PIN, secret: OWNER })
		const ada = await lab.join(room, { key, pin: PIN })
		const peers = await Promise.all(Array.from({ length: 60 }, () => lab.peer()))
		const begun = performance.now()
		const codes = await Promise.all(peers.map(async peer => (await peer.ask({ request: 'join', room, pin: 'guess' })).code))
		const seconds = Math.ceil((performance.now() - begun) / 1000)
		const wrong = codes.filter(code => code === 'wrong_pin').length
		assert.deepEqual([...new Set(codes)].sort(), ['rate_limited', 'wrong_pin'])
		assert.ok(wrong >= 20 && wrong <= 20 + seconds, `${wrong} tries were looked at in ${seconds} s`)
		await ada.session.terminate()
		assert.equal((await (await lab.peer()).ask({ request: 'join', room, key })).resumed, true)
		assert.equal((await lab.adminAsk({ request: 'edit', room, new_locked: false })).portal, 'success')
		await eventually('the right one is taken', async () =>
			(await (await lab.peer()).ask({ request: 'edit', room, secret: OWNER })).portal === 'success')
	})

	test('says nothing secret, in no reply and not in the log', async () => {
		const room = newRoom(), replies = []
		const peer = await lab.peer()
		for (const body of [{ request: 'create', room, admin_key: KEY, secret: OWNER, pin: PIN, allowed: [TOKEN] },
			{ request: 'edit', room, secret: OWNER, new_pin: PIN, new_max_members: 0 }, { request: 'list' },
			{ request: 'allowed', room, secret: OWNER, action: 'add', allowed: ['another ' + TOKEN] },
			{ request: 'stats', room, secret: OWNER }, { request: 'destroy', room, secret: OWNER }])
			replies.push(await peer.ask(body))
		const all = JSON.stringify(replies) + lab.janus.log()
		for (const secret of [KEY, OWNER, PIN, TOKEN, 'sha256:']) assert.ok(!all.includes(secret), `${secret} is told`)
	})

	test('the server has so many rooms and no more', () => withJanus('general: { max_rooms = 2 }\nroom-a: {}\n', async other => {
		assert.equal((await other.adminAsk({ request: 'create' })).portal, 'success')
		refused(await other.adminAsk({ request: 'create' }), 'server_full')
		refused(await (await other.peer()).ask({ request: 'create' }), 'unauthorized', /Admin API/)
	}))

	test('Janus knows the plugin by its names and version', async () => {
		const info = await lab.admin({ janus: 'info' })
		const { name, author, description, version, version_string: text } = info.plugins['janus.plugin.portal']
		assert.equal(name, 'JANUS Portal plugin')
		assert.match(description, /direct WebRTC connection/)
		assert.ok(author.length > 0 && Number.isInteger(version))
		assert.match(text, /^\d+\.\d+\.\d+$/)
	})

	test('stats are those of the server, and query_session tells the same of one member', async () => {
		const room = newRoom()
		await lab.adminAsk({ request: 'create', room })
		const [ada, bob] = [await lab.join(room), await lab.join(room)]
		await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: 1 }, { to: 'y'.repeat(22), type: 'x', payload: 1 }] })
		await bob.entry('signal')
		await eventually('the counts', async () => {
			const stats = await lab.adminAsk({ request: 'stats', room })
			return stats.signals === 2 && stats.deliveries === 1 && stats.refusals.member_not_found === 1 && stats.latency.count >= 2
		})
		const { plugin_specific: own } = await lab.info(ada)
		assert.deepEqual([own.room, own.id, own.signals, own.deliveries, own.joins, own.refusals],
			[room, ada.id, 2, 1, 1, { member_not_found: 1 }])
	})
})
