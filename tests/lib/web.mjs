// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A small web server for the page: files, and WebSockets of /janus passed on to Janus, as a real web
 * server in front of Janus would. On loopback only, for the demo and the tests.
 */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { extname, join, resolve, sep } from 'node:path'

const TYPES = {
	'.css': 'text/css; charset=utf-8', '.html': 'text/html; charset=utf-8', '.ico': 'image/x-icon',
	'.js': 'text/javascript; charset=utf-8', '.json': 'application/json', '.md': 'text/plain; charset=utf-8',
	'.mjs': 'text/javascript; charset=utf-8', '.png': 'image/png', '.svg': 'image/svg+xml', '.webp': 'image/webp',
}

/* The page must do without inline scripts and styles and without strangers; a server that says so shows it. */
const HEADERS = {
	'Content-Security-Policy': "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; " +
		"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
	'X-Content-Type-Options': 'nosniff',
	'Referrer-Policy': 'no-referrer',
	'Cache-Control': 'no-cache',
}

/** The page for administrators asks an Admin API, wherever that is. */
function forPage(path) {
	const policy = HEADERS['Content-Security-Policy']
	return path.endsWith('/admin.html') ? { 'Content-Security-Policy': policy.replace('ws: wss:', 'ws: wss: http: https:') } : {}
}

/**
 * @param {{ root: string, janusUrl: string, port?: number }} options `port` 0 is any free one
 * @returns {Promise<{ url: string, janusUrl: string, cut: (on: boolean) => void, close: () => Promise<void> }>} `janusUrl` may
 *   be set to that of another Janus; `cut(true)` breaks all WebSockets and takes no new ones, until `cut(false)`
 */
export async function startWeb({ root, janusUrl, port = 0 }) {
	const folder = await realpath(resolve(root))
	const sockets = new Set()
	const server = createServer((request, response) => serve(folder, request, response))
	server.on('connection', socket => {
		sockets.add(socket)
		socket.on('close', () => sockets.delete(socket))
	})
	const upgraded = new Set()
	let isCut = false
	server.on('upgrade', (request, socket, head) => {
		if (isCut) return socket.destroy()
		upgraded.add(socket)
		socket.on('close', () => upgraded.delete(socket))
		pass(new URL(web.janusUrl), request, socket, head)
	})
	await new Promise((done, failed) => {
		server.once('error', failed)
		server.listen({ port, host: '127.0.0.1' }, done)
	})
	const close = () => new Promise(done => {
		server.close(() => done())
		for (const socket of sockets) socket.destroy()
	})
	const cut = on => {
		isCut = on
		if (on) for (const socket of upgraded) socket.destroy()
	}
	const web = { url: `http://localhost:${server.address().port}/`, janusUrl, cut, close }
	return web
}

async function serve(folder, request, response) {
	try {
		if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405)
		const file = await locate(folder, request.url)
		if (!file) return refuse(response, 404)
		const type = TYPES[extname(file.path)] ?? 'application/octet-stream'
		response.writeHead(200, { ...HEADERS, ...forPage(file.path), 'Content-Type': type, 'Content-Length': file.size })
		if (request.method === 'HEAD') return response.end()
		createReadStream(file.path).on('error', () => response.destroy()).pipe(response)
	} catch {
		refuse(response, 400)
	}
}

/** The file that a request means, if there is one inside the folder, symbolic links resolved. */
async function locate(folder, url) {
	const path = decodeURIComponent(new URL(url, 'http://localhost').pathname)
	if (path.includes('\0')) return
	try {
		const real = await realpath(join(folder, path.endsWith('/') ? path + 'index.html' : path))
		if (!real.startsWith(folder + sep)) return
		const found = await stat(real)
		return found.isFile() ? { path: real, size: found.size } : undefined
	} catch {}
}

function refuse(response, status) {
	if (response.headersSent) return response.destroy()
	response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${status}\n`)
}

/** Joins the browser's socket with one to Janus; what either end closes is closed on the other. */
function pass(janus, request, socket, head) {
	const isJanus = new URL(request.url, 'http://localhost').pathname === '/janus'
	const upstream = isJanus && connect({ host: janus.hostname, port: Number(janus.port) })
	socket.on('error', () => socket.destroy())
	if (!upstream) return socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n')
	upstream.on('connect', () => {
		const lines = request.rawHeaders.flatMap((value, i, all) => i % 2 ? [] : [`${value}: ${all[i + 1]}`])
		upstream.write([`${request.method} / HTTP/1.1`, ...lines, '', ''].join('\r\n'))
		upstream.write(head)
		socket.pipe(upstream).pipe(socket)
	})
	upstream.on('error', () => socket.destroy())
	upstream.on('close', () => socket.destroy())
	socket.on('close', () => upstream.destroy())
}
