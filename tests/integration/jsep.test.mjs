// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import { eventually, refused, useLab } from './lab.mjs'

const SDP = [
	'v=0', 'o=- 1 1 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0',
	'm=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'c=IN IP4 0.0.0.0', 'a=ice-ufrag:abcd',
	'a=ice-pwd:abcdefghijklmnopqrstuvwx', 'a=ice-options:trickle', `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`,
	'a=setup:actpass', 'a=mid:0', 'a=sctp-port:5000', '',
].join('\r\n')

const OFFER = { type: 'offer', sdp: SDP }

describe('A jsep', () => {
	const lab = useLab()

	/** Whether the core still has anything of a PeerConnection for this handle. */
	const hasPeerConnection = async handle => {
		const info = await lab.info(handle)
		const { flags = {} } = info
		return Boolean(info.webrtc || info.streams?.length || info.sdps?.remote || flags['got-offer'] || flags.negotiated)
	}

	const gone = handle => eventually('the PeerConnection is gone', async () => !await hasPeerConnection(handle))

	test('is refused, and no PeerConnection remains', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'ping', ping: 1 }, { jsep: OFFER }), 'jsep_refused')
		await gone(peer)
	})

	test('is refused whatever the request; the request takes no effect and the membership stays', async () => {
		const [ada, bob] = await lab.members('home', 2)
		const signals = [{ type: 'x', payload: 1 }]
		refused(await ada.ask({ request: 'relay', signals }, { jsep: OFFER }), 'jsep_refused')
		await gone(ada)
		refused(await ada.ask({ request: 'leave' }, { jsep: OFFER }), 'jsep_refused')
		await gone(ada)
		assert.equal(await lab.count('home'), 2)
		assert.equal((await ada.ask({ request: 'relay', signals: [{ type: 'after', payload: 1 }] })).relayed, 1)
		assert.equal((await bob.entry('signal')).type, 'after')
	})

	test('with join lets nobody in', async () => {
		const peer = await lab.peer()
		refused(await peer.ask({ request: 'join', room: 'home' }, { jsep: OFFER }), 'jsep_refused')
		await gone(peer)
		assert.equal(await lab.count('home'), 0)
		await lab.join('home', {}, peer)
	})

	test('leaves no socket open in Janus', async () => {
		const open = () => readdirSync(`/proc/${lab.janus.pid}/fd`).length
		const peer = await lab.peer()
		const before = open()
		for (let i = 0; i < 5; i++) {
			refused(await peer.ask({ request: 'ping', ping: i }, { jsep: OFFER }), 'jsep_refused')
			await gone(peer)
		}
		await eventually('what was opened is closed again', () => open() <= before)
		await lab.join('home', {}, peer)
	})
})
