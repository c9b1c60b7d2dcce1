// SPDX-License-Identifier: GPL-3.0-or-later
/** The sample site of nginx: a call over https and wss, what it serves and what not, whom it ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'
import { startNginx } from '../lib/nginx.mjs'
import { until, useLab } from './lab.mjs'

const HTML = fileURLToPath(new URL('../../html', import.meta.url))
const NGINX_PATIENCE = 60 /* seconds of silence after which nginx ends a connection if nothing else is said */

const root = mkdtempSync(join(tmpdir(), 'portal-page-'))
cpSync(HTML, root, { recursive: true, filter: path => !path.includes('node_modules') })
after(() => rmSync(root, { recursive: true, force: true }))

/* No ping: a connection of which nothing is heard has only nginx's patience. */
const { lab, scenario } = useLab({
	admin: true, transports: ['websockets', 'http'], pingpong: { trigger: 600, timeout: 10 },
	front: janus => startNginx({ root, janusUrl: janus.url, adminUrl: janus.httpAdminUrl }),
}, () => lab.web?.log())

/** A plain request: its status, headers and body. */
async function ask(path, { base = lab.web.url, ...options } = {}) {
	/* Not through URL, which would tidy the path up. */
	const { protocol, hostname, port } = new URL(base)
	const make = protocol === 'https:' ? httpsRequest : httpRequest
	const request = make({ protocol, hostname, port, path, ca: lab.web.ca, agent: false, ...options })
	request.end()
	const [response] = await once(request, 'response')
	const body = (await response.setEncoding('utf8').toArray()).join('')
	return { status: response.statusCode, headers: response.headers, body }
}

const connect = () => new WebSocket(lab.url, 'janus-protocol', { ca: lab.web.ca, perMessageDeflate: false })

async function session(socket = connect()) {
	const waiting = new Map()
	const events = []
	let last = 0
	await once(socket, 'open')
	socket.on('message', text => {
		const message = JSON.parse(text)
		events.push(...message.plugindata?.data.events ?? [])
		if (message.janus !== 'ack') waiting.get(message.transaction)?.(message)
	})
	const request = message => new Promise(resolve => {
		waiting.set(`${++last}`, resolve)
		socket.send(JSON.stringify({ transaction: `${last}`, ...message }))
	})
	const { id: session_id } = (await request({ janus: 'create' })).data
	const { id: handle_id } = (await request({ janus: 'attach', session_id, plugin: 'janus.plugin.portal' })).data
	const portal = async body => (await request({ janus: 'message', session_id, handle_id, body })).plugindata.data
	return { socket, events, request, portal }
}

/** When it was opened, and that it is still open at the end. */
let silent

scenario('two pages meet over https and wss, see each other, send a file, and have nothing to complain of', async () => {
	silent = { socket: connect(), since: Date.now() }
	await once(silent.socket, 'open')
	const [ada, bob] = [await lab.enter('home', 'Ada'), await lab.enter('home', 'Bob')]
	for (const tab of [ada, bob]) {
		assert.match(tab.page.url(), /^https:/)
		await tab.until('video of the other', async () => (await tab.flows()).some(({ state, frames }) => state === 'connected' && frames > 10))
	}
	await ada.say('hello through nginx')
	await bob.until('the message', async () => (await bob.texts('#messages li')).includes('Adahello through nginx'))
	const file = join(root, '.file-of-ada')
	writeFileSync(file, 'of Ada')
	await (await ada.page.$('#file')).uploadFile(file)
	const link = await bob.until('the file', () => bob.page.$('#messages a[download]'))
	assert.match(await link.evaluate(({ href }) => href), /^blob:https:/)
	await ada.page.click('#open-settings')
	await ada.until('the list of devices', () => ada.visible('#settings'))
	for (const { name, errors } of [ada, bob]) assert.deepEqual(errors, [], `${name}'s page complained`)
})

