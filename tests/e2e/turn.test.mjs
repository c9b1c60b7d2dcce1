// SPDX-License-Identifier: GPL-3.0-or-later
/** Members that reach each other only through a TURN server, whose credentials Portal has made. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, describe } from 'node:test'
import { startTurn } from '../lib/turn.mjs'
import { useLab } from './lab.mjs'

const SECRET = 'shared with nobody else'

describe('TURN', () => {
	let turn
	after(() => turn?.stop())
	const { lab, scenario } = useLab(async () => {
		turn = await startTurn(SECRET)
		return { config: `general: {}\nroom-home: {}\nice: {\n` +
			`	servers = ( { urls = [ "${turn.url}" ]; } )\n	turn_secret = "${SECRET}"\n	turn_ttl = 600\n}\n` }
	}, () => turn?.log().split('\n').slice(-30).join('\n') ?? '')

	/** Joins with the library alone, without the page round it. */
	async function joined(name, options) {
		const tab = await lab.open()
		tab.name = name
		await tab.page.evaluate(async (options) => {
			const { Portal } = await import('./portal.js')
			window.portal = new Portal({ room: 'home', ...options })
			window.heard = []
			await window.portal.join()
		}, options)
		return tab
	}

	const connected = tab => tab.until('a direct connection', () =>
		tab.page.evaluate(() => window.portal.connections.length === 1 && window.portal.connections[0].alive), 20_000)

	scenario('two members that may only relay connect through coturn, with credentials of their own', async () => {
		const ada = await joined('Ada', { rtc: { iceTransportPolicy: 'relay' } })
		const bob = await joined('Bob', { rtc: { iceTransportPolicy: 'relay' } })
		for (const tab of [ada, bob]) {
			await connected(tab)
			const { id, servers, pair } = await tab.page.evaluate(async () => {
				const [{ pc }] = window.portal.connections
				const reports = [...(await pc.getStats()).values()]
				const used = reports.find(({ type, selectedCandidatePairId }) => type === 'transport' && selectedCandidatePairId)
				const chosen = reports.find(({ id }) => id === used.selectedCandidatePairId)
				const kind = wanted => reports.find(({ id }) => id === wanted).candidateType
				return {
					id: window.portal.id, servers: pc.getConfiguration().iceServers,
					pair: [kind(chosen.localCandidateId), kind(chosen.remoteCandidateId)]
				}
			})
			assert.deepEqual(pair, ['relay', 'relay'])
			assert.equal(servers.length, 1)
			const [{ urls, username, credential }] = servers
			assert.deepEqual([urls].flat(), [turn.url])
			const [expiry, owner] = username.split(':')
			assert.equal(owner, id)
			assert.ok(Math.abs(Number(expiry) - Date.now() / 1000 - 600) < 60, `it expires at ${expiry}`)
			assert.equal(credential, createHmac('sha1', SECRET).update(username).digest('base64'))
		}
	})

	scenario('the page says of a connection through coturn that it is one', async () => {
		const tabs = []
		for (const name of ['Ada', 'Bob']) {
			const tab = await lab.open()
			await tab.page.evaluateOnNewDocument(() => {
				window.RTCPeerConnection = class extends RTCPeerConnection {
					constructor(configuration) {
						super({ ...configuration, iceTransportPolicy: 'relay' })
					}
				}
			})
			await tab.page.reload()
			await tab.enter('home', name)
			tabs.push(tab)
		}
		for (const tab of tabs) await tab.until('how the connection goes', async () =>
			(await tab.texts('.tile:not(.own) .way')).some(text => /^through a server · \d+ ms$/.test(text)), 20_000)
	})

	scenario('with a wrong credential coturn lets nobody through: it is not open to everybody', async () => {
		const wrong = [{ urls: turn.url, username: `${Math.round(Date.now() / 1000) + 600}:x`, credential: 'wrong' }]
		const before = turn.log().length
		const ada = await joined('Ada', { rtc: { iceTransportPolicy: 'relay' }, iceServers: wrong })
		await joined('Bob', { rtc: { iceTransportPolicy: 'relay' }, iceServers: wrong })
		await ada.until('the refusal in coturn’s log', () => /check_stun_auth: Cannot find credentials/.test(turn.log().slice(before)))
		const alive = await ada.page.evaluate(() => window.portal.connections.some(({ alive }) => alive))
		assert.equal(alive, false)
	})
})
