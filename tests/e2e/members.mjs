// SPDX-License-Identifier: GPL-3.0-or-later
/** Members that need no browser: they join through the real library and the real Janus, but connect with nobody. */
import WebSocket from 'ws'
import { Portal } from '../../html/portal.js'
import { Session } from '../../html/signal.js'

class NoConnection extends EventTarget {
	connectionState = 'new'
	signalingState = 'stable'
	createDataChannel() {
		return new EventTarget()
	}
	addTrack() {}
	close() {}
	setRemoteDescription() {
		return new Promise(() => {})
	}
}

/** @param {{url: string, room: string, display?: string}} options */
export async function joinBot(options) {
	const bot = new Portal({ WebSocket, RTCPeerConnection: NoConnection, ...options })
	await bot.join({ signal: AbortSignal.timeout(10_000) })
	return bot
}

/** A member that only writes down the events it is sent. */
export async function joinWitness({ url, room }) {
	const session = new Session({ url, WebSocket })
	await session.open()
	const events = []
	const peer = await session.attach('janus.plugin.portal', push => events.push(...push.events ?? []))
	const { members } = await peer.request({ request: 'join', room, display: 'Witness' })
	return { members, events, close: () => session.close() }
}
