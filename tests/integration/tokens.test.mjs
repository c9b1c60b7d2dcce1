// SPDX-License-Identifier: GPL-3.0-or-later
/** Tokens that Janus's own secret has signed. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { Session } from './client.mjs'
import { refused, useLab } from './lab.mjs'

const SECRET = 'token-secret'
const PLUGIN = 'janus.plugin.portal'
const soon = () => Math.floor(Date.now() / 1000) + 600

function sign(realm, descriptors, { expiry = soon(), secret = SECRET } = {}) {
	const text = [expiry, realm, ...descriptors].join(',')
	return `${text}:${createHmac('sha1', secret).update(text).digest('base64')}`
}

/** The same signature under another text. */
const changed = token => token.replace('room=other', 'room=open')

const config = 'general: {}\nroom-open: {\n\tsigned_tokens = true\n}\nroom-other: {\n\tsigned_tokens = true\n}\n'
const settings = { 'general.token_auth': true, 'general.token_auth_secret': SECRET }

describe('A room with signed tokens', () => {
	const lab = useLab({ config, settings, clears: false })
	const forJanus = () => sign('janus', [PLUGIN])

	/** Janus itself wants a token with every request; that one says nothing about rooms. */
	async function ask(body) {
		const session = await Session.open(lab.janus.url, { token: forJanus() })
		try {
			return await (await session.attach()).ask(body)
		} finally {
			await session.close()
		}
	}

	const join = token => ask({ request: 'join', room: 'open', token })

	test('takes whoever has one for it', async () => {
		assert.equal((await join(sign(PLUGIN, ['room=open']))).portal, 'success')
		assert.equal((await join(sign(PLUGIN, ['room=other', 'room=open']))).portal, 'success')
	})

	test('takes nobody else', async () => {
		refused(await join(undefined), 'wrong_token', /missing/)
		const wrong = {
			'of a room whose name only begins like it': sign(PLUGIN, ['room=opening']),
			'of a room whose name begins it': sign(PLUGIN, ['room=ope']),
			'of all rooms': sign(PLUGIN, ['room=', 'room=*', 'open']),
			'of another room': sign(PLUGIN, ['room=other']),
			'of another realm': sign('janus', ['room=open']),
			'that has expired': sign(PLUGIN, ['room=open'], { expiry: soon() - 1200 }),
			'by another secret': sign(PLUGIN, ['room=open'], { secret: 'guess' }),
			'without signature': `${soon()},${PLUGIN},room=open`,
			'that is none': 'garbage',
			'that is Janus’s': forJanus(),
		}
		for (const [what, token] of Object.entries(wrong)) {
			const reply = await join(token)
			assert.equal(reply.code, 'wrong_token', what)
		}
		refused(await join(changed(sign(PLUGIN, ['room=other']))), 'wrong_token')
		refused(await join(5), 'invalid_field', /^token:/)
		refused(await join('x'.repeat(1025)), 'invalid_field', /^token:/)
	})

	test('may be made while Janus runs, and have a list as well: then a token has to be right in both ways', async () => {
		const token = sign(PLUGIN, ['room=made']), other = sign(PLUGIN, ['room=made'], { expiry: soon() + 1 })
		const enter = async token => (await ask({ request: 'join', room: 'made', token })).code ?? 'success'
		await lab.adminAsk({ request: 'create', room: 'made', signed_tokens: true })
		assert.deepEqual([await enter(token), await enter(other), await enter('listed')], ['success', 'success', 'wrong_token'])
		await lab.adminAsk({ request: 'allowed', room: 'made', action: 'enable', allowed: [token, 'listed'] })
		assert.deepEqual([await enter(token), await enter(other), await enter('listed')], ['success', 'wrong_token', 'wrong_token'])
		await lab.adminAsk({ request: 'edit', room: 'made', new_signed_tokens: null })
		assert.deepEqual([await enter(token), await enter(other), await enter('listed')], ['success', 'wrong_token', 'success'])
	})
})

describe('A room with signed tokens where Janus has no secret', () => {
	const lab = useLab({ config })

	test('takes nobody', async () => {
		for (const token of [sign(PLUGIN, ['room=open']), 'garbage'])
			refused(await (await lab.peer()).ask({ request: 'join', room: 'open', token }), 'wrong_token')
	})
})
