// SPDX-License-Identifier: GPL-3.0-or-later
// What a program in TypeScript may write; it has to compile.
import { Connection, Portal, PortalError, PortalGun } from 'janus-portal'
import {
	debounce, EventEmitter, IceCandidateError, pause, Portal as GunPortal, PortalGun as Gun, RoomNotFoundError, SignalingChannel,
	type CandidateSignal, type DescriptionSignal, type ErrorSignal, type EventListener, type InfoSignal, type PortalEventMap, type PortalGunEventMap,
	type PortalGunOptions, type RoomMember
} from 'janus-portal/portal-gun.js'

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
{
	await using briefly = new Portal({ room: 'home' })
	console.log(briefly.room)
}
console.log(names, ids)
stop()
await portal.close()

// A program for @openlab/portals, with all types that its client has, those of its wire excepted.
const options: PortalGunOptions = { room: 'home', url: new URL('wss://example.org/janus'), rtc: {} }
const gun: Gun = new PortalGun(options)
const connected: EventListener<PortalGunEventMap['connection']> = there => {
	there.addMediaStream(new MediaStream())
	there.addEventListener('track', ({ streams }: RTCTrackEvent) => console.log(there.target.id, streams[0]?.id, there.peer.connectionState))
	there.addEventListener('debug', (...said: PortalEventMap['debug']) => console.log(...said))
}
gun.addEventListener('connection', connected)
gun.removeEventListener('connection', connected)
gun.addEventListener('disconnection', (gone: GunPortal) => gone.close())
gun.addEventListener('info', ({ id, members }: InfoSignal) => console.log(id, members.map(({ polite }: RoomMember) => polite)))
gun.addEventListener('error', error => console.log(error instanceof RoomNotFoundError ? error.room : error.message, error instanceof IceCandidateError))
gun.addEventListener('debug', debounce(10, () => {}))
await pause(10)
const own = new EventEmitter()
own.addEventListener('whatever', (a: number, b: string) => console.log(a, b))
own.emit('whatever', 1, 'b')
const signals: (ErrorSignal | DescriptionSignal | CandidateSignal)[] = []
console.log(gun.connections.size, gun.options.room, signals, SignalingChannel.name)
gun.close()
