// SPDX-License-Identifier: GPL-3.0-or-later
import assert from 'node:assert/strict'
import { DESKTOP, PHONE, WALL, until, useLab } from './lab.mjs'
import { joinBot, joinWitness } from './members.mjs'

/* Whoever vanishes without a word may come back for a while; the tests need not wait for all of the usual 30 s. */
const config = ['general: { resume_timeout = 3 }', ...['coffee-chat', 'home', 'misc'].map(room => `room-${room}: { description = "${room}" }`)]

const { lab, scenario } = useLab({ config: config.join('\n') })

const clean = (...tabs) => {
	for (const { name, errors } of tabs) assert.deepEqual(errors, [], `${name}'s page complained`)
}

scenario('three tabs see each other, chat, and miss the one that is closed', async () => {
	const [ada, bob, eve] = [await lab.enter('home', 'Ada'), await lab.enter('home', 'Bob'), await lab.enter('home', 'Eve')]
	const tabs = [ada, bob, eve]

	for (const tab of tabs) {
		const others = tabs.filter(other => other !== tab).map(({ name }) => name)
		const names = [...others, `${tab.name} (you)`].sort()
		await tab.until(`the tiles of ${names}`, async () => String(await tab.tiles()) === String(names))
		const before = await tab.until('two connections with video in each', async () => {
			const flows = await tab.flows()
			return flows.length === 2 && flows.every(({ state, frames }) => state === 'connected' && frames > 0) && flows
		})
		await tab.until('more frames on every connection', async () => {
			return (await tab.flows()).every(({ frames }, i) => frames > before[i].frames + 10)
		})
		assert.deepEqual(await tab.texts('.tile .state'), ['', '', ''], 'a tile says that its connection is not there')
	}

	for (const tab of tabs) await tab.say(`${tab.name} was here`)
	for (const tab of tabs) {
		const heard = others => others.every(({ name }) => heard.lines.some(line => line.endsWith(`${name} was here`)))
		await tab.until('what everybody wrote', async () => {
			heard.lines = await tab.texts('#messages li')
			return heard(tabs)
		})
	}

	await bob.page.close()
	for (const tab of [ada, eve]) {
		await tab.until('Bob\'s tile to go', async () => !(await tab.tiles()).includes('Bob'), 5_000)
		assert.equal((await tab.flows()).length, 1, 'the connection to Bob is still open')
		assert.equal(await tab.text('#where'), 'home · 2 members')
	}
	clean(ada, eve)
})

scenario('a page that goes says that it leaves, and joins again when it is shown again', async t => {
	const witness = await joinWitness({ url: lab.url, room: 'misc' })
	t.after(() => witness.close())
	const ada = await lab.enter('misc', 'Ada')
	const heard = () => witness.events.filter(({ event }) => event === 'joined' || event === 'left')
		.map(({ event, reason }) => reason ?? event)
	// Only said to the page, and not done: when a page really goes, its socket goes with it, and Janus may notice
	// that before it looks at what the page said last.
	const say = type => ada.page.evaluate(type => window.dispatchEvent(new PageTransitionEvent(type, { persisted: true })), type)
	await say('pagehide')
	await ada.until('the others to hear that Ada left', () => heard().length === 2)
	await say('pageshow')
	await ada.until('the others to hear that Ada is back', () => heard().length === 3)
	assert.deepEqual(heard(), ['joined', 'leave', 'joined'])
	await ada.until('the room again', async () => await ada.text('#where') === 'misc · 2 members')
	clean(ada)
})

scenario('a tab that is reloaded is gone from the others\' grids until it joins again', async () => {
	const [ada, bob] = [await lab.enter('misc', 'Ada'), await lab.enter('misc', 'Bob')]
	await ada.until('the connection', async () => (await ada.flows())[0]?.state === 'connected')
	await bob.page.reload()
	await ada.until('Bob\'s tile to go', async () => String(await ada.tiles()) === 'Ada (you)')
	await bob.enter('misc', '')
	await ada.until('Bob\'s tile', async () => String(await ada.tiles()) === 'Ada (you),Bob')
	await ada.until('video of Bob again', async () => (await ada.flows())[0]?.frames > 10)
	clean(ada, bob)
})

