// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * What a server goes through in its life, with members inside: a disk that is full, a folder that takes nothing, a clock that
 * jumps. The disk and the mounts are those of Janus alone, in a mount namespace of its own.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { eventually, refused, sleep, startLab, stopWell } from '../integration/lab.mjs'
import { Session } from '../integration/client.mjs'

const isRoot = process.getuid() === 0
const UNSHARE = ['unshare', ...isRoot ? [] : ['--user', '--map-root-user'], '--mount']
const canMount = spawnSync(UNSHARE[0], [...UNSHARE.slice(1), 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0
const noMount = canMount ? false : 'who is not root may not mount here, not even in a namespace'

let folder, file, lab

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'portal-operator-'))
	file = join(folder, 'rooms.json')
})
afterEach(async () => {
	await lab?.janus.stop()
	lab = undefined
	chmodSync(folder, 0o700)
	rmSync(folder, { recursive: true })
})

const config = (more = '') => `general: {\n\tstate_file = "${file}"\n\tresume_timeout = 3\n}\nroom-home: {\n}\n${more}`
const start = async options => { lab = await startLab({ config: config(), ...options }) }
/** Janus becomes what the wrapper's shell ends with; before that the shell may mount. */
const mounting = commands => ({ wrapper: [...UNSHARE, 'sh', '-c', `${commands} && exec "$@"`, folder] })
/** A path as Janus sees it, with its mounts. */
const seen = path => join(`/proc/${lab.janus.pid}/root`, path)
const make = (room, fields) => lab.adminAsk({ request: 'create', room, permanent: true, ...fields })
const kept = () => Object.keys(JSON.parse(readFileSync(seen(file))).rooms).sort()
const warned = text => eventually(`word of it in Janus's log: ${text}`, () => text.test(lab.janus.log()))

/** Two members, whose signals have to arrive all the while. */
async function pair() {
	const [ada, bob] = await lab.members('home', 2)
	let sent = 0
	return {
		ada, bob,
		async talk() {
			const payload = ++sent
			assert.equal((await ada.ask({ request: 'relay', signals: [{ to: bob.id, type: 'test', payload }] })).relayed, 1)
			assert.equal((await bob.entry('signal')).payload, payload)
		},
		/** Nobody was ever said to be away or to have left, except whom the test expects. */
		gone: () => [...ada.entries, ...bob.entries].filter(({ event }) => event === 'away' || event === 'left').map(({ id, reason }) => reason ?? id),
	}
}

