// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { startJanus } from '../lib/janus.mjs'

const run = promisify(execFile)
const PAIR = process.env.PORTAL_NICE_PAIR ??
	fileURLToPath(new URL('../../build/tests/native/nice_pair', import.meta.url))

describe('A native pair', () => {
	test('of libnice agents finds each other through the plugin alone and exchanges bytes both ways', async t => {
		const janus = await startJanus({ transports: ['websockets', 'pfunix'] })
		try {
			const { stdout } = await run(PAIR, [janus.unixPath, 'home'], { timeout: 30_000 })
			t.diagnostic(stdout.trim())
			const { bytes, signals } = JSON.parse(stdout)
			assert.deepEqual(bytes, [64_000, 64_000])
			/* A description, at least one candidate, and the end of the candidates. */
			assert.ok(signals.every(count => count >= 3), stdout)
		} finally {
			assert.deepEqual(await janus.stop(), { code: 0, signal: null })
		}
	})

	test('says so where there is no room to meet in', async () => {
		const janus = await startJanus({ transports: ['websockets', 'pfunix'] })
		try {
			await assert.rejects(run(PAIR, [janus.unixPath, 'attic'], { timeout: 30_000 }),
				({ code, stderr }) => code === 1 && /room_not_found/.test(stderr))
		} finally {
			await janus.stop()
		}
	})
})
