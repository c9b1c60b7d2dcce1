// SPDX-License-Identifier: GPL-3.0-or-later
/** A real TURN server (coturn) on loopback, with credentials by the TURN REST convention. PORTAL_TURNSERVER names another one. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePorts } from './ports.mjs'

const PATIENCE = 10_000

/**
 * @param {string} secret shared with whoever makes credentials
 * @returns {Promise<{url: string, config: string, log: () => string, stop: () => Promise<void>}>}
 */
export async function startTurn(secret) {
	const folder = await mkdtemp(join(tmpdir(), 'turn-'))
	const [port] = await freePorts(1)
	const child = spawn(process.env.PORTAL_TURNSERVER ?? 'turnserver', [
		'-n', '--no-tls', '--no-dtls', '--no-cli', '--use-auth-secret', '--static-auth-secret', secret, '--realm', 'portal.test',
		'--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(port), '--allow-loopback-peers',
		'--min-port', '49152', '--max-port', '49999', '--log-file', 'stdout', '--simple-log', '--verbose',
		'--userdb', join(folder, 'turndb'), '--pidfile', join(folder, 'pid')
	], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
	let text = ''
	for (const output of [child.stdout, child.stderr]) output.on('data', data => { text += data })
	const ended = Promise.race([once(child, 'exit'), once(child, 'error')])
	ended.catch(() => {})
	const stop = async () => {
		if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
		await Promise.race([ended, wait(PATIENCE, undefined, { ref: false })])
		await rm(folder, { recursive: true, force: true })
	}
	for (const end = Date.now() + PATIENCE; !/UDP listener opened on/.test(text); await wait(50)) {
		if (child.exitCode === null && Date.now() < end) continue
		await stop()
		throw new Error(`coturn did not start; is it installed?\n${text}`)
	}
	const url = `turn:127.0.0.1:${port}?transport=udp`
	return { url, config: `ice: {\n	servers = ( { urls = [ "${url}" ]; } )\n	turn_secret = "${secret}"\n}\n`, log: () => text, stop }
}
