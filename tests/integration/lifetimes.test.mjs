// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { newSeed, randomness } from '../lib/random.mjs'
import { eventually, rooms, ROOMS, stopWell, UNLIMITED, useLab, withJanus } from './lab.mjs'

const signals = payload => [{ type: 'x', payload }]

/* A member whose peer has gone goes at once, or is away first: nobody may stay for ever. */
for (const resume_timeout of [0, 1])
	describe(`Lifetimes under resume_timeout = ${resume_timeout}`, () => {
		const lab = useLab({ config: rooms({ ...UNLIMITED, max_backlog: 67_108_864, max_members: 1000, resume_timeout }) })

		test('clients vanish while others send at them: the others stay whole, and no ghost remains', async () => {
			const seed = newSeed(), random = randomness(seed)
			const [ada, bob] = await lab.members('home', 2)
			let sending = true, sent = 0
			const flood = (async () => {
				while (sending) {
					const batch = Array.from({ length: 8 }, () => ada.ask({ request: 'relay', signals: signals(++sent) }))
					for (const { portal } of await Promise.all(batch)) assert.equal(portal, 'success')
				}
			})()
			for (let round = 0; round < 30; round++) {
				const guests = await Promise.all([1, 2, 3].map(() => lab.join('home')))
				for (const guest of guests) {
					const end = [() => guest.session.terminate(), () => guest.detach(),
						() => guest.session.request({ janus: 'destroy' }), () => guest.ask({ request: 'leave' })]
					await end[Math.floor(random() * end.length)]()
				}
			}
			sending = false
			await flood
			const came = await bob.gather(sent, 'signal')
			assert.equal(came.filter(({ event }) => event === 'signal').length, sent, `seed ${seed}`)
			await bob.gather(90, 'left')
			assert.equal(await lab.count('home'), 2)
			const { members } = await bob.ask({ request: 'sync' })
			assert.deepEqual(members.map(({ id }) => id), [ada.id])
		})

		test('two hundred handles come and go at once with messages in flight', async () => {
			const witness = await lab.join('home')
			const sessions = await Promise.all(Array.from({ length: 8 }, () => lab.session()))
			await Promise.all(Array.from({ length: 200 }, async (_, i) => {
				const handle = await sessions[i % sessions.length].attach()
				/* None of these is awaited: the detach overtakes some of them in Janus. */
				handle.send({ request: 'join', room: i % 2 ? 'home' : 'other' })
				for (let seq = 3; seq >= 1; seq--) handle.send({ request: 'relay', seq, signals: signals(i) })
				handle.send({ request: 'sync' })
				await handle.detach()
			}))
			await eventually('only the witness remains', async () =>
				await lab.count('home') === 1 && await lab.count('other') === 0)
			assert.equal((await witness.ask({ request: 'sync' })).members.length, 0)
			const told = name => witness.entries.filter(({ event }) => event === name).length
			await eventually('as many left as joined', () => told('joined') === told('left'))
		})

		test('sessions are destroyed and connections cut with numbered requests waiting', async () => {
			const bob = await lab.join('home')
			for (let round = 0; round < 40; round++) {
				const guest = await lab.join('home')
				for (let seq = 2; seq < 20; seq++) guest.send({ request: 'relay', seq, signals: signals(round) })
				if (round % 2) await guest.session.terminate()
				else await guest.session.request({ janus: 'destroy' })
			}
			await bob.gather(40, 'left')
			assert.equal(bob.entries.filter(({ event }) => event === 'signal').length, 0)
			assert.equal(await lab.count('home'), 1)
		})

		test('leave and the end of the connection at the same time tell the others once', async () => {
			const bob = await lab.join('home')
			for (let round = 0; round < 40; round++) {
				const guest = await lab.join('home')
				guest.send({ request: 'leave', seq: 1 })
				guest.send({ request: 'leave' })
				await (round % 2 ? guest.session.terminate() : guest.detach())
			}
			const entries = await bob.gather(40, 'left')
			const left = entries.filter(({ event }) => event === 'left').map(({ id }) => id)
			assert.equal(new Set(left).size, 40)
			await bob.ask({ request: 'ping', ping: 1 })
			assert.equal(bob.entries.filter(({ event }) => event === 'left').length, 40)
		})
	})

/** The names of the threads of a process. */
const threads = pid => readdirSync(`/proc/${pid}/task`)
	.map(id => readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim())

describe('The end of Janus', () => {
	test('with members inside and requests waiting is clean and soon', () => withJanus(ROOMS, async lab => {
		const members = await lab.members('home', 5)
		for (const member of members) await member.send({ request: 'relay', seq: 2, signals: signals(1) }).acked
		const begun = Date.now()
		await stopWell(lab.janus)
		assert.ok(Date.now() - begun < 8000, `it took ${Date.now() - begun} ms`)
	}))

	for (const round of [1, 2, 3])
		test(`while clients send at each other is clean as well (${round})`, () => withJanus(ROOMS, async lab => {
			const members = await lab.members('home', 4)
			let sending = true
			const floods = members.map(async member => {
				while (sending)
					await member.ask({ request: 'relay', signals: signals('x'.repeat(2000)) }).catch(() => { sending = false })
			})
			await members[0].gather(200, 'signal')
			await stopWell(lab.janus)
			await Promise.all(floods)
		}))

	test('finds the flushers of the plugin running, and without a single member', () => withJanus(ROOMS, async ({ janus }) => {
		const names = threads(janus.pid)
		assert.ok(names.filter(name => name.includes('portal')).length >= 2, `two flushers were expected among ${names}`)
	}))
})
