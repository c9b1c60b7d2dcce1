// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Makes the picture of the README: a real room with four people in it, whose cameras are drawings.
 *
 *     node tests/e2e/picture.mjs html/picture.png
 */
import { setTimeout as wait } from 'node:timers/promises'
import { startLab } from './lab.mjs'

const PEOPLE = [
	{ name: 'Ada', wall: '#27405c', light: '#35597f', skin: '#f1c9a5', hair: '#4a2c20', shirt: '#d96c4f', long: true },
	{ name: 'Bob', wall: '#3f3a2c', light: '#5d553c', skin: '#8d5b3e', hair: '#1d1714', shirt: '#4f9d8c', beard: true },
	{ name: 'Carol', wall: '#2f4a3c', light: '#426a55', skin: '#e8b48c', hair: '#c9a13b', shirt: '#5a66b8', long: true },
	{ name: 'Dan', wall: '#47313f', light: '#67465b', skin: '#f5d3b8', hair: '#7d3b22', shirt: '#7a8794', glasses: true },
]

/** Runs in the page before all else: its camera is somebody in a room, who breathes. */
function draw({ wall, light, skin, hair, shirt, long, beard, glasses }) {
	const canvas = Object.assign(document.createElement('canvas'), { width: 960, height: 720 })
	const c = canvas.getContext('2d')
	const shape = (colour, work) => {
		c.fillStyle = colour
		c.beginPath()
		work()
		c.fill()
	}
	function paint(time) {
		const sway = Math.sin(time / 900) * 3
		shape(wall, () => c.rect(0, 0, 960, 720))
		shape(light, () => c.roundRect(90, 70, 230, 300, 14))
		shape(wall, () => { c.rect(198, 70, 12, 300); c.rect(90, 210, 230, 12) })
		shape(light, () => { c.rect(660, 300, 240, 16); c.rect(700, 190, 34, 110); c.rect(742, 210, 26, 90); c.rect(776, 180, 40, 120) })
		c.save()
		c.translate(480 + sway, 430 + sway)
		if (long) shape(hair, () => c.roundRect(-150, -190, 300, 360, 130))
		shape(shirt, () => c.roundRect(-260, 170, 520, 300, 150))
		shape(skin, () => c.roundRect(-48, 90, 96, 130, 40))
		shape(skin, () => c.ellipse(0, -20, 122, 150, 0, 0, 7))
		shape(hair, () => { c.ellipse(0, -112, 134, 84, 0, Math.PI, 7); c.ellipse(-40, -112, 94, 40, 0.2, 0, 7) })
		if (beard) shape(hair, () => { c.ellipse(0, 70, 104, 68, 0, 0, Math.PI); c.ellipse(0, 62, 60, 22, 0, Math.PI, 7) })
		shape('#20242a', () => { c.ellipse(-44, -30, 10, 13, 0, 0, 7); c.ellipse(44, -30, 10, 13, 0, 0, 7) })
		Object.assign(c, { strokeStyle: beard ? skin : '#20242a', lineWidth: 7, lineCap: 'round' })
		c.beginPath()
		c.arc(0, 38, 38, 0.35, Math.PI - 0.35)
		c.stroke()
		if (glasses) for (const x of [-46, 46]) {
			c.beginPath()
			c.roundRect(x - 36, -62, 72, 60, 20)
			c.stroke()
		}
		c.restore()
		setTimeout(() => paint(performance.now()), 60)
	}
	paint(0)
	const { getUserMedia } = navigator.mediaDevices
	navigator.mediaDevices.getUserMedia = async wanted => {
		const stream = await getUserMedia.call(navigator.mediaDevices, { audio: true })
		if (wanted.video) stream.addTrack(canvas.captureStream(20).getVideoTracks()[0])
		return stream
	}
}

const lab = await startLab()
try {
	const tabs = []
	for (const person of PEOPLE) {
		const tab = await lab.open({ path: '?room=home' })
		await tab.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
		await tab.page.evaluateOnNewDocument(draw, person)
		await tab.page.reload()
		await tab.enter('home', person.name)
		tabs.push(tab)
	}
	const [ada, bob, carol, dan] = tabs
	for (const tab of tabs) await tab.until('video of all others', async () => (await tab.flows()).filter(({ frames }) => frames > 30).length === 3)
	await bob.say('The train went into a tunnel, but you never noticed, did you?')
	await wait(300)
	await carol.say('Not at all. Picture and sound went on.')
	await wait(300)
	await dan.say('And the chat came afterwards, in order 🙂')
	await ada.until('the chat', async () => (await ada.texts('#messages li')).length >= 6)
	await ada.page.bringToFront()
	await ada.until('the times', async () => (await ada.texts('.tile:not(.own) .way')).every(text => /ms/.test(text)))
	await wait(1_000)
	await ada.page.screenshot({ path: process.argv[2] ?? 'picture.png' })
} finally {
	await lab.stop()
}