describe('A state file', () => {
	test('on a full disk is kept whole; members and other rooms go on, and there is no promise until there is room again', { skip: noMount }, async () => {
		await start(mounting('mount -t tmpfs -o size=64k,mode=700 tmpfs "$0"'))
		const { talk, gone } = await pair()
		assert.deepEqual(await make('first', { metadata: { about: 'x'.repeat(3000) } }), { portal: 'success', room: 'first', permanent: true })
		const before = readFileSync(seen(file), 'utf8')
		fill(seen(join(folder, 'filler')))
		/* Nothing at all fits; then a part of the file, and its end does not. */
		for (const [room, bytes] of [['second', 60 * 1024], ['third', 56 * 1024]]) {
			fill(seen(join(folder, 'filler')), bytes)
			assert.deepEqual(await make(room, { metadata: { about: 'x'.repeat(3000) } }), { portal: 'success', room, permanent: false })
			await talk()
			assert.equal(readFileSync(seen(file), 'utf8'), before)
			assert.deepEqual(readdirSync(seen(folder)).sort(), ['filler', 'rooms.json'])
		}
		await warned(/could not be made permanent: .*rooms\.json: No space left on device/)
		await lab.join('third')
		rmSync(seen(join(folder, 'filler')))
		assert.equal((await make('fourth')).permanent, true)
		assert.deepEqual(kept(), ['first', 'fourth', 'second', 'third'])
		await talk()
		assert.deepEqual(gone(), [])
		await lab.close()
		await stopWell(lab.janus)
	})

	test('on a disk that is full when Janus starts is read all the same', { skip: noMount }, async () => {
		await start()
		await make('attic')
		await lab.janus.stop()
		const saved = join(folder, 'saved')
		writeFileSync(saved, readFileSync(file))
		await start(mounting('mkdir "$0/small" && mount -t tmpfs -o size=8k tmpfs "$0/small" && cp "$0/saved" "$0/small/rooms.json" && ' +
			'! dd if=/dev/zero of="$0/small/filler" 2>/dev/null && mount --bind "$0/small" "$0"'))
		assert.deepEqual(readdirSync(seen(folder)).sort(), ['filler', 'rooms.json'])
		const { talk } = await pair()
		await lab.join('attic')
		assert.equal((await make('other')).permanent, false)
		assert.equal((await lab.adminAsk({ request: 'destroy', room: 'attic', permanent: true })).permanent, false)
		assert.deepEqual(kept(), ['attic'])
		await talk()
	})

	test('in a folder that is mounted read-only: rooms are read and made, and kept once the folder is writable again', { skip: noMount }, async () => {
		await start()
		await make('attic')
		await lab.janus.stop()
		await start(mounting('mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'))
		const { talk, gone } = await pair()
		await lab.join('attic')
		assert.deepEqual(await make('other'), { portal: 'success', room: 'other', permanent: false })
		await warned(/could not be made permanent: .*rooms\.json: Read-only file system/)
		await talk()
		assert.deepEqual(kept(), ['attic'])
		const enter = ['-t', String(lab.janus.pid), ...isRoot ? [] : ['-U', '--preserve-credentials'], '-m', '-r', 'mount', '-o', 'remount,bind,rw', folder]
		assert.equal(spawnSync('nsenter', enter).status, 0)
		assert.equal((await make('third')).permanent, true)
		assert.deepEqual(kept(), ['attic', 'other', 'third'])
		assert.deepEqual(gone(), [])
	})

	test('in a folder where Janus’s user may not write', async () => {
		writeFileSync(file, JSON.stringify({ portal_state: 1, rooms: { attic: {} } }))
		chmodSync(folder, 0o500)
		/* Root without its privileges is a user like others. */
		await start({ wrapper: isRoot ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [] })
		const { talk } = await pair()
		await lab.join('attic')
		assert.deepEqual(await make('other'), { portal: 'success', room: 'other', permanent: false })
		await warned(/could not be made permanent: .*rooms\.json: Permission denied/)
		await talk()
		assert.deepEqual(kept(), ['attic'])
		chmodSync(folder, 0o700)
		assert.equal((await make('third')).permanent, true)
		assert.deepEqual(kept(), ['attic', 'other', 'third'])
	})

	test('that Janus’s user may not read keeps the plugin from starting', async () => {
		const text = JSON.stringify({ portal_state: 1, rooms: { attic: {} } })
		writeFileSync(file, text)
		chmodSync(file, 0)
		await start({ wrapper: isRoot ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [] })
		assert.deepEqual((await lab.admin({ janus: 'info' })).plugins, {})
		assert.match(lab.janus.log(), /\[janus\.plugin\.portal\].*rooms\.json.*Permission denied/)
		chmodSync(file, 0o600)
		assert.equal(readFileSync(file, 'utf8'), text)
	})
})

/** Writes a file of so many bytes, or till the disk is full. */
function fill(path, bytes = Infinity) {
	rmSync(path, { force: true })
	const { status, stderr } = spawnSync('dd', ['if=/dev/zero', `of=${path}`, 'bs=4k', ...bytes < Infinity ? [`count=${bytes / 4096}`] : []], { encoding: 'utf8' })
	if (bytes === Infinity) assert.match(stderr, /No space left on device/)
	else assert.ok(status === 0 || /No space left on device/.test(stderr), stderr)
}

const FAKETIME = ['/usr/lib', ...readdirSync('/usr/lib').filter(name => name.includes('-linux-')).map(name => `/usr/lib/${name}`)]
	.map(place => join(place, 'faketime/libfaketimeMT.so.1')).find(path => existsSync(path))
const HOUR = 3600, TTL = 600, TURN_SECRET = 'of the TURN server', TOKEN_SECRET = 'token-secret'

