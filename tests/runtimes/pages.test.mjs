// SPDX-License-Identifier: GPL-3.0-or-later
/** A page of a new project with the library: without any tool, built by Vite, and built by esbuild. In a real room each. */
import assert from 'node:assert/strict'
import { cp, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { launchChromium, until } from '../e2e/lab.mjs'
import { startJanus } from '../lib/janus.mjs'
import { startWeb } from '../lib/web.mjs'
import { makeProject, run, tool } from './project.mjs'
import { command, example } from './readme.mjs'
import { joinMember } from './witness.mjs'

const page = script => `<!doctype html>\n<meta charset="utf-8">\n<title>A room</title>\n${example('html', 'main.js').replace('main.js', script)}`
const program = example('mjs', './janus-portal/portal.js')
const forBundlers = program.replace('./janus-portal/portal.js', 'janus-portal')

describe('A page', { timeout: 120_000 }, () => {
	let janus, browser
	before(async () => {
		janus = await startJanus()
		browser = await launchChromium()
	})
	after(async () => {
		await browser?.close()
		await janus?.stop()
	})

	/** Serves the folder as any web server would, opens the page, and talks with it. */
	async function works(t, root) {
		const web = await startWeb({ root, janusUrl: janus.url })
		t.after(() => web.close())
		const witness = await joinMember(t, janus.url, 'home')
		const tab = await browser.newPage()
		t.after(() => tab.close())
		const problems = [], loaded = [], said = []
		tab.on('pageerror', error => problems.push(error.message))
		tab.on('console', message => message.type() === 'error' && !message.location().url?.endsWith('/favicon.ico') && problems.push(message.text()))
		tab.on('console', message => said.push(message.text()))
		tab.on('response', response => loaded.push(new URL(response.url()).pathname))
		await tab.goto(web.url)
		await until('the page to greet', () => witness.messages.length > 0).catch(error => assert.fail(`${error.message}: ${problems}`))
		assert.deepEqual(witness.messages, ['hello'])
		assert.deepEqual(witness.portal.members.map(({ display }) => display), ['Ada'])
		await until('the page to show who is there', () => tab.evaluate(() => document.getElementById('members').innerText === 'Witness'))
		await witness.portal.send('answer', 'and to you')
		await until('the page to hear it', () => said.includes('answer and to you'))
		assert.deepEqual(problems, [])
		await tab.goto('about:blank')
		await until('the page to have left', () => witness.portal.members.length === 0, 5_000)
		return loaded.filter(path => path.endsWith('.js'))
	}

	const scripts = async folder => (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.js'))

	test('with <script type="module"> and the library\'s files beside it', async t => {
		const project = await makeProject({ files: { 'site/index.html': page('main.js'), 'site/main.js': program } })
		t.after(project.remove)
		await cp(join(project.folder, 'node_modules/janus-portal'), join(project.folder, 'site/janus-portal'), { recursive: true })
		const loaded = await works(t, join(project.folder, 'site'))
		assert.ok(loaded.includes('/main.js') && loaded.includes('/janus-portal/portal.js') && loaded.includes('/janus-portal/peer.js'), `${loaded}`)
	})

	test('built by Vite', async t => {
		const project = await makeProject({ packages: ['vite'], files: { 'index.html': page('/main.js'), 'main.js': forBundlers } })
		t.after(project.remove)
		const [, name, ...args] = command('npx', 'vite')
		await run(tool(name), args, { cwd: project.folder })
		const built = join(project.folder, 'dist')
		assert.equal((await scripts(built)).length, 1)
		assert.deepEqual(await works(t, built), (await scripts(built)).map(name => `/${name}`))
	})

	test('built by esbuild', async t => {
		const project = await makeProject({ files: { 'site/index.html': page('main.js'), 'main.js': forBundlers } })
		t.after(project.remove)
		const [, name, ...args] = command('npx', 'esbuild')
		await run(tool(name), args, { cwd: project.folder })
		assert.doesNotMatch(await readFile(join(project.folder, 'site/main.js'), 'utf8'), /janus-portal/)
		assert.deepEqual(await works(t, join(project.folder, 'site')), ['/main.js'])
	})
})
