// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Chromium and Firefox in one room. Runs in a network namespace of its own, which browsers.test.mjs makes: Firefox offers no
 * candidate on loopback alone, so there has to be another address, and no packet is to leave the machine.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { inflateSync } from 'node:zlib'
import puppeteer from 'puppeteer-core'
import { launchChromium, startServer, until } from '../lab.mjs'

const firefox = () => puppeteer.launch({
	browser: 'firefox', executablePath: process.env.PORTAL_FIREFOX ?? '/usr/bin/firefox-esr', headless: true,
	extraPrefsFirefox: {
		'media.navigator.streams.fake': true, 'media.navigator.permission.disabled': true,
		'media.peerconnection.ice.loopback': true, 'media.peerconnection.ice.obfuscate_host_addresses': false,
	},
})

const { janus, web } = await startServer()
const browsers = new Set()
const errors = []
let running = ''

/** A page that is in the room by the library alone, with a camera and a picture of each other member. */
async function enter(browser, name, before = () => {}) {
	browsers.add(browser)
	const page = await browser.newPage()
	page.on('pageerror', ({ message }) => {
		// Firefox says that of a WebSocket while the server is away, which it is to be, and when candidates come more than 5 s after
		// their description; that frames go on then is looked at below.
		if (!/can’t establish a connection|was interrupted while|ICE failed, add a STUN server/.test(message)) errors.push(`${name}, in “${running}”: ${message}`)
	})
	await page.goto(web.url)
	await page.evaluate(before)
	await page.evaluate(async name => {
		const { Portal } = await import('./portal.js')
		window.heard = []
		window.described = []
		const { send } = WebSocket.prototype
		WebSocket.prototype.send = function (text) {
			for (const { type, payload } of JSON.parse(text).body?.signals ?? []) if (type === 'description') window.described.push(payload)
			return send.call(this, text)
		}
		const portal = window.portal = new Portal({ room: 'home', display: name })
		portal.on('error', error => window.heard.push(`error ${error.code} ${error.message}`))
		portal.on('message', async ({ from, type, payload }) => {
			const who = portal.members.find(({ id }) => id === from)?.display
			window.heard.push(`${who} ${type} ${payload instanceof ArrayBuffer ? [...new Uint8Array(payload)] : JSON.stringify(payload)}`)
		})
		portal.addStream(await navigator.mediaDevices.getUserMedia({ video: true, audio: true }))
		await portal.join()
	}, name)
	return { page, name, do: (work, ...args) => page.evaluate(work, ...args) }
}

/** Frames that came in, of each connection. */
const frames = tab => tab.do(() => Promise.all(window.portal.connections.map(async ({ pc }) => {
	const reports = [...(await pc.getStats()).values()].filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
	return reports.reduce((sum, { framesReceived = 0 }) => sum + framesReceived, 0)
})))

/** With `dark` the browsers do not reach each other: no UDP can be sent in the namespace. */
function tunnel(dark) {
	const rule = (...words) => execFileSync('ip', ['rule', ...words])
	if (!dark) return rule('del', 'pref', '0', 'ipproto', 'udp')
	if (!tunnel.prepared) rule('add', 'pref', '1', 'lookup', 'local')
	rule('add', 'pref', '0', 'ipproto', 'udp', 'blackhole')
	if (!tunnel.prepared) rule('del', 'pref', '0', 'lookup', 'local')
	tunnel.prepared = true
}

/** Of each page how it sees the others: to be read when something went wrong. */
const shown = page => page.do(() => [window.portal.state, ...window.portal.connections.map(({ id, polite, generation, pc }) =>
	[id.slice(0, 4), polite, generation, pc.connectionState, pc.iceConnectionState, pc.signalingState].join())])

/**
 * Each goes on to get frames of all others. With `replaced` a connection may be another one, which counts anew. Two Firefoxes of which the one
 * restarts ICE that had answered at first are silent for long: 17 s in each of three such runs, though both call themselves connected.
 */
async function picturesGoOn(tabs, { replaced = false } = {}) {
	for (const tab of tabs) {
		const before = await frames(tab)
		await until(`${tab.name} goes on to get frames`, async () => (await frames(tab)).every((count, i) => {
			if (replaced) before[i] = Math.min(before[i], count)
			return count > before[i] + 10
		}), 45_000).catch(async error => {
			throw new Error(`${error.message}: ${before} before, ${await frames(tab)} now; ${JSON.stringify(await Promise.all(tabs.map(shown)))}`)
		})
	}
}

async function scenario(name, work) {
	running = name
	await work()
	console.log(`done: ${name}`)
}

