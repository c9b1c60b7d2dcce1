// SPDX-License-Identifier: GPL-3.0-or-later
/** Rooms that outlive Janus: what is promised is kept, and a file that is not understood is left alone. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { newSeed, randomness } from '../lib/random.mjs'
import { eventually, refused, startLab, stopWell } from './lab.mjs'

const KILLS = 20

describe('Permanent rooms', () => {
	let folder, file, lab

	beforeEach(() => {
		folder = mkdtempSync(join(tmpdir(), 'portal-state-'))
		file = join(folder, 'rooms.json')
	})
	afterEach(async () => {
		await lab?.janus.stop()
		lab = undefined
		rmSync(folder, { recursive: true })
	})

	const config = () => `general: {\n\tstate_file = "${file}"\n}\nroom-home: {\n\tdescription = "Of the jcfg"\n}\n`
	const start = async () => { lab = await startLab({ config: config() }) }
	const stop = async () => { await stopWell(lab.janus) }
	const kill = async () => {
		process.kill(lab.janus.pid, 'SIGKILL')
		await lab.janus.stop()
	}
	const ask = request => lab.adminAsk(request)
	const entry = async room => (await ask({ request: 'list' })).list.find(found => found.room === room)

	for (const [name, end] of [['a stop', stop], ['SIGKILL', kill]]) {
		test(`are there again after ${name}, with their last permanent edit`, async () => {
			await start()
			assert.deepEqual(await ask({ request: 'create', room: 'attic', description: 'one', secret: 's', pin: 'p', permanent: true }),
				{ portal: 'success', room: 'attic', permanent: true })
			await ask({ request: 'edit', room: 'attic', new_description: 'two', new_metadata: { a: 1 }, permanent: true })
			await ask({ request: 'edit', room: 'attic', new_description: 'three' })
			await ask({ request: 'create', room: 'brief' })
			await ask({ request: 'create', room: 'gone', permanent: true })
			assert.deepEqual(await ask({ request: 'destroy', room: 'gone', permanent: true }), { portal: 'success', room: 'gone', permanent: true })
			await end()
			const text = readFileSync(file, 'utf8')
			assert.deepEqual(Object.keys(JSON.parse(text).rooms), ['attic'])
			await start()
			assert.deepEqual(await entry('attic'), { room: 'attic', description: 'two', metadata: { a: 1 }, num_members: 0,
				max_members: 32, pin_required: true, locked: false })
			assert.equal(await entry('brief'), undefined)
			refused(await (await lab.peer()).ask({ request: 'edit', room: 'attic', secret: 'x' }), 'unauthorized')
			assert.equal((await (await lab.peer()).ask({ request: 'edit', room: 'attic', secret: 's' })).portal, 'success')
			await lab.join('attic', { pin: 'p' })
			assert.equal(readFileSync(file, 'utf8'), text)
		})
	}

	test('are in a file beside the jcfg if nothing else is said, and the jcfg is left as it is', async () => {
		lab = await startLab()
		const conf = join(lab.janus.folder, 'conf'), jcfg = join(conf, 'janus.plugin.portal.jcfg')
		const before = readFileSync(jcfg)
		await ask({ request: 'create', room: 'attic', permanent: true })
		assert.deepEqual(JSON.parse(readFileSync(join(conf, 'janus.plugin.portal.state.json'))), { portal_state: 1, rooms: { attic: {} } })
		refused(await ask({ request: 'edit', room: 'home', new_pin: '1', permanent: true }), 'room_is_static')
		refused(await ask({ request: 'destroy', room: 'home', permanent: true }), 'room_is_static')
		assert.deepEqual(readFileSync(jcfg), before)
	})

	const good = JSON.stringify({ portal_state: 1, rooms: { attic: { description: 'x'.repeat(300) }, other: {} } }, null, 1)
	const damaged = {
		'truncated': good.slice(0, -20), 'empty': '', 'of zeros': '\0'.repeat(good.length),
		'torn': `${good.slice(0, 100)}\0\0\0\0${good.slice(104, 200)}`, 'two in one': good + good,
		'an empty object': '{}', 'a list': '[]', 'of another version': good.replace('1', '2'),
		'a jcfg': 'general: {\n}\n', 'with an option that nobody knows': good.replace('description', 'descriptoin'),
	}
	for (const [what, text] of Object.entries(damaged)) {
		test(`a file that is ${what} keeps the plugin from starting and is left as it is`, async () => {
			writeFileSync(file, text)
			lab = await startLab({ config: config() })
			const { plugins } = await lab.admin({ janus: 'info' })
			assert.deepEqual(Object.keys(plugins), [])
			const lines = lab.janus.log().split('\n').filter(line => line.includes('[janus.plugin.portal]'))
			assert.ok(lines[0].includes(file), lines.join('\n'))
			assert.match(lines[1], /Not started: bring back a copy of that file, or move it away/)
			assert.equal(readFileSync(file, 'utf8'), text)
			assert.deepEqual(readdirSync(folder), ['rooms.json'])
		})
	}

	test('a room of the jcfg wins, the other one is not lost', async () => {
		writeFileSync(file, JSON.stringify({ portal_state: 1, rooms: { home: { description: 'Of the state' } } }))
		await start()
		assert.equal((await entry('home')).description, 'Of the jcfg')
		assert.match(lab.janus.log(), /room home was made permanent, but is in the jcfg as well/)
		await ask({ request: 'create', room: 'attic', permanent: true })
		assert.deepEqual(JSON.parse(readFileSync(file)).rooms, { attic: {}, home: { description: 'Of the state' } })
	})

	test('a folder that takes no file: permanent is false, Janus’s log says why, and nothing is left behind', async () => {
		await start()
		await ask({ request: 'create', room: 'first', permanent: true })
		const before = readFileSync(file, 'utf8')
		/* Root may write anywhere, so the place of the new file is taken by a folder. */
		const beside = `${file}.new`
		mkdirSync(beside)
		assert.deepEqual(await ask({ request: 'create', room: 'second', permanent: true }), { portal: 'success', room: 'second', permanent: false })
		await eventually('the warning', () => /could not be made permanent: .*rooms\.json/.test(lab.janus.log()))
		assert.equal(readFileSync(file, 'utf8'), before)
		rmSync(beside, { recursive: true })
		/* The next one that can be written holds it as well. */
		assert.equal((await ask({ request: 'edit', room: 'first', permanent: true })).permanent, true)
		assert.deepEqual(Object.keys(JSON.parse(readFileSync(file)).rooms), ['first', 'second'])
		assert.ok(!existsSync(beside))
	})

	test('a folder that is not there, or a folder in its place', async () => {
		file = join(folder, 'nowhere', 'rooms.json')
		await start()
		assert.equal((await ask({ request: 'create', room: 'attic', permanent: true })).permanent, false)
		await eventually('the warning', () => /could not be made permanent: .*rooms\.json/.test(lab.janus.log()))
		await stop()
		mkdirSync(file, { recursive: true })
		lab = await startLab({ config: config() })
		assert.deepEqual((await lab.admin({ janus: 'info' })).plugins, {})
		assert.ok(lab.janus.log().includes(file))
	})

	test('a room that is gone for good stays gone, also when that could not be written at first', async () => {
		await start()
		const destroy = () => ask({ request: 'destroy', room: 'attic', permanent: true })
		assert.equal((await ask({ request: 'create', room: 'attic', permanent: true })).permanent, true)
		mkdirSync(`${file}.new`)
		assert.equal((await destroy()).permanent, false)
		rmSync(`${file}.new`, { recursive: true })
		await ask({ request: 'create', room: 'attic' })
		assert.equal((await destroy()).permanent, true)
		await kill()
		await start()
		assert.equal(await entry('attic'), undefined)
	})

	test('many at once are all promised and all there', async () => {
		await start()
		const names = Array.from({ length: 40 }, (_, i) => `r${i}`)
		const replies = await Promise.all(names.map(room => ask({ request: 'create', room, permanent: true })))
		assert.ok(replies.every(({ permanent }) => permanent === true))
		await Promise.all(names.map((room, i) => i % 2 ? ask({ request: 'edit', room, new_locked: true, permanent: true })
			: ask({ request: 'destroy', room, permanent: true })))
		await kill()
		const expected = Object.fromEntries(names.filter((_, i) => i % 2).map(room => [room, { locked: true }]))
		assert.deepEqual(JSON.parse(readFileSync(file)), { portal_state: 1, rooms: expected })
		assert.deepEqual(readdirSync(folder), ['rooms.json'])
	})

	test('of a file torn at any place nothing is taken: the plugin starts with all of it or not at all', async t => {
		await start()
		for (const room of ['a', 'b', 'c']) await ask({ request: 'create', room, description: 'x'.repeat(50), pin: 'p', permanent: true })
		await stop()
		const whole = readFileSync(file), seed = newSeed(), random = randomness(seed)
		t.diagnostic(`TEST_SEED=${seed}`)
		for (let round = 0; round < 8; round++) {
			/* As after a loss of power: a part that was never written, or one of something else, of bytes that no text has. */
			const torn = Buffer.from(whole), from = Math.floor(random() * (whole.length - 16))
			for (let i = 0; i < 16; i++) torn[from + i] = round % 2 ? 0 : 0x80 + Math.floor(random() * 0x40)
			writeFileSync(file, torn)
			lab = await startLab({ config: config() })
			assert.deepEqual((await lab.admin({ janus: 'info' })).plugins, {}, `torn at ${from}`)
			assert.ok(lab.janus.log().includes(file))
			assert.deepEqual(readFileSync(file), torn)
			await lab.janus.stop()
		}
		writeFileSync(file, whole)
		await start()
		await allThere(new Set(['a', 'b', 'c']), 0)
	})

	test('killed again and again while rooms are edited and destroyed: what was promised last holds', async () => {
		const promised = new Map()
		/* The request whose answer never came may have been done or not. */
		let open
		const change = async (request, then) => {
			open = request.room
			const reply = await ask({ ...request, permanent: true }).catch(() => null)
			if (reply?.permanent !== true) return false
			open = undefined
			promised.set(request.room, then)
			return true
		}
		const check = async round => {
			for (const [room, description] of promised)
				if (room !== open) assert.equal((await entry(room))?.description, description, `${room} in round ${round}`)
			if (!open) return
			/* Whichever it was, the next rounds should know. */
			if (await entry(open)) await change({ request: 'destroy', room: open })
			else promised.set(open, undefined)
			open = undefined
		}
		for (let round = 0; round < 6; round++) {
			await start()
			await check(round)
			let count = 0
			const changing = (async () => {
				for (let i = 0; ; i++) {
					const room = `r${round}-${i}`, texts = [`one ${'x'.repeat(500)}`, `two ${'x'.repeat(300)}`]
					if (!await change({ request: 'create', room, description: texts[0] }, texts[0])) return
					if (!await change({ request: 'edit', room, new_description: texts[1] }, texts[1])) return
					if (i % 2 && !await change({ request: 'destroy', room })) return
					count++
				}
			})()
			await eventually('some rooms', () => count >= 3 + round)
			await kill()
			await changing
		}
		await start()
		await check(6)
		assert.ok(promised.size >= 6 * 3)
	})

	test('killed again and again while rooms are made: every one that was promised is there', async () => {
		const promised = new Set()
		for (let round = 0; round < KILLS; round++) {
			await start()
			await allThere(promised, round)
			let last = 0
			const making = (async () => {
				for (let i = 0; ; i++) {
					const room = `r${round}-${i}`
					const reply = await ask({ request: 'create', room, description: 'x'.repeat(500), permanent: true }).catch(() => null)
					if (reply?.permanent !== true) return
					promised.add(room)
					last = i
				}
			})()
			await eventually('some rooms', () => last >= 5 + round % 8)
			await kill()
			await making
		}
		await start()
		await allThere(promised, KILLS)
		assert.ok(promised.size > KILLS * 5)
	})

	async function allThere(promised, round) {
		const there = new Set()
		for (let after; ;) {
			const { list, next } = await ask({ request: 'list', after })
			for (const { room } of list) there.add(room)
			if (!next) break
			after = next
		}
		for (const room of promised) assert.ok(there.has(room), `${room} is lost in round ${round}`)
	}
})
