// SPDX-License-Identifier: GPL-3.0-or-later
/** Nobody can flood, nobody is flooded, and nothing is dropped silently. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually, limited, refused, rooms, sleep, UNLIMITED, useLab, withJanus } from './lab.mjs'

const DEFAULTS = {
	max_signal: 65536, max_signals: 256, max_request: 262144, max_metadata: 4096, max_display: 128, max_depth: 32,
	window: 256, max_backlog: 1048576, ack_every: 32, ack_timeout: 30,
	rate: 200, burst: 1000, byte_rate: 1048576, byte_burst: 4194304,
}

const relay = (payload, more) => ({ request: 'relay', signals: [{ type: 'x', payload }], ...more })

const count = length => Array.from({ length }, (_, i) => i + 1)

const payloads = ({ entries }) => entries.filter(({ event }) => event === 'signal').map(({ payload }) => payload)

describe('Limits', () => {
	test('are told in the answer to join: the defaults', () => withJanus(rooms(), async lab => {
		const { joined } = await lab.join('home')
		assert.deepEqual(joined.limits, DEFAULTS)
		assert.equal(joined.resume_timeout, 30)
	}))

	const ALL = Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, value - 1]))
	test('are told in the answer to join: what the administrator set', () =>
		withJanus(rooms({ ...ALL, resume_timeout: 7 }), async lab => {
			const { joined } = await lab.join('home')
			assert.deepEqual(joined.limits, ALL)
			assert.equal(joined.resume_timeout, 7)
		}))

	const SIZES = { max_signal: 2048, max_signals: 3, max_request: 8192, max_metadata: 64, max_display: 4, max_depth: 8,
		window: 4, max_members: 2, max_total_members: 3 }
	test('of sizes hold as they are set', () => withJanus(rooms({ ...SIZES, resume_timeout: 0 }), async lab => {
		const [ada, bob] = await lab.members('home', 2)
		assert.equal((await ada.ask(relay('x'.repeat(2040)))).relayed, 1)
		assert.equal((await ada.ask(relay('x'.repeat(2060)))).failed[0].code, 'too_large')
		const signals = length => Array.from({ length }, () => ({ type: 'x', payload: 1 }))
		assert.equal((await ada.ask({ request: 'relay', signals: signals(3) })).relayed, 3)
		refused(await ada.ask({ request: 'relay', signals: signals(4) }), 'too_large', /^signals:/)
		refused(await ada.ask({ request: 'ping', ping: 1, more: 'x'.repeat(8192) }), 'too_large')
		refused(await ada.ask({ request: 'configure', metadata: { a: 'x'.repeat(64) } }), 'too_large', /^metadata:/)
		refused(await ada.ask({ request: 'configure', display: 'Adele' }), 'too_large', /^display:/)
		refused(await ada.ask({ request: 'ping', ping: [[[[[[[[]]]]]]]] }), 'too_deep')
		for (const seq of [2, 3, 4]) await ada.send(relay(seq, { seq })).acked
		refused(await ada.ask(relay(5, { seq: 5 })), 'window_exceeded', /^seq:/)
		const third = await lab.peer()
		refused(await third.ask({ request: 'join', room: 'home' }), 'room_full')
		await lab.join('other', {}, third)
		refused(await (await lab.peer()).ask({ request: 'join', room: 'other' }), 'server_full')
		await bob.gather(4, 'signal')
		assert.deepEqual(lab.news(), [])
	}))
})

describe('The default rates', () => {
	const COUNT = 2000
	const lab = useLab({ config: rooms({ resume_timeout: 0 }) })

	test(`of ${COUNT} pipelined requests each is answered: as many as the burst are done, the others told when to come again`, async t => {
		const ada = await lab.join('home')
		const begun = performance.now()
		const answers = await Promise.all(count(COUNT).map(ping => ada.ask({ request: 'ping', ping })))
		const took = (performance.now() - begun) / 1000
		const done = answers.filter(({ portal }) => portal === 'pong')
		const told = answers.filter(({ portal }) => portal !== 'pong').map(answer => limited(answer))
		assert.equal(done.length + told.length, COUNT)
		assert.ok(done.length >= 990 && done.length <= 1000 + 200 * took + 1, `${done.length} in ${took} s`)
		assert.ok(Math.max(...told) <= 10, `it need not wait ${Math.max(...told)} ms for one request`)
		t.diagnostic(`${done.length} done, ${told.length} refused in ${took.toFixed(2)} s`)
		await sleep(Math.max(...told))
		assert.equal((await ada.ask({ request: 'ping', ping: 'later' })).ping, 'later')
		assert.deepEqual(lab.news(), [])
	})

	test(`${COUNT} pipelined numbered relays, limited on the way, all arrive in order, once each`, async t => {
		const [ada, bob] = [lab.comer('home'), lab.comer('home')]
		for (const member of [bob, ada]) await member.connect()
		const begun = performance.now()
		const answers = await Promise.all(count(COUNT).map(payload => ada.relay({ type: 'x', payload })))
		const took = (performance.now() - begun) / 1000
		assert.ok(answers.every(({ relayed, failed }) => relayed === 1 && !failed))
		await bob.until(() => bob.payloads.length >= COUNT)
		assert.deepEqual(bob.payloads, count(COUNT))
		assert.ok(ada.counts.limited > 0, 'nothing was limited, so this shows nothing')
		assert.ok(took > (COUNT - 1000) / 200 * 0.9, `${COUNT} in ${took} s is more than the rate allows`)
		t.diagnostic(`${took.toFixed(2)} s, ${ada.counts.limited} times refused, ${JSON.stringify(ada.counts)}`)
		assert.deepEqual(lab.news(), [])
	})

	test('whoever is not in a room may do little, and that is no business of anybody else', async () => {
		const session = await lab.session()
		const [peer, other] = [await session.attach(), await session.attach()]
		const begun = performance.now()
		const answers = await Promise.all(count(300).map(() => peer.ask({ request: 'exists', room: 'home' })))
		const took = (performance.now() - begun) / 1000
		const done = answers.filter(({ portal }) => portal === 'success').length
		assert.ok(done >= 95 && done <= 100 + 20 * took + 1, `${done} in ${took} s`)
		for (const answer of answers.filter(({ portal }) => portal === 'error')) assert.ok(limited(answer) <= 100)
		assert.equal((await other.ask({ request: 'exists', room: 'home' })).portal, 'success')
		let answer = await peer.ask({ request: 'join', room: 'home' })
		while (answer.code) {
			await sleep(limited(answer))
			answer = await peer.ask({ request: 'join', room: 'home' })
		}
		assert.equal(answer.resumed, false)
		assert.equal((await peer.ask({ request: 'ping', ping: 1 })).ping, 1, 'a member has a full bucket of its own')
		assert.deepEqual(lab.news(), [])
	})
})

/** Asks until the first answer that says when to come again; how many were done, in how many seconds, and the wait. */
async function untilLimited(ask) {
	const begun = performance.now()
	for (let done = 0; done < 200; done++) {
		const answer = await ask(done + 1)
		if (answer.code) return { done, wait: limited(answer), took: (performance.now() - begun) / 1000 }
	}
	throw new Error('nothing is limited')
}

