// SPDX-License-Identifier: GPL-3.0-or-later
/** The page for administrators, in Chromium, against Janus's Admin API. */
import assert from 'node:assert/strict'
import { useLab } from './lab.mjs'

const { lab, scenario } = useLab({ admin: true, transports: ['websockets', 'http'],
	config: 'general: {}\nroom-home: {\n\tdescription = "Home"\n}\nroom-attic: {\n\tis_private = true\n}\n' })

async function connected(address, secret = lab.janus.adminSecret) {
	const tab = await lab.open({ path: 'admin.html' })
	tab.name = 'the administrator'
	await tab.page.$eval('#address', (input, value) => { input.value = value }, address)
	await tab.page.type('#secret', secret)
	await tab.page.click('#connect button')
	return tab
}

const titles = tab => tab.texts('#rooms .room-title')
const button = (room, name) => `#rooms [data-room="${room}"] [name="${name}"]`

for (const [name, address] of [['HTTP', () => lab.janus.httpAdminUrl], ['WebSocket', () => lab.janus.adminUrl]]) {
	scenario(`rooms and members are shown, locked, kicked, created, destroyed over ${name}`, async () => {
		const bob = await lab.enter('home', 'Bob')
		const tab = await connected(address())
		await tab.until('the rooms', async () => String(await titles(tab)) === 'attic,home')
		assert.match(await tab.text('#stats'), /rooms2members1/)
		assert.match(await tab.text('#rooms [data-room="attic"] .flags'), /not listed/)

		await tab.page.click(button('home', 'members'))
		await tab.until('Bob', async () => (await tab.text('#rooms [data-room="home"] .inside'))?.includes('Bob'))
		if (process.env.PORTAL_PICTURES) await tab.page.screenshot({ path: `${process.env.PORTAL_PICTURES}/admin.png` })
		await tab.page.click(button('home', 'lock'))
		await tab.until('the lock', async () => (await tab.text(button('home', 'lock'))) === 'Unlock')
		await tab.page.click(button('home', 'lock'))
		await tab.until('no lock', async () => (await tab.text(button('home', 'lock'))) === 'Lock')

		await tab.page.click('#rooms [data-room="home"] .inside button')
		await tab.until('the question', () => tab.visible('#sure'))
		assert.equal(await tab.text('#question'), 'Remove Bob from “home”?')
		await tab.page.click('#yes')
		await bob.until('to be shown out', async () => (await bob.text('#problem')) === 'You were shown out of “home”.')
		await tab.until('nobody', async () => (await tab.text('#rooms [data-room="home"] .inside')) === 'Nobody is in this room.')

		await tab.page.click('details summary')
		await tab.page.type('#create [name="room"]', 'kitchen')
		await tab.page.type('#create [name="pin"]', '1234')
		await tab.page.click('#create .primary')
		await tab.until('the new room', async () => (await titles(tab)).includes('kitchen'))
		assert.equal(await tab.text('#rooms [data-room="kitchen"] .flags'), 'PIN')
		await tab.page.type('#create [name="room"]', 'kitchen')
		await tab.page.click('#create .primary')
		await tab.until('the refusal', async () => (await tab.text('#problem')) === 'There is a room kitchen already')
		await tab.page.click(button('kitchen', 'destroy'))
		await tab.page.click('#yes')
		await tab.until('the room to go', async () => !(await titles(tab)).includes('kitchen'))

		const kept = await tab.page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location.href, document.cookie]))
		assert.ok(!kept.includes(lab.janus.adminSecret))
		await tab.page.click('#disconnect')
		assert.ok(await tab.visible('#connect'))
		assert.equal(await tab.text('#rooms'), '')
		assert.deepEqual(tab.errors, [])
	})
}

scenario('what is wrong is said in words that help', async () => {
	const wrong = await connected(lab.janus.httpAdminUrl, 'guess')
	await wrong.until('the refusal', async () => (await wrong.text('#problem')) === 'This is not the admin_secret of that Janus.')
	assert.ok(await wrong.visible('#connect'))
	const nobody = await connected('http://127.0.0.1:9/admin')
	await nobody.until('the refusal', async () => /does not answer\. Is admin_http on/.test(await nobody.text('#problem')))
	const nobodyElse = await connected('ws://127.0.0.1:9')
	await nobodyElse.until('the refusal', async () => /does not answer\. Is admin_ws on/.test(await nobodyElse.text('#problem')))
})
