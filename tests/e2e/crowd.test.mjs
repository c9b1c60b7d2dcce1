// SPDX-License-Identifier: GPL-3.0-or-later
/** Many pages that are closed at once: each says that it leaves, so that hardly anybody has to be timed out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Portal } from '../../html/portal.js'
import WebSocket from 'ws'
import { startLab, until } from './lab.mjs'

const PAGES = 40
const TIMEOUT = 5

test(`${PAGES} pages closed at once leave at most one ghost, which goes by timeout`, { timeout: 120_000 }, async t => {
	const rooms = Array.from({ length: PAGES / 2 }, (_, i) => `room-r${i}: { }`)
	const lab = await startLab({ config: [`general: { resume_timeout = ${TIMEOUT} }`, ...rooms].join('\n') })
	t.after(() => lab.stop())
	const members = async () => (await Portal.rooms({ url: lab.url, WebSocket })).reduce((sum, { num_members: n }) => sum + n, 0)

	// Real pages with real connections, two in each room; without the sample client and its camera they are light.
	const tabs = []
	for (let i = 0; i < PAGES; i++) {
		const tab = await lab.open({ path: 'icon.svg', camera: false })
		await tab.page.evaluate(async room => {
			const { Portal } = await import('/portal.js')
			await new Portal({ room }).join()
		}, `r${i >> 1}`)
		tabs.push(tab)
	}
	assert.equal(await members(), PAGES)

	await Promise.all(tabs.map(({ page }) => page.close()))
	const closed = Date.now()
	// What the pages said is on its way; Janus needs a moment for 40 of them.
	await until('all but one to be gone', async () => await members() <= 1, 2_000)
	t.diagnostic(`${await members()} ghosts ${Date.now() - closed} ms after the pages were closed`)
	await until('nobody to be left', async () => await members() === 0, (TIMEOUT + 5) * 1000)
})