scenario('the policy is in force: what a stranger might bring into the page does not run', async () => {
	const tab = await lab.open()
	const tried = await tab.page.evaluate(async () => {
		const violations = []
		document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => violations.push(effectiveDirective))
		const script = document.createElement('script')
		try { script.text = 'window.stranger = 1' } catch {}
		document.body.append(script)
		try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.stranger = 2">') } catch {}
		const style = document.createElement('style')
		style.append('body { color: red }')
		document.head.append(style)
		await fetch('https://127.0.0.1:9/').catch(() => {})
		try { new WebSocket('wss://127.0.0.1:9/') } catch {}
		await new Promise(resolve => setTimeout(resolve, 200))
		return { violations, stranger: window.stranger }
	})
	assert.equal(tried.stranger, undefined)
	for (const directive of ['require-trusted-types-for', 'style-src-elem', 'connect-src'])
		assert.ok(tried.violations.includes(directive), `${directive} is not among ${tried.violations}`)
	assert.equal(tried.violations.filter(directive => directive === 'connect-src').length, 2)
})

scenario('the page for administrators reaches the Admin API at /admin once that is let in', async () => {
	const tab = await lab.open({ path: 'admin.html' })
	await tab.page.$eval('#address', (input, value) => { input.value = value }, `${lab.web.url}admin`)
	await tab.page.type('#secret', lab.janus.adminSecret)
	await tab.page.click('#connect button')
	await tab.until('the rooms', async () => (await tab.texts('#rooms .room-title')).includes('home'))
	await tab.page.click('#rooms [data-room="home"] [name="lock"]')
	await tab.until('the lock', async () => (await tab.text('#rooms [data-room="home"] [name="lock"]')) === 'Unlock')
	await tab.page.click('#rooms [data-room="home"] [name="lock"]')
	await tab.until('no lock', async () => (await tab.text('#rooms [data-room="home"] [name="lock"]')) === 'Lock')
	assert.deepEqual(tab.errors, [])
})

scenario('the Admin API is not there as long as nobody takes the # away', async () => {
	const plain = await startNginx({ root, janusUrl: lab.janus.url })
	try {
		assert.equal((await ask('/admin', { base: plain.url, ca: plain.ca, method: 'POST' })).status, 404)
		assert.equal((await ask('/admin', { method: 'GET' })).status, 200)
	} finally {
		await plain.close()
	}
})

scenario('every answer has the security headers, errors too', async () => {
	for (const [path, status] of [['/', 200], ['/demo.js', 200], ['/admin.html', 200], ['/nothing', 404], ['/janus', 426]]) {
		const { status: got, headers } = await ask(path)
		assert.equal(got, status, path)
		assert.match(headers['content-security-policy'], /^default-src 'none'; /, path)
		assert.ok(headers['content-security-policy'].includes(`connect-src 'self' ${lab.web.url.replace('https', 'wss').slice(0, -1)};`), path)
		assert.doesNotMatch(headers['content-security-policy'], /unsafe|\*|http:|data:/)
		assert.match(headers['permissions-policy'], /camera=\(self\), microphone=\(self\), display-capture=\(self\)/)
		assert.match(headers['strict-transport-security'], /^max-age=\d{8,}/)
		assert.equal(headers['referrer-policy'], 'no-referrer')
		assert.equal(headers['x-content-type-options'], 'nosniff')
		assert.equal(headers['cache-control'], 'no-cache')
		assert.doesNotMatch(headers.server, /\d/)
	}
})

