// SPDX-License-Identifier: GPL-3.0-or-later
/** What a call lives through: the way to the server breaks for a while, and Janus itself dies and is started again. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { useLab } from './lab.mjs'
import { joinWitness } from './members.mjs'

const { lab, scenario } = useLab()

/** Two tabs in a call, whose frames flow. */
async function call(room) {
	const tabs = [await lab.enter(room, 'Ada'), await lab.enter(room, 'Bob')]
	for (const tab of tabs) {
		await tab.until('video of the other', async () => (await tab.flows()).some(({ frames }) => frames > 10))
	}
	return tabs
}

/** All RTCPeerConnections that a page ever made, and the ids on its tiles. */
const state = tab => tab.page.evaluate(() => ({
	made: window.peerConnections.length,
	ids: [...document.querySelectorAll('.tile')].map(tile => tile.dataset.id)
}))

/** Looks each second: in each of them frames have come, over the same connections as before. */
async function flowsFor(seconds, tabs) {
	let before = await Promise.all(tabs.map(tab => tab.flows()))
	for (let second = 1; second <= seconds; second++) {
		await wait(1000)
		const now = await Promise.all(tabs.map(tab => tab.flows()))
		now.forEach((flows, i) => flows.forEach(({ frames, state }, j) => {
			assert.equal(state, 'connected')
			assert.ok(frames > before[i][j].frames, `${tabs[i].name}: no frame in second ${second}`)
		}))
		before = now
	}
}

scenario('a call goes on while the server cannot be reached for 10 s, and what is written meanwhile arrives', async () => {
	const tabs = await call('home')
	const [ada, bob] = tabs
	const before = await Promise.all(tabs.map(state))
	lab.web.cut(true)
	await ada.until('word that the connection is lost', () => ada.visible('#resuming'))
	await ada.say('written while the server was away')
	await bob.until('the message, which needs no server', async () => (await bob.texts('.messages li')).some(text => text.includes('written while')), 3_000)
	await flowsFor(10, tabs)
	assert.ok(await ada.visible('#resuming'))
	lab.web.cut(false)
	await ada.until('word that it is back', async () => !await ada.visible('#resuming'), 35_000)
	await bob.say('and back')
	await ada.until('the answer', async () => (await ada.texts('.messages li')).some(text => text.includes('and back')))
	assert.equal((await bob.texts('.messages li')).filter(text => text.includes('written while')).length, 1)
	assert.deepEqual(await Promise.all(tabs.map(state)), before)
	await flowsFor(1, tabs)
})

scenario('a call goes on when Janus is killed, and all are back under their ids when it runs again', async t => {
	const tabs = await call('coffee-chat')
	const before = await Promise.all(tabs.map(state))
	await lab.killJanus()
	await flowsFor(3, tabs)
	await lab.startJanusAgain()
	const up = Date.now()
	await tabs[0].until('both to be back', async () => !(await Promise.all(tabs.map(tab => tab.visible('#resuming')))).includes(true), 30_000)
	t.diagnostic(`both were back ${Date.now() - up} ms after Janus was up`)
	assert.ok(Date.now() - up < 5_000, 'it took longer than 5 s')
	assert.deepEqual(await Promise.all(tabs.map(state)), before)
	await flowsFor(2, tabs)
	const witness = await joinWitness({ url: lab.url, room: 'coffee-chat' })
	t.after(() => witness.close())
	const others = before.map(({ ids }) => ids.find(id => id !== 'own')).sort()
	assert.deepEqual(witness.members.map(({ id }) => id).sort(), others)
})

scenario('the ten lines of the README are a call', async () => {
	const text = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
	const lines = /<!-- browser -->\n```js\n([\s\S]*?)```/.exec(text)[1]
	const bob = await lab.enter('home', 'Bob')
	const page = await lab.open({ path: 'settings.js' })
	await page.page.goto(`${lab.web.url}?room=nowhere`)
	const run = `const show = (id, stream) => window.shown = [id, stream]; const hide = id => window.hidden = id;\n`
		+ lines.replace(/^import .*$/m, `const { Portal } = await import('/portal.js')`)
	page.page.evaluate(`(async () => {${run}})()`).catch(error => page.errors.push(error.message))
	await page.until('Bob to be shown', () => page.page.evaluate(() => window.shown?.[1]?.active === true))
	await bob.until('video of Ada', async () => (await bob.flows()).some(({ frames }) => frames > 0))
	await bob.until('the message', async () => (await bob.texts('.messages li')).some(text => text.includes('hello')))
})
