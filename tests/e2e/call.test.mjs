// SPDX-License-Identifier: GPL-3.0-or-later
/** What one does in a call with the sample client, and whether everybody can: axe-core looks at each of its faces. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { PHONE, useLab } from './lab.mjs'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const { lab, scenario } = useLab({ admin: true, transports: ['websockets', 'http'] })

/** Nothing that axe-core calls serious, in light and in dark. */
async function accessible(tab, what) {
	for (const scheme of ['light', 'dark']) {
		await tab.page.emulateMediaFeatures([
			{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }
		])
		if (!await tab.page.evaluate(() => 'axe' in window)) await tab.page.evaluate(AXE)
		const { violations } = await tab.page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
		const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
			.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html}\n${failureSummary}`).join('\n')}`)
		assert.deepEqual(serious, [], `${what}, ${scheme}`)
	}
}

async function call() {
	const tabs = [await lab.enter('home', 'Ada'), await lab.enter('home', 'Bob')]
	for (const tab of tabs) await tab.until('video of the other', async () => (await tab.flows()).some(({ frames }) => frames > 10))
	return tabs
}

scenario('a screen is shown in the place of the camera, and the camera again afterwards', async () => {
	const [ada, bob] = await call()
	await ada.page.evaluate(() => {
		// A picture that changes, since there is no screen here.
		const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 })
		const context = canvas.getContext('2d')
		setInterval(() => { context.fillStyle = `hsl(${Date.now() / 10 % 360} 80% 50%)`; context.fillRect(0, 0, 320, 180) }, 50)
		navigator.mediaDevices.getDisplayMedia = async () => canvas.captureStream(20)
	})
	/** A tab that is not in front gets video without playing it, so the picture itself tells nothing. */
	const shapes = tab => tab.page.evaluate(async () => {
		const open = window.peerConnections.filter(({ signalingState }) => signalingState !== 'closed')
		const reports = await Promise.all(open.map(pc => pc.getStats()))
		return reports.map(all => {
			// Not its size: that is less on a busy machine.
			const { frameWidth, frameHeight } = [...all.values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video') ?? {}
			return (frameWidth / frameHeight).toFixed(1)
		})
	})
	const CAMERA = (4 / 3).toFixed(1), SCREEN = (16 / 9).toFixed(1)
	const shape = async () => (await shapes(bob))[0]
	await bob.until('the camera', async () => await shape() === CAMERA)
	await ada.page.click('#screen')
	await bob.until('the screen', async () => await shape() === SCREEN)
	await bob.until('word of it', () => bob.page.evaluate(() => document.querySelector('.tile:not(.own).sharing') !== null))
	const eve = await lab.enter('home', 'Eve')
	await eve.until('the screen as well, though it came later', async () => (await shapes(eve)).includes(SCREEN))
	await ada.page.click('#screen')
	await bob.until('the camera again', async () => await shape() === CAMERA)
	await bob.until('word of it', () => bob.page.evaluate(() => document.querySelector('.tile:not(.own).sharing') === null))
	for (const tab of [ada, bob, eve]) assert.deepEqual(tab.errors, [])
})

