// SPDX-License-Identifier: GPL-3.0-or-later
// What a program in TypeScript may write; it has to compile.
import { Connection, Portal, PortalError, PortalGun } from 'janus-portal'
import { debounce, type InfoSignal, PortalGun as Gun, RoomNotFoundError } from 'janus-portal/portal-gun.js'

const portal: Portal = new Portal({ room: 'home', url: 'wss://example.org/janus', display: 'Ada', metadata: { team: 1 }, statsInterval: 1000 })
const stop: () => void = portal.on('connection', connection => {
	const there: Connection = connection
	connection.on('track', ({ streams: [theirs], track }) => console.log(there.id, theirs?.id, track.kind))
	connection.on('stats', ({ roundTripTime = 0 }) => console.log(roundTripTime * 1000))
	connection.on('route', route => console.log(route === 'direct'))
	const channel: RTCDataChannel = connection.channel('game', { ordered: false })
	const pc: RTCPeerConnection = connection.pc
	console.log(channel.label, pc.connectionState, connection.route)
})
const info = await portal.join({ signal: AbortSignal.timeout(1000) })
portal.on('state', state => console.log(state === 'resuming'))
portal.on('message', ({ from, type, payload }) => console.log(from.length, type?.length, payload.text))
const names: (string | undefined)[] = info.members.map(({ display }) => display)
const { failed } = await portal.send('chat', { text: 'hello' }, { to: ['x'], signal: AbortSignal.timeout(1000) })
for await (const { from, payload } of portal.messages('chat')) console.log(from.length, payload)
const ids: string[] = failed.map(({ id }) => id)
try {
	await portal.manage({ request: 'kick' })
} catch (error) {
	if (error instanceof PortalError && error.code === 'unauthorized') console.log(error.retryAfter?.toFixed())
}
const gun: Gun = new PortalGun({ room: 'home', url: new URL('wss://example.org/janus'), rtc: {} })
gun.addEventListener('connection', debounce(10, () => {}))
gun.addEventListener('info', ({ id, members }: InfoSignal) => console.log(id, members.map(({ polite }) => polite)))
console.log(names, ids, new RoomNotFoundError('x').room, gun.connections.size)
stop()
await portal.close()
