// SPDX-License-Identifier: GPL-3.0-or-later
/** Statistics as Prometheus reads them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { rooms, useLab } from './lab.mjs'

const SCRIPT = fileURLToPath(new URL('../../conf/portal-prometheus', import.meta.url))
const run = promisify(execFile)

/** Reads the text format line by line: name{labels} → value, and what is said of each name. */
function parse(text) {
	const values = new Map(), types = new Map(), names = []
	for (const line of text.trimEnd().split('\n')) {
		const about = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
		if (about?.[1] === 'TYPE') types.set(about[2], about[3])
		if (about) continue
		const sample = /^([a-z_]+)(\{(?:[a-z]+="[^"\\\n]*",?)+\})? ([0-9.e+-]+)$/.exec(line)
		assert.ok(sample, `this is no sample: ${line}`)
		const [, name, labels = '', value] = sample
		const family = types.has(name) ? name : name.replace(/_(bucket|sum|count)$/, '')
		assert.ok(types.has(family), `${name} has no type`)
		assert.ok(!values.has(name + labels), `${name}${labels} is there twice`)
		values.set(name + labels, Number(value))
		if (names.at(-1) !== family) names.push(family)
	}
	assert.equal(new Set(names).size, names.length, 'the samples of one name stand together')
	return { values, types }
}

/** Stands in for Janus, or before it: `answer` gives the text for each message. */
async function withServer(answer, use) {
	const server = createServer(async (request, response) => {
		let text = ''
		for await (const part of request) text += part
		response.end(await answer(JSON.parse(text)))
	})
	await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
	try {
		return await use(`http://127.0.0.1:${server.address().port}/admin`)
	} finally {
		server.close()
		server.closeAllConnections?.()
	}
}

describe('portal-prometheus', () => {
	/* Enough rooms for more than one page, which ends at 64 KiB. */
	const many = Array.from({ length: 100 }, (_, i) => `room-many-${i}: {\n\tdescription = "${'x'.repeat(1000)}"\n}\n`).join('')
	const lab = useLab({ config: rooms({ resume_timeout: 0 }) + many })
	const print = async (args, secret = lab.janus.adminSecret) =>
		parse((await run(SCRIPT, [...args, lab.janus.httpAdminUrl], { env: { ...process.env, PORTAL_ADMIN_SECRET: secret } })).stdout)

	test('prints what stats say', async () => {
		const [ada, bob] = await lab.members('home', 2)
		await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: 1 }, { to: 'y'.repeat(22), type: 'x', payload: 1 }] })
		await bob.entry('signal')
		const { values, types } = await print([])
		const expected = { portal_members: 2, portal_members_away: 0, portal_signals_total: 2, portal_deliveries_total: 1,
			portal_joins_total: 2, 'portal_refusals_total{code="member_not_found"}': 1 }
		for (const [name, value] of Object.entries(expected)) assert.equal(values.get(name), value, name)
		assert.equal(types.get('portal_signals_total'), 'counter')
		assert.equal(types.get('portal_event_latency_seconds'), 'histogram')
		const bounds = ['0.0001', '0.001', '0.01', '0.1', '1', '10', '+Inf']
		const counts = bounds.map(bound => values.get(`portal_event_latency_seconds_bucket{le="${bound}"}`))
		assert.deepEqual(counts, [...counts].sort((a, b) => a - b))
		assert.equal(counts.at(-1), values.get('portal_event_latency_seconds_count'))
		assert.ok(counts.at(-1) >= 2)
		assert.ok([...values.keys()].every(name => !name.includes('room=')))
	})

	test('prints each room if asked to', async () => {
		await lab.join('home')
		const { values } = await print(['--per-room'])
		assert.equal(values.get('portal_room_members{room="home"}'), 1)
		assert.equal(values.get('portal_room_members{room="vault"}'), 0)
		assert.equal(values.get('portal_members'), 1)
		assert.equal(values.get('portal_rooms'), 105)
		assert.equal([...values.keys()].filter(name => name.startsWith('portal_room_members{')).length, 105)
	})

	test('leaves out a room that has gone meanwhile', async () => {
		for (const room of ['stays', 'goes']) await lab.adminAsk({ request: 'create', room })
		/* Janus itself, only that a room is destroyed between the list and the first look at a room. */
		const answer = async message => {
			const { admin_secret: secret, janus, plugin, request } = message
			assert.equal(secret, lab.janus.adminSecret)
			if (request.room !== undefined) await lab.adminAsk({ request: 'destroy', room: 'goes' })
			return JSON.stringify(await lab.admin({ janus, plugin, request }))
		}
		await withServer(answer, async url => {
			const { stdout } = await run(SCRIPT, ['--per-room', url], { env: { ...process.env, PORTAL_ADMIN_SECRET: lab.janus.adminSecret } })
			const { values } = parse(stdout)
			assert.equal(values.get('portal_room_members{room="stays"}'), 0)
			assert.ok(!values.has('portal_room_members{room="goes"}'))
		})
		await lab.adminAsk({ request: 'destroy', room: 'stays' })
	})

	test('says what is wrong, and prints nothing', async () => {
		const failure = await print([], 'guess').then(() => assert.fail('it should fail'), error => error)
		assert.equal(failure.code, 1)
		assert.equal(failure.stdout, '')
		assert.match(failure.stderr, /^portal-prometheus: .*[Uu]nauthorized/)
		const nobody = await run(SCRIPT, ['http://127.0.0.1:9/admin']).catch(error => error)
		assert.deepEqual([nobody.code, nobody.stdout], [1, ''])
		const usage = await run(SCRIPT, []).catch(error => error)
		assert.equal(usage.code, 2)
	})

	const strange = { 'no JSON': 'hello', 'another JSON': '[]', 'nothing': '', 'a success without answer': '{"janus":"success"}',
		'an answer without numbers': '{"janus":"success","response":{"portal":"success"}}' }
	for (const [what, text] of Object.entries(strange))
		test(`says in one line that it was told ${what}`, () => withServer(() => text, async url => {
			const { code, stdout, stderr } = await run(SCRIPT, ['--per-room', url]).then(() => assert.fail('it should fail'), error => error)
			assert.deepEqual([code, stdout], [1, ''])
			assert.match(stderr, /^portal-prometheus: http:[^\n]+\n$/)
		}))
})
