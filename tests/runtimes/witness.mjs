// SPDX-License-Identifier: GPL-3.0-or-later
import WebSocket from 'ws'
import { Portal } from '../../html/portal.js'

/** A member in the test's own process, that needs no direct connection and writes down what it hears. */
export async function joinMember(t, url, room) {
	const portal = new Portal({ url, room, display: 'Witness', WebSocket, RTCPeerConnection: null })
	t.after(() => portal.close())
	const member = { portal, messages: [], signals: [], errors: [] }
	portal.on('message', ({ payload }) => member.messages.push(payload))
	portal.on('signal', ({ type, payload }) => member.signals.push(`${type} ${JSON.stringify(payload)}`))
	portal.on('error', ({ code }) => member.errors.push(code))
	await portal.join({ signal: AbortSignal.timeout(10_000) })
	return member
}
