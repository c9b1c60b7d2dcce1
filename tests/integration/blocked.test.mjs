// SPDX-License-Identifier: GPL-3.0-or-later
/** A transport that blocks in a push, as Janus's Unix socket does for a client that does not read, holds up nobody elsewhere. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startLab, stopWell } from './lab.mjs'

const HANDLES = 12
const config = 'general: {\n\trate = 100000\n\tburst = 100000\n\tbyte_rate = 100000000\n\tbyte_burst = 100000000\n}\nroom-home: {}\n'

test(`one that has ${HANDLES} handles at the Unix socket and reads nothing holds up no other transport for long`, async t => {
	const lab = await startLab({ config, transports: ['websockets', 'pfunix'] })
	const { janus } = lab
	const silent = spawn('python3', [fileURLToPath(new URL('unix-silent.py', import.meta.url)), janus.unixPath, 'home', String(HANDLES)],
		{ stdio: ['ignore', 'pipe', 'inherit'] })
	try {
		await once(silent.stdout, 'data')
		const [ada, bob] = [await lab.join('home'), await lab.join('home')]
		const filled = performance.now()
		for (let full = false; !full;) {
			const reply = await ada.ask({ request: 'relay', signals: [{ type: 'x', payload: 'x'.repeat(20_000) }] })
			full = reply.failed?.some(({ code }) => code === 'recipient_full')
			assert.ok(full || performance.now() - filled < 20_000, 'the silent ones take more and more')
		}
		let worst = 0
		for (let i = 0; i < 60; i++) {
			const sent = performance.now()
			await ada.ask({ request: 'relay', signals: [{ to: bob.id, type: 'number', payload: i }] })
			await bob.entry(({ event, type, payload }) => event === 'signal' && type === 'number' && payload === i, 20_000)
			worst = Math.max(worst, performance.now() - sent)
			await sleep(100)
		}
		/* Janus 1.1.2 ends its Unix socket without a look whether somebody is about to write there, and may crash then. */
		silent.kill('SIGKILL')
		await ada.gather(HANDLES, 'away')
		t.diagnostic(`the longest that one of 60 signals took: ${worst.toFixed()} ms`)
		/* That nothing moves for a second is looked for once a second; then there is a flusher for each handle, however many are stuck. */
		assert.ok(worst < 4_000, `a signal took ${worst} ms`)
		await lab.close()
	} finally {
		silent.kill('SIGKILL')
		await stopWell(janus)
	}
})
