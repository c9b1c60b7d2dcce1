// SPDX-License-Identifier: MIT
// The sample client: the lobby, then a room. All that concerns the connections is in enter().
import { Portal } from './portal.js'
import { iceServers, server } from './settings.js'

const $ = id => document.getElementById(id)
const url = server ?? undefined
const wanted = new URLSearchParams(location.search).get('room')

/** @type {Portal | null} */
let portal = null
/** @type {MediaStream} */
let stream = new MediaStream()
const tiles = new Map()
const names = new Map()
let locked = false

// The room

async function enter(room) {
	const display = $('name').value.trim()
	const missing = await openCamera()
	portal = new Portal({ url, iceServers: iceServers.length > 0 ? iceServers : undefined, statsInterval: 3_000, room, display, pin: $('pin').value || undefined, metadata: sending() })
	portal.addStream(stream)

	portal.on('connection', connection => {
		const tile = addTile(connection.id)
		connection.on('track', ({ streams: [theirs] }) => showStream(tile, theirs))
		connection.on('state', state => {
			tile.state.textContent = STATES[state] ?? ''
			if (state !== 'connected') showWay(tile, {})
		})
		connection.on('stats', stats => showWay(tile, stats))
	})
	portal.on('close', ({ id }) => removeTile(id))
	locked = false
	portal.on('info', info => {
		if (info.locked !== undefined && info.locked !== locked) addEvent(info.locked ? 'The room is locked' : 'The room is open again')
		locked = info.locked ?? locked
		showMembers(info)
	})
	portal.on('state', state => { $('resuming').hidden = state !== 'resuming' })
	portal.on('message', ({ from, type, payload }) => {
		if (type === 'chat' && typeof payload?.text === 'string') addMessage(payload.text, from)
		if (type === 'file' && typeof payload?.name === 'string') announced.set(from, payload)
		if (type === 'file.data' && payload instanceof ArrayBuffer) addFile(payload, from)
	})
	portal.on('error', error => {
		console.warn(error)
		if (portal?.state === 'closed') leave(explain(error, room))
	})

	await portal.join({ signal: AbortSignal.timeout(15_000) })
	showRoom(room, display, missing)
}

async function leave(problem = '') {
	const left = portal
	portal = null
	$('owner').close()
	$('settings').close()
	stopScreen()
	for (const id of listening.keys()) stopListening(id)
	announced.clear()
	for (const track of stream.getTracks()) track.stop()
	stream = new MediaStream()
	for (const id of tiles.keys()) removeTile(id)
	names.clear()
	$('room').hidden = true
	$('resuming').hidden = true
	$('lobby').hidden = false
	document.title = 'Portal'
	complain(problem)
	await left?.close()
	showRooms()
}

/** Returns what to tell whoever has no camera or microphone. */
async function openCamera() {
	if (!navigator.mediaDevices) return 'Camera and microphone need a page that came over https.'
	for (const devices of [{ video: true, audio: true }, { video: true }, { audio: true }]) {
		try {
			stream = await navigator.mediaDevices.getUserMedia(devices)
			if (!devices.video) return 'No camera was found: the others hear you but cannot see you.'
			return devices.audio ? '' : 'No microphone was found: the others see you but cannot hear you.'
		} catch (error) {
			if (error.name === 'NotAllowedError') return 'Camera and microphone are blocked: you see and hear the others, and can chat.'
		}
	}
	return 'No camera or microphone could be opened: you see and hear the others, and can chat.'
}

/** What the others cannot tell from a track that is only switched off. */
function sending() {
	const on = tracks => tracks.some(track => track.enabled)
	return { video: on(stream.getVideoTracks()) || screen !== null, audio: on(stream.getAudioTracks()), ...screen && { screen: true } }
}

/** @type {MediaStreamTrack | null} what is shown in the place of the camera */
let screen = null

