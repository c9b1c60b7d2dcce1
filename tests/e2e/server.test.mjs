// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { useLab } from './lab.mjs'

const { lab, scenario } = useLab()

scenario('when the server goes the page says so and stays in the room; a lobby says that it cannot be reached', async () => {
	const ada = await lab.enter('home', 'Ada')
	await lab.janus.stop()
	await ada.until('word that the connection is lost', () => ada.visible('#resuming'))
	assert.ok(await ada.visible('#room'))
	await ada.page.click('#leave')
	await ada.until('the lobby', () => ada.visible('#lobby'))
	await ada.until('word that the server is away', async () => /cannot be reached/.test(await ada.text('#status')))
})
