// SPDX-License-Identifier: GPL-3.0-or-later
// What must not compile: each line that is marked has a mistake, and no other.
import { Portal, PortalGun } from 'janus-portal'

new Portal({}) // mistake: room
new Portal({ room: 5 }) // mistake: type
const portal = new Portal({ room: 'home' })
const id: number = portal.id // mistake: type
portal.sendMessage('x') // mistake: name
await portal.send(5) // mistake: type
portal.connections.map(connection => connection.pc.nothing) // mistake: name
await portal.join({ signal: 10_000 }) // mistake: type
portal.on('conection', () => {}) // mistake: name of the event
portal.on('state', state => state === 'opened') // mistake: no such state
portal.on('info', ({ version }) => version.length) // mistake: type
portal.on('connection', connection => connection.on('tracks', () => {})) // mistake: name of the event
const gun = new PortalGun({ room: 'home', url: 'wss://example.org/janus' })
gun.addEventListener('connected', () => {}) // mistake: name of the event
gun.addEventListener('info', ({ people }) => people) // mistake: name