async function toggleScreen() {
	if (screen) return stopScreen()
	try {
		[screen] = (await navigator.mediaDevices.getDisplayMedia({ video: true })).getVideoTracks()
	} catch (error) {
		return error.name === 'NotAllowedError' || addEvent('The screen cannot be shared here.')
	}
	screen.addEventListener('ended', stopScreen)
	const [camera] = stream.getVideoTracks()
	if (camera) await portal.replaceTrack(camera, screen)
	else portal.addTrack(screen, stream)
	showSharing()
}

function stopScreen() {
	const shared = screen
	if (!shared) return
	screen = null
	shared.stop()
	const [camera] = stream.getVideoTracks()
	if (camera) portal?.replaceTrack(shared, camera)
	else portal?.removeTrack(shared)
	showSharing()
}

function showSharing() {
	showPressed($('screen'), screen !== null)
	$('screen').querySelector('span').textContent = screen ? 'Stop sharing' : 'Share screen'
	if (!portal) return
	portal.configure({ metadata: sending() }).catch(console.warn)
	const own = tiles.get('own')
	if (!own) return
	showStream(own, screen ? new MediaStream([screen]) : stream)
	showMedia(own, sending())
}

async function openSettings() {
	const devices = await navigator.mediaDevices?.enumerateDevices().catch(() => []) ?? []
	for (const [choice, kind, tracks] of [[$('camera-choice'), 'videoinput', stream.getVideoTracks()], [$('microphone-choice'), 'audioinput', stream.getAudioTracks()]]) {
		const found = devices.filter(device => device.kind === kind && device.deviceId)
		const used = tracks[0]?.getSettings().deviceId
		choice.replaceChildren(...found.map(({ deviceId, label }) => new Option(label || 'unnamed', deviceId, false, deviceId === used)))
		choice.disabled = found.length === 0 || tracks.length === 0
	}
	$('settings').showModal()
}

/** Takes another camera or microphone; the call goes on. */
async function chooseDevice(kind, deviceId) {
	const before = stream.getTracks().find(track => track.kind === kind)
	try {
		const [track] = (await navigator.mediaDevices.getUserMedia({ [kind]: { deviceId: { exact: deviceId } } })).getTracks()
		track.enabled = before.enabled
		if (kind !== 'video' || !screen) await portal.replaceTrack(before, track)
		stream.removeTrack(before)
		stream.addTrack(track)
		before.stop()
		if (kind === 'audio') listen(tiles.get('own'), stream)
		else if (!screen) showStream(tiles.get('own'), stream)
	} catch (error) {
		addEvent(`This device cannot be used: ${error.message}`)
	}
}

async function copyLink() {
	const text = $('copy-link').querySelector('span')
	try {
		await navigator.clipboard.writeText(location.href)
		text.textContent = 'Copied'
	} catch {
		prompt('The address of this room', location.href)
	}
	setTimeout(() => { text.textContent = 'Copy link' }, 2_000)
}

function toggle(button, tracks) {
	for (const track of tracks) track.enabled = !track.enabled
	showPressed(button, !tracks[0].enabled)
	portal.configure({ metadata: sending() }).catch(console.warn)
	showMedia(tiles.get('own'), sending())
}

function showRoom(room, display, missing) {
	history.replaceState(null, '', `?room=${encodeURIComponent(room)}`)
	document.title = `${room} · Portal`
	$('room-name').textContent = `Room ${room}`
	$('messages').replaceChildren()
	$('notice-text').textContent = missing
	$('notice').hidden = !missing
	for (const [button, tracks] of [[$('microphone'), stream.getAudioTracks()], [$('camera'), stream.getVideoTracks()]]) {
		button.disabled = tracks.length === 0
		showPressed(button, false)
	}
	$('lobby').hidden = true
	$('room').hidden = false
	const own = addTile('own')
	own.element.classList.add('own')
	own.video.muted = true
	own.name.textContent = `${display} (you)`
	own.initials.textContent = initials(display)
	showStream(own, stream)
	showMedia(own, sending())
	showMembers({ members: portal.members })
	showChat(matchMedia('(min-width: 761px)').matches)
	$('leave').focus({ preventScroll: true })
}

