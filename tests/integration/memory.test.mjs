// SPDX-License-Identifier: GPL-3.0-or-later
/** What Janus's memory comes to while clients do not read. Under a sanitizer, which keeps what was freed, that says nothing. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { rooms, sleep, UNLIMITED, withJanus } from './lab.mjs'

const count = length => Array.from({ length }, (_, i) => i + 1)

/** Resident memory of a process in bytes. */
const memory = ({ pid }) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024

const MIB = 1024 * 1024

const mib = bytes => `${(bytes / MIB).toFixed(1)} MiB`

describe('The memory of Janus', () => {
	const TOWARDS = 200 * MIB, ALLOWED = 16 * MIB

	test('does not grow by what is sent towards a reader that never reads, and the sender learns of it', async t => {
		await withJanus(rooms({ ...UNLIMITED, resume_timeout: 0 }), async lab => {
			const [ada, bob, eve] = await lab.members('home', 3)
			const payload = 'x'.repeat(60_000)
			const signals = to => [1, 2, 3].map(() => ({ to, type: 'x', payload }))
			/* Whatever a first use costs is paid before. */
			for (let i = 1; i <= 50; i++) {
				assert.equal((await ada.ask({ request: 'relay', signals: signals(eve.id) })).relayed, 3)
				await eve.reached(3 * i)
			}
			bob.acknowledges = false
			bob.session.socket.pause()
			const before = memory(lab.janus)
			let sent = 0, relayed = 0, highest = before
			const told = new Map()
			while (sent < TOWARDS) {
				const answers = await Promise.all(count(8).map(() => ada.ask({ request: 'relay', signals: signals(bob.id) })))
				for (const answer of answers) {
					sent += 3 * payload.length
					relayed += answer.relayed
					for (const { code } of answer.failed ?? []) told.set(code, (told.get(code) ?? 0) + 1)
				}
				highest = Math.max(highest, memory(lab.janus))
			}
			t.diagnostic(`${mib(sent)} sent towards it, ${relayed} signals taken, ${JSON.stringify([...told])}; ` +
				`Janus ${mib(before)}, at most ${mib(highest - before)} more`)
			assert.ok(highest - before < ALLOWED, `Janus grew by ${mib(highest - before)}`)
			assert.ok(relayed * payload.length < 1.1 * MIB)
			assert.ok(told.get('recipient_full') > 0)
			assert.deepEqual(lab.news(), [])
			await bob.session.terminate()
		})
	})

	test('does not grow by more than the default rates for one that asks for large answers and never reads them', async t => {
		const SECONDS = 6
		await withJanus(rooms({ resume_timeout: 0 }), async lab => {
			const others = await lab.members('home', 8)
			for (const other of others) await other.ask({ request: 'configure', metadata: { a: 'x'.repeat(4000) } })
			const bob = await lab.join('home')
			const size = JSON.stringify(await bob.ask({ request: 'sync' })).length
			bob.session.socket.pause()
			const before = memory(lab.janus), end = Date.now() + SECONDS * 1000
			let asked = 0, highest = before
			while (Date.now() < end) {
				for (let i = 0; i < 8; i++) bob.send({ request: 'sync' })
				asked += 8
				await sleep(20)
				highest = Math.max(highest, memory(lab.janus))
			}
			t.diagnostic(`asked ${asked} times in ${SECONDS} s for ${size} bytes, ${mib(asked * size)} in all; ` +
				`Janus ${mib(before)}, at most ${mib(highest - before)} more`)
			assert.ok(asked * size > 1.5 * ALLOWED, 'too little was asked for to show anything')
			assert.ok(highest - before < ALLOWED, `Janus grew by ${mib(highest - before)}`)
			await bob.session.terminate()
			await others[0].entry('left')
		}, { pingpong: { trigger: 2, timeout: 2 } })
	})
})
