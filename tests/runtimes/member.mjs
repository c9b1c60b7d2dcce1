// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A member that needs nothing but what Node, Deno and Bun all have: it says what happens, answers, and leaves when it is asked to.
 * runtimes.test.mjs runs it; node, deno or bun: member.mjs URL ROOM NAME
 */
import process from 'node:process'
import { Portal } from 'janus-portal'

const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket // Node before version 22 has none
const [url, room, display] = process.argv.slice(2)
const portal = new Portal({ url, room, display, WebSocket, RTCPeerConnection: null })
const name = id => portal.members.find(member => member.id === id)?.display

portal.on('state', state => console.log(`state ${state}`))
portal.on('error', ({ code }) => console.log(`error ${code}`))
portal.on('info', ({ members }) => console.log(`members ${members.map(({ display, away }) => display + (away ? ' (away)' : '')).sort().join(', ')}`))
portal.on('connection', connection => console.log(`connection ${name(connection.id)} ${connection.route}`))
portal.on('signal', ({ from, type, payload }) => {
	console.log(`signal ${name(from)} ${type} ${JSON.stringify(payload)}`)
	portal.signal('answer', payload, { to: from })
})
portal.on('message', ({ from, type, payload }) => {
	const text = payload instanceof ArrayBuffer ? `${new Uint8Array(payload).join(' ')}` : JSON.stringify(payload)
	console.log(`message ${name(from)} ${type} ${text}`)
	if (type === 'leave') portal.close()
	else portal.send('answer', payload, { to: from })
})
await portal.join()