describe('A clock that jumps', { skip: FAKETIME ? false : 'libfaketime is not installed' }, () => {
	const sign = expiry => {
		const text = `${expiry},janus.plugin.portal,room=signed`
		return `${text}:${createHmac('sha1', TOKEN_SECRET).update(text).digest('base64')}`
	}
	const realNow = () => Math.floor(Date.now() / 1000)
	const expiryOf = ({ joined }) => Number(joined.ice_servers[0].username.split(':')[0])
	/** For how long credentials that were made now hold by a clock that is so many seconds ahead. */
	const holds = (member, offset) => Math.abs(expiryOf(member) - (realNow() + offset) - TTL) <= 3

	test('by an hour, forth and back, throws nobody out, keeps no ghost, and makes credentials of the time that it is', { timeout: 60_000 }, async t => {
		const clock = join(folder, 'clock')
		const jump = offset => writeFileSync(clock, `${offset < 0 ? '' : '+'}${offset}`)
		jump(0)
		await start({
			config: config(`room-signed: {\n\tsigned_tokens = true\n}\nice: {\n\tservers = ( { urls = [ "turn:127.0.0.1:3478" ]; } )\n` +
				`\tturn_secret = "${TURN_SECRET}"\n\tturn_ttl = ${TTL}\n}\n`),
			settings: { 'general.token_auth': true, 'general.token_auth_secret': TOKEN_SECRET, 'general.session_timeout': 20 },
			pingpong: { trigger: 1, timeout: 2 },
			/* The clock on the wall only: what the kernel calls monotonic does not jump when somebody sets the time. (That the
			   ticker's wait is by that clock too is not seen here: libfaketime turns each wait into the real time at once.) */
			env: { LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' },
		})
		/* Janus wants a token with every request; that one holds whatever time it is. */
		const forJanus = `${realNow() + 10 * HOUR},janus,janus.plugin.portal`
		const token = `${forJanus}:${createHmac('sha1', TOKEN_SECRET).update(forJanus).digest('base64')}`
		const sessions = []
		t.after(() => Promise.all(sessions.map(session => session.terminate())))
		const peer = async () => {
			const session = await Session.open(lab.janus.url, { token })
			sessions.push(session)
			return session.attach()
		}
		const enterHome = async () => lab.join('home', {}, await peer())
		const ada = await enterHome(), bob = await enterHome()
		await ada.entry('joined')
		const admitted = sign(realNow() + 300)
		const enterSigned = async () => (await peer()).ask({ request: 'join', room: 'signed', token: admitted })
		assert.ok(holds(ada, 0), `credentials expire at ${expiryOf(ada)}, it is ${realNow()}`)
		for (const offset of [HOUR, 0, -HOUR, 0]) {
			const lost = await enterHome()
			await ada.entry(({ event, member }) => event === 'joined' && member.id === lost.id)
			await lost.session.terminate()
			await ada.entry(({ event, id }) => event === 'away' && id === lost.id)
			const since = Date.now()
			jump(offset)
			await ada.ask({ request: 'relay', signals: [{ to: bob.id, type: 'test', payload: offset }] })
			assert.equal((await bob.entry('signal')).payload, offset)
			/* The jump is real: whose token has expired by the new time is not let in. */
			const entered = await enterSigned()
			if (offset === HOUR) refused(entered, 'wrong_token')
			else assert.equal(entered.portal, 'success', JSON.stringify(entered))
			assert.ok(holds(await enterHome(), offset), `after a jump to ${offset}`)
			const left = await ada.entry(({ event, id }) => event === 'left' && id === lost.id)
			const waited = (Date.now() - since) / 1000
			assert.equal(left.reason, 'timeout')
			assert.ok(waited > 2 && waited < 5, `who was away for 3 s left after ${waited} s, with the clock at ${offset}`)
		}
		await sleep(1000)
		for (const member of [ada, bob]) {
			const { uptime } = await lab.adminAsk({ request: 'stats' })
			assert.ok(uptime >= 0 && uptime < 60, `uptime ${uptime}`)
			assert.deepEqual(member.pushes.filter(({ portal }) => portal === 'closed'), [])
			assert.equal((await member.ask({ request: 'ping', ping: 1 })).portal, 'pong')
			const told = member.entries.filter(({ event, id }) => (event === 'away' || event === 'left') && [ada.id, bob.id].includes(id))
			assert.deepEqual(told, [])
		}
	})
})
