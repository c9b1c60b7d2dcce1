// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The life of the package, told by package.test.mjs; runs as root in mount, network and process namespaces of its own, and
 * changes an overlay over the system, in memory.
 *
 *   node install.mjs PACKAGE LATER-PACKAGE FOLDER
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Session } from '../../integration/client.mjs'

const [deb, later, folder] = process.argv.slice(2)
const root = join(folder, 'root')
const JCFG = '/etc/janus/janus.plugin.portal.jcfg'
const ROOMS = '/var/lib/janus-portal/rooms.json'

const call = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const at = path => join(root, path)
const read = path => readFileSync(at(path), 'utf8')
const done = text => console.log(`done: ${text}`)

function overlay() {
	mkdirSync(folder, { recursive: true })
	call('mount', '-t', 'tmpfs', 'tmpfs', folder)
	for (const name of ['upper', 'work', 'root']) mkdirSync(join(folder, name))
	call('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work`, root)
	call('mount', '-t', 'proc', 'proc', at('proc'))
	call('mount', '--rbind', '/dev', at('dev'))
	/* So that no service can be started by a package, should one have some day. */
	writeFileSync(at('usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
	call('ip', 'link', 'set', 'lo', 'up')
}

function dpkg(...args) {
	for (const file of args.filter(arg => arg.endsWith('.deb'))) copyFileSync(file, at(`tmp/${basename(file)}`))
	const inRoot = args.map(arg => arg.endsWith('.deb') ? `/tmp/${basename(arg)}` : arg)
	const { status, stdout, stderr } = spawnSync('chroot', [root, 'dpkg', ...inRoot],
		{ encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', HOME: '/root' } })
	assert.equal(status, 0, `dpkg ${args.join(' ')}:\n${stdout}${stderr}`)
	return stdout + stderr
}

/** Debian's Janus with Debian's settings and all its plugins. */
async function janus(use) {
	const log = join(folder, 'janus.log')
	const output = openSync(log, 'w')
	const child = spawn('chroot', [root, '/usr/bin/janus', '--disable-colors', '--log-stdout'], { stdio: ['ignore', output, output] })
	const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve({ code, signal })))
	const session = await open(log)
	try {
		await use(session, readFileSync(log, 'utf8'))
	} catch (error) {
		throw new Error(`${error.stack}\n${readFileSync(log, 'utf8').slice(-4000)}`)
	} finally {
		await session.close()
		/* Janus forgets a signal that comes before its main loop runs. */
		const asking = setInterval(() => child.kill('SIGTERM'), 500)
		child.kill('SIGTERM')
		const { signal } = await ended
		clearInterval(asking)
		assert.equal(signal, null)
	}
}

async function open(log) {
	for (const end = Date.now() + 20_000; ; await wait(100)) {
		try {
			return await Session.open('ws://127.0.0.1:8188')
		} catch (error) {
			if (Date.now() > end) throw new Error(`Debian's Janus does not answer: ${error.message}\n${readFileSync(log, 'utf8').slice(-4000)}`)
		}
	}
}

const list = async session => (await (await session.attach()).ask({ request: 'list' })).list.map(({ room }) => room)

overlay()
const ofJanus = read('/etc/janus/janus.jcfg')
await janus(async session => { await assert.rejects(session.attach(), { code: 460 }) })

dpkg('-i', deb)
await janus(async (session, log) => {
	assert.match(log, /JANUS Portal plugin \S+ started, 3 room\(s\)/)
	assert.deepEqual(await list(session), ['coffee-chat', 'home', 'misc'])
	const [ada, bob] = [await session.attach(), await session.attach()]
	const { id } = await ada.ask({ request: 'join', room: 'home' })
	await bob.ask({ request: 'join', room: 'home' })
	assert.equal((await bob.ask({ request: 'relay', signals: [{ to: id, type: 'chat', payload: 'hello' }] })).relayed, 1)
	assert.equal((await ada.entry('signal')).payload, 'hello')
})
done('installed, and loaded by Debian\'s Janus as it comes')

const edited = read(JCFG).replace('general: {', 'general: {\n\tadmin_key = "of the test"').concat('\nroom-mine: {\n}\n')
writeFileSync(at(JCFG), edited)
const said = dpkg('--force-confdef', '--force-confold', '-i', later)
assert.match(said, /Unpacking janus-portal \(\S+\.1\) over/)
assert.equal(read(JCFG), edited)
assert.match(read(`${JCFG}.dpkg-dist`), /A line of the later package/)
await janus(async session => {
	assert.deepEqual(await list(session), ['coffee-chat', 'home', 'mine', 'misc'])
	const made = await (await session.attach()).ask({ request: 'create', admin_key: 'of the test', room: 'attic', permanent: true })
	assert.deepEqual(made, { portal: 'success', room: 'attic', permanent: true })
})
assert.deepEqual(Object.keys(JSON.parse(read(ROOMS)).rooms), ['attic'])
done('upgraded: what was edited is kept, and permanent rooms are in /var/lib')

dpkg('-r', 'janus-portal')
assert.ok(!existsSync(at('/usr/share/janus-portal')))
assert.equal(read(JCFG), edited)
assert.ok(existsSync(at('/etc/janus-portal/settings.js')) && existsSync(at(ROOMS)))
await janus(async session => { await assert.rejects(session.attach(), { code: 460 }) })
done('removed: Janus runs without it; settings and rooms are kept')

dpkg('-i', later)
await janus(async session => { assert.deepEqual(await list(session), ['attic', 'coffee-chat', 'home', 'mine', 'misc']) })
dpkg('--purge', 'janus-portal')
for (const path of [JCFG, `${JCFG}.dpkg-dist`, '/etc/janus-portal', '/var/lib/janus-portal', '/usr/share/janus-portal', '/usr/share/doc/janus-portal'])
	assert.ok(!existsSync(at(path)), `${path} is left`)
assert.equal(call('find', at('usr/lib'), '-name', 'libjanus_portal*'), '')
assert.equal(read('/etc/janus/janus.jcfg'), ofJanus)
done('purged: nothing is left')
