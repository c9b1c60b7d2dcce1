// SPDX-License-Identifier: MIT
// Rooms and members through Janus's Admin API. Address and secret stay in this module, and go with the tab.

const PLUGIN = 'janus.plugin.portal'
const PATIENCE = 10_000
const REFRESH = 5_000

const $ = id => document.getElementById(id)

/** @type {{address: string, secret: string} | null} */
let server = null
const opened = new Set()
let pages = 1
let looking = false

// The Admin API

/** Asks the plugin; rejects with what is wrong in words that say what to do. */
async function ask(request) {
	const message = { janus: 'message_plugin', transaction: 'admin', admin_secret: server.secret, plugin: PLUGIN, request }
	const answer = await (/^wss?:/.test(server.address) ? overWebSocket(message) : overHttp(message))
	if (answer.janus === 'error') throw new Error(JANUS_ERRORS[answer.error.code] ?? `Janus says: ${answer.error.reason}`)
	if (answer.response?.portal !== 'success') throw new Error(answer.response?.error ?? 'The plugin gave no answer.')
	return answer.response
}

const JANUS_ERRORS = {
	403: 'This is not the admin_secret of that Janus.',
	460: 'That Janus runs, but without the Portal plugin: see its log for the reason.'
}

async function overHttp(message) {
	try {
		const options = { method: 'POST', body: JSON.stringify(message), signal: AbortSignal.timeout(PATIENCE) }
		return await (await fetch(server.address, options)).json()
	} catch {
		throw new Error(`${server.address} does not answer. Is admin_http on in janus.transport.http.jcfg, is this the address with ` +
			'the path, does allow_origin let this page ask, and is it https if this page is?')
	}
}

function overWebSocket(message) {
	return new Promise((resolve, reject) => {
		const fail = () => reject(new Error(`${server.address} does not answer. Is admin_ws on in janus.transport.websockets.jcfg?`))
		const socket = new WebSocket(server.address, 'janus-admin-protocol')
		setTimeout(fail, PATIENCE)
		socket.onerror = fail
		socket.onopen = () => socket.send(JSON.stringify(message))
		socket.onmessage = ({ data }) => {
			socket.close()
			resolve(JSON.parse(data))
		}
	})
}

// What is shown

async function show() {
	if (!server || looking) return
	looking = true
	try {
		const [stats, rooms] = [await ask({ request: 'stats' }), await listRooms()]
		if (!server) return
		showStats(stats)
		await showRooms(rooms)
		$('connect').hidden = true
		for (const id of ['overview', 'server', 'disconnect']) $(id).hidden = false
		$('server').textContent = new URL(server.address).host
	} finally {
		looking = false
	}
}

/** As many pages as were asked for: a server may have thousands of rooms. */
async function listRooms() {
	const rooms = []
	let after
	for (let page = 0; page < pages; page++) {
		const { list, next } = await ask({ request: 'list', after, limit: 50 })
		rooms.push(...list)
		after = next
		if (!next) break
	}
	$('more').hidden = !after
	return rooms
}

function showStats(stats) {
	const refused = Object.values(stats.refusals).reduce((sum, count) => sum + count, 0)
	const shown = { rooms: stats.rooms, members: stats.members, away: stats.away, slow: stats.slow, backlog: size(stats.backlog),
		signals: stats.signals, refusals: refused, running: duration(stats.uptime) }
	$('stats').replaceChildren(...Object.entries(shown).map(([name, value]) => {
		const group = document.createElement('div')
		group.append(element('dt', name), element('dd', String(value)))
		return group
	}))
	$('stats').title = Object.entries(stats.refusals).map(([code, count]) => `${code}: ${count}`).join('\n')
}

async function showRooms(rooms) {
	const focused = document.activeElement?.closest('#rooms li') && {
		room: document.activeElement.closest('#rooms li').dataset.room, name: document.activeElement.name }
	const items = []
	for (const room of rooms) items.push(await roomItem(room))
	$('rooms').replaceChildren(...items)
	$('empty').hidden = rooms.length > 0
	if (focused) items.find(item => item.dataset.room === focused.room)?.querySelector(`[name="${focused.name}"]`)?.focus()
}