scenario('a tab that dies without a word is away, and then gone from the others\' grids', async () => {
	const [ada, bob, carol] = [await lab.enter('misc', 'Ada'), await lab.enter('misc', 'Bob'), await lab.enter('misc', 'Carol')]
	const states = async () => String((await ada.flows()).map(({ state }) => state))
	await ada.until('the connections', async () => await states() === 'connected,connected')
	const session = await bob.page.createCDPSession()
	const away = () => ada.page.evaluate(() => document.querySelectorAll('.tile.away').length)
	assert.equal(await away(), 0)
	session.send('Page.crash').catch(() => {})
	await ada.until('Bob to be away', async () => await away() === 1)
	const window = ada.page.viewport()
	await ada.page.setViewport({ ...window, width: 390 })
	assert.deepEqual(await ada.page.evaluate(() => {
		const label = document.querySelector('.tile.away .label'), name = label.querySelector('.name')
		return [label.scrollWidth <= label.clientWidth, name.scrollWidth <= name.clientWidth]
	}), [true, true], 'on a phone, too, one reads who it is')
	await ada.page.setViewport(window)
	await ada.until('Bob\'s tile to go', async () => String(await ada.tiles()) === 'Ada (you),Carol', 30_000)
	assert.equal(await states(), 'connected')
	clean(ada, carol)
})

scenario('switching microphone and camera off is seen by the others', async () => {
	const [ada, bob] = [await lab.enter('coffee-chat', 'Ada'), await lab.enter('coffee-chat', 'Bob the Builder')]
	const seen = () => ada.page.evaluate(() => {
		const tile = [...document.querySelectorAll('.tile')].find(tile => tile.querySelector('.name').textContent === 'Bob the Builder')
		return tile && ['video', '.muted'].map(part => tile.querySelector(part).checkVisibility({ visibilityProperty: true })).concat(tile.querySelector('.initials').textContent)
	})
	await ada.until('Bob\'s video', async () => String(await seen()) === 'true,false,BB')
	await bob.page.click('#camera')
	await bob.page.click('#microphone')
	await ada.until('initials and the sign that Bob is muted', async () => String(await seen()) === 'false,true,BB')
	assert.deepEqual(await bob.page.$$eval('[aria-pressed=true]', buttons => buttons.map(({ id }) => id)), ['microphone', 'camera'])
	await bob.page.click('#camera')
	await bob.page.click('#microphone')
	await ada.until('Bob\'s video again', async () => String(await seen()) === 'true,false,BB')
	clean(ada, bob)
})

scenario('a page without a camera is told so, sees the others, and can chat', async () => {
	const [ada, bob] = [await lab.enter('home', 'Ada'), await lab.enter('home', 'Bob', { camera: false, size: PHONE })]
	assert.match(await bob.text('#notice'), /camera/i)
	assert.equal(await bob.visible('#notice'), true)
	assert.equal(await bob.page.$eval('#camera', button => button.disabled), true)
	await bob.until('Ada\'s video', async () => (await bob.flows())[0]?.frames > 10)
	assert.equal(await bob.visible('#chat'), false)
	await ada.say('Hello Bob')
	await bob.until('the mark that something was written', async () => await bob.text('#unread') === '1')
	await bob.page.click('#toggle-chat')
	assert.deepEqual(await bob.texts('#messages li'), ['AdaHello Bob'])
	await bob.say('Hello Ada')
	await ada.until('Bob\'s answer', async () => (await ada.texts('#messages li')).includes('BobHello Ada'))
	assert.equal(await bob.visible('#unread'), false)
	await bob.page.click('#dismiss')
	assert.equal(await bob.visible('#notice'), false)
	clean(ada, bob)
})

scenario('two pages without cameras are connected all the same', async () => {
	const tabs = [await lab.enter('home', 'Ada', { camera: false }), await lab.enter('home', 'Bob', { camera: false })]
	for (const tab of tabs) {
		await tab.until('the connection', async () => (await tab.flows())[0]?.state === 'connected')
	}
	clean(...tabs)
})

