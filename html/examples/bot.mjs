#!/usr/bin/env node
// SPDX-License-Identifier: MIT
/**
 * A bot for Node: joins a room, greets who comes, answers in the chat, prints who comes and goes. Ctrl-C makes it leave.
 *
 *   node bot.mjs --url ws://localhost:8188 --room home [--name Bot] [--pin 1234] [--bind 127.0.0.1]
 */
import { parseArgs } from 'node:util'
import { Portal } from 'janus-portal'
import { RTCPeerConnection } from './node-rtc.mjs'

const WebSocket = globalThis.WebSocket ?? (await import('ws')).WebSocket // Node has its own from version 22 on

const { values: options } = parseArgs({ options: {
	url: { type: 'string', default: 'ws://localhost:8188' },
	room: { type: 'string', default: 'home' },
	name: { type: 'string', default: 'Bot' },
	pin: { type: 'string' },
	bind: { type: 'string' } // the address for direct connections, where the machine has several
} })

const portal = new Portal({
	url: options.url, room: options.room, pin: options.pin, display: options.name, metadata: { bot: true },
	WebSocket, RTCPeerConnection, rtc: { bindAddress: options.bind }
})

/** The names of those who are there; when they go, the portal does not know them any more. */
const names = new Map()
let inside = false

portal.on('connection', connection => {
	const { display = connection.id } = portal.members.find(({ id }) => id === connection.id)
	names.set(connection.id, display)
	console.log(`${display} is here`)
	connection.on('route', route => console.log(`${display}: ${route ?? 'no'} route`))
	if (inside) say(`Welcome, ${display}!`, connection.id)
})

portal.on('close', ({ id }) => {
	console.log(`${names.get(id)} has gone`)
	names.delete(id)
})

portal.on('message', ({ from, type, payload }) => {
	if (type !== 'chat' || typeof payload?.text !== 'string') return
	console.log(`${names.get(from)}: ${payload.text}`)
	// Two bots that answer each other would never end.
	if (!portal.members.find(({ id }) => id === from)?.metadata?.bot) say(answer(payload.text), from)
})

portal.on('state', state => console.log(`The portal is ${state}`))
portal.on('error', error => {
	console.error(`${error.code}: ${error.message}`)
	if (portal.state === 'closed') process.exitCode = 1 // it was shown out
})

function answer(text) {
	if (/^who/i.test(text)) return `With me: ${[...names.values()].join(', ')}`
	if (/^when|^what time/i.test(text)) return `It is ${new Date().toISOString()}`
	return `You said: ${text}`
}

function say(text, to) {
	portal.send('chat', { text }, { to }).catch(error => console.error(`This did not arrive: ${error.message}`))
}

// To leave is better than to vanish: the others know it at once.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => portal.close())

try {
	await portal.join({ signal: AbortSignal.timeout(10_000) })
	inside = true
} catch (error) {
	if (error.code !== 'closed') throw error // closed: Ctrl-C came first
}