function showPressed(button, off) {
	button.setAttribute('aria-pressed', String(off))
	button.querySelector('use').setAttribute('href', `icons.svg#${button.id}${off ? '-off' : ''}`)
}

// The tiles

const STATES = { new: 'connecting…', connecting: 'connecting…', disconnected: 'interrupted', failed: 'no connection: chat only' }

function addTile(id) {
	const element = $('tile-template').content.firstElementChild.cloneNode(true)
	const part = selector => element.querySelector(selector)
	const tile = {
		element, way: part('.way'), video: part('video'), name: part('.name'), state: part('.state'), muted: part('.muted'), initials: part('.initials')
	}
	element.dataset.id = id
	if (id !== 'own') element.style.setProperty('--hue', hue(id))
	tile.state.textContent = id === 'own' ? '' : STATES.new
	tiles.set(id, tile)
	// One's own tile comes last, so that the others do not move when it is there.
	$('tiles').insertBefore(element, id === 'own' ? null : $('tiles').querySelector('.own'))
	arrange()
	return tile
}

function removeTile(id) {
	stopListening(id)
	const tile = tiles.get(id)
	if (!tile) return
	tile.video.srcObject = null // else the browser keeps the tile and the connection, as they could still be heard
	tile.element.remove()
	tiles.delete(id)
	arrange()
}

function showStream(tile, theirs) {
	if (!theirs) return
	listen(tile, theirs)
	tile.video.srcObject = theirs
	tile.video.play().catch(() => {})
}

/** How the connection goes, once it does. */
function showWay(tile, { roundTripTime, relayed }) {
	const way = relayed ? 'through a server' : 'direct'
	tile.way.textContent = roundTripTime === undefined ? '' : `${way} · ${Math.round(roundTripTime * 1000)} ms`
	tile.way.title = relayed ? 'Picture and sound go through a TURN server, encrypted' : 'Picture and sound go from browser to browser'
}

/** @type {Map<string, {track: MediaStreamTrack, stop: () => void}>} whose sound is looked at */
const listening = new Map()
let audio

/** A frame round whoever speaks. */
function listen({ element }, theirs) {
	const { id } = element.dataset
	const [track] = theirs.getAudioTracks()
	if (!track || listening.get(id)?.track === track) return
	stopListening(id)
	audio ??= new AudioContext()
	audio.resume().catch(() => {}) // Safari begins with it suspended
	// Of a track of its own, which can be ended: Chromium keeps a source, and all behind it, as long as its track lives.
	const heard = track.clone()
	heard.enabled = true
	const source = audio.createMediaStreamSource(new MediaStream([heard]))
	const analyser = new AnalyserNode(audio, { fftSize: 8192 }) // nearly all that is heard from one look to the next
	source.connect(analyser)
	const levels = new Uint8Array(analyser.fftSize)
	const timer = setInterval(() => {
		analyser.getByteTimeDomainData(levels)
		// One's own microphone is heard here while the others do not hear it.
		element.classList.toggle('speaking', track.enabled && levels.some(level => Math.abs(level - 128) > 12))
	}, 200)
	listening.set(id, {
		track,
		stop() {
			clearInterval(timer)
			heard.stop()
			source.disconnect()
			element.classList.remove('speaking')
		}
	})
}

function stopListening(id) {
	listening.get(id)?.stop()
	listening.delete(id)
}

function showMedia(tile, { video = false, audio = false, screen: sharing = false } = {}) {
	tile.element.classList.toggle('seen', video)
	tile.element.classList.toggle('sharing', sharing)
	tile.muted.toggleAttribute('hidden', audio)
}

