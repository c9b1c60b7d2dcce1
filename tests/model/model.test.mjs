// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Checks the model of the stream (stream.pml) with Spin, exhaustively within its bounds: with all its rules every promise
 * is kept, and without any single one of them some promise is broken. So each rule is needed, and the model can fail.
 *
 * The shortest run in which it does is in traces/, for tests/unit/check_model.c, which takes the code along it. When the model
 * has changed, PORTAL_WRITE_TRACES=1 writes them anew.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

/** What may happen in a run: handles that the client may use, signals to it, broken transports, rate limits, lives. */
const bounds = {
	drop: { PEERS: 2, SIGNALS: 2, CLAIMS: 0, LIMITED: 0 },
	twoDrops: { PEERS: 3, SIGNALS: 1, CLAIMS: 0, LIMITED: 0 },
	limit: { PEERS: 2, SIGNALS: 1, CLAIMS: 0, LIMITED: 1 },
	claim: { PEERS: 1, SIGNALS: 2, CLAIMS: 1, LIMITED: 0 },
	backlog: { PEERS: 1, SIGNALS: 3, CLAIMS: 0, LIMITED: 0 },
	lives: { PEERS: 2, LIVES: 2, SIGNALS: 1, CLAIMS: 1, LIMITED: 0 },
}

/** The rules, what each of them says, and within which bounds the model is seen to fail without it. */
const rules = [
	['NO_ORDER', 'numbered requests wait for their turn', 'drop'],
	['NO_ONCE', 'a number that was done takes no effect again', 'drop'],
	['NO_KEPT', 'a number that was done gets its first answer again', 'drop'],
	['NO_UNUSED', 'a refusal for its rate does not use a number up', 'limit'],
	['NO_RESEND', 'a client that comes back sends again what has no answer', 'drop'],
	['NO_REPLAY', 'what is not acknowledged is pushed again', 'drop'],
	['NO_ATTEMPT', 'a stale attempt does not take a membership back', 'drop'],
	['NO_HOLDER', 'the late end of a former peer changes nothing', 'drop'],
	['NO_CURRENT', 'a client believes only its current peer', 'drop'],
	['NO_KEEPING', 'a client takes no events while its join is not answered', 'claim'],
	['NO_ACK', 'a client acknowledges what it has', 'backlog'],
	['NO_REFUSAL', 'signals to a full recipient are refused', 'backlog'],
	['NO_RESERVE', 'the last quarter of a backlog is not for signals', 'backlog'],
	['NO_NEW_PEER', 'a peer has one membership in its life', 'lives'],
]

let folder

function optionsOf(bound, weakening) {
	const options = Object.entries(bounds[bound]).map(([name, value]) => `-D${name}=${value}`)
	return weakening ? [...options, `-D${weakening}`] : options
}

/** Without a rule it searches for the shortest run that breaks a promise. */
function check(bound, weakening) {
	execFileSync('spin', [...optionsOf(bound, weakening), '-a', 'stream.pml'], { cwd: folder })
	execFileSync('gcc', ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE', '-DMEMLIM=4000', ...weakening ? ['-DBFS'] : [], '-o', 'pan', 'pan.c'],
		{ cwd: folder })
	const { stdout } = spawnSync('./pan', ['-m100000'], { cwd: folder, encoding: 'utf8', timeout: 120_000 })
	const states = Number(/^ *(\d+) states, stored/m.exec(stdout)?.[1])
	assert.ok(states > 0, `the checker did not finish:\n${stdout}`)
	assert.doesNotMatch(stdout, /max search depth too small|out of memory/)
	return { states, broken: /^pan:1: (.*)$/m.exec(stdout)?.[1], exhaustive: !/Search not completed/.test(stdout) }
}

/** The steps of the run that was just found, as the model prints them, behind what the code has to know of its bounds. */
function traceOf(bound, weakening) {
	const { stdout } = spawnSync('spin', [...optionsOf(bound, weakening), '-t', 'stream.pml'], { cwd: folder, encoding: 'utf8' })
	const steps = [...stdout.matchAll(/^ *> (.*)$/gm)].map(match => match[1])
	const { LIVES = 1, SIGNALS } = bounds[bound]
	return [`LIVES=${LIVES} SIGNALS=${SIGNALS}`, ...steps, ''].join('\n')
}

before(() => {
	folder = mkdtempSync(join(tmpdir(), 'portal-model-'))
	cpSync(fileURLToPath(new URL('stream.pml', import.meta.url)), join(folder, 'stream.pml'))
})
after(() => rmSync(folder, { recursive: true }))

describe('The model of the stream', () => {
	for (const bound of Object.keys(bounds)) {
		it(`keeps every promise within ${JSON.stringify(bounds[bound])}`, t => {
			const { states, broken, exhaustive } = check(bound)
			assert.equal(broken, undefined)
			assert.ok(exhaustive)
			t.diagnostic(`${states} states`)
		})
	}
})

describe('Without its rule, the model fails:', () => {
	for (const [weakening, rule, bound] of rules) {
		it(rule, t => {
			const { broken } = check(bound, weakening)
			assert.ok(broken, 'every promise was kept, so the rule is not needed, or the model does not see why')
			t.diagnostic(`${weakening}: ${broken}`)
			const file = new URL(`traces/${weakening}.trace`, import.meta.url), trace = traceOf(bound, weakening)
			if (process.env.PORTAL_WRITE_TRACES) writeFileSync(file, trace)
			assert.equal(readFileSync(file, 'utf8'), trace, 'the code is tested with another run than that of the model')
		})
	}
})