scenario('the page is served whole, with types that browsers take; and no other file', async () => {
	const types = { css: 'text/css', html: 'text/html', js: 'application/javascript', svg: 'image/svg+xml' }
	const page = readdirSync(HTML).filter(name => /^[a-z-]+\.(css|html|js|svg)$/.test(name))
	assert.ok(page.length > 10)
	for (const name of page) {
		const { status, headers, body } = await ask(`/${name}`)
		assert.equal(status, 200, name)
		assert.equal(headers['content-type'].split(';')[0], types[name.split('.')[1]], name)
		assert.equal(body, readFileSync(join(HTML, name), 'utf8'))
	}
	assert.equal((await ask('/')).body, readFileSync(join(HTML, 'index.html'), 'utf8'))
	mkdirSync(join(root, '.git'))
	mkdirSync(join(root, 'folder'))
	const strange = ['.htpasswd', '.git/config', 'janus.plugin.portal.state.json', 'settings.js~', 'settings.js.bak', 'janus.jcfg', 'folder/index.html']
	for (const name of strange) writeFileSync(join(root, name), 'secret of the server')
	symlinkSync('/etc/passwd', join(root, 'passwd'))
	for (const path of [...strange.map(name => `/${name}`), '/folder/', '/folder', '/passwd', '/README.md', '/package.json', '/LICENSE', '/.file-of-ada',
		'/..%2f..%2f..%2f..%2fetc%2fpasswd', '/types/portal.d.ts', '/%2e%2e/settings.js/', '/settings.js/x', '/settings.js%00.svg']) {
		const { status, body } = await ask(path)
		assert.ok(status === 404 || status === 400, `${path} gave ${status}`)
		assert.doesNotMatch(body, /secret of the server|root:/)
	}
	assert.equal((await ask('/demo.js', { method: 'POST' })).status, 405)
})

scenario('plain http leads to https, and lets a certificate be renewed', async () => {
	const base = lab.web.httpUrl
	const { status, headers } = await ask('/index.html?room=home', { base, headers: { host: 'elsewhere.example' } })
	assert.deepEqual([status, headers.location], [301, 'https://localhost/index.html?room=home'])
	mkdirSync(join(lab.web.acme, '.well-known/acme-challenge'), { recursive: true })
	writeFileSync(join(lab.web.acme, '.well-known/acme-challenge/token'), 'proof')
	assert.equal((await ask('/.well-known/acme-challenge/token', { base })).body, 'proof')
})

scenario('a client that asks on and never reads is ended soon, not after a minute', async t => {
	const watcher = await session()
	await watcher.portal({ request: 'join', room: 'misc' })
	const glutton = await session()
	const { id } = await glutton.portal({ request: 'join', room: 'misc' })
	glutton.socket.pause()
	const begun = Date.now()
	/* What nginx's and our own kernel buffers do not hold waits in Janus: enough for that, then no more, since a client that
	   is silent as well is the harder case. */
	const large = JSON.stringify({ janus: 'info', transaction: 'x'.repeat(20_000) })
	for (let i = 0; i < 2000; i++) glutton.socket.send(large)
	const gone = () => watcher.events.some(({ event, id: who }) => event === 'away' && who === id)
	await until('Janus waits to be rid of the client', gone, 30_000)
	t.diagnostic(`after ${((Date.now() - begun) / 1000).toFixed(1)} s`)
	glutton.socket.terminate()
	watcher.socket.terminate()
})

scenario('one address may have 200 connections, and is told when it wants more', async () => {
	const sockets = []
	const refused = []
	try {
		for (let i = 0; i < 205; i++) {
			const socket = connect()
			sockets.push(socket)
			await once(socket, 'open').catch(({ message }) => refused.push(message))
			socket.on('error', () => {})
		}
		/* That of the first test is still open. */
		const others = silent ? 1 : 0
		assert.deepEqual(refused, Array(5 + others).fill('Unexpected server response: 429'))
		assert.equal(sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length, 200 - others)
	} finally {
		for (const socket of sockets) socket.terminate()
	}
})

scenario('a connection on which nothing is said for longer than nginx usually waits is still there', async () => {
	await wait(Math.max(0, silent.since + (NGINX_PATIENCE + 3) * 1000 - Date.now()))
	assert.equal(silent.socket.readyState, WebSocket.OPEN)
	silent.socket.send(JSON.stringify({ janus: 'info', transaction: 'still here' }))
	const [text] = await once(silent.socket, 'message', { signal: AbortSignal.timeout(5_000) })
	assert.match(String(text), /still here/)
	silent.socket.terminate()
}, 120_000)
