// SPDX-License-Identifier: GPL-3.0-or-later
/** What the owner of a room can do in the sample client. */
import assert from 'node:assert/strict'
import { useLab } from './lab.mjs'

const KEY = 'key of the server', SECRET = 'secret of the room'
const { lab, scenario } = useLab({ config: `general: {\n\tadmin_key = "${KEY}"\n}\nroom-home: {}\n` })

const picture = (tab, name) => process.env.PORTAL_PICTURES && tab.page.screenshot({ path: `${process.env.PORTAL_PICTURES}/${name}.png` })

async function fill(tab, fields) {
	for (const [selector, text] of Object.entries(fields)) {
		await tab.page.$eval(selector, input => { input.value = '' })
		await tab.page.type(selector, text)
	}
}

async function create(tab, room, key) {
	if (!await tab.visible('#create')) await tab.page.click('#creation summary')
	await fill(tab, { '#create [name="room"]': room, '#create [name="secret"]': SECRET, '#create [name="admin_key"]': key })
	await tab.page.click('#create .primary')
}

scenario('a room is created, locked, opened with a PIN, cleared of somebody, and destroyed', async () => {
	const ada = await lab.open()
	ada.name = 'Ada'
	await ada.page.type('#name', 'Ada')
	await create(ada, 'den', 'guess')
	await ada.until('the refusal', async () => (await ada.text('#problem')) === 'The server does not let you create rooms with this key.')
	await picture(ada, 'create')
	await create(ada, 'den', KEY)
	await ada.until('the room', () => ada.visible('#room'))

	const bob = await lab.enter('den', 'Bob')
	await ada.until('Bob', async () => (await ada.tiles()).includes('Bob'))
	await ada.page.click('#manage-room')
	await ada.until('the panel', () => ada.visible('#owner'))
	await fill(ada, { '#owner-secret': 'guess' })
	await ada.page.click('#manage [name="lock"]')
	await ada.until('the refusal', async () => (await ada.text('#owner-problem')) === 'This is not the secret of the room.')
	await fill(ada, { '#owner-secret': SECRET })
	await ada.page.click('#manage [name="lock"]')
	await ada.until('the lock', async () => (await ada.text('#manage [name="lock"]')) === 'Unlock')
	await picture(ada, 'owner')
	const eve = await lab.open({ path: '?room=den' })
	eve.name = 'Eve'
	await eve.until('a room that is locked', async () => /locked/.test((await eve.texts('#rooms .room-count')).join()))

	await ada.page.click('#manage [name="lock"]')
	await fill(ada, { '#owner-pin': '1234' })
	await ada.page.keyboard.press('Enter')
	await eve.until('the room that wants a PIN', async () => {
		await eve.page.reload()
		return eve.until('its state', async () => (await eve.texts('#rooms .room-count')).join()).then(text => text.includes('PIN'))
	})

	await ada.page.click('#owner-members .warn')
	await bob.until('to be shown out', async () => (await bob.text('#problem')) === 'You were shown out of “den”.')
	await ada.until('Bob’s tile to go', async () => !(await ada.tiles()).includes('Bob'))

	ada.page.on('dialog', dialog => dialog.accept())
	await ada.page.click('#manage [name="destroy"]')
	await ada.until('the lobby', async () => (await ada.text('#problem')) === 'The room “den” is no longer there.')
	const kept = await ada.page.evaluate(() => JSON.stringify([localStorage, sessionStorage, location.href]))
	assert.ok(!kept.includes(SECRET) && !kept.includes(KEY))
	assert.deepEqual(bob.errors, ['PortalError: The server ended the membership: kicked'])
})
