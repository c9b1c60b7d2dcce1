// SPDX-License-Identifier: GPL-3.0-or-later
/** A page that runs on a wall, day and night, while people come and go: an hour of it, with its timers sixty times as fast. */
import assert from 'node:assert/strict'
import { useLab } from './lab.mjs'

const { lab, scenario } = useLab({ config: 'general: { room_rate = 1000 max_backlog = 67108864 }\nroom-hall: { }\n' })

const MINUTES = 60
const VISITS = 2 // a minute
const LINES = 10 // of chat, a minute
/** Before it is looked at for the first time: all kinds of things have happened, and the chat is as long as it becomes. */
const WARM = 6

/** Runs in the page before all else: an hour takes a minute. Says which RTCPeerConnections are still held by something. */
function hurry() {
	const refs = []
	Object.defineProperty(window, 'peerConnections', { get: () => refs.flatMap(ref => ref.deref() ?? []), set() {} })
	const Native = window.RTCPeerConnection
	window.RTCPeerConnection = class extends Native {
		constructor(...configuration) {
			super(...configuration)
			refs.push(new WeakRef(this))
		}
	}
	for (const name of ['setTimeout', 'setInterval']) {
		const native = window[name]
		window[name] = (work, delay = 0, ...rest) => native(work, delay / 60, ...rest)
	}
}

/** Somebody who comes with a camera, says something, and goes: like everybody, or so that only the server notices. */
async function visit(tab, lines) {
	await tab.page.evaluate(async lines => {
		const { Portal } = await import('./portal.js')
		const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true })
		const portal = new Portal({ room: 'hall', display: `Visitor ${Math.random()}` })
		portal.addStream(stream)
		await portal.join()
		const connected = ({ pc }) => pc.connectionState === 'connected'
		const end = performance.now() + 10_000
		while (!portal.connections.every(connected) && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 20))
		if (!portal.connections.some(connected)) throw new Error('not connected')
		for (let line = 0; line < lines; line++) await portal.send('chat', { text: `line ${line}` })
		await portal.close()
		for (const track of stream.getTracks()) track.stop()
	}, lines)
}

/** What the page holds, after what can be thrown away is. */
async function held({ page }) {
	const devtools = await page.createCDPSession()
	for (let i = 0; i < 3; i++) await devtools.send('HeapProfiler.collectGarbage')
	const { metrics } = await devtools.send('Performance.enable').then(() => devtools.send('Performance.getMetrics'))
	const value = wanted => metrics.find(({ name }) => name === wanted).value
	const connections = await page.evaluate(() => window.peerConnections.length)
	await devtools.detach()
	return { connections, nodes: value('Nodes'), listeners: value('JSEventListeners'), heap: Math.round(value('JSHeapUsedSize') / 1024) }
}

scenario('a page on the wall holds no more after an hour than in the beginning, whoever comes and goes', async t => {
	const wall = await lab.open({ path: '?room=hall' })
	await wall.page.evaluateOnNewDocument(hurry)
	await wall.page.reload()
	await wall.enter('hall', 'Wall')
	const visitor = await lab.open()
	const alone = () => wall.until('everybody to be gone', async () => (await wall.tiles()).length === 1)
	let first
	for (let minute = 0; minute < MINUTES; minute++) {
		const begun = performance.now()
		for (let i = 0; i < VISITS; i++) await visit(visitor, minute === 0 ? 300 : LINES / VISITS)
		if (minute % 20 === 5) {
			lab.web.cut(true)
			await wall.until('the server to be missed', () => wall.visible('#resuming'))
			lab.web.cut(false)
			await wall.until('the server', async () => !await wall.visible('#resuming'))
		}
		if (minute === WARM) {
			await alone()
			first = await held(wall)
		}
		await new Promise(resolve => setTimeout(resolve, 1_000 - (performance.now() - begun)))
	}
	await alone()
	const last = await held(wall)
	t.diagnostic(`after ${WARM} minutes ${JSON.stringify(first)}, after ${MINUTES} ${JSON.stringify(last)}`)
	// Chromium itself keeps one that is closed just when the event of a change of its state is under way: about one of twenty here.
	assert.ok(last.connections <= MINUTES * VISITS / 6, `${last.connections} connections that have ended are still held`)
	assert.ok(last.nodes <= first.nodes + 50, `nodes: ${first.nodes}, then ${last.nodes}`)
	assert.ok(last.listeners <= first.listeners + 10, `listeners: ${first.listeners}, then ${last.listeners}`)
	assert.ok(last.heap <= first.heap + 500, `KiB: ${first.heap}, then ${last.heap}`)
	assert.equal(await wall.page.evaluate(() => document.querySelectorAll('#messages li').length), 500)
}, 300_000)
