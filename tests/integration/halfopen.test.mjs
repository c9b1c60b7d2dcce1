// SPDX-License-Identifier: GPL-3.0-or-later
/** A client whose network is gone without a word is noticed by the ping of Janus's WebSockets. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { rooms, sleep, useLab } from './lab.mjs'
import { Member } from './member.mjs'
import { startProxy } from './proxy.mjs'

const count = length => Array.from({ length }, (_, i) => i + 1)

const relay = payload => ({ request: 'relay', signals: [{ type: 'x', payload }] })

describe('A network that is gone without a word', () => {
	const lab = useLab({ config: rooms({ resume_timeout: 5 }), pingpong: { trigger: 1, timeout: 1 } })
	let proxy
	before(async () => { proxy = await startProxy(lab.janus.url) })
	after(() => proxy.close())

	/** Ada, whose network is well, and Bob behind the proxy. */
	async function meet() {
		const ada = await lab.join('home')
		const bob = new Member(proxy.url, 'home')
		await bob.connect()
		await ada.entry('joined')
		return [ada, bob]
	}

	/** The milliseconds until the next such event of that member comes. */
	async function takes(ada, event, id) {
		const begun = performance.now()
		assert.equal((await ada.entry(event)).id, id)
		return performance.now() - begun
	}

	test('makes its member away, and left when it does not come back', async t => {
		const [ada, bob] = await meet()
		proxy.hold()
		const away = await takes(ada, 'away', bob.id)
		const left = await takes(ada, 'left', bob.id)
		t.diagnostic(`away after ${Math.round(away)} ms, left ${Math.round(left)} ms later`)
		assert.ok(away < 10_000, `away after ${away} ms`)
		assert.ok(left > 4900 && left < 12_000, `left after ${left} ms`)
		assert.equal(ada.entries.at(-1).reason, 'timeout')
		assert.equal(await lab.count('home'), 1)
		await bob.cut()
	})

	test('and comes again in time costs nothing: everything arrives once and in order, both ways', async () => {
		const [ada, bob] = await meet()
		const answers = count(50).map(payload => bob.relay({ type: 'x', payload }))
		await Promise.all(answers)
		proxy.hold()
		const into = count(100).map(payload => bob.relay({ type: 'x', payload: 50 + payload }))
		for (const payload of count(50)) assert.equal((await ada.ask(relay(payload))).relayed, 1)
		await takes(ada, 'away', bob.id)
		for (const payload of count(50)) assert.equal((await ada.ask(relay(50 + payload))).relayed, 1)
		assert.equal((await bob.connect()).resumed, true)
		await Promise.all(into)
		await bob.until(() => bob.payloads.length >= 100)
		assert.deepEqual(bob.payloads, count(100))
		await ada.gather(150, 'signal')
		assert.deepEqual(ada.entries.filter(({ event }) => event === 'signal').map(({ payload }) => payload), count(150))
		assert.deepEqual(ada.entries.filter(({ event }) => event !== 'signal').map(({ event }) => event), ['joined', 'away', 'back'])
		await bob.close()
	})

	test('may be noticed by the client first: it is back before anybody else knows, and the late end changes nothing', async () => {
		const [ada, bob] = await meet()
		proxy.hold()
		assert.equal((await ada.ask(relay(1))).relayed, 1)
		assert.equal((await bob.connect()).resumed, true)
		await bob.until(() => bob.payloads.length === 1)
		/* Until Janus has certainly noticed the old connection. */
		await sleep(4000)
		await ada.ask(relay(2))
		await bob.until(() => bob.payloads.length === 2)
		assert.deepEqual(ada.entries.map(({ event }) => event), ['joined'])
		await bob.close()
	})

	test('is not what a client has that says nothing but answers pings', async () => {
		const [ada, bob] = await meet()
		await sleep(5000)
		assert.deepEqual(ada.entries.map(({ event }) => event), ['joined'])
		assert.equal((await ada.ask(relay(1))).relayed, 1)
		await bob.until(() => bob.payloads.length === 1)
		await bob.close()
	})
})