try {
	const tabs = []
	await scenario('two Chromiums and two Firefoxes see each other', async () => {
		tabs.push(await enter(await launchChromium(), 'Chromium 1'), await enter(await firefox(), 'Firefox 1'))
		tabs.push(await enter(await firefox(), 'Firefox 2'), await enter(await launchChromium(), 'Chromium 2'))
		for (const tab of tabs) await until(`${tab.name} gets video of three`, async () => {
			const counts = await frames(tab)
			return counts.length === 3 && counts.every(count => count > 10)
		}, 40_000)
		for (const tab of tabs) {
			const said = await tab.do(() => window.described)
			assert.ok(said.length >= 3, `${tab.name}: ${JSON.stringify(said)}`)
			for (const payload of said) {
				const { deflated } = payload
				const { description } = JSON.parse(inflateSync(Buffer.from(deflated, 'base64')))
				const most = description.type === 'offer' ? 3_500 : 1_500
				assert.ok(deflated.length < most && ('changes' in description) === (description.type === 'answer'), `${tab.name}: ${JSON.stringify(payload)}: ${JSON.stringify(description)}`)
			}
		}
	})

	await scenario('messages go directly between all of them, text, JSON and binary', async () => {
		for (const tab of tabs) await until(`${tab.name} has a direct route to each`, () =>
			tab.do(() => window.portal.connections.every(({ route }) => route === 'direct')))
		for (const tab of tabs) await tab.do(async () => {
			await window.portal.send('json', { a: ['ü'] })
			await window.portal.send('bytes', new Uint8Array([1, 2, 255]))
			await window.portal.send('long', 'x'.repeat(200_000))
		})
		for (const tab of tabs) {
			const expected = tabs.filter(other => other !== tab)
				.flatMap(({ name }) => [`${name} json {"a":["ü"]}`, `${name} bytes 1,2,255`, `${name} long "${'x'.repeat(200_000)}"`])
			await until(`${tab.name} hears all`, () => tab.do(count => window.heard.length >= count, expected.length))
			assert.deepEqual((await tab.do(() => window.heard)).sort(), expected.sort())
			await tab.do(() => { window.heard.length = 0 })
		}
	})

	await scenario('each tells how its connections go', async () => {
		for (const tab of tabs) await until(`${tab.name} knows of three`, async () => {
			const all = await tab.do(() => Promise.all(window.portal.connections.map(connection => connection.stats())))
			for (const { loss, relayed, local, remote } of all) {
				assert.ok(loss >= 0 && loss <= 1, `${tab.name}: ${loss}`)
				assert.deepEqual([relayed, typeof local, typeof remote], [false, 'string', 'string'])
			}
			return all.length === 3 && all.every(({ roundTripTime, bitrateIn, bitrateOut }) => roundTripTime >= 0 && roundTripTime < 5 && bitrateIn > 1_000 && bitrateOut > 1_000)
		})
	})

	await scenario('a track is replaced and another one added in the middle of the call', async () => {
		const firefoxTab = tabs[1], chromiumTab = tabs[0]
		for (const tab of [firefoxTab, chromiumTab]) await tab.do(async () => {
			const { portal } = window
			const [old] = portal.connections[0].pc.getSenders().map(({ track }) => track).filter(track => track?.kind === 'video')
			const stream = await navigator.mediaDevices.getUserMedia({ video: true })
			await portal.replaceTrack(old, stream.getVideoTracks()[0])
			portal.addStream(await navigator.mediaDevices.getUserMedia({ video: true }))
		})
		await picturesGoOn(tabs)
		for (const tab of tabs.slice(2)) await until(`${tab.name} gets two videos of those`, () => tab.do(() =>
			window.portal.connections.filter(({ pc }) => pc.getReceivers().filter(({ track }) => track.kind === 'video').length === 2).length === 2), 30_000)
	})

	await scenario('hints for sending are taken by both browsers', async () => {
		for (const tab of tabs) {
			await tab.do(() => {
				const { portal } = window
				const { track } = portal.connections[0].pc.getSenders().find(({ track }) => track?.kind === 'video')
				return portal.setEncoding(track, { maxBitrate: 300_000, scaleResolutionDownBy: 2 })
			})
			const hints = await tab.do(() => window.portal.connections.map(({ pc }) => pc.getSenders().map(sender => sender.track?.kind === 'video' && sender.getParameters().encodings)
				.flatMap(encodings => encodings || []).filter(({ maxBitrate }) => maxBitrate === 300_000).map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)))
			assert.deepEqual(hints, [[2], [2], [2]], tab.name)
		}
		await picturesGoOn(tabs)
	})

	await scenario('the call goes on while the server is away, and the ICE restart of a Firefox works when it is back', async () => {
		web.cut(true)
		for (const tab of tabs) await until(`${tab.name} is resuming`, () => tab.do(() => window.portal.state === 'resuming'))
		await tabs[1].do(() => window.portal.send('chat', 'while away'))
		for (const tab of [tabs[0], tabs[2], tabs[3]])
			await until(`${tab.name} hears it all the same`, () => tab.do(() => window.heard.some(line => line.includes('while away'))))
		web.cut(false)
		for (const tab of tabs) await until(`${tab.name} is back`, () => tab.do(() => window.portal.state === 'open'), 40_000)
		await tabs[1].do(() => { for (const { pc } of window.portal.connections) pc.restartIce() })
		await picturesGoOn(tabs)
	})

	await scenario('a tunnel, in which neither the server nor the others can be reached, ends as if it had not been', async () => {
		const states = () => Promise.all(tabs.map(tab => tab.do(() => window.portal.connections.map(({ pc }) => pc.connectionState))))
		const ids = await Promise.all(tabs.map(tab => tab.do(() => window.portal.connections.map(({ id }) => id).sort())))
		for (const tab of tabs) await tab.do(() => { window.heard.length = 0 })
		tunnel(true)
		web.cut(true)
		try {
			for (const tab of tabs) await until(`${tab.name} is resuming`, () => tab.do(() => window.portal.state === 'resuming'))
			for (const tab of tabs) await tab.do(() => { for (let n = 0; n < 20; n++) window.portal.send('tunnel', n) })
			await until('no connection holds', async () => (await states()).flat().every(state => state !== 'connected'), 30_000)
		} finally {
			tunnel(false)
			web.cut(false)
		}
		await until('all are connected again', async () => (await states()).flat().every(state => state === 'connected'), 60_000)
			.catch(async error => { throw new Error(`${error.message}: ${JSON.stringify(await states())}`) })
		await picturesGoOn(tabs, { replaced: true })
		for (const [i, tab] of tabs.entries()) {
			await until(`${tab.name} hears all`, () => tab.do(() => window.heard.length >= 60), 20_000)
			const heard = await tab.do(() => window.heard)
			for (const other of tabs.filter(other => other !== tab)) {
				assert.deepEqual(heard.filter(line => line.startsWith(other.name)), Array.from({ length: 20 }, (_, n) => `${other.name} tunnel ${n}`))
			}
			assert.equal(heard.length, 60, `${tab.name} heard ${heard.filter(line => !line.includes(' tunnel '))}`)
			assert.deepEqual(await tab.do(() => window.portal.connections.map(({ id }) => id).sort()), ids[i])
		}
	})

	await scenario('who leaves is gone for the others', async () => {
		await tabs[2].do(() => window.portal.close())
		for (const tab of [tabs[0], tabs[1], tabs[3]])
			await until(`${tab.name} has two connections`, () => tab.do(() => window.portal.connections.length === 2))
	})

	await scenario('a Chromium and a Firefox that cannot inflate are understood, and understand', async () => {
		for (const tab of tabs) await tab.do(() => window.portal.close())
		const cannot = () => { delete window.DecompressionStream }
		const [chromium, , , other] = [...browsers]
		const members = [await enter(chromium, 'Old Chromium', cannot), await enter(other, 'New Chromium'), await enter([...browsers][1], 'Old Firefox', cannot)]
		for (const tab of members) await until(`${tab.name} gets video of both`, async () => {
			const counts = await frames(tab)
			return counts.length === 2 && counts.every(count => count > 10)
		}, 40_000)
		for (const tab of members) {
			assert.deepEqual((await tab.do(() => window.heard)).filter(line => line.startsWith('error')), [])
			assert.ok(await tab.do(() => window.portal.connections.every(({ generation }) => generation <= 2)))
			await tab.do(() => window.portal.close())
		}
	})

	await scenario('two Firefoxes whose candidates come so late that they give up connect soon after', async () => {
		for (const tab of tabs) await tab.do(() => window.portal.close())
		const late = () => {
			const { addIceCandidate: add } = RTCPeerConnection.prototype
			const arrived = Date.now() + 12_000
			RTCPeerConnection.prototype.addIceCandidate = async function (candidate) {
				await new Promise(resolve => setTimeout(resolve, arrived - Date.now()))
				return add.call(this, candidate)
			}
		}
		const pair = await Promise.all([...browsers].slice(1, 3).map((browser, i) => enter(browser, `Late ${i}`, late)))
		const states = () => Promise.all(pair.map(tab => tab.do(() => window.portal.connections[0]?.pc.connectionState)))
		await until('they have given up', async () => (await states()).every(state => state === 'failed'), 30_000)
		await until('they are connected', async () => (await states()).every(state => state === 'connected'), 15_000)
		for (const tab of pair) await until(`${tab.name} gets frames`, async () => (await frames(tab)).every(count => count > 10))
	})
	assert.deepEqual(errors, [])
} finally {
	await Promise.all([...browsers].map(browser => browser.close()))
	await web.close()
	await janus.stop()
}