/* One a second: slow enough that no machine is too slow to see it. */
describe('Rates', () => {
	const lab = useLab({ config: rooms({ rate: 1, burst: 10, resume_timeout: 0 }) })

	/** As many of these pings as are answered, of 30 at once. */
	const pongs = async handle => {
		const answers = await Promise.all(count(30).map(ping => handle.ask({ request: 'ping', ping })))
		return answers.filter(({ portal }) => portal === 'pong').length
	}

	test('a request that is limited does not use its number; those behind it wait for it', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const { done, wait } = await untilLimited(seq => ada.ask(relay(seq, { seq })))
		assert.ok(done >= 10)
		const behind = ada.send(relay(done + 2, { seq: done + 2 }))
		await behind.acked
		await sleep(wait)
		assert.equal((await ada.ask(relay(done + 1, { seq: done + 1 }))).relayed, 1)
		const answer = await behind.reply
		if (answer.code) {
			await sleep(limited(answer))
			assert.equal((await ada.ask(relay(done + 2, { seq: done + 2 }))).relayed, 1)
		}
		await bob.gather(done + 2, 'signal')
		assert.deepEqual(payloads(bob), count(done + 2))
	})

	test('an acknowledgement counts even if its request is limited', async () => {
		const [ada, bob] = await lab.members('home', 2)
		bob.acknowledges = false
		for (let n = 1; n <= 5; n++) {
			await ada.ask(relay(n))
			await bob.reached(n)
			await pongs(bob)
			const answer = await bob.ask(relay(n, { ack: n }))
			if (answer.relayed) continue
			limited(answer)
			assert.equal((await lab.info(bob)).plugin_specific.acked, n)
			return
		}
		assert.fail('no request was limited')
	})

	test('the rate goes with the member to its next peer', async () => {
		const [ada] = await lab.members('home', 2)
		const begun = performance.now()
		const done = await pongs(ada) + await pongs(await lab.back(ada, { ack: ada.n }))
		const most = 10 + (performance.now() - begun) / 1000 + 1
		assert.ok(done >= 9 && done <= most, `${done} of at most ${most}`)
	})

	test('a signal to k members costs k', () => withJanus(rooms({ rate: 10, burst: 10 }), async other => {
		const [ada, ...others] = await other.members('home', 6)
		const { done, wait, took } = await untilLimited(payload => ada.ask(relay(payload)))
		assert.ok(done >= 2 && done <= 2 + took * 2 + 1, `${done} times to five in ${took} s`)
		assert.ok(wait <= 500, `five of ten a second take no ${wait} ms`)
		assert.equal((await others[0].ask(relay('others have their own'))).relayed, 5)
		await sleep(wait + 5)
		assert.equal((await ada.ask(relay('again'))).relayed, 5)
	}))

	test('bytes have a rate', () => withJanus(rooms({ byte_rate: 102400, byte_burst: 204800 }), async other => {
		const [ada] = await other.members('home', 2)
		const large = relay('x'.repeat(60_000))
		const { done, wait, took } = await untilLimited(() => ada.ask(large))
		assert.ok(done >= 3 && done <= 3 + took * 102400 / 60_000 + 1, `${done} in ${took} s`)
		assert.ok(wait < 600, `${wait} ms`)
		await sleep(wait + 20)
		assert.equal((await ada.ask(large)).relayed, 1)
	}))

	test('replays count as bytes of the member', () =>
		withJanus(rooms({ byte_rate: 1024, byte_burst: 150_000 }), async other => {
			const [ada, bob] = await other.members('home', 2)
			for (let i = 0; i < 2; i++) assert.equal((await ada.ask(relay('x'.repeat(50_000)))).relayed, 1)
			await bob.reached(2)
			const peers = [await other.peer(), await other.peer()]
			const join = (peer, attempt) => peer.ask({ request: 'join', room: 'home', key: bob.key, attempt, ack: 0 })
			assert.equal((await join(peers[0], 1)).resumed, true)
			limited(await join(peers[1], 2))
			await peers[0].reached(2)
			assert.equal((await peers[0].ask({ request: 'sync' })).portal, 'success', 'whoever was refused took nothing')
		}))

	test('what is told to a whole room has a rate; leaving and being away have none', () =>
		withJanus(rooms({ room_rate: 5, resume_timeout: 30 }), async other => {
			const peers = await Promise.all(count(20).map(() => other.peer()))
			const join = { request: 'join', room: 'home' }
			const begun = performance.now()
			const answers = await Promise.all(peers.map(peer => peer.ask(join)))
			const most = 5 + (performance.now() - begun) / 1000 * 5 + 1
			const inside = peers.filter((_, index) => !answers[index].code)
			for (const answer of answers.filter(({ code }) => code)) assert.ok(limited(answer, /room/) <= 200)
			assert.ok(inside.length >= 5 && inside.length <= most, `${inside.length} joined, at most ${most} should`)
			const [ada, bob, ...rest] = inside
			await untilLimited(number => ada.ask({ request: 'configure', display: `Ada ${number}` }))
			assert.equal((await (await other.peer()).ask({ ...join, room: 'other' })).portal, 'success', 'each room has its own')
			for (const member of rest) assert.deepEqual(await member.ask({ request: 'leave' }), { portal: 'success' })
			await bob.session.terminate()
			await ada.entry('away')
			await ada.gather(rest.length, 'left')
		}))
})