scenario('the lobby lists the rooms, with how many are inside, and leaving leads back to it', async t => {
	const bot = await joinBot({ url: lab.url, room: 'home', display: 'Bot' })
	t.after(() => bot.close())
	/* Whoever was in the test before and could not say that it left stays for a while. */
	await until('the bot is alone', () => bot.members.length === 0)
	const ada = await lab.open()
	await ada.until('the rooms', async () => (await ada.texts('.room-title')).length > 0)
	assert.deepEqual(await ada.texts('.room-title'), ['coffee-chat', 'home', 'misc'])
	assert.deepEqual(await ada.texts('.room-count'), ['empty', '1 inside', 'empty'])
	await ada.enter('misc', 'Ada')
	assert.match(ada.page.url(), /\?room=misc$/)
	await ada.page.click('#leave')
	await ada.until('the lobby', () => ada.visible('#lobby'))
	assert.equal(await ada.visible('#problem'), false)
	await ada.enter('home', '')
	await ada.until('the bot\'s tile', async () => String(await ada.tiles()) === 'Ada (you),Bot')
	await bot.close()
	await ada.until('the bot\'s tile to go', async () => String(await ada.tiles()) === 'Ada (you)')
	clean(ada)
})

for (const [what, room] of [['does not exist', 'attic'], ['cannot exist', '<b>attic</b>']]) {
	scenario(`a room that ${what} is said to be missing, and others are offered`, async () => {
		const ada = await lab.open({ path: `?room=${encodeURIComponent(room)}` })
		await ada.until('the problem', () => ada.visible('#problem'))
		assert.equal(await ada.text('#problem'), `There is no room “${room}” here. Choose another one.`)
		assert.deepEqual(await ada.texts('.room-title'), ['coffee-chat', 'home', 'misc'])
		clean(ada)
	})
}

scenario('what people write is shown as text and never becomes part of the page', async t => {
	const evil = '<img src=x onerror=alert(1)>'
	const bot = await joinBot({ url: lab.url, room: 'home', display: evil, metadata: { video: evil } })
	t.after(() => bot.close())
	const ada = await lab.enter('home', 'Ada', { camera: false })
	await ada.until('the bot', async () => (await ada.tiles()).includes(evil))
	await bot.send('chat', { text: evil })
	await bot.send('chat', { text: { toString: 'no text' } })
	await bot.send('chat', null)
	await ada.until('the message', async () => (await ada.texts('#messages li')).includes(evil + evil))
	assert.equal((await ada.texts('#messages li')).length, 1)
	assert.deepEqual(await ada.page.$$eval('#room img', images => images.length), 0)
	clean(ada)
})

scenario('every tile is in view, and none over another, with one to nine members', async t => {
	const ada = await lab.enter('coffee-chat', 'Ada', { camera: false })
	await ada.page.click('#dismiss')
	for (let count = 1; count <= 9; count++) {
		if (count > 1) await joinBotFor(t, `Bot ${count}`)
		await ada.until(`${count} tiles`, async () => (await ada.tiles()).length === count)
		for (const size of [DESKTOP, PHONE, WALL]) await checkTiles(ada, count, size)
	}
	clean(ada)
})

async function joinBotFor(t, display) {
	const bot = await joinBot({ url: lab.url, room: 'coffee-chat', display })
	t.after(() => bot.close())
}

async function checkTiles({ page }, count, size) {
	await page.setViewport({ ...size, isMobile: false, hasTouch: false })
	for (const chat of [true, false]) {
		await page.evaluate(chat => {
			const open = document.getElementById('room').classList.contains('with-chat')
			if (open !== chat) document.getElementById('toggle-chat').click()
		}, chat)
		await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve))))
		const { boxes, area, scrolls } = await page.evaluate(() => {
			const box = element => (({ left, top, right, bottom }) => ({ left, top, right, bottom }))(element.getBoundingClientRect())
			const { scrollHeight, scrollWidth, clientHeight, clientWidth } = document.documentElement
			return {
				boxes: [...document.querySelectorAll('.tile')].map(box), area: box(document.getElementById('tiles')),
				scrolls: scrollHeight > clientHeight || scrollWidth > clientWidth
			}
		})
		const where = `${count} tiles at ${size.width}x${size.height}, chat ${chat ? 'open' : 'closed'}: ${JSON.stringify(boxes)}`
		assert.equal(scrolls, false, where)
		const inside = box => box.left >= area.left - 1 && box.top >= area.top - 1 && box.right <= area.right + 1 && box.bottom <= area.bottom + 1
		assert.ok(boxes.every(inside), where)
		assert.ok(boxes.every(box => box.right - box.left >= 80 && box.bottom - box.top >= 50), `too small: ${where}`)
		const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1
		assert.ok(boxes.every((a, i) => boxes.slice(i + 1).every(b => apart(a, b))), `overlap: ${where}`)
	}
}