function showMembers({ members }) {
	const before = new Map(names)
	names.clear()
	for (const { id, display = 'Somebody', metadata, away } of members) {
		names.set(id, display)
		const tile = tiles.get(id)
		if (!tile) continue
		tile.name.textContent = display
		tile.initials.textContent = initials(display)
		tile.element.classList.toggle('away', Boolean(away))
		showMedia(tile, metadata)
	}
	if (!$('room').hidden) tellChanges(before)
	showOwner()
	const others = members.length === 0 ? 'nobody else is here yet: share the address of this page' : `${members.length + 1} members`
	$('where').replaceChildren(textElement('b', portal.room), ` · ${others}`)
}

/** Sets rows and columns so that the tiles, each in a shape near 4:3, become as large as they can. */
function arrange() {
	const { clientWidth: width, clientHeight: height } = $('tiles')
	const count = tiles.size
	let best = { size: -1, columns: 1, rows: 1 }
	for (let columns = 1; columns <= count; columns++) {
		const rows = Math.ceil(count / columns)
		const size = Math.min(width / columns, height / rows * 4 / 3)
		if (size > best.size) best = { size, columns, rows }
	}
	$('tiles').style.setProperty('--columns', best.columns)
	$('tiles').style.setProperty('--rows', best.rows)
}

// Managing the room, by whoever has its secret

function openOwner() {
	complainTo('owner-problem', '')
	$('owner').showModal()
	showOwner()
}

function showOwner() {
	if (!$('owner').open || !portal) return
	const items = portal.members.map(({ id, display = 'Somebody' }) => {
		const kick = Object.assign(textElement('button', 'Show out', 'plain warn'), { type: 'button' })
		kick.onclick = () => manage({ request: 'kick', id })
		const item = document.createElement('li')
		item.append(textElement('span', display), kick)
		return item
	})
	$('owner-members').replaceChildren(...items.length > 0 ? items : [textElement('li', 'Nobody else is here.', 'quiet')])
	$('manage').elements.lock.textContent = locked ? 'Unlock' : 'Lock'
}

/** The secret is in its field only, and goes with the page. */
async function manage(body) {
	try {
		await portal.manage({ ...body, secret: $('owner-secret').value })
		complainTo('owner-problem', '')
	} catch (error) {
		complainTo('owner-problem', error.code === 'unauthorized' ? 'This is not the secret of the room.' : error.message)
	}
}

function pressed({ target }) {
	if (target.name === 'lock') manage({ request: 'edit', new_locked: !locked })
	if (target.name === 'pin') manage({ request: 'edit', new_pin: $('owner-pin').value || null })
	if (target.name === 'destroy' && confirm('Destroy this room for everybody?')) manage({ request: 'destroy' })
}

async function create(event) {
	event.preventDefault()
	if (!$('name').reportValidity() || $('choice').disabled) return
	const { room, pin, secret, admin_key: key } = event.target.elements
	const given = Object.fromEntries([room, pin, secret, key].filter(({ value }) => value).map(({ name, value }) => [name, value]))
	complain('')
	try {
		await Portal.manage({ request: 'create', ...given }, { url })
	} catch (error) {
		return complain(CREATION[error.code] ?? error.message)
	}
	$('owner-secret').value = secret.value
	$('pin').value = pin.value
	key.value = ''
	await go(room.value)
}

const CREATION = {
	unauthorized: 'The server does not let you create rooms with this key.',
	room_exists: 'There is a room of that name already.',
	connection_lost: 'The server cannot be reached.'
}

// The chat

function say(event) {
	event.preventDefault()
	const text = $('text').value.trim()
	if (!text) return
	$('text').value = ''
	addMessage(text, 'own')
	portal.send('chat', { text }).catch(error => addEvent(`This did not arrive: ${error.message}`))
}

function addMessage(text, from) {
	const item = document.createElement('li')
	const author = textElement('span', from === 'own' ? 'You' : names.get(from) ?? 'Somebody', 'author')
	if (from !== 'own') author.style.setProperty('--hue', hue(from))
	item.append(author, text.slice(0, 2_000))
	addLine(item)
	if ($('room').classList.contains('with-chat')) return
	$('unread').textContent = Number($('unread').textContent) + 1
	$('unread').hidden = false
}

