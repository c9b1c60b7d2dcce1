// SPDX-License-Identifier: GPL-3.0-or-later
/** The library as a package: its types, its size, what npm makes of it, what bundlers do. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

const run = promisify(execFile)
const here = path => fileURLToPath(new URL(path, import.meta.url))
const tool = name => here(`../node_modules/.bin/${name}`)
const HTML = here('../../html')

/** @returns {Promise<{code: number, out: string}>} of a command, also of one that fails */
const outcome = (command, args, options) => run(command, args, { maxBuffer: 10_000_000, ...options })
	.then(({ stdout }) => ({ code: 0, out: stdout }), error => ({ code: error.code, out: error.stdout + error.stderr }))

describe('The library as a package', () => {
	let folder, project
	before(async () => {
		folder = await mkdtemp(join(tmpdir(), 'portal-library-'))
		project = join(folder, 'project')
		const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: HTML })
		await mkdir(project)
		await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
		await run('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', join(folder, stdout.trim())], { cwd: project })
	})
	after(() => rm(folder, { recursive: true, force: true }))

	test('its JSDoc passes the strict checks of TypeScript, and its declarations are those that are made from it', async () => {
		const { code, out } = await outcome(tool('tsc'), ['-p', here('tsconfig.json'), '--outDir', join(folder, 'types')])
		assert.equal(code, 0, out)
		const made = (await readdir(join(folder, 'types'))).sort()
		assert.deepEqual((await readdir(join(HTML, 'types'))).sort(), made)
		for (const file of made) {
			const [fresh, kept] = await Promise.all([join(folder, 'types', file), join(HTML, 'types', file)].map(path => readFile(path, 'utf8')))
			assert.equal(kept, fresh, `html/types/${file} is old: run tests/node_modules/.bin/tsc -p tests/library`)
		}
	})

	test('its API reference is the one that is made from its JSDoc, and nothing that it names is missing', async () => {
		const { code, out } = await outcome(tool('typedoc'), ['--options', here('typedoc.json'), '--out', join(folder, 'api')])
		assert.equal(code, 0, out)
		const made = (await readdir(join(folder, 'api'))).sort()
		assert.deepEqual((await readdir(join(HTML, 'api'))).sort(), made)
		for (const file of made) {
			const [fresh, kept] = await Promise.all([join(folder, 'api', file), join(HTML, 'api', file)].map(path => readFile(path, 'utf8')))
			assert.equal(kept, fresh, `html/api/${file} is old: run tests/node_modules/.bin/typedoc --options tests/library/typedoc.json`)
		}
	})

	/** Compiles a file as a project does that has the package installed. */
	async function compile(name) {
		await writeFile(join(project, 'usage.ts'), await readFile(here(name)))
		return outcome(tool('tsc'), ['--noEmit', '--strict', '--target', 'ES2022', '--module', 'ES2022', '--moduleResolution', 'bundler',
			'--lib', 'ES2022,DOM,DOM.Iterable', 'usage.ts'], { cwd: project })
	}

	test('a program with types compiles, and one with mistakes does not, at each of them', async () => {
		const good = await compile('usage.good.ts')
		assert.equal(good.code, 0, good.out)
		const bad = await compile('usage.bad.ts')
		const lines = (await readFile(here('usage.bad.ts'), 'utf8')).split('\n')
		const marked = lines.flatMap((line, i) => line.includes('// mistake') ? [i + 1] : [])
		const found = [...new Set([...bad.out.matchAll(/usage\.ts\((\d+),/g)].map(match => Number(match[1])))]
		assert.deepEqual(found, marked, bad.out)
	})

	test('installed from its tarball it runs, and holds what it needs and no more', async () => {
		const program = 'import { Portal, PortalGun } from "janus-portal"; import { debounce } from "janus-portal/portal-gun.js";' +
			'console.log(new Portal({ room: "x" }).state, typeof PortalGun, typeof debounce)'
		const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: project })
		assert.equal(stdout.trim(), 'idle function function')
		const files = (await readdir(join(project, 'node_modules/janus-portal'))).sort()
		assert.deepEqual(files, ['LICENSE', 'README.md', 'api', 'description.js', 'events.js', 'messages.js', 'package.json', 'peer.js', 'portal-gun.js', 'portal.js',
			'signal.js', 'stream.js', 'types'])
	})

	test('publint and are-the-types-wrong find nothing', async () => {
		const lint = await outcome(tool('publint'), ['--strict', HTML])
		assert.equal(lint.code, 0, lint.out)
		const [tarball] = (await readdir(folder)).filter(name => name.endsWith('.tgz'))
		const types = await outcome(tool('attw'), [join(folder, tarball), '--profile', 'esm-only', '--no-color'])
		assert.equal(types.code, 0, types.out)
	})

	test('it is under 12 kB for a browser, bundled, minified and gzipped', async t => {
		const out = join(folder, 'bundle.mjs')
		await run(tool('esbuild'), [join(HTML, 'portal.js'), '--bundle', '--minify', '--format=esm', `--outfile=${out}`])
		const size = gzipSync(await readFile(out), { level: 9 }).length
		t.diagnostic(`${size} bytes`)
		assert.ok(size < 12_000, `${size} bytes`)
		const { Portal } = await import(out)
		assert.equal(new Portal({ room: 'x' }).state, 'idle')
	})
})
