// SPDX-License-Identifier: GPL-3.0-or-later
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { startLab } from './lab.mjs'

test('when the server goes the page says so, and it offers the rooms again when the server cannot be reached', async t => {
	const lab = await startLab()
	let passed = false
	t.after(async () => {
		await lab.closeTabs(!passed)
		await lab.stop()
	})
	const ada = await lab.enter('home', 'Ada')
	await lab.janus.stop()
	await ada.until('the problem', () => ada.visible('#problem'))
	assert.equal(await ada.text('#problem'), 'The connection to the server is lost.')
	await ada.until('word that the server is away', async () => /cannot be reached/.test(await ada.text('#status')))
	passed = true
})
