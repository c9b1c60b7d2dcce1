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
	let reply
	/* What all of them together may tell the others at once is bounded, too. */
	while ((reply = await handle.ask({ request: 'join', room: 'home', ...fields })).code === 'rate_limited') await sleep(reply.retry_after)
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

	for (const [name, pace] of [['as fast as it can', 2000], ['no faster than its rate allows', 190]]) {
		test(`A member that asks for much, ${name}, and reads nothing costs less than 16 MiB, and is ended`, async t => {
			await withJanus({ config: crowded(), pingpong: { trigger: 2, timeout: 2 } }, async (janus, watch) => {
				const crowd = await Promise.all(Array.from({ length: CROWD }, () => newMember(janus, { metadata: { about: 'x'.repeat(4000) } })))
				const glutton = await newMember(janus)
				const observer = crowd[0].handle
				glutton.session.socket.pause()
				watch.begin = watch.most = watch.now()
				let away = false
				const gone = observer.entry(({ event, id }) => event === 'away' && id === glutton.id, 60_000).then(() => { away = true })
				const { asked, seconds } = await askForMuch(glutton, pace, () => !away)
				await gone
				const more = await askForMuch(glutton, pace, passed => passed < 3)
				t.diagnostic(`${asked} requests for large answers in ${seconds.toFixed(1)} s, none read, ping/pong on, until its handle ` +
					`was ended; with ${more.asked} more, which Janus refused, it had grown by ${mib(watch.growth())}`)
				/* What is not in the kernel's buffers, which take several MiB on loopback, is in Janus. */
				assert.ok(watch.growth() < 16 * MIB, `Janus grew by ${mib(watch.growth())}`)
				const left = await observer.entry(({ event, id }) => event === 'left' && id === glutton.id, 10_000)
				assert.equal(left.reason, 'timeout')
				glutton.session.socket.terminate()
				await Promise.all(crowd.map(({ session }) => session.close()))
			})
		})
	}

	test('One that asks for as much and reads it, and only acknowledges, is not ended', async () => {
		await withJanus({ config: crowded() }, async janus => {
			const crowd = await Promise.all(Array.from({ length: CROWD }, () => newMember(janus, { metadata: { about: 'x'.repeat(4000) } })))
			const { session, handle } = await newMember(janus)
			for (let bytes = 0; bytes < 6 * MIB;) {
				const reply = await handle.ask({ request: 'sync' })
				if (reply.code === 'rate_limited') {
					await sleep(reply.retry_after)
					continue
				}
				assert.equal(reply.portal, 'success', JSON.stringify(reply))
				bytes += JSON.stringify(reply).length
			}
			const asked = handle.entries.filter(({ event }) => event === 'ack').length
			assert.ok(asked > 5, `it was asked ${asked} times to acknowledge`)
			await Promise.all([session, ...crowd.map(({ session }) => session)].map(session => session.close()))
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
/** A room of members with much to say about themselves, and a long list of rooms. */
function crowded() {
	const described = Array.from({ length: 100 }, (_, index) => `room-r${index}: {\n\tdescription = "${'x'.repeat(1000)}"\n}\n`)
	return `general: {\n\tresume_timeout = 5\n\tack_timeout = 5\n}\nroom-home: {}\n${described.join('')}`
}

/** Asks again and again, whatever the answers may be, so many times a second. */
async function askForMuch({ session, handle }, pace, goesOn) {
	const begin = performance.now()
	const passed = () => (performance.now() - begin) / 1000
	let asked = 0
	while (goesOn(passed())) {
		while (asked < passed() * pace) {
			const body = { request: asked % 2 ? 'list' : 'sync' }
			session.socket.send(JSON.stringify({
				janus: 'message', session_id: session.id, handle_id: handle.handleId, transaction: `${asked++}`, body,
			}))
		}
		await sleep(10)
	}
	return { asked, seconds: passed() }
}
