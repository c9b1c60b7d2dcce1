// SPDX-License-Identifier: GPL-3.0-or-later
/** A copy of this system that forgets: an overlay over it, in memory, for who is in namespaces of its own. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Session } from '../../integration/client.mjs'

export const call = (command, ...args) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

export class Overlay {
	constructor(folder) {
		this.root = join(folder, 'root')
		mkdirSync(folder, { recursive: true })
		call('mount', '-t', 'tmpfs', 'tmpfs', folder)
		for (const name of ['upper', 'work', 'root']) mkdirSync(join(folder, name))
		call('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=/,upperdir=${folder}/upper,workdir=${folder}/work`, this.root)
		call('mount', '-t', 'proc', 'proc', this.at('proc'))
		call('mount', '--rbind', '/dev', this.at('dev'))
		/* So that no service can be started by a package, should one have some day. */
		writeFileSync(this.at('usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 })
		call('ip', 'link', 'set', 'lo', 'up')
	}

	at(path) {
		return join(this.root, path)
	}

	read(path) {
		return readFileSync(this.at(path), 'utf8')
	}

	write(path, text) {
		writeFileSync(this.at(path), text)
	}

	/** Packages among the arguments are files outside. */
	dpkg(...args) {
		for (const file of args.filter(arg => arg.endsWith('.deb'))) copyFileSync(file, this.at(`tmp/${basename(file)}`))
		const inRoot = args.map(arg => arg.endsWith('.deb') ? `/tmp/${basename(arg)}` : arg)
		const { status, stdout, stderr } = spawnSync('chroot', [this.root, 'dpkg', ...inRoot],
			{ encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DEBIAN_FRONTEND: 'noninteractive', HOME: '/root' } })
		assert.equal(status, 0, `dpkg ${args.join(' ')}:\n${stdout}${stderr}`)
		return stdout + stderr
	}
}

/** A session with Debian's Janus, where Debian has it listen, once it answers. */
export async function openSession(log, patience = 20_000) {
	for (const end = Date.now() + patience; ; await wait(100)) {
		try {
			return await Session.open('ws://127.0.0.1:8188')
		} catch (error) {
			if (Date.now() > end) throw new Error(`Debian's Janus does not answer: ${error.message}\n${log().slice(-4000)}`)
		}
	}
}

export const listRooms = async session => (await (await session.attach()).ask({ request: 'list' })).list.map(({ room }) => room)

/**
 * A thread of Debian's AudioBridge plugin may still run when Janus 1.1.2 has done everything and exits, and GLib aborts then: in 4 of 80
 * ends without Portal's plugin, in 2 of 80 with it.
 *
 * @param {string} log
 */
export const wasCutShort = log => /\bBye!/.test(log) && /pthread_setspecific.*Aborting/.test(log)
