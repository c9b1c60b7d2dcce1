// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Random schedules of faults between members and a real Janus. The seed is printed; PORTAL_SEED=… repeats a run from there on,
 * PORTAL_SCHEDULES=… says how many schedules there are.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startJanus } from '../lib/janus.mjs'
import { Schedule } from './schedule.mjs'

const SCHEDULES = Number(process.env.PORTAL_SCHEDULES ?? 210)
const SEED = Number(process.env.PORTAL_SEED ?? Math.floor(Math.random() * 1e9))
/* In a plugin that was built with a sanitizer all takes several times as long, and members lose their patience. */
const SLOW = Boolean(process.env.PORTAL_PRELOAD)
const AT_ONCE = SLOW ? 8 : 20
const SHOWN = 3 /* failed schedules of each kind that are told in full */

/** The kind follows from the seed, so that one seed repeats one schedule. */
const KINDS = [
	{ title: 'over WebSocket', transports: ['websockets'], share: 3 },
	{ title: 'over HTTP with long polls', transports: ['http'], share: 3 },
	{ title: 'over both in one room', transports: ['websockets', 'http'], share: 2 },
	{ title: 'whose members also time out', transports: ['websockets', 'http'], share: 2, deaths: true },
]
const kinds = KINDS.flatMap(kind => Array(kind.share).fill(kind))
const seedsOf = kind => Array.from({ length: SCHEDULES }, (_, index) => SEED + index).filter(seed => kinds[seed % kinds.length] === kind)

/* Small enough for a few members to come up against each of them. */
const config = resume => `general: {
	resume_timeout = ${resume}
	max_signal = 4096
	max_request = 16384
	max_backlog = 49152
	window = 16
	ack_every = 8
	rate = 100
	burst = 100
	room_rate = 10
}
${Array.from({ length: SCHEDULES }, (_, index) => `room-s${index}: {}`).join('\n')}
`

describe('Members whose connections suffer', () => {
	let patient, hasty
	const faults = {}
	const count = kind => { faults[kind] = (faults[kind] ?? 0) + 1 }

	before(async () => {
		console.log(`PORTAL_SEED=${SEED} PORTAL_SCHEDULES=${SCHEDULES}`)
		const options = {
			transports: ['websockets', 'http'], pingpong: { trigger: 1, timeout: 1 }, settings: { 'general.session_timeout': 4 },
		}
		patient = await startJanus({ ...options, config: config(60) })
		hasty = await startJanus({ ...options, config: config(1) })
	})

	after(async () => {
		console.log(`faults: ${JSON.stringify(faults)}`)
		for (const janus of [patient, hasty]) {
			if (!janus) continue
			assert.deepEqual(await janus.stop(), { code: 0, signal: null }, `Janus did not end well:\n${janus.log().slice(-2000)}`)
		}
	})

	for (const kind of KINDS) {
		test(`Members ${kind.title} get every signal once and in order, and agree who is there`, { timeout: 900_000 }, async t => {
			const seeds = seedsOf(kind)
			if (seeds.length === 0) return t.skip('there is no schedule of this kind')
			const { failed, totals } = await runAll(seeds, kind)
			t.diagnostic(`${seeds.length} schedules: ${JSON.stringify(totals)}`)
			assert.ok(totals.got > 0 && totals.told > 0)
			assert.equal(failed.length, 0, `${failed.length} of ${seeds.length} schedules failed:\n` +
				failed.slice(0, SHOWN).map(schedule => schedule.report()).join('\n'))
		})
	}

	test('Every kind of fault happened', t => {
		if (SCHEDULES < 100) return t.skip('too few schedules for that')
		for (const kind of ['refuse', 'cut', 'tear', 'unanswered', 'swallow', 'late', 'recipient_full'])
			assert.ok(faults[kind] > 0, `${kind} never happened: ${JSON.stringify(faults)}`)
	})

	/** Several schedules at once, each in a room of its own. */
	async function runAll(seeds, kind) {
		const janus = kind.deaths ? hasty : patient
		const failed = [], totals = { told: 0, got: 0, lives: 0 }
		const queue = [...seeds]
		await Promise.all(Array.from({ length: AT_ONCE }, async () => {
			for (let seed; (seed = queue.shift()) !== undefined;) {
				const schedule = new Schedule({ ...kind, seed, ...SLOW && { patience: 90_000 }, room: `s${seed - SEED}`, addresses: { websockets: janus.url, http: janus.httpUrl }, count })
				if (!await schedule.run()) failed.push(schedule)
				for (const [name, value] of Object.entries({ ...schedule.counts, told: schedule.told, got: schedule.got, lives: schedule.lives }))
					totals[name] = (totals[name] ?? 0) + value
			}
		}))
		return { failed, totals }
	}
})
