// SPDX-License-Identifier: GPL-3.0-or-later
/** Tests of what the other tests stand on. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import WebSocket from 'ws'
import { startJanus } from './janus.mjs'
import { withSettings } from './jcfg.mjs'
import { freePorts } from './ports.mjs'
import { startWeb } from './web.mjs'

/** Whether a process is there; one that only waits to be collected by its parent is not. */
function isAlive(pid) {
	try {
		return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
	} catch {
		return false
	}
}

async function gone(pid) {
	for (let i = 0; i < 250 && isAlive(pid); i++) await sleep(20)
	assert.ok(!isAlive(pid), `process ${pid} is still there`)
}

describe('Settings', () => {
	const TEXT = 'general: {\n\tport = 1\t# a reason\n\t#name = "x"\n}\n\nadmin: {\n\tport = 2\n}\n'

	test('are changed, brought in and taken out in their own category only', () => {
		const changed = withSettings(TEXT, {
			'admin.port': 7, 'general.name': 'a "quoted" $& one', 'general.on': true, 'general.port': null,
		})
		assert.equal(changed,
			'general: {\n\ton = true\n\tname = "a \\"quoted\\" $& one"\n}\n\nadmin: {\n\tport = 7\n}\n')
	})

	test('of a category that is not there are refused', () => {
		assert.throws(() => withSettings(TEXT, { 'nat.port': 7 }), /no category nat/)
	})
})

describe('A Janus of the tests', () => {
	test('answers on everything that was asked for, and on loopback only', async () => {
		const janus = await startJanus({ transports: ['websockets', 'http', 'pfunix'], admin: true })
		try {
			const ports = [janus.url, janus.adminUrl, janus.httpUrl, janus.httpAdminUrl].map(url => Number(new URL(url).port))
			assert.deepEqual(listeners(ports), ports.map(port => `127.0.0.1:${port}`).sort())
			assert.ok(existsSync(janus.unixPath))
			const { plugins, transports } = await (await fetch(janus.httpUrl + '/info')).json()
			assert.deepEqual(Object.keys(plugins), ['janus.plugin.portal'])
			assert.deepEqual(Object.keys(transports).sort(),
				['janus.transport.http', 'janus.transport.pfunix', 'janus.transport.websockets'])
		} finally {
			assert.deepEqual(await janus.stop(), { code: 0, signal: null })
		}
		assert.ok(!existsSync(janus.folder))
		assert.match(janus.log(), /Bye!/)
	})

	test('is started again when somebody else has its port', async () => {
		const thief = createServer().listen(0, '127.0.0.1')
		await once(thief, 'listening')
		let calls = 0
		const ports = async count => {
			const free = await freePorts(count)
			return calls++ ? free : [thief.address().port, ...free.slice(1)]
		}
		const janus = await startJanus({ ports })
		assert.equal(calls, 2)
		assert.notEqual(new URL(janus.url).port, String(thief.address().port))
		await janus.stop()
		thief.close()
	})

	test('that ends at once is reported with what it said', async () => {
		const wrapper = ['sh', '-c', 'echo I am broken >&2; exit 3']
		await assert.rejects(startJanus({ wrapper }), /ended with 3\n(.|\n)*I am broken/)
	})

	test('that does not answer is reported and ended', async () => {
		const begun = Date.now()
		let pid
		const wrapper = ['sh', '-c', 'echo pid $$; exec sleep 60']
		await assert.rejects(startJanus({ wrapper, timeout: 300 }), error => {
			pid = Number(/pid (\d+)/.exec(error.message)[1])
			return /does not answer/.test(error.message)
		})
		assert.ok(Date.now() - begun < 5000)
		assert.ok(!isAlive(pid))
	})

	test('that does not heed SIGTERM is killed', async t => {
		const said = t.mock.method(console, 'error', () => {})
		const janus = await startJanus({ patience: 300 })
		process.kill(janus.pid, 'SIGSTOP')
		assert.deepEqual(await janus.stop(), { code: null, signal: 'SIGKILL' })
		assert.match(said.mock.calls[0].arguments[0], /was killed/)
	})

	test('dies with the process that started it', async () => {
		const code = `import { startJanus } from ${JSON.stringify(new URL('janus.mjs', import.meta.url).href)}
			const janus = await startJanus()
			console.log(JSON.stringify({ pid: janus.pid, folder: janus.folder }))`
		const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
		const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
		const { pid, folder } = JSON.parse(line)
		assert.ok(isAlive(pid))
		child.kill('SIGKILL')
		await gone(pid)
		rmSync(folder, { recursive: true })
	})
})

/** Who listens on these ports, from the kernel's tables. */
function listeners(ports) {
	const rows = ['tcp', 'tcp6'].flatMap(name => {
		try {
			return readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1)
		} catch {
			return []
		}
	})
	return rows.map(row => row.trim().split(/\s+/)).filter(cells => cells[3] === '0A').map(cells => {
		const [address, port] = cells[1].split(':')
		const isIPv4 = address.length === 8
		const bytes = address.match(/../g).reverse().map(byte => parseInt(byte, 16))
		return [isIPv4 ? bytes.join('.') : address, parseInt(port, 16)]
	}).filter(([, port]) => ports.includes(port)).map(cells => cells.join(':')).sort()
}

describe('The web server of the tests', () => {
	/** A GET whose path is sent as it is, since fetch() would tidy it up. */
	const status = (url, path) => new Promise((resolve, reject) => {
		const { port } = new URL(url)
		get({ host: '127.0.0.1', port, path, agent: false }, response => {
			response.resume()
			resolve(response.statusCode)
		}).on('error', reject)
	})

	test('gives the files of its folder and nothing else', async () => {
		const folder = mkdtempSync(join(tmpdir(), 'portal-web-'))
		writeFileSync(join(folder, 'index.html'), '<p>hello')
		symlinkSync('/etc/passwd', join(folder, 'passwd'))
		const web = await startWeb({ root: folder, janusUrl: 'ws://127.0.0.1:9' })
		const { port } = new URL(web.url)
		const page = await fetch(`http://127.0.0.1:${port}/?room=home`)
		assert.equal(await page.text(), '<p>hello')
		assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
		for (const path of ['/nothing', '/passwd', '/../../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/%00'])
			assert.equal(await status(web.url, path), 404, path)
		assert.equal(await status(web.url, '/%zz'), 400)
		await web.close()
		rmSync(folder, { recursive: true })
	})

	test('passes WebSockets of /janus on to Janus, and ends them with Janus', async () => {
		const janus = await startJanus()
		const web = await startWeb({ root: '.', janusUrl: janus.url })
		const socket = new WebSocket(`ws://127.0.0.1:${new URL(web.url).port}/janus`, 'janus-protocol')
		await once(socket, 'open')
		socket.send('{"janus":"ping","transaction":"hello"}')
		const [text] = await once(socket, 'message')
		assert.deepEqual(JSON.parse(text), { janus: 'pong', transaction: 'hello' })
		const closed = once(socket, 'close')
		await janus.stop()
		await closed
		await web.close()
	})

	test('passes no other WebSocket on', async () => {
		const web = await startWeb({ root: '.', janusUrl: 'ws://127.0.0.1:9' })
		const socket = new WebSocket(`ws://127.0.0.1:${new URL(web.url).port}/elsewhere`, 'janus-protocol')
		const [error] = await once(socket, 'error')
		assert.match(error.message, /404/)
		await web.close()
	})
})
