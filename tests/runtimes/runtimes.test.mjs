// SPDX-License-Identifier: GPL-3.0-or-later
/** One small program under Node, Deno and Bun: members of a real room that need no RTCPeerConnection. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, afterEach, before, describe, test } from 'node:test'
import { startServer, until } from '../e2e/lab.mjs'
import { startProgram, stopPrograms } from './program.mjs'
import { makeProject, tool } from './project.mjs'
import { command, example } from './readme.mjs'
import { joinMember } from './witness.mjs'

/** How each of them runs a program, as the README says. */
const RUNTIMES = Object.fromEntries(['Node', 'Deno', 'Bun'].map(name => {
	const [program, ...args] = command(name.toLowerCase())
	return [name, [name === 'Node' ? process.execPath : tool(program), ...args.slice(0, -1)]]
}))

describe('Without a browser and without RTCPeerConnection', { timeout: 120_000 }, () => {
	let project, janus, web
	before(async () => {
		const read = path => readFile(new URL(path, import.meta.url), 'utf8')
		;({ janus, web } = await startServer())
		const here = code => code.replace('wss://example.org/janus', url())
		project = await makeProject({ packages: ['node-datachannel', 'ws'], files: {
			'member.mjs': await read('member.mjs'), 'watcher.mjs': here(example('mjs', 'RTCPeerConnection: null')),
			'greeter.mjs': here(example('mjs', './node-rtc.mjs')).replace('RTCPeerConnection })', "RTCPeerConnection, rtc: { bindAddress: '127.0.0.1' } })"),
			'node-rtc.mjs': await read('../../html/examples/node-rtc.mjs')
		} })
	})
	afterEach(async () => {
		web?.cut(false)
		await stopPrograms()
	})
	after(async () => {
		await web?.close()
		await janus?.stop()
		await project?.remove()
	})

	const url = () => `${web.url.replace(/^http/, 'ws')}janus`
	function start(name, ...words) {
		const [command, ...args] = RUNTIMES[name]
		/* Deno and Bun keep what they have compiled in a folder of their own. */
		const env = { DENO_DIR: `${project.folder}/.cache`, DENO_NO_UPDATE_CHECK: '1', BUN_INSTALL_CACHE_DIR: `${project.folder}/.cache`, DO_NOT_TRACK: '1' }
		return startProgram(command, [...args, ...words], { cwd: project.folder, env })
	}

	for (const name of Object.keys(RUNTIMES)) {
		test(`${name}: joins, talks through the server in order, comes back when the connection breaks, leaves`, async t => {
			const witness = await joinMember(t, url(), 'home')
			const program = start(name, 'member.mjs', url(), 'home', name)
			await program.says('members Witness')
			await program.says('connection Witness server')
			await until(`${name} to be there for the others`, () => witness.portal.members[0]?.display === name)

			await witness.portal.signal('ping', { n: 1 })
			await program.says('signal Witness ping {"n":1}')
			await until('an answer', () => witness.signals.includes('answer {"n":1}'))
			for (let i = 0; i < 100; i++) await witness.portal.send('count', i)
			await witness.portal.send('bytes', new Uint8Array([0, 128, 255]))
			await until('all answers', () => witness.messages.length === 101)
			assert.deepEqual(witness.messages.slice(0, 100), Array.from({ length: 100 }, (_, i) => i))
			assert.deepEqual([...new Uint8Array(witness.messages[100])], [0, 128, 255])
			await program.says('message Witness bytes 0 128 255')

			const before = program.lines().length
			const { id } = witness.portal.members[0]
			web.cut(true)
			await program.says('state resuming', { from: before })
			await witness.portal.send('count', 100) // arrives when both are back
			web.cut(false)
			await program.says('state open', { from: before, patience: 40_000 })
			await until('the answer to what was sent meanwhile', () => witness.messages.at(-1) === 100, 40_000)
			assert.equal(witness.messages.length, 102)
			assert.equal(witness.portal.members[0].id, id)

			await witness.portal.send('leave')
			await until('the program to be gone', () => witness.portal.members.length === 0, 5_000)
			await until('the program to end by itself', () => program.end, 5_000)
			assert.deepEqual(program.end, { code: 0, signal: null })
			assert.equal(program.lines().at(-1), 'state closed')
			assert.deepEqual(program.lines().filter(line => /error/i.test(line)), [])
			assert.deepEqual(witness.errors, [])
		})
	}

	for (const name of Object.keys(RUNTIMES)) {
		test(`${name}: the example of the README`, async t => {
			const witness = await joinMember(t, url(), 'home')
			const program = start(name, 'watcher.mjs')
			await program.says('With me: Witness')
			await witness.portal.send('greeting', 'hello')
			await program.says('greeting hello')
			assert.deepEqual(await program.stop('SIGINT'), { code: 0, signal: null })
			await until('it to have left', () => witness.portal.members.length === 0, 2_000)
		})
	}

	test('the example of the README with direct connections, in Node', async t => {
		const witness = await joinMember(t, url(), 'home')
		const greeters = ['first', 'second'].map(() => start('Node', 'greeter.mjs'))
		for (const greeter of greeters) await greeter.says(/^[\w-]{22} direct$/)
		await until('two welcomes', () => witness.messages.length === 2)
		assert.deepEqual(witness.messages, [{ text: 'Welcome!' }, { text: 'Welcome!' }])
		for (const greeter of greeters) assert.deepEqual(await greeter.stop('SIGINT'), { code: 0, signal: null })
		await until('both to have left', () => witness.portal.members.length === 0, 2_000)
	})

	test('all of them see each other in one room', async t => {
		const programs = Object.keys(RUNTIMES).map(name => [name, start(name, 'member.mjs', url(), 'misc', name)])
		for (const [name, program] of programs) {
			const others = Object.keys(RUNTIMES).filter(other => other !== name).sort()
			await program.says(`members ${others.join(', ')}`)
		}
		const witness = await joinMember(t, url(), 'misc')
		await witness.portal.send('greeting', 'hello')
		for (const [, program] of programs) await program.says('message Witness greeting "hello"')
		await until('three answers', () => witness.messages.length === 3)
	})

	test('without a word about RTCPeerConnection, the program is told what to hand in', async () => {
		const line = `import { Portal } from 'janus-portal'; class WebSocket extends EventTarget {}
			new Portal({ url: 'ws://localhost:1', room: 'home', WebSocket }).join().catch(error => console.log(error.code, error.message))`
		for (const [command, ...args] of [[process.execPath, '--input-type=module', '-e', line], [tool('deno'), 'eval', '--node-modules-dir=manual', line], [tool('bun'), '-e', line]]) {
			const program = startProgram(command, args, { cwd: project.folder, env: { DENO_DIR: `${project.folder}/.cache` } })
			await program.says(/^unsupported .*RTCPeerConnection.*null/)
			assert.deepEqual(await program.ends(), { code: 0, signal: null })
		}
	})
})
