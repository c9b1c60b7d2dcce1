// SPDX-License-Identifier: GPL-3.0-or-later
/** What clients that do not read what they are sent do to Janus's memory. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Session } from '../integration/client.mjs'
import { startJanus } from '../lib/janus.mjs'

const MIB = 1024 * 1024
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))
const mib = bytes => `${(bytes / MIB).toFixed(1)} MiB`

/** Looks at the memory of a process again and again. */
class Watch {
	constructor(pid) {
		this.file = `/proc/${pid}/status`
		this.begin = this.most = this.now()
		this.timer = setInterval(() => { this.most = Math.max(this.most, this.now()) }, 20)
	}

	now() {
		return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(this.file, 'utf8'))[1]) * 1024
	}

	/** How much more it ever had than at the beginning. */
	growth() {
		this.most = Math.max(this.most, this.now())
		return this.most - this.begin
	}

	stop() {
		clearInterval(this.timer)
	}
}

/** Runs `use` with a Janus, which has to end well. */
async function withJanus(options, use) {
	const janus = await startJanus(options)
	const watch = new Watch(janus.pid)
	try {
		await use(janus, watch)
	} finally {
		watch.stop()
		const end = await janus.stop()
		assert.deepEqual(end, { code: 0, signal: null }, `Janus did not end well:\n${janus.log().slice(-2000)}`)
	}
}

async function newMember(janus, fields) {
	const session = await Session.open(janus.url)
	const handle = await session.attach()
	const reply = await handle.ask({ request: 'join', room: 'home', ...fields })
	assert.equal(reply.portal, 'success', JSON.stringify(reply))
	return { session, handle, id: reply.id, reply }
}

describe('Clients that do not read', () => {
	test('A member that reads nothing costs less than 16 MiB while 200 MiB are sent to it, and the sender learns of it', async t => {
		const config = `general: {
	rate = 1000000000
	burst = 1000000000
	byte_rate = 1000000000
	byte_burst = 1000000000
	ack_timeout = 12
}
room-home: {}
`
		await withJanus({ config }, async (janus, watch) => {
			const sender = await newMember(janus)
			const reader = await newMember(janus)
			/* Nothing is taken out of the socket from here on: what the kernel does not hold stays in Janus. */
			reader.session.socket.pause()
			const sent = await sendTowards(sender, reader.id, 200 * MIB)
			const growth = watch.growth()
			t.diagnostic(`${mib(sent.bytes)} in ${sent.signals} signals: ${sent.relayed} relayed (${mib(sent.relayed * PAYLOAD)}), ` +
				`${sent.full} refused with recipient_full; Janus grew by ${mib(growth)} from ${mib(watch.begin)}`)
			assert.equal(sent.relayed + sent.full, sent.signals)
			assert.ok(sent.relayed > 0 && sent.relayed * PAYLOAD <= 0.75 * MIB, `${sent.relayed} signals were relayed`)
			assert.ok(growth < 16 * MIB, `Janus grew by ${mib(growth)}`)
			const left = await sender.handle.entry('left', 20_000)
			assert.deepEqual([left.id, left.reason], [reader.id, 'too_slow'])
			const { failed } = await sender.handle.ask({ request: 'relay', signals: [{ to: reader.id, type: 'test', payload: 1 }] })
			assert.equal(failed[0].code, 'member_not_found')
			t.diagnostic(`then it was removed as too_slow; Janus never grew by more than ${mib(watch.growth())}`)
			assert.ok(watch.growth() < 16 * MIB)
			reader.session.socket.terminate()
			await sender.session.close()
		})
	})

	test('A member that asks for much and reads nothing makes Janus grow no faster than its rates let it', async t => {
		await withJanus({ config: crowded(), pingpong: { trigger: 2, timeout: 2 } }, async (janus, watch) => {
			const crowd = await Promise.all(Array.from({ length: CROWD }, () => newMember(janus, { metadata: { about: 'x'.repeat(4000) } })))
			const glutton = await newMember(janus)
			const observer = crowd[0].handle
			glutton.session.socket.pause()
			watch.begin = watch.most = watch.now()
			const { asked, seconds } = await askForMuch(glutton, 10)
			const growth = watch.growth()
			const limits = glutton.reply.limits
			/* What an answer weighs is never less than its bytes, and none is given before the last ones are paid: so all of
			   them together are at most what the bucket holds, what flows into it meanwhile, and the one that overdraws it.
			   Refusals come on top, one for each request, with the envelope and the places in Janus's queue. */
			const answers = limits.byte_burst + seconds * limits.byte_rate + LARGEST
			const refusals = asked * REFUSAL
			t.diagnostic(`${asked} requests for large answers in ${seconds.toFixed(1)} s, none read, ping/pong on: Janus grew by ` +
				`${mib(growth)}; by the rates at most ${mib(answers)}, and ${mib(refusals)} for refusals`)
			assert.ok(growth > limits.byte_burst / 2, `only ${mib(growth)}: were the answers read?`)
			assert.ok(growth < answers + refusals, `Janus grew by ${mib(growth)}`)
			/* It still speaks, and so ping/pong has not ended it. */
			assert.equal(glutton.session.socket.readyState, glutton.session.socket.OPEN)
			assert.ok(!observer.entries.some(({ event, id }) => event === 'away' && id === glutton.id), 'ping/pong ended it')
			const silent = performance.now()
			await observer.entry(({ event, id }) => event === 'away' && id === glutton.id, 15_000)
			t.diagnostic(`${((performance.now() - silent) / 1000).toFixed(1)} s after it fell silent, ping/pong ended it`)
			glutton.session.socket.terminate()
			await Promise.all(crowd.map(({ session }) => session.close()))
		})
	})
})