async function roomItem(room) {
	const item = $('room-template').content.firstElementChild.cloneNode(true)
	const part = selector => item.querySelector(selector)
	item.dataset.room = room.room
	part('.room-title').textContent = room.room
	part('.room-description').textContent = room.description ?? ''
	part('.flags').textContent = [room.pin_required && 'PIN', room.locked && 'locked', room.is_private && 'not listed'].filter(Boolean).join(' · ')
	part('.room-count').textContent = `${room.num_members} of ${room.max_members}`
	part('.room-count').classList.toggle('occupied', room.num_members > 0)
	const [members, lock, destroy] = ['members', 'lock', 'destroy'].map(name => part(`[name="${name}"]`))
	lock.textContent = room.locked ? 'Unlock' : 'Lock'
	lock.onclick = () => act({ request: 'edit', room: room.room, new_locked: !room.locked })
	destroy.onclick = async () => {
		const inside = room.num_members > 0 ? ` Its ${room.num_members} member(s) will be sent away.` : ''
		if (await sure(`Destroy the room “${room.room}”?${inside}`, 'Destroy')) act({ request: 'destroy', room: room.room, permanent: false })
	}
	members.onclick = () => {
		if (!opened.delete(room.room)) opened.add(room.room)
		work(show)
	}
	const open = opened.has(room.room)
	members.setAttribute('aria-expanded', String(open))
	part('.inside').hidden = !open
	if (open) part('.inside').replaceChildren(...await memberItems(room.room))
	return item
}

async function memberItems(room) {
	const items = []
	for (let after; ;) {
		const { members, next } = await ask({ request: 'listmembers', room, after })
		items.push(...members.map(member => memberItem(room, member)))
		if (!next || items.length > 1_000) break
		after = next
	}
	return items.length > 0 ? items : [element('li', 'Nobody is in this room.', 'quiet')]
}

function memberItem(room, { id, display, away }) {
	const kick = Object.assign(element('button', 'Kick', 'plain warn'), { type: 'button' })
	kick.onclick = async () => {
		if (await sure(`Remove ${display ?? id} from “${room}”?`, 'Kick')) act({ request: 'kick', room, id })
	}
	const item = document.createElement('li')
	item.append(element('span', display ?? 'no name'), element('code', id), element('span', away ? 'away' : '', 'quiet'), kick)
	return item
}

// What is done

/** Runs what may fail, and says what went wrong. */
async function work(doing) {
	try {
		await doing()
		complain('')
	} catch (error) {
		complain(error.message)
	}
}

const act = request => work(async () => {
	await ask(request)
	await show()
})

async function connect(event) {
	event.preventDefault()
	server = { address: $('address').value.trim(), secret: $('secret').value }
	await work(show)
	if ($('overview').hidden) server = null
	else $('secret').value = ''
}

function disconnect() {
	server = null
	opened.clear()
	for (const id of ['overview', 'server', 'disconnect']) $(id).hidden = true
	$('rooms').replaceChildren()
	$('connect').hidden = false
	$('secret').focus()
}

function create(event) {
	event.preventDefault()
	const form = event.target
	const request = { request: 'create' }
	for (const { name, type, value, checked } of form.elements) {
		if (type === 'checkbox' && checked) request[name] = true
		else if (type === 'number' && value) request[name] = Number(value)
		else if (name && type !== 'checkbox' && value) request[name] = value
	}
	work(async () => {
		const { room, permanent } = await ask(request)
		form.reset()
		await show()
		if (request.permanent && !permanent) throw new Error(`The room “${room}” is there, but could not be made permanent: see Janus's log.`)
	})
}

/** @returns {Promise<boolean>} */
function sure(question, yes) {
	$('question').textContent = question
	$('yes').textContent = yes
	$('sure').returnValue = ''
	$('sure').showModal()
	return new Promise(resolve => { $('sure').onclose = () => resolve($('sure').returnValue === 'yes') })
}

function complain(problem) {
	$('problem').textContent = problem
	$('problem').hidden = !problem
}

// Small things

function element(tag, text, className = '') {
	return Object.assign(document.createElement(tag), { textContent: text, className })
}

function size(bytes) {
	return bytes < 1024 ? `${bytes} B` : bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1_048_576).toFixed(1)} MiB`
}

function duration(seconds) {
	const minutes = Math.floor(seconds / 60)
	return minutes < 1 ? `${Math.floor(seconds)} s` : minutes < 60 ? `${minutes} min`
		: minutes < 2_880 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 1_440)} days`
}

$('connect').addEventListener('submit', connect)
$('disconnect').addEventListener('click', disconnect)
$('refresh').addEventListener('click', () => work(show))
$('more').addEventListener('click', () => {
	pages++
	work(show)
})
$('create').addEventListener('submit', create)
$('address').value = `${location.protocol}//${location.hostname || 'localhost'}:7088/admin`
setInterval(() => document.hidden || $('sure').open || (server && work(show)), REFRESH)