const LARGEST_FILE = 16_777_216

/** What was said of the file that comes next, by whom. */
const announced = new Map()

async function sendFile() {
	const [file] = $('file').files
	$('file').value = ''
	if (!file) return
	if (file.size > LARGEST_FILE) return addEvent(`${file.name} is too large: 16 MiB at most`)
	addEvent(`Sending ${file.name}…`)
	try {
		await Promise.all([portal.send('file', { name: file.name, type: file.type }), portal.send('file.data', file)])
		addEvent(`${file.name} is sent`)
	} catch (error) {
		addEvent(`${file.name} did not arrive: ${error.message}`)
	}
}

function addFile(data, from) {
	const { name, type } = announced.get(from) ?? { name: 'a file' }
	announced.delete(from)
	const link = textElement('a', name.slice(0, 200))
	// Never as a page of its own: what comes from another member could be one.
	link.href = URL.createObjectURL(new Blob([data], { type: /^(image|audio|video)\/[\w.+-]+$/.test(type) ? type : 'application/octet-stream' }))
	link.download = name
	const item = document.createElement('li')
	const author = textElement('span', names.get(from) ?? 'Somebody', 'author')
	author.style.setProperty('--hue', hue(from))
	item.append(author, link)
	addLine(item)
}

function tellChanges(before) {
	for (const [id, name] of names) if (!before.has(id)) addEvent(`${name} came in`)
	for (const [id, name] of before) if (!names.has(id)) addEvent(`${name} left`)
}

function addEvent(text) {
	const item = document.createElement('li')
	item.append(textElement('span', text, 'event'))
	addLine(item)
}

function addLine(item) {
	const messages = $('messages')
	messages.append(item)
	if (messages.children.length > 500) {
		const link = messages.firstElementChild.querySelector('a')
		if (link) URL.revokeObjectURL(link.href)
		messages.firstElementChild.remove()
	}
	messages.scrollTop = messages.scrollHeight
}

function showChat(open) {
	$('room').classList.toggle('with-chat', open)
	$('toggle-chat').setAttribute('aria-expanded', String(open))
	if (!open) return
	$('unread').textContent = ''
	$('unread').hidden = true
	$('messages').scrollTop = $('messages').scrollHeight
}

// The lobby

async function showRooms() {
	try {
		const rooms = await Portal.rooms({ url })
		const found = rooms.filter(({ room }) => room === wanted)
		const hidden = wanted && found.length === 0 && await exists(wanted)
		if (wanted && found.length === 0 && !hidden) complain(`There is no room “${wanted}” here. Choose another one.`)
		const shown = hidden ? [{ room: wanted }] : found.length > 0 ? found : rooms
		$('rooms').replaceChildren(...shown.map(roomButton))
		$('rooms-title').textContent = shown === rooms ? 'Choose a room' : 'Join this room'
		$('all-rooms').hidden = shown === rooms
		$('status').textContent = shown.length === 0 ? 'There are no rooms to choose from.' : ''
	} catch (error) {
		console.warn(error)
		$('status').textContent = 'The server cannot be reached. Trying again…'
		setTimeout(() => portal ?? showRooms(), 5_000)
	}
}

/** @returns {Promise<boolean>} whether there is such a room among those that are not listed */
async function exists(room) {
	try {
		return await Portal.exists(room, { url })
	} catch (error) {
		if (error.code === 'invalid_field') return false
		throw error
	}
}

function roomButton({ room, description, num_members: count = 0, max_members: most, pin_required: pin, locked }) {
	const item = $('room-template').content.firstElementChild.cloneNode(true)
	const part = selector => item.querySelector(selector)
	const full = most > 0 && count >= most
	part('button').value = room
	part('button').disabled = locked || full
	part('.room-title').textContent = room
	part('.room-description').textContent = description ?? ''
	const state = locked ? 'locked' : full ? 'full' : count === 0 ? 'empty' : `${count} inside`
	part('.room-count').textContent = pin ? `${state} · PIN` : state
	part('.room-count').classList.toggle('occupied', count > 0)
	if (pin) $('pin-field').hidden = false
	return item
}