scenario('files, devices, the link of the room, how good the connection is', async () => {
	const [ada, bob] = await call()
	// Somebody of the test before may still be there, away.
	for (const tab of [ada, bob]) await tab.until('how long a packet takes', async () => (await tab.texts('.tile:not(.own) .way')).some(text => /^direct · \d+ ms$/.test(text)))
	await ada.until('a frame round who speaks, which is everybody, as their microphones beep', () => ada.page.evaluate(() => {
		window.speaking ??= new Set()
		for (const { dataset } of document.querySelectorAll('.tile.speaking')) window.speaking.add(dataset.id)
		return window.speaking.size === 2
	}))
	/** Whose tile was seen to speak within three seconds: of the other and of oneself. */
	const speaks = tab => tab.page.evaluate(async () => {
		let [other, own] = [false, false]
		for (const end = performance.now() + 3_000; performance.now() < end; await new Promise(resolve => setTimeout(resolve, 50))) {
			other ||= Boolean(document.querySelector('.tile.speaking:not(.own)'))
			own ||= Boolean(document.querySelector('.tile.speaking.own'))
		}
		return String([other, own])
	})
	await bob.page.click('#microphone')
	await ada.until('Bob, who is muted, not to speak', async () => await speaks(ada) === 'false,true', 20_000)
	assert.equal(await speaks(bob), 'true,false', 'who is muted does not seem to speak to himself')
	await bob.page.click('#microphone')
	/* A connection in the place of another one brings other tracks. */
	const made = await bob.page.evaluate(() => window.peerConnections.length)
	await ada.page.evaluate(() => { for (const channel of window.dataChannels) channel.close() })
	await bob.until('another connection', async () => await bob.page.evaluate(() => window.peerConnections.length) > made && (await bob.flows()).some(({ frames }) => frames > 10))
	for (const tab of [ada, bob]) await tab.until('both to speak', async () => await speaks(tab) === 'true,true')
	await bob.page.evaluate(() => {
		/* The policy of the page keeps it from reading the link itself. */
		const make = URL.createObjectURL
		URL.createObjectURL = blob => make(window.blob = blob)
	})
	await ada.page.evaluate(() => {
		const chosen = new DataTransfer()
		chosen.items.add(new File(['x'.repeat(300_000)], 'notes <b>.html', { type: 'text/html' }))
		Object.assign(document.getElementById('file'), { files: chosen.files }).dispatchEvent(new Event('change'))
	})
	await bob.until('the file', async () => (await bob.text('#messages a')) === 'notes <b>.html')
	const file = await bob.page.evaluate(async () => {
		const { download, protocol } = document.querySelector('#messages a')
		return { download, protocol, type: window.blob.type, whole: await window.blob.text() === 'x'.repeat(300_000) }
	})
	assert.deepEqual(file, { download: 'notes <b>.html', protocol: 'blob:', type: 'application/octet-stream', whole: true })

	await ada.page.click('#open-settings')
	for (const kind of ['camera', 'microphone']) {
		const choice = `#${kind}-choice`
		await ada.until(`a ${kind} to choose`, () => ada.page.evaluate(choice => document.querySelectorAll(`${choice} option`).length > 1, choice))
		/** The devices of which tracks are sent. */
		const sent = () => ada.page.evaluate(kind => window.peerConnections.filter(pc => pc.signalingState !== 'closed').flatMap(pc => pc.getSenders())
			.filter(({ track }) => track?.kind === (kind === 'camera' ? 'video' : 'audio')).map(({ track }) => track.getSettings().deviceId), kind)
		const chosen = await ada.page.$eval(choice, select => [...select.options].at(-1).value)
		assert.ok(!(await sent()).includes(chosen), `${kind}: ${chosen} of ${await sent()}`)
		await ada.page.select(choice, chosen)
		await ada.until(`the other ${kind}`, async () => (await sent()).every(id => id === chosen))
		const { frames } = (await bob.flows())[0]
		await bob.until(`frames after the change of the ${kind}`, async () => (await bob.flows())[0].frames > frames + 20)
		for (const tab of [ada, bob]) await tab.until(`both to speak after the change of the ${kind}`, async () => await speaks(tab) === 'true,true')
	}
	assert.equal(await ada.page.evaluate(() => document.getElementById('settings').open), true)
	await ada.page.keyboard.press('Escape')

	await ada.page.evaluate(() => { navigator.clipboard.writeText = async text => { window.copied = text } })
	await ada.page.click('#copy-link')
	assert.equal(await ada.page.evaluate(() => window.copied), `${lab.web.url}?room=home`)
	await accessible(ada, 'the room')
	assert.deepEqual(ada.errors, [])
})

