// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * One room over every transport that Janus has for clients: WebSocket, HTTP with long polls, Unix socket, RabbitMQ, MQTT, while
 * all of their connections suffer. PORTAL_SEED=… repeats a run.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startMosquitto, startRabbit } from '../lib/brokers.mjs'
import { startJanus } from '../lib/janus.mjs'
import { randomness } from '../lib/random.mjs'
import { Member } from './member.mjs'
import { Schedule } from './schedule.mjs'
import { openWire } from './wire.mjs'

const TRANSPORTS = ['websockets', 'http', 'pfunix', 'rabbitmq', 'mqtt']
const SCHEDULES = 12
const AT_ONCE = 4
const SEED = Number(process.env.PORTAL_SEED ?? Math.floor(Math.random() * 1e9))

const config = `general: {
	max_signal = 4096
	max_request = 16384
	max_backlog = 49152
	window = 16
	ack_every = 8
	resume_timeout = 60
}
${Array.from({ length: SCHEDULES }, (_, index) => `room-s${index}: {}`).join('\n')}
room-broker-mqtt: {}
room-broker-rabbitmq: {}
`

describe('One room over every transport', () => {
	let janus, rabbit, mosquitto, bridge, addresses

	before(async () => {
		console.log(`PORTAL_SEED=${SEED}`);
		[rabbit, mosquitto] = await Promise.all([startRabbit(), startMosquitto()])
		janus = await startJanus({
			config, transports: TRANSPORTS, brokers: { rabbitmq: rabbit.port, mqtt: mosquitto.port },
			pingpong: { trigger: 1, timeout: 1 }, settings: { 'general.session_timeout': 4 },
		})
		bridge = spawn('python3', [fileURLToPath(new URL('unix-bridge.py', import.meta.url)), janus.unixPath],
			{ stdio: ['ignore', 'pipe', 'inherit'] })
		const [port] = await once(bridge.stdout, 'data')
		addresses = {
			websockets: janus.url, http: janus.httpUrl, pfunix: `unix://127.0.0.1:${Number(port)}`,
			rabbitmq: `amqp://guest:guest@127.0.0.1:${rabbit.port}/?heartbeat=0`, mqtt: `mqtt://127.0.0.1:${mosquitto.port}`,
		}
	})

	after(async () => {
		bridge?.kill()
		const end = await janus?.stop()
		await Promise.all([rabbit?.stop(), mosquitto?.stop()])
		assert.deepEqual(end, { code: 0, signal: null }, `Janus did not end well:\n${janus.log().slice(-2000)}`)
	})

	test('everybody gets every signal once and in order, and agrees who is there, whatever breaks', { timeout: 300_000 }, async t => {
		const failed = [], totals = { told: 0, got: 0 }, faults = {}
		const count = kind => { faults[kind] = (faults[kind] ?? 0) + 1 }
		const numbers = Array.from({ length: SCHEDULES }, (_, index) => index)
		await Promise.all(Array.from({ length: AT_ONCE }, async () => {
			for (let index; (index = numbers.shift()) !== undefined;) {
				const schedule = new Schedule({ seed: SEED + index, room: `s${index}`, transports: TRANSPORTS, each: true, addresses, count })
				if (!await schedule.run()) failed.push(schedule)
				for (const [name, value] of Object.entries({ ...schedule.counts, told: schedule.told, got: schedule.got }))
					totals[name] = (totals[name] ?? 0) + value
			}
		}))
		t.diagnostic(`${SCHEDULES} schedules: ${JSON.stringify(totals)}; faults: ${JSON.stringify(faults)}`)
		assert.ok(totals.got > 0 && totals.resumed > 0)
		assert.equal(failed.length, 0, failed.slice(0, 2).map(schedule => schedule.report()).join('\n'))
	})

	/** Somebody who hears numbers, over a transport without faults of ours. */
	function member(transport, room) {
		const member = new Member({ transport, url: addresses[transport], room, random: randomness(SEED), display: transport })
		member.got = []
		member.onSignal = ({ payload }) => member.got.push(payload)
		member.start()
		return member
	}

	const until = async (what, look, patience = 20_000) => {
		for (const end = Date.now() + patience; !look(); await wait(20)) assert.ok(Date.now() < end, `waited in vain for ${what}`)
	}

	for (const [name, transport, again] of [['Mosquitto', 'mqtt', startMosquitto], ['RabbitMQ', 'rabbitmq', startRabbit]]) {
		test(`a ${name} that dies and is started again takes nothing along`, { timeout: 120_000 }, async () => {
			const room = `broker-${transport}`
			const [far, near] = [member(transport, room), member('websockets', room)]
			await until('both to be there', () => far.isOpen && near.isOpen && far.roster.size === 1 && near.roster.size === 1)
			const say = payload => near.request(() => ({ request: 'relay', signals: [{ type: 'x', payload }] }))
			for (let i = 0; i < 50; i++) await say(i)
			const broker = transport === 'mqtt' ? mosquitto : rabbit
			await broker.stop()
			for (let i = 50; i < 100; i++) await say(i)
			const fresh = await again({ port: broker.port })
			if (transport === 'mqtt') mosquitto = fresh
			else rabbit = fresh
			for (let i = 100; i < 150; i++) await say(i)
			await until('all of it', () => far.got.length >= 150, 60_000).catch(error => {
				error.message += `\n${far.got.length} came\n${far.notes.slice(-20).join('\n')}\n${janus.log().split('\n').slice(-20).join('\n')}`
				throw error
			}).finally(() => { for (const each of [far, near]) each.stop() })
			assert.deepEqual(far.got, Array.from({ length: 150 }, (_, i) => i))
			assert.deepEqual([...far.faults, ...near.faults], [])
		})
	}

	test('over a Unix socket Janus drops what is over 8 KiB without a word, and goes on', async () => {
		const answers = new Map()
		const nothing = () => {}
		const wire = await openWire.pfunix(addresses.pfunix, {
			heard: nothing, push: nothing, broken: nothing, gone: nothing, answer: (transaction, data) => answers.set(transaction, data)
		}, 5_000)
		const ping = (transaction, size) => wire.send(transaction, { request: 'ping', ping: { pad: 'x'.repeat(size) } })
		ping('large', 8_300)
		ping('small', 7_000)
		await until('an answer to the small one', () => answers.has('small'))
		await wait(500)
		assert.deepEqual([...answers.keys()], ['small'])
		wire.end()
	})
})
