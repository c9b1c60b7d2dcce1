// SPDX-License-Identifier: GPL-3.0-or-later
/** Messages between two real pages, in order and once, whatever happens to the direct connection and to the server. */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { useLab } from './lab.mjs'

const COUNT = 10_000
const { lab, scenario } = useLab()

/** A page with the library alone, whose data channels may lose everything in silence. */
async function enter(name) {
	const tab = await lab.open()
	tab.name = name
	await tab.page.evaluate(async () => {
		const { send } = RTCDataChannel.prototype
		RTCDataChannel.prototype.send = function (...args) {
			if (!window.silent) send.apply(this, args)
		}
		const { Portal } = await import('./portal.js')
		window.got = []
		window.routes = new Set()
		window.portal = new Portal({ room: 'home' })
		window.portal.on('connection', connection => connection.on('route', route => window.routes.add(String(route))))
		window.portal.on('message', ({ payload }) => window.got.push(payload))
		await window.portal.join()
	})
	return tab
}

scenario(`${COUNT} messages each way while the direct connection fails, fails in silence, comes back, and the server is away`,
	async t => {
		const tabs = [await enter('Ada'), await enter('Bob')]
		const [ada, bob] = tabs
		for (const tab of tabs) await tab.until('a direct route', () => tab.page.evaluate(() => window.portal.connections[0]?.route === 'direct'))
		for (const tab of tabs) await tab.page.evaluate(count => {
			window.sent = 0
			window.sending = (async () => {
				for (let i = 0; i < count; i++) {
					await window.portal.send('numbered', i)
					window.sent++
					/* So that it takes as long as the faults do. */
					if (i % 20 === 19) await new Promise(resolve => setTimeout(resolve, 40))
				}
			})()
		}, COUNT)
		const both = count => Promise.all(tabs.map(tab => tab.until(`${count} messages`, () =>
			tab.page.evaluate(count => window.got.length >= count, count), 60_000)))
		const got = () => Promise.all(tabs.map(tab => tab.page.evaluate(() => window.got.length)))

		await both(COUNT / 20)
		await ada.page.evaluate(() => window.portal.connections[0].ownChannel.close())
		await both(COUNT / 10)
		for (const tab of tabs) await tab.until('a direct route again', () => tab.page.evaluate(() => window.portal.connections[0].route === 'direct'), 30_000)
		t.diagnostic(`after a channel was closed: ${await got()}`)

		await bob.page.evaluate(() => { window.silent = true })
		const before = await got()
		await both(Math.max(...before) + COUNT / 20) // through the server, after a while
		await bob.page.evaluate(() => { window.silent = false })
		t.diagnostic(`after a channel that says nothing: ${await got()}`)
		await bob.until('a direct route again', () => bob.page.evaluate(() => window.portal.connections[0].route === 'direct'), 30_000)

		lab.web.cut(true)
		const cut = await got()
		await both(Math.min(COUNT, Math.max(...cut) + COUNT / 20))
		await wait(500)
		lab.web.cut(false)
		t.diagnostic(`after the server was away: ${await got()}`)

		await both(COUNT)
		for (const tab of tabs) {
			await tab.page.evaluate(() => window.sending)
			const wrong = await tab.page.evaluate(() => window.got.findIndex((payload, i) => payload !== i))
			assert.equal(wrong, -1, `${tab.name}: message ${wrong} is not the one that was due`)
			assert.equal(await tab.page.evaluate(() => window.got.length), COUNT)
		}
		assert.ok((await ada.page.evaluate(() => [...window.routes])).includes('server'))
	}, 150_000)

/* Janus reads no such message at all, and cannot say whose it was. */
scenario('half a character and a NUL stop nothing, neither in signals nor in messages through the server', async () => {
	const tabs = [await enter('Ada'), await enter('Bob')]
	const [ada, bob] = tabs
	for (const tab of tabs) await tab.until('a direct route', () => tab.page.evaluate(() => window.portal.connections[0]?.route === 'direct'))
	await bob.page.evaluate(() => window.portal.on('signal', ({ payload }) => window.got.push(payload)))
	await ada.page.evaluate(async () => {
		await window.portal.signal('chat', 'wave 👋'.slice(0, 6))
		await window.portal.signal('chat', 'a\0b')
		await window.portal.configure({ display: '👋'.slice(0, 1) })
		await window.portal.signal('chat', 'whole 👋, and \\ud83d as it is')
	})
	await bob.until('all three', () => bob.page.evaluate(() => window.got.length === 3))
	assert.deepEqual(await bob.page.evaluate(() => window.got), ['wave ', 'ab', 'whole 👋, and \\ud83d as it is'])
})
