// SPDX-License-Identifier: GPL-3.0-or-later
/** Rooms and signals as one writes them with Socket.IO: the roster in the answer to `join`, then differences. */
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const http = createServer()
const io = new Server(http, { serveClient: false, maxHttpBufferSize: 1e7, transports: ['websocket'] })
const rooms = new Map()

io.on('connection', socket => {
	let room, id
	socket.on('join', (wish, answer) => {
		({ room, id } = wish)
		const members = rooms.get(room) ?? new Map()
		rooms.set(room, members)
		answer([...members.keys()])
		members.set(id, socket)
		socket.join(room)
		socket.to(room).emit('joined', id)
	})
	socket.on('signal', ({ to, payload }) => rooms.get(room)?.get(to)?.emit('signal', { from: id, payload }))
	socket.on('broadcast', ({ payload }) => socket.to(room).emit('signal', { from: id, payload }))
	socket.on('disconnect', () => {
		const members = rooms.get(room)
		if (members?.get(id) !== socket) return
		members.delete(id)
		if (!members.size) rooms.delete(room)
		io.to(room).emit('left', id)
	})
})
http.listen(0, '127.0.0.1', 4096, () => console.log(http.address().port))
