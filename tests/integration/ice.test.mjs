// SPDX-License-Identifier: GPL-3.0-or-later
/** ICE servers as members get them. When credentials are renewed is in tests/unit/check_manage.c, whether a TURN server takes them in tests/e2e/turn.test.mjs. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { useLab, withJanus } from './lab.mjs'

const SECRET = 'of the TURN server', TTL = 600
const STUN = { urls: ['stun:127.0.0.1:3478'] }
const TURN = ['turn:127.0.0.1:3478?transport=udp', 'turns:127.0.0.1:5349']
const OWN = { urls: ['turn:127.0.0.1:3479'], username: 'everybody', credential: 'the same for all' }
const group = server => `{ ${Object.entries(server).map(([name, value]) => `${name} = ${JSON.stringify(value)};`).join(' ')} }`
const config = ice => `general: {}\nroom-home: {}\nice: {\n${ice}}\n`
const servers = (...all) => `\tservers = ( ${all.map(group).join(', ')} )\n`

describe('ICE servers', () => {
	const lab = useLab({ config: config(`${servers(STUN, { urls: TURN }, OWN)}\tturn_secret = "${SECRET}"\n\tturn_ttl = ${TTL}\n`), clears: false })

	/** Asserts that these are the servers with credentials of that member, made just now. */
	function check({ joined, id }) {
		const [stun, turn, own, ...more] = joined.ice_servers
		assert.deepEqual([stun, own, more], [STUN, OWN, []])
		const { urls, username, credential, ...rest } = turn
		assert.deepEqual([urls, rest], [TURN, {}])
		const [, expiry, owner] = /^(\d+):(.+)$/.exec(username)
		assert.equal(owner, id)
		assert.ok(Math.abs(Number(expiry) - Date.now() / 1000 - TTL) < 10, `it expires at ${expiry}`)
		assert.equal(credential, createHmac('sha1', SECRET).update(username).digest('base64'))
		return credential
	}

	test('are in the reply to join, with credentials of each member', async () => {
		const [ada, bob] = [await lab.join('home'), await lab.join('home')]
		assert.notEqual(check(ada), check(bob))
	})

	test('are in the reply to whoever comes back', async () => {
		const ada = await lab.join('home')
		await ada.session.terminate()
		const again = await lab.back(ada, { ack: 0 })
		assert.equal(again.joined.resumed, true)
		check(again)
	})

	test('are nobody else’s business', async () => {
		const ada = await lab.join('home')
		const all = JSON.stringify([await lab.adminAsk({ request: 'list' }), await lab.adminAsk({ request: 'listmembers', room: 'home' }),
			await lab.adminAsk({ request: 'stats' }), await lab.info(ada)]) + lab.janus.log()
		for (const secret of [SECRET, check(ada), OWN.credential]) assert.ok(!all.includes(secret))
	})
})

describe('Without ICE servers', () => {
	test('join says nothing of them', () => withJanus('general: {}\nroom-home: {}\n', async lab => {
		assert.ok(!('ice_servers' in (await lab.join('home')).joined))
	}))

	const wrong = {
		'a TURN server without secret': servers({ urls: TURN }),
		'an address that is none': servers({ urls: ['http://127.0.0.1'] }),
		'a time that is too short': `${servers({ urls: TURN })}\tturn_secret = "x"\n\tturn_ttl = 59\n`,
		'an option that nobody knows': `${servers(STUN)}\tturn_sekret = "x"\n`,
	}
	for (const [what, text] of Object.entries(wrong))
		test(`the plugin does not start with ${what}`, () => withJanus(config(text), async lab => {
			assert.deepEqual((await lab.admin({ janus: 'info' })).plugins, {})
			assert.match(lab.janus.log(), /\[janus\.plugin\.portal\].*ice/)
		}))
})
