// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A room server on `ws` that works in the way of portals.js, written for the bench: one frame for each signal,
 * `{type, [type]: …, target}`, and the whole list of members to everyone at each change. It joins by a message instead of by the
 * address, so that the bench can connect before it measures.
 */
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const http = createServer()
const server = new WebSocketServer({ server: http, perMessageDeflate: false })
const rooms = new Map()

function tell(room) {
	const members = [...rooms.get(room).keys()]
	for (const [id, socket] of rooms.get(room)) {
		const info = { id, room, members: members.filter(other => other !== id).map(other => ({ id: other, polite: id > other })) }
		socket.send(JSON.stringify({ type: 'info', info }))
	}
}

server.on('connection', socket => {
	let room, id
	socket.on('message', text => {
		const message = JSON.parse(text)
		if (message.type === 'join') {
			({ room, id } = message.join)
			if (!rooms.has(room)) rooms.set(room, new Map())
			rooms.get(room).set(id, socket)
			return tell(room)
		}
		const { target, type } = message
		rooms.get(room)?.get(target)?.send(JSON.stringify({ type, [type]: message[type], from: { id } }))
	})
	socket.on('close', () => {
		if (rooms.get(room)?.get(id) !== socket) return
		rooms.get(room).delete(id)
		if (rooms.get(room).size) tell(room)
		else rooms.delete(room)
	})
	socket.on('error', () => {})
})
http.listen(0, '127.0.0.1', 4096, () => console.log(http.address().port))