describe('A member that acknowledges nothing', () => {
	const SMALL = { ...UNLIMITED, max_backlog: 65536, max_signal: 2048, resume_timeout: 0 }
	const lab = useLab({ config: rooms(SMALL) })

	/** Sends signals of a kilobyte until the first that is refused; how many were taken, and what the refusal said. */
	async function fill(sender) {
		for (let taken = 0; taken < 1000; taken++) {
			const { failed } = await sender.ask(relay('x'.repeat(1000)))
			if (failed) return { taken, failed }
		}
		throw new Error('it takes everything')
	}

	test('takes three quarters of max_backlog; then the sender is told, and the others get theirs all the same', async () => {
		const [ada, bob, eve] = await lab.members('home', 3)
		bob.acknowledges = false
		const { taken, failed } = await fill(ada)
		assert.ok(taken >= 36 && taken <= 48, `${taken} of about a kilobyte in 48`)
		const { error, retry_after: wait, ...rest } = failed[0]
		assert.deepEqual(rest, { index: 0, to: [bob.id], error_code: 445, code: 'recipient_full' })
		assert.ok(wait > 0 && /^to:/.test(error))
		await eve.gather(taken + 1, 'signal')
		await bob.reached(taken + 1)
		assert.equal(payloads(bob).length, taken, 'to bob it never came')
		await bob.ask({ request: 'ack', ack: bob.n })
		assert.deepEqual(await ada.ask(relay('after')), { portal: 'success', relayed: 2 })
		await bob.gather(taken + 1, 'signal')
		assert.equal(payloads(bob).at(-1), 'after')
		assert.deepEqual(lab.news(), [])
	})

	test('and is away is bounded by the same cap, and gets all that was taken when it comes back', () =>
		withJanus(rooms({ ...SMALL, resume_timeout: 30 }), async other => {
			const [ada, bob] = await other.members('home', 2)
			await bob.session.terminate()
			await ada.entry('away')
			const { taken, failed } = await fill(ada)
			assert.equal(failed[0].code, 'recipient_full')
			assert.ok(taken >= 36 && taken <= 48, `${taken}`)
			const again = await other.back(bob, { ack: 0 })
			await again.reached(taken)
			assert.equal(payloads(again).length, taken)
		}))

	test('cannot take what all together may have: max_total_backlog', () =>
		withJanus(rooms({ ...SMALL, max_total_backlog: 16384 }), async other => {
			const [ada, bob, eve] = await other.members('home', 3)
			for (const member of [bob, eve]) member.acknowledges = false
			const { taken, failed } = await fill(ada)
			assert.ok(taken >= 5 && taken <= 8, `${taken} to each of two`)
			assert.equal(failed[0].code, 'recipient_full')
			await eve.ask({ request: 'leave' })
			assert.deepEqual(await ada.ask(relay('x')), { portal: 'success', relayed: 1 })
		}))

	test('has to acknowledge all of it where all together have much, and loses its membership else', () =>
		withJanus(rooms({ ...SMALL, max_total_backlog: 16384, ack_timeout: 2 }), async other => {
			const [ada, bob, eve] = await other.members('home', 3)
			for (const member of [bob, eve]) member.acknowledges = false
			await fill(ada)
			const { n } = await bob.entry('ack')
			assert.deepEqual(await bob.ask({ request: 'ack', ack: n }), { portal: 'success' })
			await eve.entry('ack')
			assert.deepEqual(await eve.ask({ request: 'ack', ack: 1 }), { portal: 'success' })
			const left = await ada.entry('left', 10_000)
			assert.deepEqual([left.id, left.reason], [eve.id, 'too_slow'])
			assert.deepEqual(await ada.ask(relay('x')), { portal: 'success', relayed: 1 })
			assert.deepEqual(other.news(), [])
		}))

	test('is removed as too slow after ack_timeout, is told so itself, and one that is only slow stays', () =>
		withJanus(rooms({ ...SMALL, ack_timeout: 2 }), async other => {
			const [ada, bob, eve] = await other.members('home', 3)
			for (const member of [bob, eve]) member.acknowledges = false
			const begun = performance.now()
			await fill(ada)
			/* From now on Eve acknowledges a little, several times in each ack_timeout, and is full again at once. */
			let slow = true
			const little = (async () => {
				for (let ack = 1; slow; ack++) {
					await sleep(400)
					assert.deepEqual(await eve.ask({ request: 'ack', ack }), { portal: 'success' })
					await fill(ada)
				}
			})()
			const left = await ada.entry('left')
			const took = performance.now() - begun
			assert.deepEqual([left.id, left.reason], [bob.id, 'too_slow'])
			assert.ok(took > 1950 && took < 8000, `${took} ms`)
			assert.deepEqual(await bob.event(({ portal }) => portal === 'closed'), { portal: 'closed', reason: 'too_slow' })
			refused(await bob.ask(relay(1)), 'room_not_set')
			await sleep(2500)
			slow = false
			await little
			assert.equal(await other.count('home'), 2, 'Eve is still there')
			assert.equal((await ada.entry('left')).id, eve.id, 'and goes when she stops')
			const again = await other.back(bob)
			assert.deepEqual([again.id, again.joined.resumed], [bob.id, false])
			assert.deepEqual(other.news(), [])
		}))

	test('loses its membership, and nobody else theirs, when the roster alone overflows it', () =>
		withJanus(rooms({ ...SMALL, max_backlog: 16384 }), async other => {
			const [ada, bob] = await other.members('home', 2)
			bob.acknowledges = false
			const { taken } = await fill(ada)
			let changes = 0
			while (!ada.entries.some(({ event }) => event === 'left') && changes < 500)
				await ada.ask({ request: 'configure', display: `Ada ${++changes}` })
			assert.ok(taken > 8 && changes > 10, `${taken} signals, ${changes} changes`)
			assert.equal((await ada.entry('left')).reason, 'too_slow')
			assert.deepEqual(await bob.event(({ portal }) => portal === 'closed'), { portal: 'closed', reason: 'too_slow' })
		}))
})
