// SPDX-License-Identifier: GPL-3.0-or-later
/** Every example of html/README.md runs, in its order, with a fake server, fake connections and a fake camera. */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Portal } from '../../html/portal.js'
import { PortalGun } from '../../html/portal-gun.js'
import { FakeJanus } from './fake-janus.mjs'
import { FakePeerConnection } from './fake-rtc.mjs'
import { eventually } from './wait.mjs'

const text = readFileSync(new URL('../../html/README.md', import.meta.url), 'utf8')
const examples = [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(match => ({
	code: match[1], line: text.slice(0, match.index).split('\n').length
}))
const AsyncFunction = (async () => {}).constructor

/** A track, as far as examples look at it. */
const track = kind => Object.assign(new EventTarget(), { kind, id: `${kind}-${Math.random()}` })

function camera() {
	const tracks = [track('audio'), track('video')]
	return { getTracks: () => tracks, getVideoTracks: () => tracks.filter(({ kind }) => kind === 'video') }
}

test('the examples of the library run', { timeout: 20_000 }, async t => {
	assert.ok(examples.length >= 8, `only ${examples.length} examples were found`)
	const janus = Object.assign(new FakeJanus(), { members: [{ id: 'bob', display: 'Bob', polite: false }] })
	janus.handlers.list = () => ({ portal: 'success', list: [{ room: 'home', num_members: 1, pin_required: false }] })
	const said = []
	const note = name => (...things) => said.push(name, ...things)
	const made = []
	/* The library as it is, but for the server. */
	class Library extends Portal {
		constructor(options) {
			super({ ...options, WebSocket: janus.WebSocket, RTCPeerConnection: FakePeerConnection, statsInterval: 10 })
			made.push(this)
		}

		static rooms(options) {
			return Portal.rooms({ ...options, WebSocket: janus.WebSocket })
		}
	}
	class Gun extends PortalGun {
		constructor(options) {
			super({ ...options, WebSocket: janus.WebSocket })
			made.push(this)
		}
	}
	globalThis.RTCPeerConnection = FakePeerConnection
	t.after(() => Promise.all(made.map(portal => portal.close())))
	const stop = new AbortController()
	const given = {
		Portal: Library, PortalGun: Gun, url: 'ws://127.0.0.1:1/janus', stream: camera(), somebody: 'bob', signal: stop.signal,
		navigator: { mediaDevices: { getUserMedia: async () => camera(), getDisplayMedia: async () => camera() } },
		console: { log: note('log') }, show: note('show'), hide: note('hide'), list: note('list'), badge: note('badge'), askForPin: note('pin')
	}
	let portal
	for (const { code, line } of examples) {
		const body = code.replace(/^import .*\n/gm, '') + (/const portal =/.test(code) ? '\nreturn portal' : '')
		try {
			/* One that waits for messages for ever is told to stop. */
			setTimeout(() => stop.abort(), 2_000).unref()
			if (/portal\.join\(\)/.test(code)) await portal?.close()
			/* That which handles errors has one to handle. */
			const { join } = janus.handlers
			const refused = code.includes('wrong_pin')
			if (refused) janus.handlers.join = () => ({ portal: 'error', error_code: 429, code: 'wrong_pin', error: 'pin: is another one' })
			const run = new AsyncFunction(...Object.keys(given), 'portal', body.replace(/^const portal =/m, 'portal ='))
			portal = await run(...Object.values(given), portal) ?? portal
			if (refused) {
				janus.handlers.join = join
				await portal.join()
			}
			/* Another member's track, and its end, for the first one. */
			if (line === examples[0].line) {
				portal.connections[0].pc.dispatchEvent(Object.assign(new Event('track'), { track: track('video'), streams: ['their stream'] }))
				janus.push(1, { event: 'left', id: 'bob', reason: 'leave' })
			}
		} catch (error) {
			assert.fail(`html/README.md:${line}: ${error.stack}`)
		}
	}
	assert.ok(janus.asked('join').length >= 2)
	for (const what of ['home', 'list', 'pin', 'show', 'their stream', 'hide']) assert.ok(said.includes(what), `no example came to ${what}: ${said}`)
	for (const socket of janus.sockets) socket.drop()
	await eventually(() => said.includes('waiting')) // the badge of a route that is gone
})
