// SPDX-License-Identifier: GPL-3.0-or-later
/** Different browsers in one room, in a network namespace that this makes and that goes with it. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const INSIDE = fileURLToPath(new URL('inside/browsers.mjs', import.meta.url))
const NETWORK = 'ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.99.0.1/24 dev v0 && ' +
	'ip link set v0 up && ip link set v1 up && ip route add default via 10.99.0.2 && exec "$@"'

/** Who is not root becomes root of a user namespace, for the network only. */
const UNSHARE = process.getuid() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net']
const canUnshare = process.getuid() === 0 || spawnSync('unshare', [...UNSHARE, 'true']).status === 0
const noNetwork = canUnshare ? false : 'who is not root may not make a network here, not even in a namespace'

test('Chromium and Firefox are in one room: video, messages, changes of tracks, a server that goes', { timeout: 360_000, skip: noNetwork }, async t => {
	const child = spawn('unshare', [...UNSHARE, '--kill-child', '--fork', '--pid', '--mount-proc',
		'sh', '-c', NETWORK, 'sh', process.execPath, INSIDE], { stdio: ['ignore', 'pipe', 'pipe'], timeout: 320_000, killSignal: 'SIGKILL' })
	let said = ''
	for (const output of [child.stdout, child.stderr]) output.on('data', data => { said += data })
	const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
	for (const line of said.split('\n').filter(line => line.startsWith('done: '))) t.diagnostic(line)
	assert.equal(code, 0, said)
})