scenario('by keyboard alone: into a room, muted, something said, devices looked at, out again', async () => {
	const bob = await lab.enter('home', 'Bob')
	const ada = await lab.open()
	ada.name = 'Ada'
	await ada.until('rooms', () => ada.page.$('#rooms button'))
	/** Presses Tab until something has the focus, which has to be seen. */
	const reach = async selector => {
		for (let presses = 0; presses < 40; presses++) {
			await ada.page.keyboard.press('Tab')
			const found = await ada.page.evaluate(selector => {
				const { activeElement: focused } = document
				const { outlineStyle, outlineWidth } = getComputedStyle(focused)
				return focused.matches(selector) && { seen: focused.matches(':focus-visible') && outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1, text: focused.outerHTML }
			}, selector)
			if (!found) continue
			assert.ok(found.seen, `one does not see that this has the focus: ${found.text}`)
			return
		}
		assert.fail(`Tab does not lead to ${selector}`)
	}
	await reach('#name')
	await ada.page.keyboard.type('Ada')
	await reach('#rooms button[value=home]')
	await ada.page.keyboard.press('Enter')
	await ada.until('the room', () => ada.visible('#room'))
	await reach('#microphone')
	await ada.page.keyboard.press('Space')
	await bob.until('the sign that Ada is muted', () => bob.page.evaluate(() => !document.querySelector('.tile:not(.own) .muted').hasAttribute('hidden')))
	await reach('#text')
	await ada.page.keyboard.type('without a mouse')
	await ada.page.keyboard.press('Enter')
	await bob.until('what Ada said', async () => (await bob.texts('#messages li')).includes('Adawithout a mouse'))
	await reach('#open-settings')
	await ada.page.keyboard.press('Enter')
	await ada.until('the choice of devices', () => ada.visible('#settings'))
	await reach('#camera-choice')
	await ada.page.keyboard.press('Escape')
	await ada.until('the choice to be closed', async () => !await ada.visible('#settings'))
	assert.equal(await ada.page.evaluate(() => document.activeElement.id), 'open-settings')
	await reach('#leave')
	await ada.page.keyboard.press('Enter')
	await ada.until('the lobby', () => ada.visible('#lobby'))
	await bob.until('Ada to be gone', async () => String(await bob.tiles()) === 'Bob (you)')
	for (const tab of [ada, bob]) assert.deepEqual(tab.errors, [])
})

scenario('nothing serious for axe-core: lobby, creating, managing, devices, phone, the page for administrators', async () => {
	const lobby = await lab.open()
	await lobby.until('rooms', () => lobby.page.$('#rooms button'))
	await lobby.page.click('#creation summary')
	await accessible(lobby, 'the lobby')
	const ada = await lab.enter('home', 'Ada', { size: PHONE })
	await accessible(ada, 'the room on a phone')
	for (const button of ['#manage-room', '#open-settings']) {
		await ada.page.click(button)
		await accessible(ada, button)
		await ada.page.keyboard.press('Escape')
	}
	const admin = await lab.open({ path: 'admin.html' })
	await accessible(admin, 'the page for administrators before it is connected')
	await admin.page.$eval('#address', (input, value) => { input.value = value }, lab.janus.httpAdminUrl)
	await admin.page.type('#secret', lab.janus.adminSecret)
	await admin.page.click('#connect button')
	await admin.until('rooms', () => admin.page.$('#rooms li'))
	await accessible(admin, 'the page for administrators')
})

scenario('a program for @openlab/portals has its call in a browser: pictures both ways, and word of who goes', async () => {
	const tabs = [await lab.open(), await lab.open()]
	for (const tab of tabs) await tab.page.evaluate(async () => {
		const { PortalGun } = await import('./portal-gun.js')
		const stream = await navigator.mediaDevices.getUserMedia({ video: true })
		window.videos = new Map()
		window.portalGun = new PortalGun({ room: 'misc', url: new URL(`ws://${location.host}/janus`), rtc: { iceServers: [] } })
		window.portalGun.addEventListener('info', info => { window.info = info })
		window.portalGun.addEventListener('connection', portal => {
			portal.addMediaStream(stream)
			portal.peer.addEventListener('track', ({ streams }) => {
				const video = Object.assign(document.createElement('video'), { srcObject: streams[0], muted: true })
				video.play().catch(() => {})
				window.videos.set(portal.target.id, video)
			})
		})
		window.portalGun.addEventListener('disconnection', portal => window.videos.delete(portal.target.id))
	})
	for (const tab of tabs) await tab.until('the picture of the other', () => tab.page.evaluate(() =>
		[...window.videos.values()].some(({ videoWidth, currentTime }) => videoWidth > 0 && currentTime > 0)))
	const [info, other] = await Promise.all(tabs.map(tab => tab.page.evaluate(() => window.info)))
	assert.deepEqual(info.members, [{ id: other.id, polite: !other.members[0].polite }])
	await tabs[0].page.evaluate(() => window.portalGun.close())
	await tabs[1].until('word that it is gone', () => tabs[1].page.evaluate(() => window.videos.size === 0 && window.portalGun.connections.size === 0))
	for (const tab of tabs) assert.deepEqual(tab.errors, [])
})
