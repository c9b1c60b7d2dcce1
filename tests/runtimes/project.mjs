// SPDX-License-Identifier: GPL-3.0-or-later
/** A new project in a folder of its own, with the library installed from the tarball that npm makes, as its users have it. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const run = promisify(execFile)
export const HTML = fileURLToPath(new URL('../../html', import.meta.url))
const MODULES = ['node_modules', '../node_modules'].map(path => fileURLToPath(new URL(path, import.meta.url)))

/** Where there is something that the tests have from npm. */
const found = path => MODULES.map(modules => join(modules, path)).find(existsSync) ?? path

/** A program that a package of the tests brings. */
export const tool = name => found(join('.bin', name))

/**
 * @param {object} [options]
 * @param {string[]} [options.packages] more that the project has, those of the tests
 * @param {Record<string, string>} [options.files] what is in it, by path
 * @returns {Promise<{folder: string, remove: () => Promise<void>}>}
 */
export async function makeProject({ packages = [], files = {} } = {}) {
	const outside = await mkdtemp(join(tmpdir(), 'portal-project-'))
	const folder = join(outside, 'project')
	await mkdir(folder)
	const { stdout: tarball } = await run('npm', ['pack', '--silent', '--pack-destination', outside], { cwd: HTML })
	await writeFile(join(folder, 'package.json'), '{ "name": "project", "private": true, "type": "module" }')
	await run('npm', ['install', '--silent', '--offline', '--no-audit', '--no-fund', join(outside, tarball.trim())], { cwd: folder })
	for (const name of packages) await symlink(found(name), join(folder, 'node_modules', name))
	for (const [path, text] of Object.entries(files)) {
		await mkdir(dirname(join(folder, path)), { recursive: true })
		await writeFile(join(folder, path), text)
	}
	return { folder, remove: () => rm(outside, { recursive: true, force: true }) }
}

/**
 * A copy of the library's folder, in whose `examples` everything is installed that they need, as npm does it.
 *
 * @param {string[]} packages of the tests
 * @returns {Promise<{folder: string, remove: () => Promise<void>}>} `folder`: that of the examples
 */
export async function copyExamples(packages) {
	const outside = await mkdtemp(join(tmpdir(), 'portal-examples-'))
	const folder = join(outside, 'html', 'examples')
	await cp(HTML, join(outside, 'html'), { recursive: true })
	// What npm makes of "janus-portal": "file:..", also where no registry can be reached.
	await mkdir(join(folder, 'node_modules'))
	await symlink('../..', join(folder, 'node_modules/janus-portal'))
	for (const name of packages) await symlink(found(name), join(folder, 'node_modules', name))
	return { folder, remove: () => rm(outside, { recursive: true, force: true }) }
}