async function choose(event) {
	event.preventDefault()
	const room = event.submitter?.value || $('rooms').querySelector('button:not(:disabled)')?.value
	if (!room || $('choice').disabled) return
	await go(room)
}

async function go(room) {
	remember($('name').value)
	complain('')
	$('choice').disabled = true
	$('status').textContent = 'Opening camera and microphone, then the room…'
	try {
		await enter(room)
	} catch (error) {
		await leave(explain(error, room))
		$('pin-field').hidden &&= error.code !== 'wrong_pin'
	}
	$('choice').disabled = false
	$('status').textContent = ''
}

const REASONS = {
	room_not_found: room => `There is no room “${room}” here. Choose another one.`,
	room_full: room => `The room “${room}” is full.`,
	room_locked: room => `The room “${room}” is locked.`,
	wrong_pin: room => `The room “${room}” needs another PIN.`,
	rate_limited: () => 'Too much happens here at once. Try again in a moment.',
	replaced: () => 'This place in the room was taken over from elsewhere.',
	connection_lost: () => 'The connection to the server is lost.',
	kicked: room => `You were shown out of “${room}”.`,
	room_destroyed: room => `The room “${room}” is no longer there.`,
	wrong_token: room => `The room “${room}” is for invited members only.`
}

function explain(error, room) {
	if (error.name === 'TimeoutError') return 'The server does not answer.'
	return REASONS[error.code]?.(room) ?? error.message
}

const complain = problem => complainTo('problem', problem)

function complainTo(id, problem) {
	$(id).textContent = problem
	$(id).hidden = !problem
	if (problem) $(id).scrollIntoView({ block: 'nearest' })
}

// Small things

function textElement(tag, text, className = '') {
	return Object.assign(document.createElement(tag), { textContent: text, className })
}

function initials(name) {
	const words = name.trim().split(/\s+/)
	return words.map(word => [...word][0] ?? '').filter((_, i) => i === 0 || i === words.length - 1).join('').toUpperCase()
}

/** A colour that stays with whoever has this id. */
function hue(id) {
	return [...id].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 0)
}

function remember(name) {
	try {
		localStorage.setItem('portal.name', name)
	} catch { /* a browser that keeps nothing */ }
}

function remembered() {
	try {
		return localStorage.getItem('portal.name') ?? ''
	} catch {
		return ''
	}
}

$('entry').addEventListener('submit', choose)
$('chat-form').addEventListener('submit', say)
$('toggle-chat').addEventListener('click', () => showChat(!$('room').classList.contains('with-chat')))
$('microphone').addEventListener('click', event => toggle(event.currentTarget, stream.getAudioTracks()))
$('camera').addEventListener('click', event => toggle(event.currentTarget, stream.getVideoTracks()))
$('leave').addEventListener('click', () => leave())
$('screen').addEventListener('click', toggleScreen)
$('screen').hidden = !navigator.mediaDevices?.getDisplayMedia
$('open-settings').addEventListener('click', openSettings)
$('camera-choice').addEventListener('change', ({ target }) => chooseDevice('video', target.value))
$('microphone-choice').addEventListener('change', ({ target }) => chooseDevice('audio', target.value))
$('copy-link').addEventListener('click', copyLink)
$('file').addEventListener('change', sendFile)
$('manage-room').addEventListener('click', openOwner)
$('manage').addEventListener('click', pressed)
$('owner-pin').addEventListener('keydown', event => {
	if (event.key !== 'Enter') return
	event.preventDefault() // which would close the panel
	$('manage').elements.pin.click()
})
$('create').addEventListener('submit', create)
$('dismiss').addEventListener('click', () => { $('notice').hidden = true })
new ResizeObserver(arrange).observe($('tiles'))
$('name').value = remembered()
showRooms()