const PAYLOAD = 48 * 1024
const AT_ONCE = 8 /* requests without an answer */

/** Relays so many bytes to one member, in requests of four signals. */
async function sendTowards({ handle }, to, bytes) {
	const sent = { bytes: 0, signals: 0, relayed: 0, full: 0 }
	const payload = 'x'.repeat(PAYLOAD - 2)
	const signals = Array(4).fill({ to, type: 'test', payload })
	await Promise.all(Array.from({ length: AT_ONCE }, async () => {
		while (sent.bytes < bytes) {
			sent.bytes += signals.length * PAYLOAD
			sent.signals += signals.length
			const { relayed, failed = [] } = await handle.ask({ request: 'relay', signals })
			sent.relayed += relayed
			for (const { code, retry_after: wait, to: ids } of failed) {
				assert.equal(code, 'recipient_full')
				assert.deepEqual(ids, [to])
				assert.ok(wait > 0)
				sent.full++
			}
		}
	}))
	return sent
}

const CROWD = 31 /* and the one that asks: all that a room takes by default */
const LARGEST = 256 * 1024 /* an answer to sync: 31 times 4 KiB and more, indented */
const REFUSAL = 1024
const PACE = 400 /* requests a second: twice what the default rate allows */

/** A room of members with much to say about themselves, and a long list of rooms. */
function crowded() {
	const described = Array.from({ length: 100 }, (_, index) => `room-r${index}: {\n\tdescription = "${'x'.repeat(1000)}"\n}\n`)
	return `room-home: {}\n${described.join('')}`
}

/** Asks again and again, whatever the answers may be. */
async function askForMuch({ session, handle }, seconds) {
	const begin = performance.now()
	const passed = () => (performance.now() - begin) / 1000
	let asked = 0
	while (passed() < seconds) {
		while (asked < passed() * PACE) {
			const body = { request: asked % 2 ? 'list' : 'sync' }
			session.socket.send(JSON.stringify({
				janus: 'message', session_id: session.id, handle_id: handle.handleId, transaction: `${asked++}`, body,
			}))
		}
		await sleep(10)
	}
	return { asked, seconds: passed() }
}
