// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The life of the package, told by package.test.mjs; runs as root in mount, network and process namespaces of its own, and
 * changes an overlay over the system, in memory.
 *
 *   node install.mjs PACKAGE LATER-PACKAGE FOLDER
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { call, listRooms as list, openSession, Overlay, wasCutShort } from './overlay.mjs'

const [deb, later, folder] = process.argv.slice(2)
const JCFG = '/etc/janus/janus.plugin.portal.jcfg'
const ROOMS = '/var/lib/janus-portal/rooms.json'
const system = new Overlay(folder)
const at = path => system.at(path)
const read = path => system.read(path)
const dpkg = (...args) => system.dpkg(...args)
const done = text => console.log(`done: ${text}`)

/** Debian's Janus with Debian's settings and all its plugins. */
async function janus(use) {
	const log = join(folder, 'janus.log')
	const output = openSync(log, 'w')
	const child = spawn('chroot', [system.root, '/usr/bin/janus', '--disable-colors', '--log-stdout'], { stdio: ['ignore', output, output] })
	const ended = new Promise(resolve => child.on('exit', (code, signal) => resolve({ code, signal })))
	const session = await openSession(() => readFileSync(log, 'utf8'))
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
		assert.ok(signal === null || wasCutShort(readFileSync(log, 'utf8')), signal)
	}
}

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
system.write(JCFG, edited)
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
